"""Kill -9 at any moment, then resume: the same weights, to the bit. What may be changed on the way, and what is refused."""

from __future__ import annotations

import csv
import json
import random
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import train_child
from landsight.errors import DataError, RecipeError
from landsight.studio.recipe import Recipe, to_toml
from landsight.studio.train import keeper
from landsight.studio.train import run as running
from landsight.studio.train.checkpoint import FILE, Checkpoint, load_checkpoint, save_checkpoint
from landsight.studio.train.resume import differences
from landsight.studio.train.run import Run, resume, train

from ..conftest import tiny_recipe, write_folder

#: 24 training pictures: 3 steps an epoch of 2 parts of 4 pictures, 9 steps in all; every kind of state there is.
SETTINGS = (
    "schedule.stages=[[32, 2], [48, 1]]", "schedule.name=plateau", "schedule.patience=1", "schedule.gamma=0.5", "train.batch=4",
    "optimise.accumulate=2", "net.dropout=0.3", "train.cutmix=0.4", "train.mixup=0.3", "train.evaluate_every=1", "train.early_stop=9",
)  # fmt: skip


def _silent(line: str) -> None:
    assert line


@pytest.fixture(scope="module")
def recipe(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    """With one cache of pixels for all runs."""
    return tiny_recipe(folder, *SETTINGS, f'data.cache="{tmp_path_factory.mktemp("cache")}"')


@pytest.fixture(scope="module")
def whole(recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A run that nothing happened to."""
    before = keeper.look, running.followers
    train_child.lean()
    out = tmp_path_factory.mktemp("whole") / "run"
    assert train(recipe, out, say=_silent).finished
    keeper.look, running.followers = before
    yield out


def same(one: Path, two: Path) -> None:
    """Both checkpoints, tensor by tensor, and all that they say of themselves but the time."""
    for name in ("last", "best"):
        a, b = load_checkpoint(one / name), load_checkpoint(two / name)
        assert a.tensors.keys() == b.tensors.keys()
        assert [n for n, t in a.tensors.items() if not torch.equal(t, b.tensors[n])] == []
        assert _timeless(a) == _timeless(b)
    timeless = [[{k: v for k, v in row.items() if k != "seconds"} for row in table(path)] for path in (one, two)]
    assert timeless[0] == timeless[1]
    assert [p.name for p in two.rglob("*.partial-*")] == []


def table(run: Path) -> list[dict[str, str]]:
    """metrics.csv."""
    return list(csv.DictReader((run / "metrics.csv").read_text().splitlines()))


def _timeless(checkpoint: Checkpoint) -> dict[str, Any]:
    state: dict[str, Any] = {k: v for k, v in checkpoint.state.items() if k != "seconds"}
    for recipe in (state["recipe"], state["asked"]):
        recipe["train"].pop("workers")
    return {**state, "rows": [{k: v for k, v in row.items() if k != "seconds"} for row in state["rows"]]}


def test_the_reference_has_every_kind_of_state(whole: Path) -> None:
    state = load_checkpoint(whole / "last").state
    assert (state["step"], state["ended"], len(state["rows"])) == (9, "epochs", 3)
    assert state["watch"]["drops"] + state["watch"]["looks_since_lowest"] > 0
    assert load_checkpoint(whole / "best").state["step"] < 9  # or the best would be the last, and prove nothing


@pytest.mark.parametrize("seed", range(2))
def test_killed_at_random_steps_again_and_again(recipe: Recipe, whole: Path, tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    out, at = tmp_path / "run", 0
    while True:
        at += rng.randint(2, 4)
        code = train_child.in_child(train_child.dies_at_step, to_toml(recipe), out, at, seed == 1)
        if code == 0:
            break
        assert code == -signal.SIGKILL
    assert resume(out, say=_silent).finished
    same(whole, out)


@pytest.mark.parametrize("number", [3, 6, 8, 11])
def test_killed_in_the_middle_of_saving(recipe: Recipe, whole: Path, tmp_path: Path, number: int) -> None:
    out = tmp_path / "run"
    assert train_child.in_child(train_child.dies_in_write, to_toml(recipe), out, number) == -signal.SIGKILL
    assert len(list(out.rglob(".*.partial-*"))) == 1
    said: list[str] = []
    assert train_child.go_on(recipe, out, say=said.append).finished
    assert any("was being written" in line for line in said)
    same(whole, out)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_killed_from_outside_with_two_loader_workers(recipe: Recipe, whole: Path, tmp_path: Path, seed: int) -> None:
    """The moment is whatever it is; the run that nothing happened to had no workers."""
    out = tmp_path / "run"
    helped = train_child.with_workers(recipe, 2)
    train_child.in_child(train_child.dies_at_step, to_toml(helped), out, 4 + seed, False)
    train_child.in_child(train_child.runs, to_toml(helped), out, kill_after_s=random.Random(seed).uniform(1.0, 6.0))
    assert train_child.go_on(helped, out, say=_silent).finished
    same(whole, out)


def test_more_epochs_lengthen_the_last_stage_and_the_run_says_so(recipe: Recipe, tmp_path: Path) -> None:
    out = tmp_path / "run"
    train(recipe, out, say=_silent)
    said: list[str] = []
    run = resume(out, epochs=4, say=said.append)
    assert (run.finished, run.step) == (True, 12)
    note = "extended from 3 to 4 epochs at step 9"
    assert note in said
    assert json.loads((out / "environment.json").read_text())["notes"] == [note]
    rows = table(out)
    assert [row["note"] for row in rows] == ["", "", "", note]
    assert [row["side_px"] for row in rows] == ["32", "32", "48", "48"]
    # Again, and the first command again: all is done.
    assert resume(out, say=_silent).step == train(recipe, out, say=_silent).step == 12
    with pytest.raises(RecipeError, match="received 3, the run has 4"):
        resume(out, epochs=3, say=_silent)


def test_what_would_change_the_weights_is_refused_with_both_values(recipe: Recipe, whole: Path) -> None:
    with pytest.raises(RecipeError, match=r"optimise\.rate is 0\.0\d+ there, 0\.5 here") as caught:
        resume(whole, settings=("optimise.rate=0.5", "train.workers=7"), say=_silent)
    assert "workers" not in str(caught.value)
    with pytest.raises(RecipeError, match=r"train\.seed is 0 there, 3 here.*landsight resume"):
        train(Recipe(**{**_fields(recipe), "train": recipe.train.__class__(**{**_fields(recipe.train), "seed": 3})}), whole, say=_silent)
    assert differences(recipe, recipe) == {}
    assert resume(whole, settings=("train.workers=1", "export.name=other"), say=_silent).finished


def _fields(thing: object) -> dict[str, object]:
    return {name: getattr(thing, name) for name in thing.__slots__}  # type: ignore[attr-defined]


def test_other_threads_are_said(recipe: Recipe, tmp_path: Path) -> None:
    out = tmp_path / "run"
    train_child.in_child(train_child.dies_at_step, to_toml(recipe), out, 4, False)
    said: list[str] = []
    resume(out, settings=("train.threads=2",), say=said.append)
    torch.set_num_threads(1)
    assert any("threads: 1 before, 2 now" in line for line in said)


def test_other_pictures_are_refused(tmp_path: Path) -> None:
    root = write_folder(tmp_path / "pictures")
    recipe = tiny_recipe(root, *SETTINGS)
    train_child.in_child(train_child.dies_at_step, to_toml(recipe), tmp_path / "run", 4, False)
    moved = root.rename(tmp_path / "moved")
    assert resume(tmp_path / "run", settings=(f"data.root={moved}",), say=_silent).finished  # the same pictures elsewhere
    next((moved / "train" / "red").iterdir()).unlink()
    with pytest.raises(DataError, match="changed since"):
        resume(tmp_path / "run", settings=(f"data.root={moved}",), say=_silent)


def test_a_folder_without_a_run_and_a_run_of_the_future(recipe: Recipe, whole: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No run to go on with"):
        resume(tmp_path, say=_silent)
    saved = load_checkpoint(whole / "last")
    state = json.loads(json.dumps(saved.state))
    state["recipe"]["train"]["warp_factor"] = 9
    save_checkpoint(tmp_path / "future" / "last", Checkpoint(saved.tensors, state))
    for go in (lambda out: resume(out, say=_silent), lambda out: train(recipe, out, say=_silent)):
        with pytest.raises(DataError, match=r"landsight .*warp_factor.*Update") as caught:
            go(tmp_path / "future")
        assert caught.value.code == "newer_checkpoint"


def test_a_newer_format_is_refused(whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("landsight.studio.train.checkpoint._FORMAT", 2)
    save_checkpoint(tmp_path / "last", load_checkpoint(whole / "last"))
    monkeypatch.undo()
    with pytest.raises(DataError, match="format 2, this one reads up to 1"):
        resume(tmp_path, say=_silent)
    assert (tmp_path / "last" / FILE).is_file()


def test_an_early_stop_is_an_end_that_can_be_gone_beyond(
    recipe: Recipe, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = iter([0.5, 0.6, 0.6, 0.5, 0.9, 0.9, 0.9, 0.9])
    from landsight.bundle.manifest import Metric

    monkeypatch.setattr(keeper, "look", lambda *_: {"top1": Metric(next(looks), 0, 1, 9, "")})
    out = tmp_path / "run"
    stopping = tiny_recipe(folder, "train.evaluate_every=1", "train.early_stop=2", "schedule.stages=[[32, 6]]")
    run: Run = train(stopping, out, say=_silent)
    assert (run.finished, run.ended, run.step) == (True, "early stop", 12)
    assert load_checkpoint(out / "best").state["step"] == 9  # 0.6 again: as good, and later
    said: list[str] = []
    assert resume(out, say=said.append).step == 12
    assert "the run has ended (early stop)" in said
    run = resume(out, epochs=7, say=_silent)
    assert (run.ended, run.step) == ("epochs", 21)
