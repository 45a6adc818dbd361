"""A flat folder and a table: one row a picture, or several rows for a picture with several labels."""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from landsight.bundle.placed import PLACES_NAME
from landsight.errors import DataError
from landsight.studio.data.readers.parts import fixed_labels, folder_of, part_of
from landsight.studio.data.samples import Sample, Samples
from landsight.studio.random import number_of
from landsight.studio.recipe import DataRecipe
from landsight.studio.resolve import nearest

#: What tables are called when the recipe names none, in this order.
USUAL_TABLES = ("labels.csv", "labels.tsv", "annotations.csv")
#: Usual names of columns, the likeliest first.
_USUAL = {
    "file": ("file", "filename", "file_name", "image", "path", "filepath", "image_path", "image_id", "img", "name"),
    "label": ("label", "labels", "class", "classes", "category", "tags", "target", "species"),
    "split": ("split", "part", "subset", "fold", "set"),
}
#: Folders in which the files of a table are looked for, beside the root and the table's own.
_PICTURE_FOLDERS = ("images", "img", "train")
#: So many missing pictures are named.
_NAMED = 3
#: Characters of such a name that are shown.
_SHOWN = 100


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table that means a picture. ``line``: its number, for messages."""

    line: int
    file: str
    labels: tuple[str, ...]
    part: str
    group: str
    values: tuple[float, ...]


class CsvReader:
    """Reads ``data.labels_file``; names of files are below the root, below the table's folder, or below ``images``.

    A truth is one index, or a tuple of indices when ``label_separator`` is set or a file has rows with different labels.
    """

    takes_columns = True
    takes_folders = False

    def __init__(self, recipe: DataRecipe) -> None:
        self.recipe = recipe
        self.root = folder_of(recipe.root)
        if not self.root.is_dir():
            raise DataError("no_folder", f"The data folder does not exist: received {self.root}.", "Set data.root to the pictures' folder.")
        self.table = _table(self.root, recipe.labels_file)
        self.rows = _joined(list(_rows(self.table, recipe)), self.table)
        self.has_several = bool(recipe.label_separator) or any(len(row.labels) > 1 for row in self.rows)
        if not self.has_several:
            _each_has_a_label(self.rows, self.table)

    def splits(self) -> Mapping[str, Path]:
        """Parts that the table names -> the table. Without a split column all is "train"."""
        return dict.fromkeys(sorted({row.part for row in self.rows}), self.table)

    def read(self, split: str, labels: Sequence[str] | None = None) -> Samples:
        """All pictures of a part, sorted by name. Raises: DataError for a part or a picture that is not there, a label not in ``labels``."""
        rows = sorted((row for row in self.rows if row.part == split), key=lambda row: row.file)
        if not rows:
            raise DataError("no_split", f"{self.table.name} has no part {split!r}.", nearest(split, self.splits()))
        names = fixed_labels((label for row in rows for label in row.labels), labels, self.table.name)
        paths = self._paths(rows)
        index = {name: i for i, name in enumerate(names)}
        return Samples(names, tuple(self._sample(row, path, index) for row, path in zip(rows, paths, strict=True)))

    def _sample(self, row: Row, path: Path, index: Mapping[str, int]) -> Sample:
        several = tuple(sorted(index[label] for label in row.labels))
        group = number_of(f"group {row.group}") if row.group else -1
        return Sample(path, row.file, number_of(row.file), several if self.has_several else several[0], group=group, values=row.values)

    def _paths(self, rows: Sequence[Row]) -> list[Path]:
        folders = [self.root, self.table.parent, *(self.root / name for name in _PICTURE_FOLDERS)]
        found = [next((p for f in folders if is_there(p := f / row.file)), None) for row in rows]
        missing = [row for row, path in zip(rows, found, strict=True) if path is None]
        if missing:
            named = ", ".join(f"{row.file[:_SHOWN]!r} (line {row.line})" for row in missing[:_NAMED])
            more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
            raise DataError(
                "missing_picture",
                f"{self.table.name} names {len(missing)} picture(s) that are not there: {named}{more}.",
                f"Put them below {self.root}, or take the lines out.",
            )
        return [path for path in found if path is not None]


def is_there(path: Path) -> bool:
    """Is it a file; a name longer than the system takes is none."""
    try:
        return path.is_file()
    except OSError:
        return False


def from_recipe(recipe: DataRecipe) -> CsvReader:
    """See readers.READERS."""
    return CsvReader(recipe)


def _table(root: Path, name: str) -> Path:
    if name:
        path = root / Path(os.path.expandvars(name)).expanduser()
        if path.is_file():
            return path
        raise DataError("no_table", f"There is no table {name!r}: looked for {path}.", "Correct data.labels_file.")
    path = next((root / usual for usual in USUAL_TABLES if (root / usual).is_file()), root)
    tables = [path] if path != root else sorted(p for p in root.glob("*.csv") if p.name != PLACES_NAME)
    if len(tables) != 1:
        found = ", ".join(t.name for t in tables) or "none"
        raise DataError("no_table", f"Which table holds the labels of {root} is not clear: found {found}.", "Set data.labels_file.")
    return tables[0]


def _rows(table: Path, recipe: DataRecipe) -> Iterator[Row]:
    """The lines of the table, columns found and cells checked."""
    try:
        text = table.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError("bad_table", f"{table.name} cannot be read: {error}.", "Save it as UTF-8.") from None
    # The separator is the one the heading has most of: cells may hold anything, headings hardly do.
    heading = text.split("\n", 1)[0]
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=max(",;\t|", key=heading.count))
    columns = tuple(reader.fieldnames or ())
    file = _column(columns, recipe.file_column, "file", table)
    label = _column(columns, recipe.label_column, "label", table)
    split = _column(columns, recipe.split_column, "split", table, is_needed=False)
    named = [_column(columns, name, "value", table) for name in (*recipe.value_columns, *filter(None, [recipe.group_column]))]
    for row in _whole(reader, table):
        line = reader.line_num
        if None in row.values() or not (row[file] or "").strip():
            raise DataError("bad_table", f"{table.name}, line {line}: too few cells, or no name of a file.", "Correct the line.")
        if any(row.get(None, ())):  # type: ignore[call-overload]  # cells beyond the heading; empty ones are a spreadsheet's
            raise DataError(
                "bad_table", f"{table.name}, line {line}: more cells than columns.", "Put a cell with a separator in it in quotes."
            )
        values = tuple(_number(row[name], name, table, line) for name in named[: len(recipe.value_columns)])
        group = row[recipe.group_column].strip() if recipe.group_column else ""
        labels = _labels(row[label], recipe.label_separator)
        yield Row(line, _below(row[file].strip(), table, line), labels, part_of(row[split]) or "train" if split else "train", group, values)


def _whole(reader: csv.DictReader[str], table: Path) -> Iterator[dict[str, str]]:
    """The reader's rows. Raises: DataError for a quote that is never closed and so makes a cell of the rest of the file."""
    try:
        yield from reader
    except csv.Error as error:
        raise DataError("bad_table", f"{table.name}, line {reader.line_num}: {error}.", "Look for a quote that is not closed.") from None


