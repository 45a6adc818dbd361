"""Readers: a folder on disk -> Samples. One file a format; a reader is made from a DataRecipe and has ``splits()`` and ``read(split, labels)``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from landsight.errors import DataError, RecipeError
from landsight.studio.data.readers.parts import folder_of
from landsight.studio.data.samples import Samples
from landsight.studio.folders import is_inside, require_outside
from landsight.studio.recipe import DataRecipe
from landsight.studio.resolve import resolve

#: Name of a reader -> function (recipe) -> Reader.
READERS: dict[str, str] = {
    "auto": "landsight.studio.data.readers.auto:from_recipe",
    "folder": "landsight.studio.data.readers.folder:from_recipe",
    "csv": "landsight.studio.data.readers.csv:from_recipe",
    "idx": "landsight.studio.data.readers.idx:from_recipe",
}

#: Fields of data that only a table gives a meaning.
COLUMNS = ("labels_file", "file_column", "label_column", "label_separator", "split_column", "group_column", "value_columns")


class Reader(Protocol):
    """A data folder opened. ``takes_columns``: what the recipe says about a table's columns means something to it. ``takes_folders``: every
    folder in it is a class or a part, so that nothing else may be put there."""

    takes_columns: bool
    takes_folders: bool

    def splits(self) -> Mapping[str, Path]:
        """Name of each part -> where it lies. "train" always, "validation" under any of its usual names, others under their own."""
        ...

    def read(self, split: str, labels: Sequence[str] | None = None) -> Samples:
        """All pictures of a part, sorted by name. ``labels`` (default: those found) fixes the order of the classes. Raises: DataError."""
        ...


def open_reader(recipe: DataRecipe) -> Reader:
    """The reader that the recipe names, on its root. Raises: RecipeError for an unknown name, DataError when there is no such folder."""
    if not recipe.root.strip():
        raise DataError("no_folder", "No folder of pictures is named: data.root is empty.", "Set data.root; '.' is the current folder.")
    reader: Reader = resolve(READERS, recipe.reader, "reader")(recipe)
    if not reader.takes_columns and (given := [name for name in COLUMNS if getattr(recipe, name)]):
        raise RecipeError(
            "no_table", f"data.{given[0]} is for a table, and {recipe.root} was read without one: received {getattr(recipe, given[0])!r}.",
            "Name the table: data.labels_file; or leave the field out.",
        )  # fmt: skip
    return reader


def require_outside_data(out: Path, recipe: DataRecipe) -> None:
    """Results must not become a class of the pictures they came from. Raises: UsageError; as ``open_reader``."""
    root = folder_of(recipe.root)
    if is_inside(out, root) and open_reader(recipe).takes_folders:
        require_outside(out, root)
