"""A run folder that somebody cut short, edited or mixed up is refused in one line; nothing of it is lost."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save
from tests.studio.conftest import tiny_recipe

from landsight.errors import DataError, RecipeError, UsageError
from landsight.studio.build import CHOSEN_NAME, chosen, finish
from landsight.studio.engine import open_run, read_calibration
from landsight.studio.evaluate import count_look
from landsight.studio.train.checkpoint import FILE, Checkpoint, load_checkpoint
from landsight.studio.train.held import held
from landsight.studio.train.history import read_rows
from landsight.studio.train.run import resume, train


@pytest.fixture(scope="module")
def trained(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(tiny_recipe(folder, "schedule.stages=[[32,1]]"), tmp_path_factory.mktemp("runs") / "run").folder


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    return shutil.copytree(trained, tmp_path / "run")


def _edit(folder: Path, change: Callable[[Checkpoint], Any]) -> None:
    found = load_checkpoint(folder)
    state = {**found.state, "format": 1}
    change(Checkpoint(found.tensors, state))
    (folder / FILE).write_bytes(save(found.tensors, {"state": json.dumps(state)}))


def _nan(checkpoint: Checkpoint) -> None:
    next(t for name, t in checkpoint.tensors.items() if name.startswith("ema.") and t.is_floating_point()).fill_(float("nan"))


def _reshaped(checkpoint: Checkpoint) -> None:
    checkpoint.tensors.update({name: torch.zeros(1) for name, t in checkpoint.tensors.items() if t.ndim == 4})


CHANGES: dict[str, Callable[[Checkpoint], Any]] = {
    "nan": _nan,
    "shapes": _reshaped,
    "no recipe": lambda c: c.state.pop("recipe"),
    "format": lambda c: c.state.update(format="x"),
    "no task": lambda c: c.state.pop("task"),
    "other labels": lambda c: c.state["task"].update(labels=["a", "b"]),
}


@pytest.mark.parametrize("what", CHANGES)
def test_weights_that_do_not_fit_are_refused(run: Path, what: str) -> None:
    _edit(run / "best", CHANGES[what])
    with pytest.raises(DataError) as caught:
        open_run(run)
    assert caught.value.code == "bad_checkpoint"


@pytest.mark.parametrize("step", [-1, 10**9, "1"])
def test_a_step_that_cannot_be_is_refused(run: Path, step: object) -> None:
    _edit(run / "last", lambda c: c.state.update(step=step))
    with pytest.raises(DataError, match="does not fit its own recipe"):
        resume(run)


@pytest.mark.parametrize("content", [b"\xff\0,,", b"", b"x\0,y\n1,2\n"])
def test_metrics_that_are_no_table(run: Path, content: bytes) -> None:
    (run / "metrics.csv").write_bytes(content)
    if not content:
        assert read_rows(run) == []
        return
    with pytest.raises(DataError) as caught:
        read_rows(run)
    assert caught.value.code == "bad_metrics"


@pytest.mark.parametrize("content", ["{", "[]", '{"test": 3}', '{"test": [{}]}'])
def test_counted_looks_are_not_forgotten_silently(run: Path, content: str) -> None:
    (run / "looks.json").write_text(content)
    with pytest.raises(DataError, match="forgets how often"):
        count_look(run, "test", "torch")
    assert (run / "looks.json").read_text() == content


def test_a_calibration_that_is_a_list(tmp_path: Path) -> None:
    (tmp_path / "calibration.json").write_text("[]")
    with pytest.raises(DataError, match="Remove it"):
        read_calibration(tmp_path)


def test_what_was_chosen_is_damaged(folder: Path, tmp_path: Path) -> None:
    (tmp_path / CHOSEN_NAME).write_text("{")
    with pytest.raises(DataError) as caught:
        chosen(folder, tmp_path, minutes=None, settings=(), say=print)
    assert caught.value.code == "bad_run_file"


def test_one_picture_teaches_a_batch_norm_nothing(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"Raise train\.batch"):
        train(tiny_recipe(folder, "train.batch=1"), tmp_path / "run")


def test_a_view_that_is_too_flat_is_refused_before_training(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(RecipeError) as caught:
        train(tiny_recipe(folder, "input.width=4096"), tmp_path / "run")
    assert caught.value.code == "impossible_size"


def test_names_are_checked_before_pictures_are_read(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="optimiser"):
        train(tiny_recipe(tmp_path / "nowhere", "optimise.name=zzz"), tmp_path / "run")


@pytest.mark.parametrize("asked", [{"minutes": float("nan")}, {"minutes": float("inf")}, {"epochs": 10**9}])
def test_time_without_end_is_refused(run: Path, folder: Path, asked: dict[str, Any]) -> None:
    with pytest.raises(RecipeError, match="must be in"):
        resume(run, **asked)
    with pytest.raises(RecipeError, match="must be in"):
        chosen(folder, run, **{"minutes": None, **asked}, settings=(), say=print)


def test_a_run_without_validation_pictures_is_finished_all_the_same(folder: Path, tmp_path: Path) -> None:
    recipe = tiny_recipe(folder, "schedule.stages=[[32,1]]", "data.validation_share=0", "export.int8=false")
    said: list[str] = []
    built = finish(train(recipe, tmp_path / "run"), test=False, say=said.append)
    assert built.bundle is not None
    assert "no validation pictures: the answers are not calibrated" in said
    shutil.rmtree(built.bundle.root)
    (tmp_path / "run" / "built.json").write_text("{")
    with pytest.raises(DataError, match="Remove it"):
        finish(built.run, test=False, say=said.append)


def test_two_processes_do_not_train_in_one_folder(run: Path) -> None:
    with held(run), pytest.raises(UsageError, match="Another process is training") as caught:
        resume(run)
    assert caught.value.code == "run_in_use"
    assert resume(run).finished  # the hold ends with the block
