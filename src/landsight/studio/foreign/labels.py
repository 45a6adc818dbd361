"""The labels of somebody else's model, in the order of its outputs: a table with a heading, or a plain list with one label a line."""

from __future__ import annotations

import csv
import io
from collections import Counter
from pathlib import Path
from typing import Final

from landsight.errors import UsageError

#: Columns that hold the label, and the one that may hold its place among the outputs.
LABEL_COLUMNS: Final = ("label", "class")
INDEX_COLUMN: Final = "index"
_MAX_BYTES: Final = 16_000_000


def read_labels(path: Path) -> tuple[str, ...]:
    """In order. A first line with a column ``label`` or ``class`` makes it a table of comma-separated values, whose column ``index`` (from 0)
    gives the order if there is one; otherwise each line is a label as it stands, commas included.

    Raises: UsageError for a file that cannot be read, is no UTF-8, or whose labels are empty, repeated, fewer than two or out of order.
    """
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise _wrong(f"{path.name} has more than {_MAX_BYTES:,} bytes")
        text = path.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise _wrong(f"{path.name} cannot be read: {error}") from None
    lines = text.splitlines()
    heading = [cell.strip() for cell in next(csv.reader(lines[:1]), [])]
    column = next((name for name in LABEL_COLUMNS if name in heading), None)
    labels = _table(path, text, column, INDEX_COLUMN in heading) if column else [line.strip() for line in lines]
    while labels and not labels[-1] and not column:
        labels.pop()
    if len(labels) < 2:
        raise _wrong(f"{path.name} names {len(labels)} label(s)")
    if empty := [number for number, label in enumerate(labels) if not label]:
        raise _wrong(f"label {empty[0]} (counted from 0) of {path.name} is empty")
    if twice := [label for label, count in Counter(labels).items() if count > 1]:
        raise _wrong(
            f"{path.name} names {twice[0]!r} more than once", "Number them apart: two outputs with one name cannot be told from each other."
        )
    return tuple(labels)


def _table(path: Path, text: str, column: str, has_index: bool) -> list[str]:
    try:
        rows = list(csv.DictReader(io.StringIO(text, newline=""), skipinitialspace=True, strict=True))
        named = [(row[column] or "").strip() for row in rows]
        if not has_index:
            return named
        order = [int(row[INDEX_COLUMN] or "") for row in rows]
    except (csv.Error, ValueError, KeyError) as error:
        raise _wrong(f"{path.name} is not a table of labels: {error}") from None
    if sorted(order) != list(range(len(order))):
        raise _wrong(f"the column {INDEX_COLUMN} of {path.name} does not count from 0 to {len(order) - 1}")
    return [label for _, label in sorted(zip(order, named, strict=True))]


def _wrong(what: str, advice: str = "One label a line in the order of the outputs, or a column 'label' (and 'index').") -> UsageError:
    return UsageError("import_labels", f"The labels cannot be used: {what}.", advice)
