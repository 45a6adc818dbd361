"""Where the time of training goes, stage by stage, and how much of it is left."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from landsight.studio.data.loader import Plan

#: Stages of a step, in order; the first two happen in the loader's workers, where there are any.
STAGES = ("read", "augment", "wait", "forward", "backward", "step")
_IN_WORKERS = STAGES[:2]
_WHAT = {
    "read": "pixels from the cache",
    "augment": "views and targets",
    "wait": "for the next batch",
    "forward": "network and loss",
    "backward": "gradients",
    "step": "optimiser, average",
}
#: First steps of each size of view that are not counted: memory is being taken, kernels chosen.
_WARM_STEPS = 2
#: Steps that are told apart by stage on a device that must be waited for.
_SYNCHRONISED = 50


@dataclass
class Times:
    """Seconds by stage, by size of view and of looks, of this leg of a run; ``before`` are those of earlier legs.

    ``synchronise``: waits for a device that works on its own; it costs time, so then only the first steps are told apart by stage.
    """

    before: float = 0.0
    began: float = field(default_factory=time.monotonic)
    stages: dict[str, float] = field(default_factory=lambda: dict.fromkeys(STAGES, 0.0))
    counted: int = 0
    synchronise: Callable[[], None] | None = None
    _pending: dict[str, float] = field(default_factory=dict)
    _by_side: dict[int, tuple[int, float]] = field(default_factory=dict)
    _looks: tuple[int, float] = (0, 0.0)

    @property
    def spent(self) -> float:
        """Seconds of the whole run so far."""
        return self.before + time.monotonic() - self.began

    @contextmanager
    def measured(self, stage: str) -> Iterator[None]:
        """Count the block's seconds as ``stage`` of the step that is under way."""
        began = time.perf_counter()
        yield
        if self.synchronise is not None and self.counted < _SYNCHRONISED:
            self.synchronise()
        self.add({stage: time.perf_counter() - began})

    def add(self, seconds: Mapping[str, float]) -> None:
        """Count what a batch says of its own making."""
        for stage, value in seconds.items():
            self._pending[stage] = self._pending.get(stage, 0.0) + value

    def stepped(self, side: int, seconds: float) -> None:
        """The step under way is done, with views of this size."""
        count, total = self._by_side.get(side, (0, 0.0))
        is_warm = count >= _WARM_STEPS
        self._by_side[side] = count + 1, total + (seconds if is_warm else 0.0)
        if is_warm and (self.synchronise is None or self.counted < _SYNCHRONISED):
            self.counted += 1
            for stage, value in self._pending.items():
                self.stages[stage] += value
        self._pending = {}

    def looked(self, seconds: float) -> None:
        """One look at the subsets is done."""
        self._looks = self._looks[0] + 1, self._looks[1] + seconds

    def step_s(self, side: int) -> float | None:
        """Seconds a step of views of this size takes; from another size by the number of pixels; None before anything was measured."""
        known = {s: total / (count - _WARM_STEPS) for s, (count, total) in self._by_side.items() if count > _WARM_STEPS}
        if not known:
            return None
        nearest = min(known, key=lambda s: abs(s - side))
        return known[nearest] * (side / nearest) ** 2

    def look_s(self) -> float:
        """Seconds a look takes; 0 before the first."""
        count, total = self._looks
        return total / count if count else 0.0

    def left_s(self, plan: Plan, step: int, looks: int) -> float | None:
        """Seconds from ``step`` to the end of the plan, with so many looks to come; None before anything was measured."""
        if self.step_s(plan.sides[-1]) is None:
            return None
        rest, sides = plan.steps - step, plan.sides
        total = looks * self.look_s()
        for epoch in range(step // plan.per_epoch, len(sides)):
            here = min(rest, plan.per_epoch - max(0, step - epoch * plan.per_epoch))
            total += here * (self.step_s(sides[epoch]) or 0.0)
            rest -= here
        return total

    def table(self, plan: Plan, workers: int, decode: Mapping[str, float]) -> list[str]:
        """Lines for people: milliseconds a step. ``decode``: seconds by kind of work, spent once when the cache was made."""
        lines = [f"time a step of {plan.pictures} pictures, mean of {self.counted}:"]
        done = max(1, self.counted)
        for stage in STAGES:
            beside = f" (in {workers} workers, beside the rest)" if workers and stage in _IN_WORKERS else ""
            lines.append(f"  {stage:<9}{1000 * self.stages[stage] / done:>9.1f} ms  {_WHAT[stage]}{beside}")
        if decode:
            lines.append("  once, for the cache: " + ", ".join(f"{name} {seconds:.1f} s" for name, seconds in decode.items()))
        return lines


def readable(seconds: float) -> str:
    """Such as "40 s", "3 min 20 s", "2 h 05 min"."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
