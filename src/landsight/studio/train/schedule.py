"""Learning-rate schedules: the factor on the highest rate at a step. Pure functions; what a plateau has seen comes in as a number."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from landsight.studio.recipe import Recipe, ScheduleRecipe
from landsight.studio.resolve import resolve


@dataclass(frozen=True, slots=True)
class Curve:
    """What a schedule depends on beside the step: ``steps`` of the run, warm-up and milestones in steps, ``drops`` a plateau has led to."""

    steps: int
    warmup_steps: float = 0.0
    floor: float = 0.0
    milestones: tuple[float, ...] = ()
    gamma: float = 0.1
    drops: int = 0


#: (step, curve) -> factor in [0, 1]
Schedule = Callable[[int, Curve], float]

#: Name of a schedule -> its function.
SCHEDULES: dict[str, str] = {
    "constant": "landsight.studio.train.schedule:constant",
    "cosine": "landsight.studio.train.schedule:cosine",
    "one_cycle": "landsight.studio.train.schedule:one_cycle",
    "step": "landsight.studio.train.schedule:steps_down",
    "plateau": "landsight.studio.train.schedule:plateau",
}
#: One cycle: share of the run spent on the way up, and again on the way down; where both begin and end, as a share of the highest rate.
_SLOPE, _FOOT = 0.45, 0.1


def factor_at(recipe: ScheduleRecipe, step: int, *, steps: int, per_epoch: int, drops: int = 0) -> float:
    """The recipe's factor at ``step`` of ``steps``. Raises: RecipeError for an unknown schedule."""
    curve = Curve(
        steps, recipe.warmup_epochs * per_epoch, recipe.floor, tuple(m * per_epoch for m in recipe.milestones), recipe.gamma, drops
    )
    schedule: Schedule = resolve(SCHEDULES, recipe.name, "schedule")
    return schedule(step, curve)


def warmup(step: int, warmup_steps: float) -> float:
    """Linear from 1 / warmup_steps at step 0 to 1."""
    return 1.0 if warmup_steps <= 0 else min(1.0, (step + 1) / warmup_steps)


def constant(step: int, curve: Curve) -> float:
    """1 after the warm-up."""
    return warmup(step, curve.warmup_steps)


def cosine(step: int, curve: Curve) -> float:
    """Half a cosine from 1 down to the floor, times the warm-up. Source: Loshchilov & Hutter 2017 (arXiv 1608.03983), without restarts."""
    return warmup(step, curve.warmup_steps) * (curve.floor + (1 - curve.floor) * 0.5 * (1 + math.cos(math.pi * step / curve.steps)))


def one_cycle(step: int, curve: Curve) -> float:
    """Linear from a tenth up to 1, as long down to a tenth, then in the last tenth of the run down to floor x a tenth. No other warm-up.

    Source: Smith & Topin 2018, "Super-convergence" (arXiv 1708.07120), figure 1a and section 3; the momentum stays as it is.
    """
    at = step / curve.steps
    if at < _SLOPE:
        return _FOOT + (1 - _FOOT) * at / _SLOPE
    if at < 2 * _SLOPE:
        return 1 - (1 - _FOOT) * (at - _SLOPE) / _SLOPE
    return _FOOT * (1 - (1 - curve.floor) * (at - 2 * _SLOPE) / (1 - 2 * _SLOPE))


def steps_down(step: int, curve: Curve) -> float:
    """gamma to the power of the milestones passed, times the warm-up; the floor changes nothing."""
    return warmup(step, curve.warmup_steps) * curve.gamma ** sum(step >= m for m in curve.milestones)


def plateau(step: int, curve: Curve) -> float:
    """gamma to the power of the drops so far (train.watch counts them), not below the floor, times the warm-up."""
    return warmup(step, curve.warmup_steps) * max(curve.floor, curve.gamma**curve.drops)


def with_epochs(recipe: Recipe, epochs: int) -> Recipe:
    """The recipe with so many epochs in all, however long they take: its stages in proportion, or one at the input's size if it has none."""
    stages = stages_of(recipe.schedule.stages, epochs) if recipe.schedule.stages else ((recipe.input.width, epochs),)
    return replace(recipe, schedule=replace(recipe.schedule, stages=stages), train=replace(recipe.train, minutes=0.0))


def stages_of(stages: tuple[tuple[int, int], ...], epochs: int) -> tuple[tuple[int, int], ...]:
    """The same stages with ``epochs`` in all, in the same proportions; each keeps an epoch, so with few epochs the first stages fall away.

    Whole epochs by the largest remainder, to the later stage among equals.
    """
    kept = stages[-epochs:]
    total = sum(count for _, count in kept)
    shares = [epochs * count / total for _, count in kept]
    counts = [max(1, int(share)) for share in shares]
    while sum(counts) < epochs:
        counts[max(range(len(kept)), key=lambda i: (shares[i] - counts[i], i))] += 1
    while sum(counts) > epochs:
        counts[min((i for i in range(len(kept)) if counts[i] > 1), key=lambda i: shares[i] - counts[i])] -= 1
    return tuple((side, count) for (side, _), count in zip(kept, counts, strict=True))
