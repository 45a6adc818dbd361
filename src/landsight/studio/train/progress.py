"""One line now and then: step, losses, rate, pictures per second, time left."""

from __future__ import annotations

import time
from collections.abc import Callable

from landsight.studio.train.loop import Event, Trainer

#: Seconds between lines.
_EVERY_S = 15.0


class Progress:
    """Listener that says how it goes."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._last = time.monotonic()

    def __call__(self, event: Event, trainer: Trainer) -> None:
        now = time.monotonic()
        if event is Event.EPOCH or (event is Event.STEP and now - self._last >= _EVERY_S):
            self._last = now
            self._say(_line(trainer, now - trainer.began))


def _line(trainer: Trainer, elapsed_s: float) -> str:
    plan = trainer.plan
    steps_per_s = (trainer.step - trainer.done_before) / max(elapsed_s, 1e-9)
    left_s = (plan.steps - trainer.step) / max(steps_per_s, 1e-9)
    losses = " ".join(f"{name} {value:.4f}" for name, value in trainer.means().items())
    return (
        f"epoch {max(0, trainer.step - 1) // plan.per_epoch + 1}/{len(plan.sides)} step {trainer.step}/{plan.steps} {trainer.side} px: {losses} "
        f"rate {trainer.rate:.2e} {steps_per_s * plan.batch:.0f} pictures/s, {left_s / 60:.1f} min left"
    )
