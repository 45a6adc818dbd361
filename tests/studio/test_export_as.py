"""Formats for other programs: each answers as the trained network does, or is deleted; each says all that is needed to use it."""

from __future__ import annotations

import hashlib
import json
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from landsight.answer.calibration import softmax
from landsight.cli.export import FORMATS as OFFERED
from landsight.errors import RecipeError, UsageError, VerificationError
from landsight.photo.prepare import Preparation, normalise, prepare
from landsight.studio.engine import TorchEngine, open_run
from landsight.studio.export_as import export_as
from landsight.studio.formats import FORMATS
from landsight.studio.parity import turned_pictures
from landsight.studio.train.run import train

from .conftest import tiny_recipe


@pytest.fixture(scope="module")
def run(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("formats") / "run"
    train(tiny_recipe(folder, "input.width=40", "net.frozen_blocks=1"), out, say=lambda _: None)
    return out


def hashes(folder: Path) -> dict[str, str]:
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.rglob("*") if p.is_file()}


def test_the_command_offers_what_there_is() -> None:
    assert ("onnx", *FORMATS) == OFFERED


@pytest.mark.parametrize("form", FORMATS)
def test_a_format_says_everything_and_leaves_the_run_alone(form: str, run: Path, tmp_path: Path) -> None:
    before = hashes(run)
    made = export_as(run, tmp_path / form, form)
    assert hashes(run) == before
    assert made == json.loads((tmp_path / form / "manifest.json").read_text())
    assert made["files"] == {name: digest for name, digest in hashes(tmp_path / form).items() if name != "manifest.json"}
    assert made["file"] in made["files"]
    assert made["labels"] == ["blue", "green", "red"]
    assert Preparation.from_dict(made["input"]) == open_run(run).recipe.input
    assert made["tensor"]["shape"] == ["n", 3, 32, 40]
    assert (made["verified"]["pictures"], made["verified"]["batches"]) == (12, [1, 3])
    assert max(made["verified"]["worst"].values()) <= made["verified"]["allowed"]
    assert sorted(p.name for p in tmp_path.iterdir()) == [form]


def test_the_manifest_is_enough_to_use_the_file_without_landsight(run: Path, folder: Path, tmp_path: Path) -> None:
    """The steps that docs/export.md describes, with torch and Pillow alone, give what the trained network gives."""
    made = export_as(run, tmp_path / "x", "exported_program")
    photo = folder / "test/red/000.png"
    p = made["input"]
    assert (p["resize"], p["filter"], p["hide_px"]) == ("squash", "bicubic", None)
    image = Image.open(photo).convert(p["colour"]).resize((p["width"], p["height"]), Image.Resampling.BICUBIC)
    batch = (np.asarray(image, np.float32) - np.float32(p["mean"])) / np.float32(p["std"])
    logits, *_ = torch.export.load(tmp_path / "x" / made["file"]).module()(torch.from_numpy(batch.transpose(2, 0, 1)[None]))
    trained = open_run(run)
    ours = normalise(prepare(np.asarray(Image.open(photo).convert("RGB")), trained.recipe.input)[None], trained.recipe.input)
    expected = TorchEngine(trained.net).run(ours, ("logits",))["logits"]
    assert softmax(logits.numpy()) == pytest.approx(softmax(expected), abs=1e-4)


@pytest.mark.parametrize("form", FORMATS)
def test_one_that_answers_differently_is_deleted(form: str, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    format_module = import_module(FORMATS[form])
    real = format_module.write

    def other(net: torch.nn.Module, *args: object, **options: object) -> object:
        with torch.no_grad():
            net.head.weight.mul_(1.02)
        return real(net, *args, **options)

    monkeypatch.setattr(format_module, "write", other)
    with pytest.raises(VerificationError, match="logits"):
        export_as(run, tmp_path / form, form)
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_kept_and_unknown_formats_name_the_nearest(run: Path, tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    with pytest.raises(UsageError, match="exists already"):
        export_as(run, tmp_path / "x", "torchscript")
    with pytest.raises(RecipeError, match="torchscript"):
        export_as(run, tmp_path / "y", "torchscrip")


def test_the_turned_pictures_have_every_orientation_and_are_not_square(tmp_path: Path) -> None:
    found = []
    for path in turned_pictures(tmp_path):
        with Image.open(path) as image:
            found.append((image.getexif()[274], image.size))
    assert [orientation for orientation, _ in found] == list(range(1, 9))
    assert sum(width == height for _, (width, height) in found) == 1
    assert len({size for _, size in found}) == 8
