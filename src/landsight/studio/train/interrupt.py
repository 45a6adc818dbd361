"""Ctrl-C and SIGTERM end a run after the current step, so that what is saved is whole. A second Ctrl-C ends it at once."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any

from landsight.studio.train.loop import Event, StopTraining, Trainer


class Interrupt:
    """Listener and context manager; outside the main thread, where signals cannot be caught, it does nothing.

    One within another passes on that it was asked: whoever trains many networks stops as well.
    """

    def __init__(self) -> None:
        self.asked = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Interrupt:
        if threading.current_thread() is threading.main_thread():
            self._before = {s: signal.signal(s, self._ask) for s in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
            outer = getattr(handler, "__self__", None)
            if self.asked and isinstance(outer, Interrupt):
                outer.asked = True

    def __call__(self, event: Event, trainer: Trainer) -> None:
        if event is Event.STEP and self.asked and trainer.step % trainer.plan.per_epoch:
            raise StopTraining
        if event is Event.EPOCH and self.asked and trainer.step < trainer.plan.steps:
            raise StopTraining

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if self.asked and number == signal.SIGINT:  # not SIGTERM, which torchrun sends after the Ctrl-C that all have got already
            raise KeyboardInterrupt
        self.asked = True
