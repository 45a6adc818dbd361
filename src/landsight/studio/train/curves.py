"""RUN/curves.png: losses, looks and rate by epoch, drawn anew now and then while a run goes on."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from landsight.studio.train.checkpoint import write_atomic
from landsight.studio.train.history import Row, read_rows
from landsight.studio.train.loop import Event, Trainer

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from landsight.studio.report.plots import Look

#: In the run folder.
CURVES_NAME = "curves.png"
#: Seconds between two drawings: one takes half a second.
_EVERY_S = 60.0
_SIZE = (10.0, 3.4)


class Curves:
    """Listener that draws; it comes after the keeper, whose metrics.csv it follows."""

    def __init__(self, run: Path) -> None:
        self._run = run
        self._drawn = time.monotonic()

    def __call__(self, event: Event, trainer: Trainer) -> None:
        is_last = event in (Event.STOPPED, Event.DONE)
        if is_last or (event is Event.EPOCH and time.monotonic() - self._drawn >= _EVERY_S):
            write_curves(self._run)
            self._drawn = time.monotonic()


def write_curves(run: Path) -> bool:
    """Draw curves.png of a run folder; False when it has no epoch yet."""
    from landsight.studio.report.plots import png

    rows = read_rows(run)
    if rows:
        write_atomic(run / CURVES_NAME, png(lambda figure, look: draw_curves(figure, look, rows), size=_SIZE))
    return bool(rows)


def draw_curves(figure: Figure, look: Look, rows: Sequence[Row]) -> None:
    """Three panels: losses in training, shares right at the looks, rate."""
    losses, looks, rate = figure.subplots(1, 3)
    lines(losses, rows, {name: name for name in _loss_names(rows)})
    lines(looks, rows, {name: name.replace("_", " ") for name in look_names(rows)}, marker="o")
    lines(rate, [row for row in rows if row.get("rate")], {"rate": "rate"})  # before the first step there is none
    if rate.lines:
        rate.set_yscale("log")
    for axes, title in ((losses, "loss"), (looks, "share right"), (rate, "rate")):
        axes.set_title(title)
        axes.set_xlabel("epoch")
        axes.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
        if len(axes.lines) > 1:
            axes.legend()
    if not looks.lines:
        looks.text(0.5, 0.5, "no look yet", transform=looks.transAxes, ha="center", color=look.soft)


def lines(axes: Any, rows: Sequence[Row], names: Mapping[str, str], **style: Any) -> None:
    """One line a column (column -> label), over the epochs that have it."""
    for name, label in names.items():
        points = [(row["epoch"], row[name]) for row in rows if name in row]
        if points:
            alone = {"marker": "o"} if len(points) == 1 else {}  # a line of one point would not be seen
            axes.plot(*zip(*points, strict=True), label=label, markersize=3.5, **(alone | style))


def look_names(rows: Sequence[Row]) -> list[str]:
    """Columns of looks that are shares right: higher is better, at most 1."""
    return [n for n in _columns(rows) if n.endswith(("_top1", "_mean_per_class", "_accuracy", "_f1", "_average_precision"))]


def _loss_names(rows: Sequence[Row]) -> list[str]:
    """The loss, and its terms where there are several: one term is the loss itself, up to its weight."""
    known = {"epoch", "step", "side_px", "seconds", "rate"}
    terms = [n for n in _columns(rows) if n not in known and not n.startswith(("validation_", "held_out_", "test_"))]
    return [n for n in terms if n == "loss" or len(terms) > 2]


def _columns(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row))
