"""Folds and growing subsets keep groups whole and labels in their shares; cross-validation and the learning curve go all the way."""

from __future__ import annotations

import csv
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from landsight.errors import DataError, UsageError
from landsight.studio import recipe as recipes
from landsight.studio.cross_validate import cross_validate
from landsight.studio.data.check import check
from landsight.studio.data.folds import folds, growing
from landsight.studio.data.samples import Sample, Samples
from landsight.studio.learning_curve import learning_curve
from landsight.studio.train.run import train

from .conftest import tiny_recipe, write_folder


def drawn(counts: tuple[int, ...], group_size: int = 1) -> Samples:
    items = [
        Sample(Path(f"{label}/{i}"), f"{label}/{i}", 1000 * label + i, label, group=1000 * label + i // group_size)
        for label, n in enumerate(counts)
        for i in range(n)
    ]
    return Samples(tuple("abc"[: len(counts)]), tuple(items))


def test_folds_share_every_label_evenly_and_lose_nobody() -> None:
    samples = drawn((20, 10, 7))
    found = folds(samples, 5, 0)
    assert [f.counts()[:2] for f in found] == [[4, 2]] * 5
    assert sorted(f.counts()[2] for f in found) == [1, 1, 1, 2, 2]
    assert sorted(len(f) for f in found) == [7, 7, 7, 8, 8]
    assert Counter(s.key for f in found for s in f.items) == Counter(s.key for s in samples.items)
    assert folds(samples, 5, 1) != found == folds(samples, 5, 0)


def test_near_duplicates_stay_in_one_fold() -> None:
    found = folds(drawn((20, 20), group_size=4), 5, 0)
    assert [f.counts() for f in found] == [[4, 4]] * 5
    homes = [{s.group for s in f.items} for f in found]
    assert sum(map(len, homes)) == len(set.union(*homes)) == 10


def test_growing_subsets_are_nested_and_keep_groups_whole() -> None:
    samples = drawn((40, 8, 2), group_size=2)
    quarter, half, most, everything = growing(samples, (0.25, 0.5, 0.75, 1.0), 0)
    assert quarter.counts() == [10, 2, 2]
    assert half.counts() == [20, 4, 2]
    assert most.counts() == [30, 6, 2]
    assert everything == samples
    assert set(quarter.items) < set(half.items) < set(most.items)
    assert all(n == 2 for n in Counter(s.group for s in quarter.items).values())


def test_a_file_says_which_pictures_learn(folder: Path, tmp_path: Path) -> None:
    recipe = tiny_recipe(folder).data
    parts = tmp_path / "parts.csv"
    rows = [f"train/{c}/{i:03d}.png,{'train' if i < 4 else 'validation'}" for c in ("blue", "green", "red") for i in range(6)]
    parts.write_text("name,part\n" + "\n".join([*rows, "train/blue/nobody.png,train"]) + "\n")
    checked = check(replace(recipe, parts=str(parts)), 0, tmp_path / "cache")
    assert (len(checked.train), len(checked.subsets["validation"]), checked.test) == (12, 6, None)
    assert any("1 of the 19 pictures" in note for note in checked.notes)
    with pytest.raises(DataError, match="names no pictures"):
        check(replace(recipe, parts=str(tmp_path / "absent.csv")), 0, tmp_path / "cache")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("folds") / "d", each=12)


def test_cross_validation_answers_every_picture_once(data: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(recipes.to_toml(tiny_recipe(data, "schedule.stages=[[32, 6]]")))
    heard: list[str] = []
    found = cross_validate(recipe, 2, out=tmp_path / "out", say=heard.append)
    assert found is not None
    assert sum(score["top1"].n for score in found.scores) == found.pooled.metrics["top1"].n == 36
    values = [score["top1"].value for score in found.scores]
    assert found.mean == pytest.approx(np.mean(values))
    assert found.spread == pytest.approx(abs(values[0] - values[1]) / 2**0.5)
    assert found.pooled.metrics["top1"].value > 0.6
    rows = list(csv.DictReader((tmp_path / "out" / "folds-predictions.csv").read_text().splitlines()))
    assert len({r["file"] for r in rows}) == 36
    assert np.mean([float(r["mark"]) for r in rows]) == pytest.approx(found.pooled.metrics["top1"].value)
    went = [{r["name"] for r in csv.DictReader((tmp_path / "out" / f"fold-{i}" / "parts.csv").read_text().splitlines())} for i in (1, 2)]
    assert not went[0] & went[1], "with two folds, what one learns from is what the other is measured on"
    assert json.loads((tmp_path / "out" / "folds.json").read_text())["mean"] == found.mean
    assert "2-fold cross-validation" in (tmp_path / "out" / "folds.html").read_text()
    weights = (tmp_path / "out" / "fold-1" / "last").stat().st_mtime_ns
    again = cross_validate(recipe, 2, out=tmp_path / "out")
    assert again is not None and again.mean == found.mean
    assert (tmp_path / "out" / "fold-1" / "last").stat().st_mtime_ns == weights, "what is done is not done again"


def test_a_learning_curve_from_a_run(data: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    train(tiny_recipe(data, "schedule.stages=[[32, 3]]"), run, say=lambda _: None)
    curve = learning_curve(run, shares=(0.5, 0.75, 1.0))
    assert curve is not None
    assert [p.share for p in curve.points] == [0.5, 0.75, 1.0]
    assert curve.points[0].pictures < curve.points[1].pictures < curve.points[2].pictures
    assert len({p.mark.n for p in curve.points}) == 1
    assert curve.gain.low <= curve.gain.value <= curve.gain.high
    html = (run / "learning-curve" / "learning-curve.html").read_text()
    assert curve.verdict in html
    assert json.loads((run / "learning-curve" / "learning-curve.json").read_text())["verdict"] == curve.verdict
    assert not (run / "looks.json").exists(), "no test part was looked at"


def test_errors(tmp_path: Path, data: Path) -> None:
    recipe = tmp_path / "r.toml"
    recipe.write_text(recipes.to_toml(tiny_recipe(data)))
    with pytest.raises(UsageError, match="at least 2"):
        cross_validate(recipe, 1, out=tmp_path / "o")
    with pytest.raises(UsageError, match="where its runs are to go"):
        cross_validate(recipe, 2)
    with pytest.raises(UsageError, match="no run folder"):
        learning_curve(tmp_path)
