"""The learning-rate finder: the loss while the rate rises, step by step, from far too low to far too high.

Smith 2017 (arXiv 1506.01186, section 3.3), with an exponential rise. Trains a network that is thrown away; the run is not touched.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from landsight.studio.data.loader import TrainingViews, batches
from landsight.studio.folders import make_folder
from landsight.studio.recipe import Recipe
from landsight.studio.report.plots import Look, png
from landsight.studio.train.checkpoint import write_atomic
from landsight.studio.train.loop import DivergedError, take_step
from landsight.studio.train.memory import out_of_memory
from landsight.studio.train.optimise import uses_bf16
from landsight.studio.train.prepare import Prepared, prepare

#: Names in the run folder.
PLOT, TABLE = "find_rate.png", "find_rate.csv"
#: Rates of the body, first and last: where nothing is learnt yet, and where everything diverges.
LOWEST, HIGHEST = 1e-6, 1.0
_STEPS = 100
#: Standard deviation, in steps, of the Gaussian that smooths the curve. It looks both ways, so the curve is not moved to higher rates.
_SMOOTH_STEPS = 3.0
#: The rise ends when the running loss is so many times its least, or no number.
_DIVERGED = 3.0
_RUNNING = 0.8
#: A fall of the smooth loss that is less than so many deviations of a single batch's loss may be chance: three standard errors, as the smoothing
#: takes about 5 batches at its first point and 10 at its least.
_FALL_IN_DEVIATIONS = 1.6


@dataclass(frozen=True, slots=True)
class RateCurve:
    """``rates`` (n,), ``losses`` (n,) of single batches, ``smooth`` (n,).

    ``steepest``: rate where the smooth loss falls fastest per decade; ``tenth``: a tenth of the rate where it is least. Both are None when the loss never fell, or
    by no more than chance can do. ``deviation``: of the loss of single batches about the curve.
    """

    rates: NDArray[np.float64]
    losses: NDArray[np.float64]
    smooth: NDArray[np.float64]
    steepest: float | None
    tenth: float | None
    deviation: float = 0.0

    @property
    def suggestion(self) -> float | None:
        """The lower of the two: a rate that is somewhat low costs time, one that is too high the run."""
        return None if self.steepest is None or self.tenth is None else min(self.steepest, self.tenth)


def find_rate(recipe: Recipe, out: Path, say: Callable[[str], None], *, steps: int = _STEPS) -> RateCurve:
    """Let the rate rise over ``steps`` steps, and write the curve to ``out``/find_rate.csv and .png. The network is thrown away.

    Raises: as ``prepare``.
    """
    make_folder(out)
    prepared = prepare(recipe, out, say)
    rates = np.geomspace(LOWEST, HIGHEST, steps)
    say(f"the rate rises from {LOWEST:g} to {HIGHEST:g} over {steps} steps of {prepared.trainer.plan.pictures} pictures")
    curve = curve_of(rates, _risen(prepared, rates, say))
    write_atomic(out / TABLE, _table(curve).encode())
    write_atomic(out / PLOT, png(lambda figure, look: draw(figure, look, curve)))
    return curve


def curve_of(rates: NDArray[np.float64], losses: Sequence[float]) -> RateCurve:
    """Smooth the losses of the first ``len(losses)`` rates, and read off the two rates."""
    y = np.asarray(losses, np.float64)
    x = rates[: len(y)]
    smooth = smoothed(y, _SMOOTH_STEPS)
    least = int(smooth.argmin()) if len(y) else 0
    # Of neighbours' differences, which a slope hardly changes; the median passes over the steps that diverge.
    deviation = float(np.median(np.abs(np.diff(y)))) / (0.6745 * math.sqrt(2)) if len(y) > 1 else 0.0
    if least < 2 or smooth[0] - smooth[least] < _FALL_IN_DEVIATIONS * deviation:
        return RateCurve(x, y, smooth, None, None, deviation)
    slope = np.gradient(smooth, np.log10(x))
    return RateCurve(x, y, smooth, float(x[int(slope[: least + 1].argmin())]), float(x[least]) / 10, deviation)


def smoothed(values: NDArray[np.float64], sigma: float) -> NDArray[np.float64]:
    """Gaussian mean of the neighbours, weights scaled anew at the ends. Shape: (n,) -> (n,)."""
    place = np.arange(len(values))
    weights = np.exp(-0.5 * ((place[:, None] - place[None, :]) / sigma) ** 2)
    made: NDArray[np.float64] = weights @ values / weights.sum(axis=1)
    return made


def draw(figure: Figure, look: Look, curve: RateCurve) -> None:
    """The curve over the rate, with the two rates marked."""
    axes = figure.subplots()
    axes.plot(curve.rates, curve.losses, ".", color=look.soft, markersize=3, label="loss of a batch")
    axes.plot(curve.rates, curve.smooth, color=look.series[0], label="smoothed")
    for rate, name, colour in ((curve.steepest, "steepest fall", look.series[1]), (curve.tenth, "least / 10", look.series[2])):
        if rate is not None:
            axes.axvline(rate, color=colour, linestyle="--", linewidth=1.4, label=f"{name}: {rate:.1e}")
    axes.set_xscale("log")
    if len(curve.smooth):  # what diverges would press the rest flat
        low, first = float(curve.smooth.min()), float(curve.smooth[0])
        axes.set_ylim(low - 0.15 * (first - low) - 0.02, first + 0.6 * (first - low) + 0.02)
    axes.set(xlabel="learning rate (optimise.rate)", ylabel="loss", title="Loss while the learning rate rises")
    axes.legend()


def _risen(prepared: Prepared, rates: NDArray[np.float64], say: Callable[[str], None]) -> list[float]:
    """The loss of each step, before its update."""
    trainer, recipe = prepared.trainer, prepared.recipe
    trainer.plan = replace(trainer.plan, stages=((_side(recipe), math.ceil(len(rates) / trainer.plan.per_epoch)),))
    views = TrainingViews(prepared.checked.train, prepared.checked.cache, prepared.task, recipe.train.seed)
    bf16 = uses_bf16(recipe.optimise.precision, trainer.device)
    losses: list[float] = []
    running = least = math.inf
    trainer.net.train()
    feed = iter(batches(views, trainer.plan, workers=recipe.train.workers))
    for number, rate in enumerate(rates):
        trainer.sums, trainer.counted = {}, 0
        try:
            with out_of_memory(recipe, _side(recipe)):
                take_step(trainer, feed, bf16, factor=float(rate) / recipe.optimise.rate)
        except DivergedError:
            running = math.inf
        else:
            value = trainer.means()["loss"]
            running = value if number == 0 else _RUNNING * running + (1 - _RUNNING) * value
        least = min(least, running)
        if not running <= _DIVERGED * least:
            say(f"diverged at a rate of {rate:.1e}, after {number} steps")
            break
        losses.append(value)
    return losses


def _side(recipe: Recipe) -> int:
    """Views of the first stage: where the run would begin."""
    return recipe.schedule.stages[0][0] if recipe.schedule.stages else max(recipe.input.width, recipe.input.height)


def _table(curve: RateCurve) -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(("rate", "loss", "smooth"))
    writer.writerows((f"{r:.6g}", f"{v:.6g}", f"{s:.6g}") for r, v, s in zip(curve.rates, curve.losses, curve.smooth, strict=True))
    return text.getvalue()


def trial(recipe: Recipe, out: Path, say: Callable[[str], None]) -> tuple[bool, list[str]]:
    """``find_rate``, whether it found one, and lines that say what and where."""
    curve = find_rate(recipe, out, say)
    where = f"curve: {out / PLOT} and {out / TABLE}"
    if curve.suggestion is None:
        return False, [
            f"No rate made the loss fall by more than chance: batches of {recipe.train.batch} differ by {curve.deviation:.2g} anyway. "
            "Nothing is suggested.",
            "--batch-size with a larger number tells more; --overfit, whether the network can learn these labels at all.",
            where,
        ]
    return True, [
        f"steepest fall at {curve.steepest:.1e}, a tenth of the rate of the least loss {curve.tenth:.1e}; the recipe has {recipe.optimise.rate:.1e}",
        f"suggestion: --set optimise.rate={curve.suggestion:.1e}",
        where,
    ]
