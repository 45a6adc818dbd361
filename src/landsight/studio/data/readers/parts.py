"""What readers share: what people call the parts of a data set, the order of labels, the root."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from landsight.errors import DataError
from landsight.studio.resolve import nearest

#: Usual name -> ours. Other parts keep their own name.
_PARTS = {
    "train": "train", "training": "train", "validation": "validation", "valid": "validation", "val": "validation", "dev": "validation",
    "test": "test", "testing": "test",
}  # fmt: skip
#: What people call the validation part, in a folder or a column.
VALIDATION_NAMES = tuple(name for name, part in _PARTS.items() if part == "validation")


def part_of(name: str) -> str:
    """``train``, ``validation`` or ``test`` for any of their usual names, else the name itself."""
    return _PARTS.get(name.strip().lower(), name.strip())


def has_test(parts: Iterable[str]) -> bool:
    """Is one of the parts there to be measured on: "test", or a name that begins so."""
    return any(part.startswith("test") for part in parts)


def fixed_labels(found: Iterable[str], labels: Sequence[str] | None, where: str) -> tuple[str, ...]:
    """``labels`` if given, else those found, sorted. Raises: DataError for a foreign label, or fewer than two."""
    here = sorted(set(found))
    names = tuple(here if labels is None else labels)
    if foreign := sorted(set(here) - set(names)):
        raise DataError("unknown_class", f"{where} has a class that training did not: {foreign[0]!r}.", nearest(foreign[0], names))
    if len(names) < 2:
        raise DataError("no_classes", f"{where} has {len(names)} class(es): received {list(names)}.", "Give at least two.")
    return names


def folder_of(root: str | Path) -> Path:
    """The folder that data.root names; environment variables and ~ are filled in, unless a folder has exactly that name."""
    literal = Path(root)
    return literal if literal.is_dir() else Path(os.path.expandvars(str(root))).expanduser()
