"""What fits: into memory, into a time; and where the time goes."""

from __future__ import annotations

import mmap
import time
from pathlib import Path

import pytest
import torch

from landsight.errors import RecipeError
from landsight.studio.data.check import check
from landsight.studio.data.loader import Plan
from landsight.studio.recipe import load
from landsight.studio.tasks.classify import Classify
from landsight.studio.train import batch_size, memory, minutes
from landsight.studio.train.batch_size import doubled, largest_batch
from landsight.studio.train.distributed import Processes
from landsight.studio.train.history import read_rows
from landsight.studio.train.loop import Event, Trainer
from landsight.studio.train.minutes import epochs_that_fit
from landsight.studio.train.progress import Progress
from landsight.studio.train.run import resume, train
from landsight.studio.train.times import Times, readable

from ..conftest import tiny_recipe, write_folder

CPU = torch.device("cpu")


def test_doubling_stops_where_a_straight_line_says() -> None:
    tried: list[int] = []

    def peak(size: int) -> float:
        tried.append(size)
        return 10.0 + 5 * size

    # 4: 30, then each picture more costs 5 (the first guess, half of what 4 took, is higher). 16 takes 90, 32 would take 170.
    assert doubled(1000, 100.0, peak) == 16
    assert tried == [4, 8, 16]
    assert doubled(1000, 1e9, lambda size: None if size > 32 else 1.0) == 32
    assert doubled(20, 1e9, peak) == 16
    assert doubled(3, 1e9, peak) == 3
    assert doubled(1000, 1.0, peak) == 4  # at least the first: a guess may be wrong
    assert doubled(1000, 1e9, lambda size: None) == 2


