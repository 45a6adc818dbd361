"""What a page says of tagging: figures of all labels and of each, which are missed and which told wrongly, and the worst pictures."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from landsight.answer.tag import TagAnswer
from landsight.bundle.manifest import Metric
from landsight.studio.report.page import Block, Column, Entry, Gallery, Picture, Section, Table, Text, Tile, Tiles
from landsight.studio.report.words import percent, share_cell, tile
from landsight.studio.tag_metrics import label_figures
from landsight.studio.tasks.tag import Tag, indices, marked, stacked
from landsight.studio.tasks.task import Answered, TaskReport

#: Pictures of the gallery.
WORST = 24


@dataclass(frozen=True, slots=True)
class LabelFigures:
    """One label. ``n``: pictures that have it, ``told``: pictures it was told of, ``right``: both. None: no picture has it."""

    label: str
    n: int
    told: int
    right: int
    average_precision: Metric | None
    f1: Metric | None


def report(answered: Answered) -> TaskReport:
    """See Task.report."""
    probabilities, told = stacked(answered.answers)
    true = marked(answered.truths, told.shape[1])
    labels = [
        LabelFigures(name, int(true[:, i].sum()), int(told[:, i].sum()), int((true & told)[:, i].sum()), *figures)
        for i, (name, figures) in enumerate(zip(answered.labels, label_figures(probabilities, told, true), strict=True))
    ]
    marks = Tag.marks(answered.answers, answered.truths)
    sections = (_summary(answered, told, true), _labels(labels), _worst(answered, marks))
    return TaskReport(sections, {"labels": [asdict(one) for one in labels], "mean_jaccard": float(marks.mean())})


def _summary(answered: Answered, told: NDArray[np.bool_], true: NDArray[np.bool_]) -> Section:
    m = answered.metrics
    names = {
        "mean average precision": "mean_average_precision", "F1, all together": "micro_f1", "F1, mean of labels": "macro_f1",
        "exactly right": "exact_match",
    }  # fmt: skip
    tiles = [tile(name, m[key]) for name, key in names.items()]
    tiles.append(Tile("labels a picture", f"{told.sum(axis=1).mean():.2f}", f"{true.sum(axis=1).mean():.2f} in truth"))
    missed, wrong = int((true & ~told).sum()), int((told & ~true).sum())
    lead = f"Of {int(true.sum()):,} labels that pictures have, {missed:,} were missed; {wrong:,} were told that are not there."
    return Section("Summary", [Tiles(tiles)], f"{lead} Small figures are 95 % intervals.")


def _labels(labels: list[LabelFigures]) -> Section:
    shown = sorted((one for one in labels if one.n), key=lambda one: one.average_precision.value if one.average_precision else 0.0)
    rows: list[list[Entry]] = [
        [one.label, one.n, one.told, one.right, share_cell(one.average_precision), share_cell(one.f1), _share(one.right, one.told), _share(one.right, one.n)]
        for one in shown
    ]  # fmt: skip
    columns = [
        Column("label"), Column("pictures", True), Column("told", True), Column("right", True),
        Column("average precision", True, "mean precision over its pictures, the most probable first; no threshold in it"),
        Column("F1", True, "at the label's threshold"), Column("precision", True), Column("recall", True),
    ]  # fmt: skip
    blocks: list[Block] = [Table(columns, rows)]
    if absent := [one.label for one in labels if not one.n]:
        blocks.append(Text(f"{len(absent)} of {len(labels)} labels have no picture here: {', '.join(absent[:8])}."))
    return Section("Each label", blocks, "The weakest first.")


def _share(part: int, whole: int) -> str | None:
    return percent(part / whole) if whole else None


def _worst(answered: Answered, marks: NDArray[np.float64]) -> Section:
    order = np.argsort(marks, kind="stable")[: min(WORST, int((marks < 1).sum()))]
    if not len(order):
        return Section("Worst pictures", [Text("Every picture has exactly the labels that were told.")])
    samples = [answered.samples[int(i)] for i in order]
    pictures = [
        Picture(image, sample.name, _lines(answered.answers[int(i)], sample.truth, answered.labels), marked=marks[i] == 0)
        for i, sample, image in zip(order, samples, answered.thumbnails(samples), strict=True)
    ]
    lead = "Least in common between what was told and what is true. Framed: nothing in common."
    return Section("Worst pictures", [Gallery(pictures)], lead)


def _lines(answer: TagAnswer, truth: object, labels: tuple[str, ...]) -> list[str]:
    true = indices(truth)
    told = ", ".join(f"{labels[i]} {100 * answer.probabilities[i]:.0f} %" for i in answer.labels) or "nothing"
    missed = ", ".join(f"{labels[i]} {100 * answer.probabilities[i]:.0f} %" for i in true if i not in answer.labels)
    return [f"told: {told}", *([f"missed: {missed}"] if missed else []), f"true: {', '.join(labels[i] for i in true) or 'nothing'}"]
