"""Learning-rate schedules: the factor on the highest rate at a step. Pure functions."""

from __future__ import annotations

import math
from collections.abc import Callable

#: (step, steps of the run, steps of warm-up, floor) -> factor in [0, 1]
Schedule = Callable[[int, int, float, float], float]

#: Name of a schedule -> its function.
SCHEDULES: dict[str, str] = {
    "cosine": "landsight.studio.train.schedule:cosine",
    "constant": "landsight.studio.train.schedule:constant",
}


def warmup(step: int, warmup_steps: float) -> float:
    """Linear from 1 / warmup_steps at step 0 to 1."""
    return 1.0 if warmup_steps <= 0 else min(1.0, (step + 1) / warmup_steps)


def cosine(step: int, steps: int, warmup_steps: float, floor: float) -> float:
    """Half a cosine from 1 down to ``floor``, times the warm-up."""
    return warmup(step, warmup_steps) * (floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * step / steps)))


def constant(step: int, steps: int, warmup_steps: float, floor: float) -> float:
    """1 after the warm-up; steps and floor change nothing."""
    return warmup(step, warmup_steps)
