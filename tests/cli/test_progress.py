"""The progress bar: how many of how many, how fast, how long still."""

from __future__ import annotations

import io
import threading

from rich.console import Console
from rich.progress import Task, TimeRemainingColumn

from landsight.cli.progress import Bar, RateColumn


def test_it_shows_how_many_of_how_many() -> None:
    screen = io.StringIO()
    with Bar(Console(file=screen, force_terminal=True, width=120), lambda stop: 40) as bar:
        for _ in range(10):
            bar.advance()
        for thread in threading.enumerate():
            if thread.name == "count-photos":
                thread.join(20)
        bar._progress.refresh()
    assert "10/40" in screen.getvalue()


def test_rate_and_time_left_are_columns() -> None:
    with Bar(Console(file=io.StringIO(), force_terminal=True), lambda stop: None) as bar:
        kinds = {type(column) for column in bar._progress.columns}
    assert {RateColumn, TimeRemainingColumn} <= kinds
    task = Task(0, "photos", 40, 10, _get_time=lambda: 5.0)  # type: ignore[arg-type]
    assert RateColumn().render(task).plain == ""
    task.finished_speed = 2.04
    assert RateColumn().render(task).plain == "2.0/s"


def test_an_endless_count_ends_with_the_run() -> None:
    ended = threading.Event()

    def count(stop: threading.Event) -> None:
        stop.wait(20)
        ended.set()

    with Bar(Console(file=io.StringIO(), force_terminal=True), count):
        pass
    assert ended.wait(20)
