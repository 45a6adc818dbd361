"""The loop and its parts: numbers by hand, learning for real, interruption, resumption."""

from __future__ import annotations

import csv
import json
import math
import os
import signal
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import pytest
import torch
from torch import nn

from landsight.errors import DataError, RecipeError
from landsight.studio.data.check import check
from landsight.studio.engine import open_run
from landsight.studio.nets import table
from landsight.studio.recipe import OptimiseRecipe, Recipe
from landsight.studio.tasks.classify import Classify
from landsight.studio.train import checkpoint as checkpoints
from landsight.studio.train import loop
from landsight.studio.train.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from landsight.studio.train.ema import Average, decay_at
from landsight.studio.train.loop import DivergedError, Event, StopTraining, Trainer
from landsight.studio.train.optimise import optimiser, set_rate, uses_bf16
from landsight.studio.train.run import train

from .conftest import tiny_recipe, write_folder


def _silent(line: str) -> None:
    assert line


def test_average_by_hand() -> None:
    # decay at update 1: (1 + 1) / (10 + 1) = 0.1818; 8 -> 0.5; never above the longest.
    assert decay_at(1, 0.9) == pytest.approx(2 / 11)
    assert decay_at(8, 0.9) == 0.5
    assert decay_at(10_000, 0.9) == 0.9
    net = nn.BatchNorm1d(1)
    average = Average(net, 0.9)
    with torch.no_grad():
        net.weight.fill_(12.0)
        net.running_mean.fill_(11.0)  # type: ignore[union-attr]
        net.num_batches_tracked.fill_(7)  # type: ignore[union-attr]
    average.update(net, 1)
    # 1 x 2/11 + 12 x 9/11 = 110/11 = 10; 0 x 2/11 + 11 x 9/11 = 9; counts are copied.
    assert average.tensors["weight"].item() == pytest.approx(10.0)
    assert average.tensors["running_mean"].item() == pytest.approx(9.0)
    assert average.tensors["num_batches_tracked"].item() == 7


def test_head_has_its_own_rate_and_frozen_weights_none() -> None:
    recipe = tiny_recipe(Path("none"), "net.frozen_blocks=1")
    net = table.build(recipe.net, 3, recipe.input)
    made = optimiser(net, OptimiseRecipe(rate=0.1, head_factor=4.0))
    body, head = made.param_groups
    assert (body["lr"], head["lr"]) == (0.1, 0.4)
    assert [tuple(p.shape) for p in head["params"]] == [(3, 32), (3,)]
    assert {id(p) for p in body["params"]} == {id(p) for part in (net.blocks[2], net.hidden) for p in part.parameters()}  # type: ignore[index, union-attr]
    assert set_rate(made, 0.5) == 0.05
    assert head["lr"] == 0.2


