"""A photo worker that corrupts what it reads, between photo.read and photo.prepare: ``python -m landsight.studio.corrupt_worker``.

A Pool starts it like any worker, with the same limits. What to do is told in the bytes of a request: see ``Order``.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from landsight.photo.facts import Facts, PhotoWarning
from landsight.photo.limits import Limits
from landsight.photo.prepare import ImageU8, Preparation
from landsight.photo.worker import Decode, PackageReader, main
from landsight.studio.corruptions import corrupt

#: What a Pool takes as ``worker_module``.
MODULE: Final = "landsight.studio.corrupt_worker"


@dataclass(frozen=True, slots=True)
class Order:
    """A picture and what happens to it. Takes the place of a Sample's ``picture``. ``item``: addresses the draws; the picture's number."""

    source: Path | bytes
    name: str
    amount: float
    preparation: Preparation
    item: int

    def encoded(self) -> bytes:
        """One line of JSON, then the path, or the bytes of the file itself."""
        is_path = isinstance(self.source, Path)
        head = {"path": is_path, "name": self.name, "amount": self.amount, "item": self.item, "preparation": self.preparation.to_dict()}
        return json.dumps(head).encode() + b"\n" + (os.fsencode(self.source.absolute()) if isinstance(self.source, Path) else self.source)

    def content(self) -> bytes:
        """As a Picture has it."""
        return self.encoded()

    @classmethod
    def decoded(cls, data: bytes) -> Order:
        """The inverse of ``encoded``."""
        line, _, rest = data.partition(b"\n")
        head = json.loads(line)
        source = Path(os.fsdecode(rest)) if head["path"] else rest
        return cls(source, head["name"], head["amount"], Preparation.from_dict(head["preparation"]), head["item"])


@dataclass(frozen=True, slots=True)
class Corrupted:
    """What a worker takes for a decoded photo."""

    pixels_hwc_u8: ImageU8
    size_px: tuple[int, int]
    warnings: tuple[PhotoWarning, ...]


class CorruptingReader(PackageReader):
    """Reads as every worker does, and corrupts the pixels."""

    def open(self, source: Path | bytes, limits: Limits) -> tuple[Facts, Decode]:
        """``source``: an Order, encoded."""
        order = Order.decoded(source if isinstance(source, bytes) else source.read_bytes())
        facts, decode = super().open(order.source, limits)

        def corrupted(decode_px: int | None) -> Corrupted:
            photo = decode(decode_px)
            pixels = corrupt(photo.pixels_hwc_u8, order.name, order.amount, preparation=order.preparation, item=order.item)
            return Corrupted(pixels, photo.size_px, photo.warnings)

        return facts, corrupted


if __name__ == "__main__":
    sys.exit(main(CorruptingReader()))
