"""Evaluation reads files by the one road, names what it cannot read, and counts its looks."""

from __future__ import annotations

import csv
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from landsight.answer import classify
from landsight.errors import DataError, PhotoError, RuntimeUnavailable, UsageError
from landsight.photo.prepare import normalise, prepare
from landsight.runtime.stream import Pool
from landsight.studio.collect import collect_outputs
from landsight.studio.engine import open_run
from landsight.studio.evaluate import evaluate
from landsight.studio.train.run import train

from .conftest import tiny_recipe, write_folder


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of its own, with one broken picture in test/."""
    root = write_folder(tmp_path_factory.mktemp("data") / "d", each=10)
    (root / "test" / "red" / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 not much of a picture")
    return root


@pytest.fixture(scope="module")
def run(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that has learnt the colours."""
    out = tmp_path_factory.mktemp("runs") / "run"
    assert train(tiny_recipe(data, "schedule.stages=[[32, 8]]"), out, say=lambda _: None).finished
    return out


def test_a_run_is_measured_and_each_look_at_the_test_part_counted(run: Path) -> None:
    first = evaluate(run)
    assert first.metrics["top1"].n == 9
    assert first.metrics["top1"].low <= first.metrics["top1"].value <= first.metrics["top1"].high
    assert [name for name, _ in first.unreadable] == ["test/red/broken.jpg"]
    assert first.looks == 1
    assert evaluate(run).looks == 2
    assert evaluate(run, split="train").looks is None
    assert len(json.loads((run / "looks.json").read_text())["test"]) == 2
    rows = list(csv.DictReader((run / "predictions-test.csv").read_text().splitlines()))
    assert len(rows) == 10
    assert rows[-1]["error"]
    right = [r["truth"] == r["guess"] for r in rows[:-1]]
    assert np.mean(right) == pytest.approx(first.metrics["top1"].value)
    figures = json.loads((run / "evaluation-test.json").read_text())
    assert figures["metrics"]["top1"]["n"] == 9
    assert np.trace(figures["confusion"]["counts"]) == sum(right) == sum(float(r["mark"]) for r in rows[:-1])
    assert [c["n"] for c in figures["classes"]] == [3, 3, 3]
    assert [r["rank"] == "1" for r in rows[:-1]] == right


def test_the_page_shows_figures_mistakes_and_every_look(run: Path) -> None:
    found = evaluate(run)
    html = (run / "evaluation-test.html").read_text()
    for title in ("Summary", "What is taken for what", "Worst mistakes", "Each class", "at which error", "This measurement"):
        assert title in html
    assert html.count("torch fp32</td>") == found.looks
    assert "test/red/broken.jpg" in html
    assert "data:image/jpeg;base64," in html
    assert not re.findall(r"(?:src|href)=.https?:", html)


def test_the_road_is_that_of_read_prepare_run_decode(run: Path, data: Path) -> None:
    trained = open_run(run)
    found = evaluate(run)
    file = data / "test" / "blue" / "000.png"
    batch = normalise(prepare(np.asarray(Image.open(file)), trained.recipe.input)[None], trained.recipe.input)
    expected = classify.decode(trained.engine().run(batch, classify.WANTS), trained.manifest(), {})[0]
    assert found.answers[0].probabilities == pytest.approx(expected.probabilities, abs=1e-6)


def test_errors(run: Path, data: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no part"):
        evaluate(run, split="tset")
    with pytest.raises(DataError, match="No checkpoint"):
        evaluate(tmp_path)
    engine = open_run(run).engine()
    with pytest.raises(RuntimeUnavailable, match="'boxes'"):
        engine.run(np.zeros((1, 3, 32, 32), np.float32), ("boxes",))
    recipe = open_run(run).recipe
    paths = [data / "test" / "red" / "000.png", data / "test" / "red" / "broken.jpg", data / "test" / "red" / "001.png"]
    with pytest.raises(PhotoError):
        collect_outputs(engine, paths, recipe.input, ("logits",))
    told: list[int] = []
    with Pool(recipe.input) as pool:
        found = collect_outputs(engine, paths, recipe.input, ("logits",), pool=pool, batch=1, on_error=lambda n, _: told.append(n))
    assert told == [1]
    assert found["index"].tolist() == [0, 2]
    assert found["logits"].shape == (2, 3)


def test_a_class_that_training_did_not_have(run: Path, data: Path, tmp_path: Path) -> None:
    root = tmp_path / "d"
    shutil.copytree(data, root)
    (root / "test" / "pink").mkdir()
    with pytest.raises(DataError, match="'pink'"):
        evaluate(run, root=str(root))


def test_a_bundle_needs_to_be_told_its_data(tmp_path: Path) -> None:
    (tmp_path / "bundle.json").write_text("{}")
    with pytest.raises(UsageError, match="does not know its data"):
        evaluate(tmp_path)


def test_one_corruption_alone(run: Path) -> None:
    heard: list[str] = []
    rows = evaluate(run, split="validation", corruptions=("shift",), say=heard.append).details["robustness"]["rows"]
    assert [(row["corruption"], row["amount"]) for row in rows] == [("shift", 1), ("shift", 2), ("shift", 4), ("shift", 8)]
    assert len(heard) == 1 and heard[0].startswith("shift: 1 px ")
    before = evaluate(run).looks or 0
    with pytest.raises(UsageError, match=r"'shfit'.*shift, rotation"):
        evaluate(run, corruptions=("shfit",))
    assert evaluate(run).looks == before + 1, "a mistaken name is no look"
