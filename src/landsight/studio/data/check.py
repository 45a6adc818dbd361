"""A training folder, checked before anything is learnt: corrupt files named and dropped, kinds and near-duplicates known, parts made."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from landsight.errors import DataError
from landsight.studio.data import duplicates
from landsight.studio.data.cache import Cache, Corrupt, Decode, Working, build
from landsight.studio.data.readers import open_reader
from landsight.studio.data.samples import Samples
from landsight.studio.data.split import carve_validation
from landsight.studio.recipe import DataRecipe
from landsight.studio.resolve import nearest


@dataclass(frozen=True, slots=True)
class Checked:
    """What training may use. ``subsets``: parts that are looked at while training, "validation" first, then "held_out" if asked for."""

    train: Samples
    subsets: dict[str, Samples]
    cache: Cache
    corrupt: tuple[Corrupt, ...]
    duplicate_groups: int

    @property
    def labels(self) -> tuple[str, ...]:
        """Class names in the order of the network's outputs."""
        return self.train.labels

    def summary(self) -> dict[str, Any]:
        """Counts, for people and for environment.json."""
        return {
            "train": len(self.train), **{name: len(s) for name, s in self.subsets.items()}, "labels": len(self.labels),
            "small": sum(s.small for s in self.train.items), "duplicate_groups": self.duplicate_groups,
            "corrupt": [dataclasses.asdict(c) for c in self.corrupt], "digest": self.cache.digest,
        }  # fmt: skip


def check(
    recipe: DataRecipe, seed: int, cache_root: Path, *, decode: Decode | None = None, progress: Callable[[int, int], None] | None = None
) -> Checked:
    """Read, decode once, group near-duplicates, drop what is corrupt or excluded, split.

    Raises: DataError when a class ends up without a training picture, or ``hold_out``/``exclude`` names no class.
    """
    reader = open_reader(recipe)
    everything = reader.read("train")
    _known_labels(recipe, everything.labels)
    given = reader.read("validation", everything.labels) if "validation" in reader.splits() else None
    working = Working(recipe.working_px, recipe.small_px, recipe.working_shape)
    cache = build(everything.items, root=cache_root, working=working, decode=decode, progress=progress)
    grouped, groups = _grouped(everything, cache, recipe.duplicate_distance)
    kept = without(grouped, recipe.exclude)
    held_keys = {s.key for s in kept.items if not s.small and kept.labels[s.truth] in recipe.hold_out}
    usable = kept.where(lambda s: s.key not in held_keys)
    if given is None:
        train, validation = carve_validation(usable, recipe.validation_share, seed)
    else:
        train, validation = usable, without(given, recipe.exclude)
    subsets = {"validation": validation}
    if held_keys:
        subsets["held_out"] = kept.where(lambda s: s.key in held_keys)
    _complete(train)
    return Checked(train, subsets, cache, cache.corrupt, groups)


def has_kind(samples: Samples, *, small: bool) -> list[bool]:
    """For each label: does it have a small (a large) picture here."""
    present = {s.truth for s in samples.items if s.small == small}
    return [i in present for i in range(len(samples.labels))]


def _grouped(samples: Samples, cache: Cache, distance: int) -> tuple[Samples, int]:
    """Readable samples with kind and group filled in, and the number of groups of two or more."""
    good = [s for s in samples.items if s.key in cache.entries]
    hashes = np.array([int(cache.entries[s.key].hash, 16) for s in good], np.uint64)
    groups = duplicates.groups(hashes, distance)
    items = tuple(dataclasses.replace(s, small=cache.entries[s.key].small, group=int(g)) for s, g in zip(good, groups, strict=True))
    return dataclasses.replace(samples, items=items), sum(n > 1 for n in Counter(groups.tolist()).values())


def without(samples: Samples, exclude: tuple[str, ...]) -> Samples:
    """Leave out classes; the rest are numbered anew."""
    labels = tuple(name for name in samples.labels if name not in exclude)
    number = {samples.labels.index(name): i for i, name in enumerate(labels)}
    items = tuple(dataclasses.replace(s, truth=number[s.truth]) for s in samples.items if s.truth in number)
    return Samples(labels, items)


def _known_labels(recipe: DataRecipe, labels: tuple[str, ...]) -> None:
    for name in (*recipe.hold_out, *recipe.exclude):
        if name not in labels:
            raise DataError(
                "unknown_class", f"The recipe names a class that the folder does not have: received {name!r}.", nearest(name, labels)
            )


def _complete(train: Samples) -> None:
    present = {s.truth for s in train.items}
    for i, name in enumerate(train.labels):
        if i not in present:
            raise DataError("empty_class", f"Class {name!r} has no readable training picture.", "Add pictures, or exclude the class.")
