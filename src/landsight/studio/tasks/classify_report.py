"""What a page says of a classifier: figures of each class, what is taken for what, how far its confidence goes, and its worst mistakes."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import Any

import numpy as np
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from numpy.typing import NDArray

from landsight.answer.classify import ClassAnswer
from landsight.bundle.manifest import Metric
from landsight.studio import per_class, reliability
from landsight.studio.per_class import ClassFigures, Counts, Pair
from landsight.studio.reliability import Bin, RiskCoverage
from landsight.studio.report.page import Block, Cell, Column, Entry, Gallery, Picture, Section, Table, Text, Tile, Tiles
from landsight.studio.report.plots import Look, plot
from landsight.studio.report.words import interval, percent, share_cell, tile
from landsight.studio.tasks.task import Answered, TaskReport

#: Pictures of the gallery of mistakes, and of that of doubtful ones that were right.
MISTAKES, DOUBTS = 30, 12
#: Pairs of classes in the table; all are in the JSON.
PAIRS = 25
#: Shares of wrong answers that a user may accept, and shares of pictures answered.
RISKS, COVERAGES = (0.005, 0.01, 0.02, 0.05, 0.1), (1.0, 0.95, 0.9, 0.8, 0.5)
#: Up to so many classes a confusion matrix carries its counts.
_COUNTED = 15


def report(answered: Answered) -> TaskReport:
    """See Task.report."""
    labels = answered.labels
    truths = np.array(answered.truths, np.int64)
    guesses = np.array([a.order[0] for a in answered.answers], np.int64)
    confidence = np.array([a.probabilities[a.order[0]] for a in answered.answers], np.float64)
    hits = guesses == truths
    table = per_class.confusion(truths, guesses, len(labels))
    classes, pairs = per_class.class_figures(table, labels), per_class.confused_pairs(table, labels)
    bins, curve = reliability.calibration_curve(confidence, hits), reliability.risk_coverage(confidence, hits)
    area = reliability.risk_area(confidence, hits)
    coverages = reliability.coverages_at(RISKS, confidence, hits)
    sections = [
        _summary(answered, int(hits.sum()), area), _confusion(table, labels, pairs), _mistakes(answered, hits, confidence), _classes(classes), _calibration(bins),
        _risk(curve, area, coverages, float(1 - hits.mean())), *_decisions(answered.answers),
    ]  # fmt: skip
    figures = {
        "classes": [asdict(c) for c in classes],
        "confusion": {"labels": list(labels), "counts": table.tolist()},
        "pairs": [asdict(p) for p in pairs],
        "calibration": [asdict(b) for b in bins],
        "risk_coverage": {
            "area": asdict(area),
            "at_risk": [_at_risk(curve, risk, m) for risk, m in zip(RISKS, coverages, strict=True)],
            "at_coverage": [dict(zip(("coverage", "risk", "low", "high"), (c, *curve.at_coverage(c)), strict=True)) for c in COVERAGES],
        },
    }
    return TaskReport(tuple(sections), figures)


def _summary(answered: Answered, right: int, area: Metric) -> Section:
    m = answered.metrics
    tiles = [tile("right at first guess", m["top1"])]
    tiles += [tile(f"among the first {k}", m[f"top{k}"]) for k in (3, 5) if len(answered.labels) > k]
    tiles.append(tile("mean of classes", m["mean_per_class"]))
    tiles.append(Tile("calibration error", percent(m["ece"].value), interval(m["ece"]), m["ece"].what))
    tiles.append(Tile("risk area", percent(area.value, 2), interval(area, 2), area.what))
    n = len(answered.answers)
    return Section("Summary", [Tiles(tiles)], f"{right:,} of {n:,} pictures are right at first guess. Small figures are 95 % intervals.")


def _classes(classes: list[ClassFigures]) -> Section:
    shown = [c for c in classes if c.n]
    rows: list[list[Entry]] = [
        [c.label, c.n, share_cell(c.precision), share_cell(c.recall), share_cell(c.f1)] for c in sorted(shown, key=_weakest)
    ]
    columns = [
        Column("class"), Column("pictures", numeric=True),
        Column("precision", True, "of the pictures that were taken for it, the share that show it"),
        Column("recall", True, "of its pictures, the share that were recognised"),
        Column("F1", True, "harmonic mean of precision and recall"),
    ]  # fmt: skip
    blocks: list[Block] = [Table(columns, rows)]
    if absent := [c for c in classes if not c.n]:
        taken = ", ".join(f"{c.label} ({c.guessed})" for c in absent if c.guessed)
        blocks.append(Text(f"{len(absent)} of {len(classes)} classes have no picture here." + (f" Yet guessed: {taken}." if taken else "")))
    return Section("Each class", blocks, "The weakest first. Small figures are 95 % intervals; a class of few pictures has a wide one.")


def _weakest(c: ClassFigures) -> tuple[float, str]:
    return (c.f1.value if c.f1 else 0.0, c.label)


def _confusion(table: Counts, labels: tuple[str, ...], pairs: list[Pair]) -> Section:
    here = np.flatnonzero(table.sum(axis=1) + table.sum(axis=0))
    order = here[per_class.similar_order(table[np.ix_(here, here)])]
    names = [labels[i] for i in order]
    side = float(np.clip(0.15 * len(names) + 0.07 * max(map(len, names)), 4.5, 40.0))
    image = plot(
        lambda figure, look: _draw_confusion(figure, look, table[np.ix_(order, order)], names),
        alt="Confusion matrix: rows are what a picture shows, columns what it was taken for.", size=(side, side), dpi=180 if side < 10 else 110,
        caption="Rows: what a picture shows. Columns: what it was taken for. Colour: share of the row, small shares raised to be seen. "
        "Classes that are taken for each other stand together.",
    )  # fmt: skip
    columns = [
        Column("this"), Column("and this"), Column("taken for the second", True), Column("taken for the first", True),
        Column("of all their pictures", True),
    ]  # fmt: skip
    rows: list[list[Entry]] = [[p.a, p.b, p.forth, p.back, share_cell(p.share, bar=False)] for p in pairs[:PAIRS]]
    blocks: list[Block] = (
        [Table(columns, rows, f"The most confused pairs ({len(pairs)} in all)")] if rows else [Text("No class was taken for another.")]
    )
    return Section("What is taken for what", [*blocks, image])


def _draw_confusion(figure: Figure, look: Look, table: Counts, names: list[str]) -> None:
    axes = figure.subplots()
    share = table / np.maximum(1, table.sum(axis=1, keepdims=True))
    axes.imshow(share, cmap=look.ramp, norm=PowerNorm(0.4, 0, 1), interpolation="nearest")
    axes.grid(False)
    size = 9.0 if len(names) <= _COUNTED else 7.0
    axes.set_xticks(range(len(names)), names, rotation=90, fontsize=size)
    axes.set_yticks(range(len(names)), names, fontsize=size)
    axes.spines[:].set_visible(False)
    if len(names) > _COUNTED:
        return
    for (row, column), count in np.ndenumerate(table):
        if count:
            dark = look.is_dark_at(float(share[row, column]) ** 0.4)
            axes.text(column, row, str(count), ha="center", va="center", fontsize=8, color="#ffffff" if dark else "#16191c")


def _calibration(bins: list[Bin]) -> Section:
    image = plot(
        lambda figure, look: _draw_calibration(figure, look, bins), alt="Reliability diagram: share right against confidence.",
        size=(5.6, 5.2), caption="On the dashed line a confidence of 80 % means that 80 % are right. Below it the network is too sure of itself. "
        "Bars: 95 % Wilson intervals; below, how many pictures each point stands for.",
    )  # fmt: skip
    columns = [Column("confidence"), Column("pictures", True), Column("mean confidence", True), Column("right", True)]
    rows: list[list[Entry]] = [
        [f"{percent(b.low, 0)} to {percent(b.high, 0)}", b.n, percent(b.confidence),
         Cell(percent(b.share), b.share, detail=f"{100 * b.share_low:.1f} to {100 * b.share_high:.1f} %")]
        for b in bins
    ]  # fmt: skip
    return Section("Is it as sure as it should be", [image, Table(columns, rows, "The same as a table", folded=True)])


def _draw_calibration(figure: Figure, look: Look, bins: list[Bin]) -> None:
    axes, below = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
    axes.plot([0, 1], [0, 1], color=look.soft, linestyle="--", linewidth=1)
    x, y = np.array([b.confidence for b in bins]), np.array([b.share for b in bins])
    reach = np.abs(np.array([[b.share_low for b in bins], [b.share_high for b in bins]]) - y)
    axes.errorbar(x, y, reach, fmt="o-", color=look.series[0], capsize=3, elinewidth=1.2, markersize=5)
    axes.set(xlim=(0, 1), ylim=(0, 1), ylabel="share right")
    below.bar([b.low for b in bins], [b.n for b in bins], [b.high - b.low for b in bins], align="edge", color=look.series[5], linewidth=0)
    below.set(xlabel="confidence of the first guess", ylabel="pictures", yscale="symlog")
    below.set_ylim(0)


def _risk(curve: RiskCoverage, area: Metric, coverages: list[Metric], error: float) -> Section:
    image = plot(
        lambda figure, look: _draw_risk(figure, look, curve), alt="Risk-coverage curve: share wrong against share answered.", size=(6.4, 3.8),
        caption="From left to right the network answers more and more, the surest pictures first. Band: 95 % Wilson interval.",
    )  # fmt: skip
    columns = [Column("at most wrong", True), Column("can be answered", True), Column("by answering from confidence", True)]
    rows: list[list[Entry]] = []
    for risk, coverage in zip(RISKS, coverages, strict=True):
        found = curve.most_coverage(risk)
        rows.append([Cell(percent(risk), risk), share_cell(coverage), "–" if found is None else f"{found[1]:.3f}"])
    answered = [Column("answered", True), Column("of these wrong", True)]
    shares = [(c, *curve.at_coverage(c)) for c in COVERAGES]
    lines: list[list[Entry]] = [
        [percent(c, 0), Cell(percent(r), r, detail=f"{100 * low:.1f} to {100 * high:.1f} %")] for c, r, low, high in shares
    ]
    said = (
        f"Area under the curve: {percent(area.value, 2)} ({interval(area, 2)}). Leaving pictures out blindly would give {percent(error, 2)}; "
        "0 would be an order that puts every right answer before every wrong one. The thresholds are chosen on these very pictures: "
        "expect a little more wrong on new ones."
    )
    return Section("How many can be answered, at which error", [image, Table(columns, rows), Table(answered, lines), Text(said, "note")])


def _draw_risk(figure: Figure, look: Look, curve: RiskCoverage) -> None:
    axes = figure.subplots()
    points = np.unique(np.linspace(0.02, 1.0, 197).round(3))
    risk, low, high = np.array([curve.at_coverage(float(c)) for c in points]).T
    axes.fill_between(100 * points, 100 * low, 100 * high, color=look.series[0], alpha=0.18, linewidth=0)
    axes.plot(100 * points, 100 * risk, color=look.series[0])
    axes.set(xlabel="answered, the surest first (%)", ylabel="of these wrong (%)", xlim=(0, 100))
    axes.set_ylim(0, max(1.0, 130 * float(risk.max())))


def _at_risk(curve: RiskCoverage, risk: float, coverage: Metric) -> dict[str, Any]:
    found = curve.most_coverage(risk)
    return {"risk": risk, "coverage": asdict(coverage), "threshold": found[1] if found else None}


def _decisions(answers: list[ClassAnswer] | Any) -> list[Section]:
    """What was said of these pictures, for a network that can say that it does not know."""
    counts = Counter(a.looked for a in answers if a.looked is not None)
    if not counts:
        return []
    names = {"landmark": "one of its places", "unknown_place": "a place it does not know", "not_a_place": "no place"}
    rows: list[list[Entry]] = [[names[looked], n, percent(n / len(answers))] for looked, n in counts.most_common()]
    lead = "Every picture here shows one of its classes; how many were taken for something else."
    return [Section("I don't know", [Table([Column("said to show"), Column("pictures", True), Column("share", True)], rows)], lead)]


def _mistakes(answered: Answered, hits: NDArray[np.bool_], confidence: NDArray[np.float64]) -> Section:
    wrong = np.flatnonzero(~hits)
    worst = wrong[np.argsort(-confidence[wrong], kind="stable")][:MISTAKES]
    right = np.flatnonzero(hits)
    unsure = right[np.argsort(confidence[right], kind="stable")][:DOUBTS]
    images = answered.thumbnails([answered.samples[i] for i in (*worst, *unsure)])
    shown = [_picture(answered, int(i), image) for i, image in zip((*worst, *unsure), images, strict=True)]
    blocks: list[Block] = [Gallery(shown[: len(worst)])] if len(worst) else [Text("There is none.")]
    if len(unsure):
        blocks.append(Gallery(shown[len(worst) :], "Right, but by a hair: the least sure of the right answers", folded=True))
    lead = f"{len(wrong):,} of {len(hits):,} first guesses are wrong. First those it was surest of: some may be labelled wrongly."
    return Section("Worst mistakes", blocks, lead)


def _picture(answered: Answered, i: int, image: str) -> Picture:
    answer, sample, labels = answered.answers[i], answered.samples[i], answered.labels
    first, truth = int(answer.order[0]), int(sample.truth)
    lines = [] if first == truth else [f"is: {labels[truth]}, {percent(float(answer.probabilities[truth]))}"]
    return Picture(image, f"{labels[first]}, {percent(float(answer.probabilities[first]))}", [*lines, sample.name])
