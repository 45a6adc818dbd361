"""How it goes: a bar on a terminal, else one line now and then; and once early and once at the end where the time goes."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from rich.progress import Progress as Bar

from landsight.studio.train.keeper import is_look_at_end_of
from landsight.studio.train.loop import Event, Trainer
from landsight.studio.train.times import readable

#: Seconds between lines.
_EVERY_S = 15.0
#: Steps after which the time table is first shown.
_EARLY_STEPS = 20


class Progress:
    """Listener and context manager. ``say`` None: to stderr, with a bar if that is a terminal. ``decode``: seconds by kind, of the cache."""

    def __init__(self, say: Callable[[str], None] | None, decode: Mapping[str, float]) -> None:
        self._say = say or to_stderr
        self._decode = decode
        self._last = time.monotonic()
        self._is_table_due = True
        self._bar: Bar | None = None
        if say is None and sys.stderr.isatty():
            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[how]}"))
            self._bar = Bar(*columns, console=Console(stderr=True))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, event: Event, trainer: Trainer) -> None:
        if event is Event.START and self._bar is not None:
            self._bar.add_task("training", total=trainer.plan.steps, completed=trainer.step, how="")
            self._bar.start()
        elif event is Event.STEP and self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=trainer.step, description=_where(trainer), how=_how(trainer))
        if event is Event.EPOCH or (event is Event.STEP and self._bar is None and time.monotonic() - self._last >= _EVERY_S):
            self._last = time.monotonic()
            self._say(f"{_where(trainer)} step {trainer.step}/{trainer.plan.steps} {trainer.side} px: {_how(trainer)}")
        is_early = event is Event.STEP and self._is_table_due and trainer.times.counted >= _EARLY_STEPS
        if is_early or (event in (Event.DONE, Event.STOPPED) and trainer.times.counted):
            self._is_table_due = False
            self._tell_times(trainer)

    def _tell_times(self, trainer: Trainer) -> None:
        for line in trainer.times.table(trainer.plan, trainer.recipe.train.workers, self._decode):
            self._say(line)
        self._decode = {}  # once is enough
        left_s = _left_s(trainer)
        if left_s:
            self._say(f"about {readable(left_s)} left")


def _where(trainer: Trainer) -> str:
    return f"epoch {max(1, trainer.epoch_begun)}/{len(trainer.plan.sides)}"


def _how(trainer: Trainer) -> str:
    """Losses, rate, speed, time left."""
    means = trainer.means()
    terms = means if len(means) > 2 else {name: value for name, value in means.items() if name == "loss"}  # one term is the loss itself
    losses = " ".join(f"{name} {value:.4f}" for name, value in terms.items())
    step_s, left_s = trainer.times.step_s(trainer.side), _left_s(trainer)
    speed = f" {trainer.plan.pictures / step_s:.0f} pictures/s" if step_s else ""
    return f"{losses} rate {trainer.rate:.2e}{speed}" + ("" if left_s is None else f", {readable(left_s)} left")


def _left_s(trainer: Trainer) -> float | None:
    """Training and looks still to come; until the first look is made, looks count nothing. None before anything was measured."""
    plan, every = trainer.plan, trainer.recipe.train.evaluate_every
    looks = sum(is_look_at_end_of(epoch, len(plan.sides), every) for epoch in range(trainer.epoch + 1, len(plan.sides) + 1))
    return trainer.times.left_s(plan, trainer.step, looks)


def to_stderr(line: str) -> None:
    """One line for people."""
    print(line, file=sys.stderr, flush=True)
