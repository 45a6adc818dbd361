"""Comparisons: the tests by hand, what is common, what may not be looked at, and a page of real runs."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import numpy as np
import pytest

from landsight.errors import DataError, UsageError
from landsight.studio.compare.compare import compare, pairs_of
from landsight.studio.compare.measured import names, read_predictions
from landsight.studio.compare.page import pair_line
from landsight.studio.compare.paired import holm, mcnemar_exact, p_value, sign_flip
from landsight.studio.evaluate import LOOKS_NAME
from landsight.studio.train.run import train

from .conftest import tiny_recipe


def _silent(line: str) -> None:
    assert line


def test_mcnemar_by_hand() -> None:
    # 5 coins, at most 1 head: (1 + 5) / 32, doubled: 0.375. 10 coins, none: 2 / 1024. 8 coins, at most 2: (1 + 8 + 28) / 256, doubled.
    assert mcnemar_exact(1, 4) == 0.375
    assert mcnemar_exact(10, 0) == 2 / 1024
    assert mcnemar_exact(2, 6) == 74 / 256
    # Even: the tail and its mirror overlap, so not above 1. Nobody ahead: nothing to doubt.
    assert mcnemar_exact(3, 3) == 1.0
    assert mcnemar_exact(0, 0) == 1.0
    assert mcnemar_exact(4, 1) == mcnemar_exact(1, 4)
    # 10,000 pictures: whole numbers do not overflow. 5,000 +- 2 x 50 is about the 5 % point.
    assert 0.04 < mcnemar_exact(4900, 5100) < 0.05


def test_holm_by_hand() -> None:
    # Sorted 0.01, 0.02, 0.03, 0.5: x4 = 0.04, x3 = 0.06, x2 = 0.06 (not below the one before), x1 = 0.5.
    assert holm([0.02, 0.5, 0.01, 0.03]) == pytest.approx([0.06, 0.5, 0.04, 0.06])
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([0.03]) == [0.03]
    assert holm([]) == []


def test_signs_agree_with_the_exact_test_and_with_counting() -> None:
    first, second = np.array([1, 1, 1, 0, 0, 0, 0, 1.0]), np.array([1, 1, 0, 1, 1, 1, 1, 1.0])
    assert p_value(first, second) == mcnemar_exact(1, 4)
    assert sign_flip(second - first) == pytest.approx(0.375, abs=0.015)
    # Differences 0.5, 0.25, 0.25: |sum| = 1 for 2 of the 8 signs, all alike.
    assert sign_flip(np.array([0.5, 0.25, 0.25, 0.0])) == pytest.approx(0.25, abs=0.015)
    assert p_value(np.array([0.5, 1.0]), np.array([0.5, 1.0])) == 1.0


def test_a_pair_by_hand() -> None:
    # 10 pictures: both right 4, only a 1, only b 4, neither 1. b less a = (4 - 1) / 10.
    a = np.array([1] * 4 + [1] + [0] * 4 + [0], np.float64)
    b = np.array([1] * 4 + [0] + [1] * 4 + [0], np.float64)
    (pair,) = pairs_of(["a", "b"], [f"p{i}" for i in range(10)], np.array([a, b]))
    assert pair.difference.value == pytest.approx(0.3)
    assert pair.difference.low < 0 < pair.difference.high
    assert (pair.p, pair.p_holm) == (0.375, 0.375)
    assert (pair.won, pair.lost) == (("p5", "p6", "p7", "p8"), ("p4",))
    assert pair.verdict == "no difference is shown"
    assert pair_line(pair).startswith("b less a: +30.00 points (")
    better, against, _ = pairs_of(["a", "b", "c"], [f"p{i}" for i in range(30)], np.array([[0.0] * 30, [1.0] * 30, [0.0, 1.0] * 15]))
    assert better.verdict == "b is better than a"
    assert better.p_holm == 3 * better.p
    assert against.verdict == "c is better than a"


def _predictions(folder: Path, rows: str, part: str = "test") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / f"predictions-{part}.csv").write_text("file,truth,guess,error,mark\n" + rows, encoding="utf-8")
    return folder


def test_only_what_all_answered_and_call_the_same_is_compared(tmp_path: Path) -> None:
    a = _predictions(tmp_path / "a", "1,x,x,,1\n2,x,y,,0\n3,y,y,,1\n4,y,x,,0\n5,,,cannot be read,\n")
    b = _predictions(tmp_path / "b", "1,x,x,,1\n2,x,x,,1\n3,x,x,,1\n5,y,y,,1\n")
    made = compare([a, b], part="test", out=tmp_path / "out", say=_silent)
    assert made.files == ("1", "2")
    assert made.left_out == {"not answered by all": 2, "labelled differently": 1}
    assert [made.scores[n].value for n in ("a", "b")] == [0.5, 1.0]
    assert made.recipe_differences == {}
    tree = json.loads((tmp_path / "out" / "compare.json").read_text())
    assert tree["pairs"][0]["won"] == ["2"]
    assert tree["runs"][0]["cost"] is None
    page = (tmp_path / "out" / "compare.html").read_text()
    assert "1 pictures labelled differently" in page


def test_what_cannot_be_compared_is_said(tmp_path: Path) -> None:
    a = _predictions(tmp_path / "a", "1,x,x,,1\n")
    other = _predictions(tmp_path / "b", "2,x,x,,1\n")
    with pytest.raises(UsageError, match="received 1"):
        compare([a], part="test")
    with pytest.raises(DataError, match="with itself"):
        compare([a, tmp_path / "b" / ".." / "a"], part="test")
    with pytest.raises(DataError, match="no picture of the part 'test' in common"):
        compare([a, other], part="test")
    with pytest.raises(UsageError, match=r"no trained run, and holds no predictions-validation\.csv"):
        compare([a, other], say=_silent)
    (tmp_path / "old.csv").write_text("file,truth\n1,x\n", encoding="utf-8")
    with pytest.raises(DataError, match="no table of predictions with marks"):
        read_predictions(tmp_path / "old.csv")
    assert names([Path("runs/x/0001"), Path("runs/y/0001"), Path("z")])[:2] == ["x/0001", "y/0001"]


@pytest.fixture(scope="module")
def runs(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two rates: one learns, one does not."""
    root = tmp_path_factory.mktemp("runs")
    for name, rate in (("slow", 1e-6), ("quick", 0.01)):
        recipe = tiny_recipe(folder, f"optimise.rate={rate}", "data.validation_share=0.4", "schedule.stages=[[32,3]]")
        assert train(recipe, root / name, say=_silent).finished
    return [root / "slow", root / "quick"]


