"""A training folder, checked before anything is learnt: corrupt files named and dropped, kinds and near-duplicates known, parts made."""

from __future__ import annotations

import dataclasses
import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from landsight.errors import DataError
from landsight.studio.data import duplicates
from landsight.studio.data.cache import Cache, Corrupt, Decode, Working, build
from landsight.studio.data.readers import Reader, open_reader
from landsight.studio.data.readers.parts import has_test
from landsight.studio.data.related import Leak, Related, leak_notes, related
from landsight.studio.data.samples import Samples
from landsight.studio.data.split import carve, parted_by_file
from landsight.studio.recipe import DataRecipe
from landsight.studio.resolve import nearest
from landsight.studio.typed_toml import is_text


@dataclass(frozen=True, slots=True)
class Checked:
    """What training may use. ``subsets``: parts that are looked at while training, "validation" first, then "held_out" if asked for.

    ``test``: carved because the data has no test part, else None; training never looks at it. ``leaks``: training pictures that are
    near-duplicates of pictures in a part that the data has. ``notes``: sentences for people.
    """

    train: Samples
    subsets: dict[str, Samples]
    cache: Cache
    corrupt: tuple[Corrupt, ...]
    duplicate_groups: int
    test: Samples | None = None
    leaks: tuple[Leak, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def labels(self) -> tuple[str, ...]:
        """Class names in the order of the network's outputs."""
        return self.train.labels

    @property
    def parts(self) -> dict[str, Samples]:
        """All pictures that were read for training, by the part they went to."""
        return {"train": self.train, **self.subsets, **({} if self.test is None else {"test": self.test})}

    def summary(self) -> dict[str, Any]:
        """Counts, for people and for environment.json."""
        return {
            **{name: len(s) for name, s in self.parts.items()}, "labels": len(self.labels),
            "small": sum(s.small for s in self.train.items), "duplicate_groups": self.duplicate_groups,
            "leaks": len(self.leaks),
            "corrupt": [dataclasses.asdict(c) for c in self.corrupt], "digest": self.cache.digest,
        }  # fmt: skip


def check(
    recipe: DataRecipe, seed: int, cache_root: Path, *, decode: Decode | None = None, progress: Callable[[int, int], None] | None = None
) -> Checked:
    """Read, decode once, group near-duplicates, drop what is corrupt or excluded, split. A part that is missing is carved, and said.

    Raises: DataError when a class ends up without a training picture, has one alone where a part must be carved, or ``hold_out``/``exclude``
    names no class.
    """
    reader = open_reader(recipe)
    everything = reader.read("train").thinned(recipe.most)
    _text_labels(everything.labels)
    _known_labels(recipe, everything.labels)
    given = reader.read("validation", everything.labels).thinned(recipe.most) if "validation" in reader.splits() else None
    working = Working(recipe.working_px, recipe.small_px, recipe.working_shape)
    cache = build(everything.items, root=cache_root, working=working, decode=decode, progress=progress)
    others, notes = _others(reader, everything.labels, recipe.duplicate_distance)
    grouped, found = _grouped(everything, cache, others, recipe)
    kept = without(grouped, recipe.exclude)
    dropped: list[str] = []
    if recipe.drop_leaks and found.leaks:
        kept, dropped = _without_leaks(kept, found)
    if len(kept.labels) < 2:
        raise DataError("no_classes", f"data.exclude leaves {len(kept.labels)} class(es): {list(kept.labels)}.", "Keep at least two.")
    held_keys = {s.key for s in kept.items if not s.small and any(kept.labels[i] in recipe.hold_out for i in s.label_indices)}
    usable = kept.where(lambda s: s.key not in held_keys)
    train, test, validation, carved = _parted(usable, given, recipe, seed, test_is_given=has_test(reader.splits()))
    subsets = {"validation": validation}
    if held_keys:
        subsets["held_out"] = kept.where(lambda s: s.key in held_keys)
    _complete(train)
    names = {s.name for s in train.items}
    leaks = tuple(leak for leak in found.leaks if leak.train in names)
    notes = [*dropped, *carved, *leak_notes(leaks, found.compared), *_size_notes(train, recipe.small_px), *notes]
    duplicates_known = sum(n > 1 for n in Counter(s.group for s in grouped.items).values())
    return Checked(train, subsets, cache, cache.corrupt, duplicates_known, test, leaks, tuple(notes))


def _without_leaks(samples: Samples, found: Related) -> tuple[Samples, list[str]]:
    """Without the pictures that another part has too, and without their near-duplicates here."""
    leaking = {leak.train for leak in found.leaks}
    groups = {s.group for s in samples.items if s.name in leaking and s.group != -1}
    kept = samples.where(lambda s: s.name not in leaking and s.group not in groups)
    return kept, [f"{len(samples) - len(kept)} training picture(s) that other parts have too were left out (data.drop_leaks)."]


def _others(reader: Reader, labels: tuple[str, ...], distance: int) -> tuple[dict[str, Samples], list[str]]:
    """The parts beside "train" that near-duplicates are looked for in, and why one cannot be compared."""
    others: dict[str, Samples] = {}
    notes: list[str] = []
    for part in reader.splits() if distance >= 0 else ():
        if part != "train":
            try:
                others[part] = reader.read(part, labels)
            except DataError as error:
                notes.append(f"Part {part!r} was not compared with the training pictures: {error}")
    return others, notes


def _parted(
    usable: Samples, given: Samples | None, recipe: DataRecipe, seed: int, *, test_is_given: bool
) -> tuple[Samples, Samples | None, Samples, list[str]]:
    """(train, carved test or None, validation, what to say). Test goes first, so that asking for validation never changes it."""
    if recipe.parts:
        train, test, validation, notes = parted_by_file(usable, Path(os.path.expandvars(recipe.parts)).expanduser())
        return train, test, without(given, recipe.exclude) if given is not None and not len(validation) else validation, notes
    train, test, notes = usable, None, []
    carves_test = not test_is_given and recipe.test_share > 0
    carves_validation = given is None and recipe.validation_share > 0
    if carves_test or carves_validation:
        _more_than_one(usable)
    if carves_test:
        train, test = carve(train, recipe.test_share, seed, "test")
        notes.append(_carved("test", test, usable))
    if given is not None:
        return train, test, without(given, recipe.exclude), notes
    train, validation = carve(train, recipe.validation_share, seed)
    if carves_validation:
        notes.append(_carved("validation", validation, usable))
    return train, test, validation, notes


def _carved(part: str, carved: Samples, whole: Samples) -> str:
    lacking = [name for name, n in zip(whole.labels, carved.counts(), strict=True) if n == 0]
    text = f"The data has no {part} part: {len(carved)} of {len(whole)} pictures were set aside for it (data.{part}_share)."
    return text + (f" It has none of {len(lacking)} class(es): {', '.join(lacking[:5])}." if lacking else "")


def _size_notes(train: Samples, small_px: int) -> list[str]:
    """A sentence when some classes have small pictures alone and others none: size tells them apart, and a network learns that first."""
    small, large = (has_kind(train, small=kind) for kind in (True, False))
    only_small, only_large = (sum(a and not b for a, b in zip(*kinds, strict=True)) for kinds in ((small, large), (large, small)))
    if not only_small or not only_large:
        return []
    return [
        f"Size gives classes away: {only_small} of {len(small)} have only pictures of at most {small_px} px, {only_large} only larger ones."
        " Photos of another size than their class had may be misjudged; `landsight data check` says more, docs/data.md what helps."
    ]


def has_kind(samples: Samples, *, small: bool) -> list[bool]:
    """For each label: does it have a small (a large) picture here."""
    return [n > 0 for n in samples.where(lambda s: s.small == small).counts()]


def _grouped(samples: Samples, cache: Cache, others: dict[str, Samples], recipe: DataRecipe) -> tuple[Samples, Related]:
    """Readable samples with kind and group filled in: linked by being near-duplicates, or by the reader."""
    good = [s for s in samples.items if s.key in cache.entries]
    found = related(good, cache, others, recipe.working_px) if recipe.duplicate_distance >= 0 else Related((), (), {})
    pairs = [p for p in found.pairs if recipe.duplicate_distance > 0 or p.likeness == 1]
    links = [*((p.a, p.b) for p in pairs), *duplicates.linked_by(s.group for s in good)]
    groups = duplicates.groups(len(good), links)
    items = tuple(dataclasses.replace(s, small=cache.entries[s.key].small, group=int(g)) for s, g in zip(good, groups, strict=True))
    return dataclasses.replace(samples, items=items), found


def without(samples: Samples, exclude: tuple[str, ...]) -> Samples:
    """Leave out classes and all their pictures; the rest are numbered anew."""
    labels = tuple(name for name in samples.labels if name not in exclude)
    number = {samples.labels.index(name): i for i, name in enumerate(labels)}

    def renumbered(truth: Any) -> Any:
        return tuple(number[i] for i in truth) if isinstance(truth, tuple) else number[truth]

    kept = (s for s in samples.items if all(i in number for i in s.label_indices))
    return Samples(labels, tuple(dataclasses.replace(s, truth=renumbered(s.truth)) for s in kept))


def _known_labels(recipe: DataRecipe, labels: tuple[str, ...]) -> None:
    for name in (*recipe.hold_out, *recipe.exclude):
        if name not in labels:
            raise DataError(
                "unknown_class", f"The recipe names a class that the folder does not have: received {name!r}.", nearest(name, labels)
            )


def _text_labels(labels: tuple[str, ...]) -> None:
    """Names go into JSON and into bundles, which hold text alone. Raises: DataError for one that the file system has as other bytes."""
    for name in labels:
        if not is_text(name):
            raise DataError("bad_class_name", f"The name of class {name!r} is not UTF-8.", "Rename its folder.")


def _more_than_one(samples: Samples) -> None:
    for name, n in zip(samples.labels, samples.counts(), strict=True):
        if n == 1:
            raise DataError(
                "one_picture",
                f"Class {name!r} has one readable picture: it cannot both teach and be tested.",
                "Add pictures, or exclude the class: data.exclude.",
            )


def _complete(train: Samples) -> None:
    for name, n in zip(train.labels, train.counts(), strict=True):
        if n == 0:
            raise DataError("empty_class", f"Class {name!r} has no readable training picture.", "Add pictures, or exclude the class.")
