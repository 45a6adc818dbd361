"""Starting from an earlier run: the same labels, other labels, another network."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from landsight.errors import RecipeError
from landsight.studio.train.checkpoint import load_checkpoint
from landsight.studio.train.run import train

from ..conftest import tiny_recipe, write_folder


def _silent(line: str) -> None:
    assert line


@pytest.fixture(scope="module")
def earlier(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on blue, green and red."""
    out = tmp_path_factory.mktemp("earlier") / "run"
    assert train(tiny_recipe(folder, "schedule.stages=[[32, 1]]"), out, say=_silent).finished
    return out


def begun(recipe: object, out: Path) -> tuple[dict[str, torch.Tensor], list[str]]:
    """The weights before the first step, and what was said."""
    said: list[str] = []
    weights: dict[str, torch.Tensor] = {}

    def listen(event: object, trainer: object) -> None:
        weights.update({n: t.clone() for n, t in trainer.net.state_dict().items()} if not weights else {})  # type: ignore[attr-defined]

    train(recipe, out, say=said.append, listeners=(listen,))  # type: ignore[arg-type]
    return weights, said


def test_the_same_labels_start_from_the_averaged_weights(folder: Path, earlier: Path, tmp_path: Path) -> None:
    weights, said = begun(tiny_recipe(folder, f"net.start={earlier}", "schedule.stages=[[32, 1]]"), tmp_path / "run")
    average = load_checkpoint(earlier / "last").part("ema.")
    assert all(torch.equal(t, average[n]) for n, t in weights.items())
    assert f"started from {earlier}" in said
    shutil.copytree(tmp_path / "run", tmp_path / "again")
    # A resume needs the earlier run no more.
    assert train(tiny_recipe(folder, f"net.start={earlier}", "schedule.stages=[[32, 1]]"), tmp_path / "again", say=_silent).finished


def test_other_labels_keep_the_rows_that_both_have(folder: Path, earlier: Path, tmp_path: Path) -> None:
    root = write_folder(tmp_path / "pictures")
    (root / "train" / "green").rename(root / "train" / "amber")
    (root / "test" / "green").rename(root / "test" / "amber")
    weights, said = begun(tiny_recipe(root, f"net.start={earlier}", "schedule.stages=[[32, 1]]"), tmp_path / "run")
    average = load_checkpoint(earlier / "last").part("ema.")
    # amber, blue, red here; blue, green, red there.
    assert torch.equal(weights["head.weight"][1], average["head.weight"][0])
    assert torch.equal(weights["head.weight"][2], average["head.weight"][2])
    assert not any(torch.equal(weights["head.weight"][0], row) for row in average["head.weight"])
    assert all(torch.equal(t, average[n]) for n, t in weights.items() if not n.startswith("head."))
    assert any("the head is new, but for 2 of 3 labels" in line for line in said)


def test_another_network_is_refused(folder: Path, earlier: Path, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"net\.start: .* holds a cnn and this is a mlp; .* blocks\.0"):
        train(tiny_recipe(folder, f"net.start={earlier}", "net.name=mlp"), tmp_path / "run", say=_silent)
