"""What a page says of a classifier, for many classes and for odd ones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from landsight.answer.calibration import Looked
from landsight.answer.classify import ClassAnswer
from landsight.studio.data.samples import Sample
from landsight.studio.report.page import Gallery, Section, render
from landsight.studio.tasks.classify import COLUMNS, Classify
from landsight.studio.tasks.task import Answered, TaskReport


def answer(probabilities: Sequence[float], looked: Looked | None = None) -> ClassAnswer:
    p = np.array(probabilities, np.float32)
    return ClassAnswer(p, np.argsort(-p, kind="stable"), 0.5 if looked else None, 0.5 if looked else None, looked)


def reported(labels: tuple[str, ...], truths: list[int], answers: list[ClassAnswer]) -> TaskReport:
    samples = [Sample(Path(f"{i}.jpg"), f"{i}.jpg", i, truth) for i, truth in enumerate(truths)]
    metrics = Classify.score(answers, truths)
    return Classify.report(Answered(labels, samples, answers, metrics, lambda some: ["data:,"] * len(some)))


def titled(found: TaskReport, title: str) -> Section:
    return next(s for s in found.sections if s.title == title)


def test_the_worst_mistake_comes_first() -> None:
    answers = [answer([0.9, 0.1]), answer([0.6, 0.4]), answer([0.2, 0.8]), answer([0.05, 0.95])]
    found = reported(("a", "b"), [1, 1, 1, 0], answers)
    gallery = titled(found, "Worst mistakes").blocks[0]
    assert isinstance(gallery, Gallery)
    assert [(p.title, p.lines[0]) for p in gallery.pictures] == [
        ("b, 95.0 %", "is: a, 5.0 %"),
        ("a, 90.0 %", "is: b, 10.0 %"),
        ("a, 60.0 %", "is: b, 40.0 %"),
    ]
    assert found.figures["confusion"]["counts"] == [[0, 1], [2, 1]]
    assert [(p["a"], p["forth"], p["back"]) for p in found.figures["pairs"]] == [("b", 2, 1)]


def test_nothing_wrong_and_one_picture() -> None:
    found = reported(("a", "b", "c"), [2], [answer([0.1, 0.2, 0.7])])
    html = render("x", found.sections)
    assert "There is none." in html
    assert "No class was taken for another." in html
    assert "2 of 3 classes have no picture here." in html


def test_many_classes() -> None:
    k = 110
    rng = np.random.default_rng(0)
    truths = rng.integers(0, k, 200).tolist()
    answers = [answer(rng.dirichlet(np.ones(k)), "unknown_place") for _ in truths]
    found = reported(tuple(f"class {i}" for i in range(k)), truths, answers)
    html = render("x", found.sections)
    assert "a place it does not know" in html
    assert len(html) < 3_000_000


def test_a_row_has_a_cell_a_column_also_with_two_classes() -> None:
    row = dict(zip(COLUMNS, Classify.row(answer([0.3, 0.7]), 0, ("a", "b")), strict=True))
    assert row == {
        "truth": "a", "guess": "b", "probability": "0.700000", "second": "a", "third": "", "looked": "", "known_probability": "", "rank": "2",
        "truth_probability": "0.300000", "second_probability": "0.300000", "third_probability": "", "fourth": "", "fifth": "",
    }  # fmt: skip
