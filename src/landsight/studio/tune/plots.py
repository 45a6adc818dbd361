"""Plots of a study, from Optuna's numbers: how it went, what mattered, which values go together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from optuna.trial import FrozenTrial, TrialState

from landsight.studio.report.plots import Look
from landsight.studio.tune.importance import Importance
from landsight.studio.tune.results import Results, figure_of
from landsight.studio.tune.space import Dimension

#: Panels in a row of slices.
PER_ROW = 3


def draw_history(figure: Figure, look: Look, results: Results) -> None:
    """Each finished trial's figure, the last look of those that were ended early, and the best so far."""
    axes = figure.subplots()
    complete = [(t.number, figure_of(t)) for t in results.complete]
    pruned = [(t.number, figure_of(t)) for t in results.pruned if t.intermediate_values]
    if pruned:
        axes.plot(*zip(*pruned, strict=True), "o", markersize=5, markerfacecolor="none", color=look.soft, label="ended early: last look")
    if complete:
        numbers, values = zip(*complete, strict=True)
        axes.step(numbers, np.maximum.accumulate(values), where="post", color=look.series[1], label="best so far")
        axes.scatter(numbers, values, s=26, color=look.series[0], label="finished", zorder=3)
    axes.set_xlabel("trial")
    axes.set_ylabel(results.what)
    axes.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)  # type: ignore[call-arg]
    axes.legend(loc="best")


def draw_looks(figure: Figure, look: Look, results: Results) -> None:
    """Every trial's looks by epoch; the best one is coloured."""
    axes, best = figure.subplots(), results.best
    for trial in results.trials:
        points = sorted(trial.intermediate_values.items())
        if points and trial is not best:
            early = trial.state is TrialState.PRUNED
            mark = "x" if early else "o" if len(points) == 1 else None
            axes.plot(*zip(*points, strict=True), color=look.soft, alpha=0.45, linewidth=1, marker=mark, markersize=3.5, markevery=[-1])
    if best is not None and best.intermediate_values:
        points = sorted(best.intermediate_values.items())
        axes.plot(*zip(*points, strict=True), color=look.series[1], marker="o", markersize=3.5, label=f"trial {best.number}, the best")
        axes.legend(loc="best")
    axes.set_xlabel("epoch (x: ended early)")
    axes.set_ylabel(results.what)
    axes.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)  # type: ignore[call-arg]


def draw_importances(figure: Figure, look: Look, found: Sequence[Importance]) -> None:
    """Bars by fANOVA with their ranges, and PED-ANOVA's shares as diamonds."""
    axes = figure.subplots()
    rows = np.arange(len(found))[::-1]
    shares = np.array([i.share for i in found])
    spread = np.abs(np.array([[max(0.0, i.share - i.low), max(0.0, i.high - i.share)] for i in found])).T
    axes.barh(rows, shares, color=look.series[0], height=0.6, label="fANOVA, 90 % range over draws of the trials")
    axes.errorbar(shares, rows, xerr=spread, fmt="none", ecolor=look.soft, elinewidth=1.4, capsize=3)
    axes.plot([i.ped for i in found], rows, "D", color=look.series[1], markersize=5, label="PED-ANOVA")
    axes.set_yticks(rows, [i.key for i in found])
    axes.set_xlabel("share of the spread between trials")
    axes.set_xlim(0, None)
    axes.grid(visible=False, axis="y")
    figure.legend(loc="outside lower center", ncols=2)


