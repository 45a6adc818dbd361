"""train, evaluate and export, called once each on drawn pictures: a folder becomes a run, the run a bundle, the bundle locates."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bundle_factory import COLOURS

from .conftest import Landsight

SETTINGS = ("net.name=cnn", "net.pretrained=false", "net.frozen_blocks=0", "input.width=32", "input.height=32", "schedule.stages=[[32,2]]", "train.batch=8", "train.workers=0", "train.threads=1", "optimise.rate=0.01", "optimise.ema=0.0", "export.int8=false")  # fmt: skip


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder a class, for training and for testing; every picture another one, so that none is a near-duplicate."""
    root = tmp_path_factory.mktemp("labelled")
    for part, count in (("train", 20), ("test", 3)):
        for number, (label, colour) in enumerate(COLOURS.items()):
            folder = root / part / label
            folder.mkdir(parents=True)
            for i in range(count):
                picture(seed=1000 * number + 100 * count + i, colour=colour).save(folder / f"{i}.jpg", quality=92)
    return root


def picture(*, seed: int, colour: tuple[int, int, int]) -> Image.Image:
    """Patches of all brightnesses of one colour."""
    patches = np.random.default_rng(seed).uniform(0.2, 1.0, (6, 7, 1)) * np.array(colour)
    return Image.fromarray(patches.astype(np.uint8)).resize((70, 60), Image.Resampling.BICUBIC)


def test_evaluate_measures_a_bundle(landsight: Landsight, bundle: Path, labelled: Path, tmp_path: Path) -> None:
    result = landsight("evaluate", bundle, "--data", labelled, "--format", "json")
    assert result.code == 0, result.err
    report = json.loads(result.out)
    assert report["metrics"]["top1"]["n"] == 9
    people = landsight("evaluate", bundle, "--data", labelled)
    assert "n = 9" in people.out and "page:" not in people.out
    shown = landsight("evaluate", bundle, "--data", labelled, "--out", tmp_path / "out")
    assert f"page: {tmp_path / 'out' / 'evaluation-test.html'}" in shown.out
    assert "learnt from" in landsight("evaluate", bundle, "--data", labelled, "--part", "train").out
    without = landsight("evaluate", bundle)
    assert (without.code, without.err.count("\n")) == (2, 1)


def test_a_folder_becomes_a_run_and_the_run_a_bundle(landsight: Landsight, labelled: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    settings = [word for setting in SETTINGS for word in ("--set", setting)]
    trained = landsight("train", labelled, "--out", run, "--only-train", *settings)
    assert trained.code == 0, trained.err
    assert "finished after step" in trained.out
    exported = landsight("export", run, "--out", run / "another")
    assert exported.code == 0, exported.err
    finished = landsight("train", labelled, "--out", run, *settings)
    assert finished.code == 0, finished.err
    assert f"landsight predict {run / 'bundle'}" in finished.out and "test top1" in finished.out
    assert (run / "report.html").is_file()
    assert landsight("verify", run / "bundle").code == 0
    photo = next((labelled / "test" / "red_rock").iterdir())
    located = landsight("locate", "-f", "jsonl", "--bundle", run / "bundle", photo)
    assert len(json.loads(located.out)["candidates"]) == 3


def test_an_unknown_key_of_a_recipe_is_one_line(landsight: Landsight, labelled: Path, tmp_path: Path) -> None:
    result = landsight("train", labelled, "--out", tmp_path / "run", "--set", "train.batchs=3")
    assert result.code == 2
    assert "batch" in result.err
    assert result.err.count("\n") == 1


def test_evaluate_trains_a_recipe_again_for_folds(landsight: Landsight, labelled: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.toml"
    tables: dict[str, list[str]] = {"data": [f"root = {json.dumps(str(labelled))}"]}
    for setting in SETTINGS:
        key, _, value = setting.partition("=")
        section, _, name = key.partition(".")
        tables.setdefault(section, []).append(f'{name} = "{value}"' if value == "cnn" else f"{name} = {value}")
    recipe.write_text("\n".join(line for name, lines in tables.items() for line in (f"[{name}]", *lines)))
    folds = landsight("evaluate", recipe, "--folds", "2", "-o", tmp_path / "folds")
    assert folds.code == 0, folds.err
    assert "top1 of 2 folds: mean" in folds.out and "n = 60" in folds.out
    assert (tmp_path / "folds" / "folds.html").is_file()
    for wrong in (("--folds", "2"), ("--folds", "2", "--learning-curve"), ()):
        refused = landsight("evaluate", recipe, *wrong)
        assert (refused.code, refused.err.count("\n")) == (2, 1), wrong