def _column(columns: Sequence[str], wanted: str, what: str, table: Path, *, is_needed: bool = True) -> str:
    """The column of that name; for an empty name the usual one, in any case of letters. Raises: DataError no_column."""
    if wanted:
        if wanted in columns:
            return wanted
        raise DataError("no_column", f"{table.name} has no column {wanted!r}.", nearest(wanted, columns))
    if not columns:
        raise DataError("bad_table", f"{table.name} is empty.", "Give a table with a line of column names, then a line a picture.")
    by_lower = {column.strip().lower(): column for column in reversed(columns)}
    found = next((by_lower[usual] for usual in _USUAL[what] if usual in by_lower), "")
    if not found and is_needed:
        raise DataError(
            "no_column", f"Which column of {table.name} is the {what} is not clear: received {list(columns)}.", f"Set data.{what}_column."
        )
    return found


def _below(name: str, table: Path, line: int) -> str:
    """A name with forward slashes. Raises: DataError for one that leads out of the folder."""
    posix = name.replace("\\", "/") if os.sep == "\\" else name
    if posix.startswith("/") or ".." in posix.split("/"):
        raise DataError("bad_table", f"{table.name}, line {line}: {name!r} leads out of the folder.", "Give names below the folder.")
    return posix.removeprefix("./")


def _labels(cell: str, separator: str) -> tuple[str, ...]:
    parts = cell.split(separator) if separator else [cell]
    return tuple(dict.fromkeys(part.strip() for part in parts if part.strip()))


def _number(cell: str, column: str, table: Path, line: int) -> float:
    try:
        number = float(cell)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise DataError("bad_table", f"{table.name}, line {line}: {column} is no number: received {cell!r}.", "Correct the line.")
    return number


def _joined(rows: Sequence[Row], table: Path) -> list[Row]:
    """Rows of one file become one row with all their labels. Raises: DataError when they disagree about anything else."""
    if not rows:
        raise DataError("no_pictures", f"{table.name} has no line below its heading.", "Give one line a picture.")
    by_file: dict[str, Row] = {}
    for row in rows:
        first = by_file.setdefault(row.file, row)
        if (first.part, first.group, first.values) != (row.part, row.group, row.values):
            raise DataError(
                "bad_table",
                f"{table.name}, lines {first.line} and {row.line}: {row.file!r} is in two parts, groups or has two values.",
                "Correct one of the lines.",
            )
        by_file[row.file] = replace(first, labels=tuple(dict.fromkeys((*first.labels, *row.labels))))
    return list(by_file.values())


def _each_has_a_label(rows: Sequence[Row], table: Path) -> None:
    for row in rows:
        if not row.labels:
            raise DataError(
                "bad_table",
                f"{table.name}, line {row.line}: {row.file!r} has no label.",
                "Give one, or set data.label_separator if a picture may have any number.",
            )
