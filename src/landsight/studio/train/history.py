"""metrics.csv read back: the one account of a run's epochs that plots, trackers, the search and comparisons share."""

from __future__ import annotations

import contextlib
import csv
from collections.abc import Sequence
from pathlib import Path

from landsight.errors import DataError

#: In the run folder; a row an epoch.
METRICS_NAME = "metrics.csv"
#: Columns that say where in the run a row stands; all others are figures.
PLACE = ("epoch", "step", "side_px", "seconds")

Row = dict[str, float]


def read_rows(run: Path) -> list[Row]:
    """The epochs of a run folder in order; a figure that an epoch lacks is missing in its row. No file yet: no rows.

    Raises: DataError when the file is no table of numbers.
    """
    try:
        text = (run / METRICS_NAME).read_text(encoding="utf-8")
    except FileNotFoundError:
        return []
    except UnicodeDecodeError:
        raise _no_table(run) from None
    try:
        rows = [_numbers(row) for row in csv.DictReader(text.splitlines())]
    except csv.Error:
        raise _no_table(run) from None
    if any("epoch" not in row or "step" not in row for row in rows):
        raise _no_table(run)
    return rows


def _no_table(run: Path) -> DataError:
    return DataError("bad_metrics", f"{run / METRICS_NAME} is not what training writes.", "Take it from the run folder again.")


def figures(row: Row) -> Row:
    """What was measured in an epoch: losses, rate, looks."""
    return {name: value for name, value in row.items() if name not in PLACE}


def elapsed(rows: Sequence[Row]) -> list[float]:
    """Seconds of training up to the end of each epoch, over interruptions: where "seconds" falls, it began anew with another process."""
    found: list[float] = []
    total = before = 0.0
    for row in rows:
        seconds = row.get("seconds", before)
        total += seconds - before if seconds >= before else seconds
        before = seconds
        found.append(total)
    return found


def _numbers(row: dict[str, str]) -> Row:
    found: Row = {}
    for name, text in row.items():
        with contextlib.suppress(ValueError, TypeError):  # an empty cell, or a column of words
            found[name] = float(text)
    return found
