"""Which training pictures are near-duplicates of each other, and which of pictures in a part that the data has for itself: leaks.

Looked for once: the answer is kept beside the cache, under the digest of all files that were compared.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from landsight.photo.limits import Limits
from landsight.photo.prepare import Preparation
from landsight.runtime.stream import Pool
from landsight.studio.data.cache import Cache, read_pixels
from landsight.studio.data.duplicates import SIDE_PX, Pair, Print, find, print_of
from landsight.studio.data.samples import Sample, Samples

#: Raised with each change of what counts as a near-duplicate.
_VERSION = 1
#: Side at which pictures of other parts are read to be compared, unless the cache's is less: both sides must be equally sharp.
_READ_PX = 2 * SIDE_PX


@dataclass(frozen=True, slots=True)
class Leak:
    """A training picture that ``other``, a picture of ``part``, is a near-duplicate of."""

    train: str
    part: str
    other: str
    likeness: float


@dataclass(frozen=True, slots=True)
class Related:
    """``pairs`` number the training pictures in the order they were given; ``compared``: pictures in the other parts."""

    pairs: tuple[Pair, ...]
    leaks: tuple[Leak, ...]
    compared: Mapping[str, int]


def related(train: Sequence[Sample], cache: Cache, others: Mapping[str, Samples], working_px: int) -> Related:
    """Compare all training pictures (which are in ``cache``) with each other and with those of ``others``. Unreadable ones are left out there.

    ``working_px``: the side that the cache squashes pictures to.
    """
    path = cache.folder / f"related-{_digest(train, others)}.json"
    if path.is_file():
        return _parsed(path)
    prints = [print_of(cache[sample.key]) for sample in train]
    n = len(train)
    owners: list[tuple[str, str]] = []
    everything = [(part, sample) for part, samples in others.items() for sample in samples.items]
    for (part, sample), found in _prints(everything, min(working_px, _READ_PX)):
        prints.append(found)
        owners.append((part, sample.name))
    pairs = find(prints)
    leaks = tuple(Leak(train[p.a].name, *owners[p.b - n], p.likeness) for p in pairs if p.a < n <= p.b)
    answer = Related(tuple(p for p in pairs if p.b < n), leaks, {part: len(samples) for part, samples in others.items()})
    _keep(path, answer)
    return answer


def leaks_csv(leaks: Iterable[Leak]) -> bytes:
    """``train,part,other,likeness``, a line a leak."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(["train", "part", "other", "likeness"])
    writer.writerows([leak.train, leak.part, leak.other, leak.likeness] for leak in leaks)
    return text.getvalue().encode("utf-8", "surrogateescape")


def leak_notes(leaks: Sequence[Leak], compared: Mapping[str, int]) -> list[str]:
    """A sentence for each part that training pictures leak into."""
    notes = []
    for part, total in compared.items():
        here = [leak for leak in leaks if leak.part == part]
        if here:
            pictures = len({leak.other for leak in here})
            first = "; ".join(f"{leak.train} = {leak.other}" for leak in here[:3])
            notes.append(
                f"Leak: {pictures} of {total} pictures of {part!r} are near-duplicates of training pictures, so figures on it flatter"
                f" (all in leaks.csv): {first}."
            )
    return notes


def _prints(items: Sequence[tuple[str, Sample]], side: int) -> Iterator[tuple[tuple[str, Sample], Print]]:
    """Of files through guarded workers; of pictures that a reader made, at once."""
    files = [item for item in items if item[1].picture is None]
    with ExitStack() as stack:
        if files:
            pool = stack.enter_context(Pool(Preparation(side, side), limits=Limits.from_environment()))
            for item, read in zip(files, pool.map(sample.path for _, sample in files), strict=True):
                if read.prepared is not None:
                    yield item, print_of(read.prepared, read.size_px)
    for item in items:
        if item[1].picture is not None:
            yield item, print_of(read_pixels(item[1].source(), 1))


def _digest(train: Sequence[Sample], others: Mapping[str, Samples]) -> str:
    """The cache's folder stands for the training files; here are those that are readable, and the others' names and bytes."""
    total = hashlib.sha256(f"{_VERSION}".encode())
    for sample in train:
        total.update(sample.key.to_bytes(8, "little"))
    for part, samples in others.items():
        total.update(part.encode("utf-8", "surrogateescape") + b"\0")
        for sample in samples.items:
            total.update(sample.name.encode("utf-8", "surrogateescape") + b"\0")
            try:
                total.update(hashlib.sha256(sample.content()).digest())
            except OSError:
                total.update(b"unreadable")
    return total.hexdigest()[:16]


def _keep(path: Path, answer: Related) -> None:
    rows = {
        "pairs": [[p.a, p.b, p.likeness, p.is_mirrored] for p in answer.pairs],
        "leaks": [[leak.train, leak.part, leak.other, leak.likeness] for leak in answer.leaks],
        "compared": dict(answer.compared),
    }
    partial = path.with_name(f"{path.name}.partial-{os.getpid()}")
    partial.write_text(json.dumps(rows), encoding="utf-8")
    partial.replace(path)


def _parsed(path: Path) -> Related:
    rows = json.loads(path.read_text(encoding="utf-8"))
    return Related(tuple(Pair(*row) for row in rows["pairs"]), tuple(Leak(*row) for row in rows["leaks"]), rows["compared"])