def draw_parallel(figure: Figure, look: Look, results: Results) -> None:
    """Each finished trial as a line through the values it had; dark is good, the best on top."""
    axes, space = figure.subplots(), results.space
    ordered = sorted(results.complete, key=lambda t: (t.value or 0.0, -t.number))
    norm = Normalize(ordered[0].value, ordered[-1].value)
    mapped = ScalarMappable(norm, _visible(look.ramp))
    for rank, trial in enumerate(ordered):
        heights = [position(d, trial.params[d.key]) for d in space]
        is_best = rank == len(ordered) - 1
        colour = look.series[1] if is_best else mapped.to_rgba(np.array([trial.value or 0.0]))[0]
        axes.plot(range(len(space)), heights, color=colour, linewidth=2.6 if is_best else 1.3, alpha=1.0 if is_best else 0.8)
    for x, dimension in enumerate(space):
        axes.axvline(x, color=look.soft, linewidth=1)
        for name, y in labels(dimension):
            axes.annotate(name, (x, y), xytext=(5, 0), textcoords="offset points", fontsize=8, color=look.ink, va="center", bbox={"facecolor": look.ground, "alpha": 0.75, "edgecolor": "none", "pad": 1})  # fmt: skip
    axes.set_xticks(range(len(space)), [d.key.replace(".", ".\n", 1) for d in space])
    axes.set_yticks([])
    axes.set_xlim(-0.2, len(space) - 0.5)
    axes.grid(visible=False)
    axes.spines[["left", "bottom"]].set_visible(False)
    figure.colorbar(mapped, ax=axes, label=results.what, shrink=0.85, pad=0.01)


def draw_slices(figure: Figure, look: Look, results: Results) -> None:
    """The figure over each key alone; the best trial is marked."""
    space = results.space
    rows = math.ceil(len(space) / PER_ROW)
    panels = figure.subplots(rows, min(PER_ROW, len(space)), squeeze=False, sharey=True)
    for axes in panels.flat[len(space) :]:
        axes.set_visible(False)
    for number, (axes, dimension) in enumerate(zip(panels.flat, space, strict=False)):
        _slice(axes, look, dimension, results)
        if number % PER_ROW == 0:
            axes.set_ylabel(results.what)


def _slice(axes: Any, look: Look, dimension: Dimension, results: Results) -> None:
    def at(trial: FrozenTrial) -> float:
        value = trial.params[dimension.key]
        return float(dimension.names().index(value) if dimension.choices else value)

    complete, best = results.complete, results.best
    axes.plot([at(t) for t in complete], [t.value for t in complete], "o", color=look.series[0], alpha=0.8, markersize=4.5)
    if best is not None:
        axes.plot([at(best)], [best.value], "*", color=look.series[1], markersize=13)
    if dimension.choices:
        axes.set_xticks(range(len(dimension.choices)), [_cut(str(n)) for n in dimension.names()])
        axes.set_xlim(-0.5, len(dimension.choices) - 0.5)
    elif dimension.log:
        axes.set_xscale("log")
        axes.set_xlim(dimension.low / 1.3, dimension.high * 1.3)
    else:
        margin = 0.06 * (dimension.high - dimension.low)
        axes.set_xlim(dimension.low - margin, dimension.high + margin)
    axes.set_xlabel(dimension.key)


def _visible(ramp: Colormap) -> Colormap:
    """A colour map without its palest quarter, which is the colour of the ground."""
    return LinearSegmentedColormap.from_list("visible", ramp(np.linspace(0.25, 1, 64)))


def position(dimension: Dimension, value: Any) -> float:
    """Where on its axis a value stands: 0 is the low end, 1 the high one."""
    if dimension.choices:
        return dimension.names().index(value) / max(1, len(dimension.choices) - 1)
    if dimension.log:
        return math.log(value / dimension.low) / math.log(dimension.high / dimension.low)
    return float((value - dimension.low) / (dimension.high - dimension.low))


def labels(dimension: Dimension) -> list[tuple[str, float]]:
    """What stands beside an axis, and at which height."""
    if dimension.choices:
        return [(_cut(str(name)), position(dimension, name)) for name in dimension.names()]
    middle = math.sqrt(dimension.low * dimension.high) if dimension.log else (dimension.low + dimension.high) / 2
    return [(f"{v:.3g}", position(dimension, v)) for v in (dimension.low, middle, dimension.high)]


def _cut(text: str) -> str:
    return text if len(text) <= 16 else f"{text[:15]}…"
