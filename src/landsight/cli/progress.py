"""The progress bar: on a terminal only, with rate and time left; the number of files is counted while photos are answered."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text


class RateColumn(ProgressColumn):
    """Photos a second."""

    def render(self, task: Task) -> Text:
        """Such as "38.2/s"; blank before the first photo."""
        speed = task.finished_speed or task.speed
        return Text(f"{speed:.1f}/s" if speed else "", style="cyan")


class Bar:
    """Shows how far a run is. ``count`` is called once in a thread, so that a million files start at once; setting its event ends it."""

    def __init__(self, console: Console, count: Callable[[threading.Event], int | None]) -> None:
        self._count = count
        self._stop = threading.Event()
        columns = (TextColumn("photos"), BarColumn(), MofNCompleteColumn(), RateColumn(), TimeRemainingColumn())
        self._progress = Progress(*columns, console=console, transient=True, redirect_stdout=False, redirect_stderr=False)
        self._task = self._progress.add_task("photos", total=None)

    def __enter__(self) -> Self:
        self._progress.start()
        threading.Thread(target=self._count_files, daemon=True, name="count-photos").start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stop.set()
        self._progress.stop()

    def advance(self) -> None:
        """One photo more."""
        self._progress.advance(self._task)

    def _count_files(self) -> None:
        total = self._count(self._stop)
        if total is not None and not self._stop.is_set():
            self._progress.update(self._task, total=total)