def test_the_largest_batch_is_found_on_the_real_network(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = tiny_recipe(folder, "train.batch=0", "schedule.stages=[[32, 1], [160, 1]]")
    checked = check(recipe.data, 0, tmp_path / "cache")
    task = Classify.from_data(recipe, checked)
    monkeypatch.setattr(batch_size, "_STEPS_AN_EPOCH", 1)
    assert largest_batch(recipe, task, checked, Processes()) == 16  # of 24 pictures
    weights = torch.random.get_rng_state()
    trial = batch_size._Trial(recipe, task, checked, CPU)
    assert trial.side == 160
    small, large = trial.peak(8), trial.peak(64)
    assert small is not None
    assert large is not None
    # The first layer's output alone is 64 x 16 x 160 x 160 x 4 bytes = 105 MB at stride 1, a quarter of it at stride 2.
    assert large - small > 20e6
    monkeypatch.setattr(batch_size, "available_bytes", lambda device: 0)
    assert largest_batch(recipe, task, checked, Processes()) == 4
    torch.random.set_rng_state(weights)


def test_a_run_says_the_batch_it_chose_and_keeps_to_it(folder: Path, tmp_path: Path) -> None:
    recipe, said = tiny_recipe(folder, "train.batch=0"), []
    run = train(recipe, tmp_path / "run", say=said.append)
    assert "batch size: 4, the largest that fits" in said
    assert load(tmp_path / "run" / "recipe.toml").train.batch == 4
    assert run.recipe is not None
    assert run.recipe.train.batch == 4
    assert train(recipe, tmp_path / "run", say=said.append).step == run.step == 12  # asked the same again: the same run


def test_available_memory_is_the_least_that_anybody_grants(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    proc, groups = tmp_path / "proc", tmp_path / "cgroup"
    (proc / "self").mkdir(parents=True)
    (proc / "meminfo").write_text("MemTotal: 9 kB\nMemAvailable:    8000 kB\n")
    monkeypatch.setattr(memory, "_PROC", proc)
    monkeypatch.setattr(memory, "_CGROUP", groups)
    assert memory.available_bytes(CPU) == 8000 * 1024
    # Version 2: the parent's limit is 5 MB of which 3 are used, 1 of them cached files; the own group has none.
    (groups / "a" / "b").mkdir(parents=True)
    (proc / "self" / "cgroup").write_text("0::/a/b\n")
    (groups / "a" / "b" / "memory.max").write_text("max\n")
    (groups / "a" / "memory.max").write_text("5000000\n")
    (groups / "a" / "memory.current").write_text("3000000\n")
    (groups / "a" / "memory.stat").write_text("anon 2\ninactive_file 1000000\n")
    assert memory.available_bytes(CPU) == 3_000_000
    (proc / "self" / "cgroup").write_text("4:cpu,memory:/x\n0::/nowhere\n")
    (groups / "memory" / "x").mkdir(parents=True)
    (groups / "memory" / "x" / "memory.limit_in_bytes").write_text("700\n")
    (groups / "memory" / "x" / "memory.usage_in_bytes").write_text("200\n")
    assert memory.available_bytes(CPU) == 500


def test_a_peak_is_seen_and_forgotten() -> None:
    memory.reset_peak(CPU)
    before = memory.peak_bytes(CPU)
    # From the system itself: what malloc was given, it may keep, as training asks it to (train/allocator.py), once one has run in this process.
    block = mmap.mmap(-1, 120_000_000)
    for start in range(0, len(block), mmap.PAGESIZE):
        block[start] = 1
    assert memory.peak_bytes(CPU) - before > 100e6
    block.close()
    memory.reset_peak(CPU)
    assert memory.peak_bytes(CPU) - before < 60e6


def test_epochs_that_fit_by_hand() -> None:
    # 10 steps an epoch; thirds at 32 px (0.1 s a step) and two thirds at 48 px (0.2 s); a look of 3 s after every second epoch and the last.
    recipe = tiny_recipe(Path("none"), "schedule.stages=[[32, 1], [48, 2]]", "train.evaluate_every=2")
    cost = {32: 0.1, 48: 0.2}
    # 3 epochs: 1 x 1 s + 2 x 2 s + looks after 2 and 3, 6 s: 11 s. 4 epochs: 1 + 3 x 2 + 6 = 13 s. 6 epochs: 2 + 8 + 9 = 19 s.
    fit = [epochs_that_fit(budget, recipe, 10, step_s=cost, look_s=3.0) for budget in (10.9, 11.0, 13.0, 19.0)]
    assert fit == [2, 3, 4, 6]
    assert epochs_that_fit(0.5, recipe, 10, step_s=cost, look_s=3.0) == 0


def test_a_run_of_minutes_measures_plans_and_ends(tmp_path: Path) -> None:
    root, said = write_folder(tmp_path / "pictures", each=6), []
    recipe = tiny_recipe(root, "train.minutes=0.1", "schedule.stages=[[32, 1], [48, 1]]", "train.batch=4")
    began = time.monotonic()
    run = train(recipe, tmp_path / "run", say=said.append)
    assert run.finished
    assert run.ended in ("epochs", "time")
    assert time.monotonic() - began < 60  # 6 s, and what starting takes on a busy machine
    assert any("epochs that fit into " in line for line in said)
    assert "measuring how long a step takes, on weights that are thrown away ..." in said
    stages = load(tmp_path / "run" / "recipe.toml").schedule.stages
    assert [side for side, _ in stages] in ([32, 48], [48])
    assert abs(stages[0][1] - stages[-1][1]) <= 1
    assert (tmp_path / "run" / "best").is_dir()
    assert train(recipe, tmp_path / "run", say=said.append).step == run.step


def test_time_that_is_up_ends_a_run_with_a_look_and_more_time_goes_on(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def measured(*_: object) -> Times:
        times = Times()
        for _ in range(3):
            times.stepped(32, 20.0)
        return times

    def late(event: Event, trainer: Trainer) -> None:
        if event is Event.STEP and trainer.step == 4:
            trainer.times.before += 3600

    monkeypatch.setattr(minutes, "_measured", measured)
    out, said = tmp_path / "run", []
    run = train(tiny_recipe(folder, "train.minutes=5"), out, say=said.append, listeners=(late,))
    assert (run.finished, run.ended, run.step) == (True, "time", 4)
    assert run.metrics["validation"]["top1"].value > 0
    assert [(row["epoch"], row["step"]) for row in read_rows(out)] == [(1, 3), (2, 4)]  # the epoch that was begun has its number
    assert any(line.startswith("epoch 2, validation: ") for line in said)
    assert run.recipe is not None
    assert run.recipe.epochs == 4  # 3 steps of 20 s in each, in 95 % of 5 minutes
    assert resume(out, say=said.append).step == 4
    with pytest.raises(RecipeError, match="received 4, the run has 5"):
        resume(out, minutes=4, say=said.append)
    more = resume(out, minutes=70, say=said.append)
    # Of the 10 minutes left 95 % are planned with; 8 steps are to come anyway, so 7 epochs of a minute fit or, on a busy machine, 6.
    assert more.ended == "epochs"
    assert more.step in (30, 33)
    assert [(row["epoch"], row["step"]) for row in read_rows(out)[:3]] == [(1, 3), (2, 6), (3, 9)]  # and one row, gone on with
    assert "extended from 5 to 70 minutes at step 4" in said
    assert any("more epochs fit into" in line for line in said)


def test_times_by_hand() -> None:
    times = Times()
    for seconds in (9.0, 9.0, 0.2, 0.4):  # the first two of a size are warm-up
        times.add({"forward": 1.0})
        times.stepped(100, seconds)
    assert times.step_s(100) == pytest.approx(0.3)
    assert times.step_s(200) == pytest.approx(1.2)  # four times the pixels
    assert (times.counted, times.stages["forward"]) == (2, 2.0)
    times.looked(4.0)
    times.looked(6.0)
    # Step 3 of 2 epochs of 4 at 100 px and 1 of 4 at 200 px: 5 x 0.3 + 4 x 1.2 + 2 looks of 5 s.
    plan = Plan(16, 4, ((100, 2), (200, 1)), 0)
    assert times.left_s(plan, 3, 2) == pytest.approx(1.5 + 4.8 + 10)
    assert Times().left_s(plan, 0, 0) is None
    lines = times.table(plan, 2, {"read": 1.0, "decode": 2.5})
    assert lines[0] == "time a step of 4 pictures, mean of 2:"
    assert any("forward" in line and "1000.0 ms" in line for line in lines)
    assert lines[-1] == "  once, for the cache: read 1.0 s, decode 2.5 s"
    assert [readable(s) for s in (40, 200, 7500)] == ["40 s", "3 min 20 s", "2 h 05 min"]


def test_the_time_left_is_said_before_the_first_epoch_ends(tmp_path: Path) -> None:
    root, said = write_folder(tmp_path / "pictures", each=40), []
    epochs_done: list[int] = []

    def say(line: str) -> None:
        said.append(line)

    def listen(event: Event, trainer: Trainer) -> None:
        if event is Event.STEP and any(line.startswith("about ") for line in said):
            epochs_done.append(trainer.epoch)

    train(tiny_recipe(root, "train.batch=4", "schedule.stages=[[32, 2]]"), tmp_path / "run", say=say, listeners=(listen,))
    assert epochs_done[0] == 0
    assert sum(line.startswith("time a step") for line in said) == 2  # early, and at the end
    stages = ["read", "augment", "wait", "forward", "backward", "step"]
    table = said[next(i for i, line in enumerate(said) if line.startswith("time a step")) :][1:7]
    assert [line.split()[0] for line in table] == stages


def test_a_terminal_gets_a_bar(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "140")
    with Progress(None, {}) as progress:
        assert progress._bar is not None
    train(tiny_recipe(folder), tmp_path / "run")
    shown = capsys.readouterr().err
    assert "6/6" in shown
    assert "loss" in shown