def test_precision_is_chosen_by_the_processor_and_can_be_forced(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu = torch.device("cpu")
    assert uses_bf16("bf16", cpu)
    assert not uses_bf16("fp32", cpu)
    for flags, expected in ((frozenset({"avx2", "avx512_bf16"}), True), (frozenset({"avx2"}), False)):
        monkeypatch.setattr("landsight.studio.train.optimise._processor_flags", lambda flags=flags: flags)
        assert uses_bf16("auto", cpu) is expected


@pytest.fixture(scope="module")
def run_folder(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished two-epoch run."""
    out = tmp_path_factory.mktemp("run") / "a"
    assert train(tiny_recipe(folder), out, say=_silent).finished
    return out


def test_a_run_leaves_what_the_design_says(run_folder: Path) -> None:
    names = {"recipe.toml", "environment.json", "parts.csv", "metrics.csv", "curves.png", "views.png", "events", "best", "last", "cache"}
    assert {p.name for p in run_folder.iterdir()} == names
    rows = list(csv.DictReader((run_folder / "metrics.csv").read_text().splitlines()))
    assert [r["epoch"] for r in rows] == ["1", "2"]
    assert rows[0]["validation_top1"] == ""
    assert 0 <= float(rows[1]["validation_top1"]) <= 1
    # Three classes that nothing tells apart yet: the loss begins near log 3.
    assert abs(float(rows[0]["loss"]) - math.log(3)) < 0.35
    environment = json.loads((run_folder / "environment.json").read_text())
    assert environment["data"]["train"] == 24
    assert environment["versions"]["torch"]


def test_the_same_recipe_gives_the_same_weights(folder: Path, run_folder: Path, tmp_path: Path) -> None:
    train(tiny_recipe(folder), tmp_path / "b", say=_silent)
    one, two = load_checkpoint(run_folder / "last"), load_checkpoint(tmp_path / "b" / "last")
    assert one.tensors.keys() == two.tensors.keys()
    assert all(torch.equal(t, two.tensors[n]) for n, t in one.tensors.items())


@pytest.mark.parametrize("at", [2, 3])
def test_an_interrupted_run_goes_on_to_the_same_weights(folder: Path, run_folder: Path, tmp_path: Path, at: int) -> None:
    """Ctrl-C in the middle of an epoch (step 2) and at its end (step 3), then the same command again."""

    def press(event: Event, trainer: Trainer) -> None:
        if event is Event.STEP and trainer.step == at:
            os.kill(os.getpid(), signal.SIGINT)

    out = tmp_path / "c"
    first = train(tiny_recipe(folder), out, say=_silent, listeners=(press,))
    assert (first.finished, first.step) == (False, at)
    said: list[str] = []
    assert train(tiny_recipe(folder), out, say=said.append).finished
    assert f"going on from step {at} of 6" in said
    one, two = load_checkpoint(run_folder / "last"), load_checkpoint(out / "last")
    assert all(torch.equal(t, two.tensors[n]) for n, t in one.tensors.items())
    assert {k: v for k, v in one.state["rows"][-1].items() if k != "seconds"} == {
        k: v for k, v in two.state["rows"][-1].items() if k != "seconds"
    }


def test_a_finished_run_is_not_trained_again_and_another_recipe_is_refused(folder: Path, run_folder: Path) -> None:
    before = (run_folder / "last" / checkpoints.FILE).read_bytes()
    again = train(tiny_recipe(folder), run_folder, say=_silent)
    assert again.finished
    assert again.metrics["validation"]["top1"].n > 0
    assert (run_folder / "last" / checkpoints.FILE).read_bytes() == before
    with pytest.raises(RecipeError, match="another recipe"):
        train(tiny_recipe(folder, "optimise.rate=0.5"), run_folder, say=_silent)


def test_eight_pictures_are_learnt_by_heart(tmp_path: Path) -> None:
    root = write_folder(tmp_path / "d", each=3)
    recipe = tiny_recipe(root, "schedule.stages=[[32, 60]]", "data.validation_share=0.0", "train.batch=9", "optimise.ema=0.0")
    views = replace(
        recipe.views, min_area=0.9, degrade_large=0.0, degrade_small=0.0, jpeg_plain=0.0, rotate=0.0, blur=0.0, colour=0.0, grey=0.0
    )
    recipe = replace(recipe, views=views)
    losses: list[float] = []
    train(recipe, tmp_path / "run", say=_silent, listeners=(lambda e, t: losses.append(t.means()["loss"]) if e is Event.EPOCH else None,))
    assert losses[0] > 0.8
    assert losses[-1] < 0.1
    checked = check(recipe.data, 0, tmp_path / "run" / "cache")
    trained = open_run(tmp_path / "run", "last")
    images = torch.stack([torch.from_numpy(checked.cache[s.key].copy()) for s in checked.train.items if not s.small])
    with torch.no_grad():
        guesses = trained.net(loop.normalised(images, recipe.input.mean, recipe.input.std))["logits"].argmax(1)
    assert guesses.tolist() == [s.truth for s in checked.train.items if not s.small]


def test_sharp_views_teach_nothing_about_labels_without_large_pictures() -> None:
    hard = replace(Recipe(), train=replace(Recipe().train, absent_large_logit=-1e4))
    task = Classify(hard, ["a", "b", "c"], [True, True, False], [True, False, True])
    logits = torch.zeros(2, 3, requires_grad=True)
    targets = {"label": torch.tensor([0, 0]), "sharp": torch.tensor([True, False]), "small": torch.tensor([False, True])}
    loss = task.losses({"logits": logits}, targets)["cross_entropy"]
    # Two of three labels remain for the sharp view, three for the other: (log 2 + log 3) / 2.
    assert loss.item() == pytest.approx((math.log(2) + math.log(3)) / 2, abs=1e-6)
    loss.backward()
    assert logits.grad is not None
    assert logits.grad[0, 2] == 0
    assert logits.grad[1, 2] > 0
    soft = replace(Recipe(), train=replace(Recipe().train, absent_small_logit=math.log(0.5)))
    loss = Classify(soft, ["a", "b", "c"], [True, True, False], [True, False, True]).losses({"logits": logits}, targets)["cross_entropy"]
    # Sharp: log 3. Small: label b counts half, so log 2.5.
    assert loss.item() == pytest.approx((math.log(3) + math.log(2.5)) / 2, abs=1e-6)
    only_small = Classify(hard, ["a", "b"], [False, False], [True, True])
    assert only_small.losses(
        {"logits": torch.zeros(1, 2)}, {"label": torch.tensor([0]), "sharp": torch.tensor([True]), "small": torch.tensor([False])}
    )["cross_entropy"].item() == pytest.approx(math.log(2), abs=1e-6)


def test_a_loss_that_is_no_number_stops_the_run(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DivergedError, match=r"optimise\.rate"):
        train(tiny_recipe(folder, "optimise.rate=1e6", "schedule.stages=[[32, 20]]"), tmp_path / "r", say=_silent)


def test_one_optimiser_step_a_batch_and_events_in_order(folder: Path, tmp_path: Path) -> None:
    seen: list[tuple[str, int]] = []

    def listen(event: Event, trainer: Trainer) -> None:
        seen.append((event.value, trainer.step))
        if event is Event.STEP and trainer.step == 5:
            raise StopTraining

    run = train(tiny_recipe(folder, "optimise.clip_norm=1.0"), tmp_path / "r", say=_silent, listeners=(listen,))
    assert not run.finished
    expected = [("start", 0), ("step", 1), ("step", 2), ("step", 3), ("epoch", 3), ("step", 4), ("step", 5)]
    assert seen[:7] == expected
    steps = {int(v) for n, v in load_checkpoint(tmp_path / "r" / "last").part("optimiser.").items() if n.endswith(".step")}
    assert steps == {5}


def test_checkpoint_round_trip_and_damage(tmp_path: Path) -> None:
    saved = Checkpoint({"net.a": torch.arange(6).reshape(2, 3), "ema.a": torch.tensor(1.5)}, {"step": 3, "name": "é", "recipe": {}})
    save_checkpoint(tmp_path / "last", saved)
    loaded = load_checkpoint(tmp_path / "last")
    assert loaded.state == {**saved.state, "version": version("landsight")}
    assert torch.equal(loaded.part("net.")["a"], saved.tensors["net.a"])
    file = tmp_path / "last" / checkpoints.FILE
    file.write_bytes(file.read_bytes()[:-3])
    with pytest.raises(DataError, match="not a checkpoint"):
        load_checkpoint(tmp_path / "last")
    with pytest.raises(DataError, match="No checkpoint"):
        load_checkpoint(tmp_path / "best")


def test_a_write_that_fails_leaves_the_old_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = Checkpoint({"net.a": torch.zeros(2)}, {"step": 1, "recipe": {}})
    save_checkpoint(tmp_path, old)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("landsight.studio.train.checkpoint.os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        save_checkpoint(tmp_path, Checkpoint({"net.a": torch.ones(2)}, {"step": 2}))
    assert load_checkpoint(tmp_path).state["step"] == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == [checkpoints.FILE, "state.json"]
