"""Statistics of a folder, and parts that share no near-duplicate: as a table that can be trained on, copies or links."""

from __future__ import annotations

import csv
import json
import struct
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from landsight.cli.app import cli
from landsight.errors import LandsightError
from landsight.studio.data.readers import open_reader
from landsight.studio.recipe import DataRecipe

from .test_duplicates import CHANGES, scene


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes in the root itself: ten scenes each and a mirror image of every one; one file is no picture."""
    root = tmp_path_factory.mktemp("data") / "d"
    for label, name in enumerate(("cat", "dog")):
        (root / name).mkdir(parents=True)
        for number in range(10):
            picture = scene(100 * label + number, (160, 120))
            picture.save(root / name / f"{number}.png")
            CHANGES["mirror"](picture).save(root / name / f"{number}m.png")
    (root / "cat" / "no.jpg").write_text("no picture")
    return root


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["data", *map(str, arguments)])


def code_of(result: Result) -> str:
    assert isinstance(result.exception, LandsightError)
    return result.exception.code


def test_stats_are_those_of_the_pixels(tmp_path: Path) -> None:
    for name, grey in (("a", 10), ("b", 30)):
        (tmp_path / "d" / name).mkdir(parents=True)
        for number in range(2):
            Image.new("RGB", (60, 40), (grey, grey + number, 200)).save(tmp_path / "d" / name / f"{number}.png")
    result = json.loads(run("stats", tmp_path / "d", "-f", "json").stdout)
    # Red is 10, 10, 30, 30: mean 20, deviation 10. Green is 10, 11, 30, 31: mean 20.5, squares 10.5^2, 9.5^2 twice: sqrt(100.25).
    assert result["mean"] == [20.0, 20.5, 200.0]
    assert result["std"] == [10.0, round(100.25**0.5, 2), 0.0]
    assert result["sizes"]["width"] == [60.0] * 5
    assert result["counts"] == {"train": {"a": 2, "b": 2}}
    assert result["formats"] == {"png": 4}
    table = run("stats", tmp_path / "d", "--size", 32).stdout
    assert "train        4 pictures, 2 classes of 2 to 2" in table


def test_split_writes_a_table_that_can_be_trained_on(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "split"
    result = run("split", folder, "-o", out, "--test", 0.2, "--validation", 0.25)
    assert result.exit_code == 0, result.output
    # 40 pictures in 20 groups of two: 20 % of each class's 20 is two groups, then 25 % of 16 is two.
    assert "train 24, validation 8, test 8; 20 groups kept together" in result.stdout
    assert "left out cat/no.jpg" in result.stdout
    rows = list(csv.DictReader((out / "labels.csv").read_text().splitlines()))
    part = {row["file"]: row["split"] for row in rows}
    assert all(part[f"{c}/{n}.png"] == part[f"{c}/{n}m.png"] for c in ("cat", "dog") for n in range(10))
    reader = open_reader(DataRecipe(reader="csv", root=str(folder), labels_file=str(out / "labels.csv"), group_column="group"))
    assert {p: len(reader.read(p)) for p in reader.splits()} == {"train": 24, "validation": 8, "test": 8}
    assert run("split", folder, "-o", tmp_path / "again", "--test", 0.2, "--validation", 0.25).exit_code == 0
    assert (tmp_path / "again" / "labels.csv").read_bytes() == (out / "labels.csv").read_bytes()
    assert code_of(run("split", folder, "-o", out)) == "out_exists"
    assert not (out / "leaks.csv").exists()


@pytest.mark.parametrize("how", ["--copy", "--link"])
def test_split_into_a_new_folder(folder: Path, tmp_path: Path, how: str) -> None:
    out = tmp_path / "new"
    assert run("split", folder, "-o", out, how).exit_code == 0
    files = [p for p in out.rglob("*") if not p.is_dir()]
    assert len(files) == 40
    assert {p.is_symlink() for p in files} == {how == "--link"}
    assert all(p.read_bytes() == (folder / p.parent.name / p.name).read_bytes() for p in files)
    assert set(open_reader(DataRecipe(root=str(out))).splits()) == {"train", "validation", "test"}


def test_parts_that_are_there_stay_and_their_leaks_are_reported_unless_made_anew(tmp_path: Path) -> None:
    root = tmp_path / "d"
    for part, seeds in (("train", range(6)), ("test", range(20, 22))):
        for label, name in enumerate(("cat", "dog")):
            (root / part / name).mkdir(parents=True)
            for seed in seeds:
                scene(100 * label + seed, (160, 120)).save(root / part / name / f"{seed}.png")
    CHANGES["crop"](Image.open(root / "train" / "dog" / "3.png")).save(root / "test" / "dog" / "crop.png")
    result = run("split", root, "-o", tmp_path / "kept")
    assert "train 10, validation 2, test 5" in result.stdout
    assert "1 pairs of near-duplicates lie in two parts" in result.stdout
    assert list(csv.reader((tmp_path / "kept" / "leaks.csv").read_text().splitlines()))[1][:3] == [
        "train/dog/3.png", "test", "test/dog/crop.png",
    ]  # fmt: skip
    anew = run("split", root, "-o", tmp_path / "anew", "--anew")
    assert "near-duplicates lie" not in anew.stdout
    rows = {r["file"]: r["split"] for r in csv.DictReader((tmp_path / "anew" / "labels.csv").read_text().splitlines())}
    assert rows["train/dog/3.png"] == rows["test/dog/crop.png"]


def test_pictures_of_an_idx_file_can_only_be_copied(tmp_path: Path) -> None:
    root = tmp_path / "m"
    root.mkdir()
    images = np.random.default_rng(0).integers(0, 256, (20, 28, 28)).astype(np.uint8)
    (root / "train-images-idx3-ubyte").write_bytes(struct.pack(">HBB3I", 0, 8, 3, 20, 28, 28) + images.tobytes())
    (root / "train-labels-idx1-ubyte").write_bytes(struct.pack(">HBBI", 0, 8, 1, 20) + bytes([i % 2 for i in range(20)]))
    assert code_of(run("split", root, "-o", tmp_path / "a")) == "no_files"
    assert run("split", root, "-o", tmp_path / "b", "--copy").exit_code == 0
    first = next((tmp_path / "b" / "train" / "0").iterdir())
    assert np.array_equal(np.asarray(Image.open(first)), images[int(first.name.split(".")[0])])
