"""One labelled picture, and a list of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol


class Picture(Protocol):
    """A picture that is no file of its own, such as one of an idx file. Made by the reader, from plain numbers: nobody's hostile file."""

    def encoded(self) -> bytes:
        """The picture as a PNG file, for photo.read."""
        ...

    def content(self) -> bytes:
        """What tells whether it has changed; cheaper than ``encoded``."""
        ...


@dataclass(frozen=True, slots=True)
class Sample:
    """``name`` is the path below the root with forward slashes, ``key`` its stable number; ``truth`` is what the task learns: the index of
    its label, or a tuple of indices for a picture with any number of labels.

    ``small``: both sides at most data.small_px, known after the check. ``group``: pictures with the same number must stay in one part; the
    reader knows some, the check adds near-duplicates (-1: none). ``values``: numbers to predict. ``picture``: set when ``path`` holds many.
    """

    path: Path
    name: str
    key: int
    truth: Any
    small: bool = False
    group: int = -1
    values: tuple[float, ...] = ()
    picture: Picture | None = None

    def source(self) -> Path | bytes:
        """What photo.read and Pool.submit take."""
        return self.path if self.picture is None else self.picture.encoded()

    def content(self) -> bytes:
        """The bytes that the picture is made from. Raises: OSError."""
        return self.path.read_bytes() if self.picture is None else self.picture.content()

    @property
    def label_indices(self) -> tuple[int, ...]:
        """All labels, whether the truth is one or several."""
        return self.truth if isinstance(self.truth, tuple) else (self.truth,)


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

    def counts(self) -> list[int]:
        """Pictures of each label; one with several labels counts for each."""
        counts = [0] * len(self.labels)
        for sample in self.items:
            for index in sample.label_indices:
                counts[index] += 1
        return counts

    def thinned(self, most: int) -> Samples:
        """At most ``most`` pictures, evenly spaced within each label (a picture with several counts with its first), but three of each label
        where it has them, so that parts can be carved. Order stays; 0: all."""
        if not most or len(self.items) <= most:
            return self
        members: dict[tuple[int, ...], list[int]] = {}
        for number, sample in enumerate(self.items):
            members.setdefault(sample.label_indices[:1], []).append(number)
        each = max(3, most // len(members))
        chosen = {row[i * len(row) // min(each, len(row))] for row in members.values() for i in range(min(each, len(row)))}
        return replace(self, items=tuple(s for number, s in enumerate(self.items) if number in chosen))