def test_runs_are_compared_on_the_validation_pictures_that_training_carved(runs: list[Path], tmp_path: Path) -> None:
    made = compare(runs, out=tmp_path, say=_silent)
    assert len(made.files) == 12
    (pair,) = made.pairs
    assert pair.difference.value > 0.3
    assert len(pair.won) - len(pair.lost) == round(12 * pair.difference.value)
    assert made.recipe_differences == {"optimise.rate": [1e-6, 0.01]}
    assert {c.label for c in made.classes["slow", "quick"]} == {"blue", "green", "red"}
    assert made.runs[0].cost == made.runs[1].cost or made.runs[0].cost is not None
    assert not (runs[0] / LOOKS_NAME).exists()
    page = (tmp_path / "compare.html").read_text()
    assert page.count("data:image/jpeg") == len(pair.won) + len(pair.lost)
    assert "optimise.rate" in page


def test_stored_answers_are_read_again_and_outdated_ones_made_anew(runs: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    compare(runs, say=said.append)
    assert said == []
    stored = runs[0] / "predictions-validation.csv"
    os.utime(stored, (1, 1))
    compare(runs, say=said.append)
    assert said == ["slow: asking the network about its validation pictures"]
    assert stored.stat().st_mtime > 1


def test_a_test_part_is_never_looked_at(runs: list[Path]) -> None:
    with pytest.raises(DataError, match="makes no look at a test part"):
        compare(runs, part="test", say=_silent)
    _predictions(runs[0], "test/red/000.png,red,red,,1\n")
    os.utime(runs[0] / "predictions-test.csv", (1, 1))
    with pytest.raises(DataError, match="older than its weights"):
        compare(runs, part="test", say=_silent)
    assert not (runs[0] / LOOKS_NAME).exists()
    (runs[0] / "predictions-test.csv").unlink()


def test_every_name_in_a_run_folder_is_explained(runs: list[Path]) -> None:
    page = (Path(__file__).parents[2] / "docs" / "experiments.md").read_text(encoding="utf-8").split("## MLflow")[0]
    names = {re.sub("-(validation|test)", "-PART", p.name) + "/" * p.is_dir() for p in runs[1].iterdir()}
    assert {name for name in names if f"`{name}`" not in page} == set()
