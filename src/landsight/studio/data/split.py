"""Which training pictures validate or test, in whole near-duplicate groups. A part that the data has itself is no argument here: it cannot be touched."""

from __future__ import annotations

import csv
import io
from collections import Counter, defaultdict
from collections.abc import Hashable, Mapping
from functools import partial
from pathlib import Path

from landsight.errors import DataError
from landsight.studio.data.samples import Sample, Samples
from landsight.studio.random import generator

#: Which picture went where, in the run folder.
PARTS_NAME = "parts.csv"


def carve(samples: Samples, share: float, seed: int, part: str = "validation") -> tuple[Samples, Samples]:
    """Take ``share`` of every stratum (label, small or large) for ``part``, whole groups at a time.

    Returns (the rest, the part). A group belongs to the stratum of its first picture, a picture with several labels to that of its rarest;
    a stratum never gives its last group away. Addressed: which groups go depends on the seed, the part and each group's first name alone,
    so new files do not reshuffle the old.
    """
    members: dict[int, list[Sample]] = defaultdict(list)
    for index, sample in enumerate(samples.items):
        members[sample.group if sample.group >= 0 else -1 - index].append(sample)
    counts = samples.counts()
    strata: dict[Hashable, list[list[Sample]]] = defaultdict(list)
    for group in members.values():
        rarest = min(group[0].label_indices, key=lambda i: (counts[i], i), default=-1)
        strata[(rarest, group[0].small)].append(group)
    # The address of validation is that of the days before there were other parts: old runs keep their pictures.
    purpose = "split" if part == "validation" else f"split {part}"
    chosen: set[int] = set()
    for stratum in strata.values():
        chosen.update(_pick(stratum, share, seed, purpose))
    return samples.where(lambda s: s.key not in chosen), samples.where(lambda s: s.key in chosen)


def _pick(stratum: list[list[Sample]], share: float, seed: int, purpose: str) -> list[int]:
    """Keys of the pictures that go: groups in their addressed order, as long as one brings the count nearer to the goal."""
    goal = round(share * sum(len(g) for g in stratum))
    order = sorted(stratum, key=lambda g: generator(seed, purpose, item=g[0].key).random())
    keys: list[int] = []
    for group in order[:-1]:
        if abs(len(keys) + len(group) - goal) < abs(len(keys) - goal):
            keys.extend(s.key for s in group)
    return keys


def parts_csv(parts: Mapping[str, Samples]) -> bytes:
    """``name,part,group``: a line a picture; pictures with the same group were kept in one part, alone ones have none."""
    members = Counter(s.group for samples in parts.values() for s in samples.items)
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(["name", "part", "group"])
    for part, samples in parts.items():
        writer.writerows([s.name, part, s.group if s.group >= 0 and members[s.group] > 1 else ""] for s in samples.items)
    return text.getvalue().encode("utf-8", "surrogateescape")


def read_parts(path: Path) -> dict[str, str]:
    """Name of a picture -> its part, from ``parts_csv``; empty when there is no such file."""
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
        reader = csv.DictReader(file)
        if lacking := {"name", "part"} - set(reader.fieldnames or ()):
            raise DataError("no_parts", f"{path} has no column {sorted(lacking)[0]!r}.", "Give a table with the columns name and part.")
        try:
            return {row["name"]: row["part"] or "" for row in reader}
        except csv.Error as error:
            raise DataError("no_parts", f"{path} cannot be read: {error}.", "Give a table with the columns name and part.") from None


def parted_by_file(samples: Samples, path: Path) -> tuple[Samples, Samples | None, Samples, list[str]]:
    """(train, test or None, validation, what to say) of ``samples`` as a parts.csv says. Raises: DataError when there is no such file."""
    went = read_parts(path)
    if not went:
        raise DataError("no_parts", f"data.parts names no pictures: received {path}.", "Give a table with the columns name and part.")
    train, test, validation = (samples.where(partial(_went_to, went, part)) for part in ("train", "test", "validation"))
    strange = len(went) - len(train) - len(test) - len(validation)
    notes = [f"{strange} of the {len(went)} pictures that data.parts names are not among those to learn from."] if strange else []
    return train, test if len(test) else None, validation, notes


def _went_to(went: Mapping[str, str], part: str, sample: Sample) -> bool:
    return went.get(sample.name) == part
