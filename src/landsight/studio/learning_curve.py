"""Would more data help: the recipe trained on growing shares of the pictures, and a law fitted through the errors."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from landsight.bundle.manifest import Metric
from landsight.errors import UsageError
from landsight.studio import power_law, resplit
from landsight.studio.data.folds import growing
from landsight.studio.metrics import mean_mark
from landsight.studio.power_law import PowerLaw
from landsight.studio.report.page import Column, Entry, Section, Table, Text, Tile, Tiles, render
from landsight.studio.report.plots import Look, plot
from landsight.studio.report.words import made_by, percent, share_cell
from landsight.studio.resolve import resolve
from landsight.studio.tasks import TASKS
from landsight.studio.train.checkpoint import write_atomic

SHARES = (0.25, 0.5, 0.75, 1.0)
#: A gain below half a point is not worth collecting as many pictures again.
WORTH = 0.005


@dataclass(frozen=True, slots=True)
class Point:
    """The run on ``share`` of the training pictures (``pictures`` of them), measured on the validation part: its mean mark."""

    share: float
    pictures: int
    mark: Metric


@dataclass(frozen=True, slots=True)
class LearningCurve:
    """``doubled``: the mark with twice the pictures, ``gain``: by how much that is above what the law gives now; both with 95 % intervals."""

    points: tuple[Point, ...]
    law: PowerLaw
    doubled: Metric
    gain: Metric
    band: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]

    @property
    def verdict(self) -> str:
        """Would more data help, in one sentence."""
        by = f"{100 * self.gain.value:.1f} points ({100 * self.gain.low:.1f} to {100 * self.gain.high:.1f})"
        if self.gain.low >= WORTH:
            return f"More data would help: twice as many pictures would bring about {by}."
        if self.gain.high < WORTH:
            return f"More data of this kind would hardly help: twice as many pictures would bring {by}."
        return f"Whether more data would help cannot be told from these pictures: twice as many would bring {by}."

    def to_json(self) -> str:
        """For a file or another program."""
        found: dict[str, Any] = {
            "points": [asdict(p) for p in self.points], "law": asdict(self.law), "doubled": asdict(self.doubled), "gain": asdict(self.gain),
            "verdict": self.verdict,
        }  # fmt: skip
        return json.dumps(found, indent=1, ensure_ascii=False) + "\n"


def learning_curve(
    source: Path, *, out: Path | None = None, shares: tuple[float, ...] = SHARES, say: Callable[[str], None] = lambda _: None
) -> LearningCurve | None:
    """Train the recipe of ``source`` (a run folder or a recipe file) on ``shares`` of its training pictures, each share holding the smaller ones.

    All are measured on the validation part, at their last step, so that no choice was made by what measures. The test part is not looked at.
    What is done is kept: calling again goes on. Leaves OUT/learning-curve.html and .json. None: interrupted. Raises: UsageError; as train does.
    """
    again = resplit.begin(source, out, "learning-curve", say)
    validation = again.checked.subsets["validation"]
    if not len(validation):
        raise UsageError(
            "no_validation", "A learning curve is measured on the validation part, and there is none.", "Set data.validation_share."
        )
    named = {"validation": validation} if again.validation_is_carved else {}
    marks_of = resolve(TASKS, again.recipe.task, "task").marks
    subsets = growing(again.checked.train, shares, again.recipe.train.seed)
    marks: list[NDArray[np.float64]] = []
    points: list[Point] = []
    for share, subset in zip(shares, subsets, strict=True):
        folder = again.run(f"share-{round(100 * share)}", {"train": subset, **named})
        if folder is None:
            return None
        found = resplit.measured(folder, "last", validation)
        marks.append(marks_of(found.answers, [validation.items[int(i)].truth for i in found.index]))
        points.append(Point(share, len(subset), mean_mark(marks[-1])))
        say(f"{percent(share, 0)}: {len(subset)} pictures, {percent(points[-1].mark.value)} right")
    curve = fitted(tuple(points), np.stack(marks))
    html = render(f"Would more data help {source}", [section(curve)], subtitle=curve.verdict, foot=made_by())
    write_atomic(again.out / "learning-curve.html", html.encode())
    write_atomic(again.out / "learning-curve.json", curve.to_json().encode())
    return curve


def fitted(points: tuple[Point, ...], marks: NDArray[np.float64]) -> LearningCurve:
    """The law through the points. Shape: marks (m, n): of each of the n validation pictures with each of the m sizes."""
    sizes = np.array([p.pictures for p in points], np.float64)
    wrong = 1 - marks
    law = power_law.fit(sizes, wrong.mean(axis=1), marks.shape[1])
    now, twice = sizes[-1], 2 * sizes[-1]
    at = np.geomspace(sizes[0], 2.2 * now, 60)
    low, high = power_law.extrapolated(sizes, wrong, np.append(at, twice))
    gains = power_law.gain(sizes, wrong, now, twice)
    n = marks.shape[1]
    right = 1 - float(law.error(twice))
    doubled = Metric(right, float(1 - high[-1]), float(1 - low[-1]), n, "mean mark with twice the pictures, power law, bootstrap")
    gain = Metric(float(law.error(now) - law.error(twice)), *gains, n, "mean mark gained by twice the pictures, power law, bootstrap")
    return LearningCurve(points, law, doubled, gain, (at, low[:-1], high[:-1]))


def section(curve: LearningCurve) -> Section:
    """The curve, the points and what they say."""
    image = plot(
        lambda figure, look: _draw(figure, look, curve), alt="Error against training pictures, with the fitted law.", size=(7.2, 4.2),
        caption="Points: share wrong on the validation part with 95 % Wilson intervals. Line: the fitted law; dashed and to the right of the "
        "last point it is a guess. Band: 95 %, by drawing the validation pictures anew.",
    )  # fmt: skip
    columns = [Column("share", True), Column("pictures", True), Column("right", True)]
    rows: list[list[Entry]] = [[percent(p.share, 0), p.pictures, share_cell(p.mark)] for p in curve.points]
    tiles = Tiles([
        Tile("now", percent(curve.points[-1].mark.value), f"{curve.points[-1].pictures:,} pictures"),
        Tile("with twice as many", percent(curve.doubled.value), f"{100 * curve.doubled.low:.1f} to {100 * curve.doubled.high:.1f} %"),
        Tile("that data cannot mend", percent(curve.law.a), "error the law ends at"),
    ])  # fmt: skip
    law = curve.law
    note = (
        f"error = {law.a:.4f} + {law.b:.3g} × pictures^−{law.c:.2f}. The interval holds for the choice of validation pictures; the luck of one "
        "training for each share is not in it, and the law itself is an assumption beyond the last point. All runs take the same number of "
        "epochs, so the smaller shares also take fewer steps."
    )
    return Section("Would more data help", [Text(curve.verdict, "note"), tiles, image, Table(columns, rows), Text(note)])


def _draw(figure: Figure, look: Look, curve: LearningCurve) -> None:
    axes = figure.subplots()
    at, low, high = curve.band
    now = curve.points[-1].pictures
    axes.fill_between(at, 100 * low, 100 * high, color=look.series[0], alpha=0.16, linewidth=0)
    for part, style in ((at <= now, "-"), (at >= now * 0.98, "--")):
        axes.plot(at[part], 100 * curve.law.error(at[part]), style, color=look.series[0])
    x = [p.pictures for p in curve.points]
    y = np.array([100 * (1 - p.mark.value) for p in curve.points])
    reach = np.abs(np.array([[100 * (1 - p.mark.high) for p in curve.points], [100 * (1 - p.mark.low) for p in curve.points]]) - y)
    axes.errorbar(x, y, reach, fmt="o", color=look.series[1], capsize=3, elinewidth=1.2)
    axes.set(xlabel="training pictures", ylabel="wrong (%)", xscale="log")
    ticks = [*x, 2 * now]
    axes.set_xticks(ticks, [f"{n:,}" for n in ticks])
    axes.minorticks_off()
    axes.set_ylim(0)
