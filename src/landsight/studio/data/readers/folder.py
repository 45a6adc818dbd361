"""A folder per class, below train/ and, if there are any, valid(ation)/ and test*/. Without train/ the classes lie in the root itself."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from landsight.errors import DataError
from landsight.studio.data.readers.parts import folder_of, part_of
from landsight.studio.data.samples import Sample, Samples
from landsight.studio.random import number_of
from landsight.studio.recipe import DataRecipe
from landsight.studio.resolve import nearest

#: Files that systems leave behind and nobody means as pictures.
_LITTER = frozenset({"thumbs.db", "desktop.ini"})


class FolderReader:
    """Reads ``root/split/class/file``. ``root`` may hold environment variables ($NAME) and ~."""

    takes_columns = False
    takes_folders = True

    def __init__(self, root: str | Path) -> None:
        self.root = folder_of(root)
        if not self.root.is_dir():
            raise DataError(
                "no_folder", f"The data folder does not exist: received {self.root}.", "Set data.root to a folder with one folder a class."
            )

    def splits(self) -> dict[str, Path]:
        """Split name -> folder. "train" always, "validation" under any of its usual names, others under their own."""
        if not (self.root / "train").is_dir():
            return {"train": self.root}
        folders = {p.name: p for p in sorted(self.root.iterdir()) if p.is_dir() and not p.name.startswith(".")}
        return {part_of(name): path for name, path in folders.items()}

    def read(self, split: str, labels: Sequence[str] | None = None) -> Samples:
        """All files of a split, sorted by name. ``labels`` (default: the folders found) fixes the order of the classes.

        Raises: DataError for a split that is not there, no class, a class folder that ``labels`` does not name, or no picture.
        """
        splits = self.splits()
        if split not in splits:
            raise DataError("no_split", f"{self.root} has no part {split!r}.", nearest(split, splits))
        folder = splits[split]
        found = sorted(p.name for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))
        names = tuple(found if labels is None else labels)
        if foreign := sorted(set(found) - set(names)):
            raise DataError("unknown_class", f"{folder} has a class that training did not: {foreign[0]!r}.", nearest(foreign[0], names))
        if len(names) < 2:
            raise DataError("no_classes", f"{folder} has {len(names)} class folder(s).", "Give at least two folders, one a class.")
        items = tuple(self._sample(path, names.index(name)) for name in found for path in _files(folder / name))
        if not items:
            raise DataError("no_pictures", f"{folder} holds no file in any class folder.", "Put the pictures into the class folders.")
        return Samples(names, items)

    def _sample(self, path: Path, label: int) -> Sample:
        name = path.relative_to(self.root).as_posix()
        return Sample(path, name, number_of(name), label)


def from_recipe(recipe: DataRecipe) -> FolderReader:
    """See readers.READERS."""
    return FolderReader(recipe.root)


def _files(folder: Path) -> list[Path]:
    """A link that leads nowhere is a picture that cannot be read, and is said to be one; folders, pipes and sockets are none."""
    return sorted(p for p in folder.iterdir() if _may_be_picture(p) and not p.name.startswith(".") and p.name.lower() not in _LITTER)


def _may_be_picture(path: Path) -> bool:
    return path.is_file() or (path.is_symlink() and not path.exists())
