"""Two processes give what one gives that feeds the same parts: the same weights up to rounding, from the start and from a resume."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import train_child
from landsight.studio.recipe import Recipe, to_toml
from landsight.studio.train.checkpoint import load_checkpoint
from landsight.studio.train.distributed import Processes, is_first_process
from landsight.studio.train.loop import Event, StopTraining, Trainer
from landsight.studio.train.run import resume, train

from ..conftest import tiny_recipe

#: Batch norm's statistics are those of the first process: they follow other parts, and no weight depends on them in training.
STATISTICS = ("running_mean", "running_var", "num_batches_tracked")
SETTINGS = (
    "schedule.stages=[[32, 3]]", "train.batch=4", "optimise.accumulate=2", "net.dropout=0.3", "train.mixup=0.4", "optimise.clip_norm=1.0",
    "train.evaluate_every=1", "train.threads=1", "optimise.name=sgd",
)  # fmt: skip


def _silent(line: str) -> None:
    assert line


def agree(one: Path, two: Path) -> None:
    """Weights, averages and the optimiser's memory, and the losses in the log."""
    a, b = load_checkpoint(one / "last"), load_checkpoint(two / "last")
    assert a.state["step"] == b.state["step"]
    for name, tensor in a.tensors.items():
        if not name.endswith(STATISTICS):
            torch.testing.assert_close(b.tensors[name], tensor, rtol=1e-4, atol=1e-5, msg=lambda text, name=name: f"{name}: {text}")
    for before, after in zip(a.state["rows"], b.state["rows"], strict=True):
        assert after["loss"] == pytest.approx(before["loss"], rel=1e-4)


@pytest.fixture(scope="module")
def recipe(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    """With one cache of pixels for all runs."""
    return tiny_recipe(folder, *SETTINGS, f'data.cache="{tmp_path_factory.mktemp("cache")}"')


@pytest.mark.slow
def test_torchrun_gives_what_one_process_gives(recipe: Recipe, tmp_path: Path) -> None:
    (tmp_path / "recipe.toml").write_text(to_toml(recipe), encoding="utf-8")
    words = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "landsight.cli", "train"]
    done = subprocess.run(
        [sys.executable, *words, str(tmp_path / "recipe.toml"), "-o", str(tmp_path / "two")],
        capture_output=True, text=True, timeout=300, check=False, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("finished after step 9") == 1  # one of them speaks
    train(recipe, tmp_path / "one", say=_silent)
    agree(tmp_path / "one", tmp_path / "two")
    assert load_checkpoint(tmp_path / "two" / "last").state["circumstances"]["processes"] == 2


def test_two_processes_go_on_where_one_stopped_and_one_where_two_did(recipe: Recipe, tmp_path: Path) -> None:
    def stop(event: Event, trainer: Trainer) -> None:
        if event is Event.STEP and trainer.step == 4:
            raise StopTraining

    train(recipe, tmp_path / "one", say=_silent)
    assert not train(recipe, tmp_path / "mixed", say=_silent, listeners=(stop,)).finished
    assert train_child.in_children(2, to_toml(recipe), tmp_path / "mixed") == [0, 0]
    agree(tmp_path / "one", tmp_path / "mixed")
    said: list[str] = []
    assert resume(tmp_path / "mixed", epochs=4, say=said.append).step == 12
    assert any("processes: 2 before, 1 now" in line for line in said)


def test_two_processes_with_one_batch_share_it(recipe: Recipe, folder: Path, tmp_path: Path) -> None:
    """train.batch is that of all together: 8 pictures by two processes are two parts of 4."""
    whole = tiny_recipe(folder, *SETTINGS, "train.batch=8", "optimise.accumulate=1", f"data.cache={recipe.data.cache}")
    assert train_child.in_children(2, to_toml(whole), tmp_path / "two") == [0, 0]
    train(recipe, tmp_path / "one", say=_silent)
    agree(tmp_path / "one", tmp_path / "two")


def test_one_process_needs_nobody() -> None:
    alone = Processes()
    weight = torch.nn.Parameter(torch.ones(2))
    assert alone.add_gradients([weight], (1.0, 2.0)) == [1.0, 2.0]
    assert weight.grad is None
    assert (alone.agreed({"a": 1}), alone.any_of("x"), alone.any_of(None)) == ({"a": 1}, "x", None)
    assert alone.first_then_all(lambda: 5) == 5
    assert alone.threads() == os.cpu_count()


def test_who_speaks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1")
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    assert is_first_process()  # a number without a world is somebody else's
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert not is_first_process()
