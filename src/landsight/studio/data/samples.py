"""One labelled picture, and a list of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Sample:
    """``name`` is the path below the root with forward slashes, ``key`` its stable number; ``truth`` is what the task learns (classify: label index).

    ``small``: both sides at most data.small_px; ``group``: pictures with the same number are near-duplicates. Both known after the check.
    """

    path: Path
    name: str
    key: int
    truth: Any
    small: bool = False
    group: int = -1


@dataclass(frozen=True, slots=True)
class Samples:
    """Pictures of one split and the names of the labels."""

    labels: tuple[str, ...]
    items: tuple[Sample, ...]

    def __len__(self) -> int:
        return len(self.items)

    def where(self, keep: Callable[[Sample], bool]) -> Samples:
        """Those that ``keep`` says yes to, labels unchanged."""
        return replace(self, items=tuple(s for s in self.items if keep(s)))
