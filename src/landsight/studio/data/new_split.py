"""``landsight data split``: parts that share no near-duplicate and no group, as a table or as a new folder of copies or links."""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from landsight.errors import DataError, UsageError
from landsight.studio.data.duplicates import find, groups, linked_by
from landsight.studio.data.inspect import read_all
from landsight.studio.data.readers.parts import has_test
from landsight.studio.data.related import Leak, leaks_csv
from landsight.studio.data.samples import Sample, Samples
from landsight.studio.data.split import carve
from landsight.studio.data.survey import Progress, survey
from landsight.studio.folders import make_folder
from landsight.studio.recipe import DataRecipe
from landsight.studio.train.checkpoint import write_atomic

TABLE_NAME, LEAKS_NAME = "labels.csv", "leaks.csv"
#: Stands between several labels where the recipe names no separator.
_SEPARATOR = "|"


@dataclass(frozen=True, slots=True)
class Split:
    """``parts`` hold the readable pictures, near-duplicates and given groups whole (Sample.group). ``leaks``: what given parts share with others
    (``train`` is the picture of the earlier part). ``unreadable``: (name, why). ``groups``: groups of two or more."""

    parts: dict[str, Samples]
    leaks: tuple[Leak, ...]
    unreadable: tuple[tuple[str, str], ...]
    groups: int


def plan(recipe: DataRecipe, seed: int, *, anew: bool = False, progress: Progress | None = None) -> Split:
    """Parts by recipe.test_share and recipe.validation_share of what is left. Parts that the data has are kept, unless ``anew``.

    Raises: DataError for data that cannot be read, or a class with too few pictures.
    """
    given, refused = read_all(recipe)
    if refused:
        part, why = next(iter(refused.items()))
        raise DataError("bad_part", f"Part {part!r} cannot be read beside train: {why}", "Correct it, or move it out of the folder.")
    found = survey(given, progress=progress)
    good = found.good
    pairs = find(found.prints)
    links = [*((p.a, p.b) for p in pairs), *linked_by(found.seen[i].sample.group for i in good)]
    numbers = groups(len(good), links)
    samples = [
        replace(found.seen[i].sample, group=int(g), small=max(found.seen[i].size_px) <= recipe.small_px)
        for i, g in zip(good, numbers, strict=True)
    ]
    members: dict[str, list[Sample]] = {"train": []} if anew else {part: [] for part in given}
    for i, sample in zip(good, samples, strict=True):
        members["train" if anew else found.seen[i].part].append(sample)
    parts = {part: Samples(found.labels, tuple(items)) for part, items in members.items()}
    where = {s.key: part for part, inside in parts.items() for s in inside.items}
    leaks = tuple(
        Leak(samples[p.a].name, where[samples[p.b].key], samples[p.b].name, p.likeness)
        for p in pairs
        if where[samples[p.a].key] != where[samples[p.b].key]
    )
    unreadable = tuple((s.sample.name, s.error.reason) for s in found.seen if s.error is not None)
    return Split(_carved(parts, recipe, seed), leaks, unreadable, int(sum(n > 1 for n in _sizes(samples).values())))


def write(split: Split, recipe: DataRecipe, out: Path, *, how: Literal["table", "copy", "link"] = "table") -> Path:
    """Write the folder ``out``, which must not exist: ``labels.csv``, or a folder a part and class of copies or links; and ``leaks.csv``.

    The table names files as below the data's root, so that the reader "csv" reads it there. Returns the table, or the folder.
    Raises: UsageError when out exists, a label cannot be a folder, or the pictures are no files.
    """
    if out.exists():
        raise UsageError("out_exists", f"{out} exists already.", "Give another folder, or remove it.")
    made = next((s for samples in split.parts.values() for s in samples.items if s.picture is not None), None)
    if made is not None and how != "copy":
        raise UsageError("no_files", f"{made.path.name} holds many pictures: no table or link can name one.", "Use --copy.")
    make_folder(out)
    if split.leaks:
        write_atomic(out / LEAKS_NAME, leaks_csv(split.leaks))
    if how == "table":
        write_atomic(out / TABLE_NAME, _table(split.parts, recipe.label_separator or _SEPARATOR))
        return out / TABLE_NAME
    _fill(split.parts, out, _copy if how == "copy" else _link)
    return out


def _carved(parts: dict[str, Samples], recipe: DataRecipe, seed: int) -> dict[str, Samples]:
    """With what is missing carved out of train, in the order train, validation, test, others."""
    train, rest = parts["train"], {part: samples for part, samples in parts.items() if part != "train"}
    if not has_test(rest) and recipe.test_share > 0:
        train, rest["test"] = carve(train, recipe.test_share, seed, "test")
    if "validation" not in rest and recipe.validation_share > 0:
        train, rest["validation"] = carve(train, recipe.validation_share, seed)
    for name, n in zip(train.labels, train.counts(), strict=True):
        if n == 0:
            raise DataError("empty_class", f"Class {name!r} has no readable training picture.", "Add pictures, or exclude the class.")
    return {"train": train, **{part: rest[part] for part in sorted(rest, key=lambda p: (p != "validation", p))}}


def _sizes(samples: list[Sample]) -> dict[int, int]:
    sizes: dict[int, int] = {}
    for sample in samples:
        sizes[sample.group] = sizes.get(sample.group, 0) + 1
    return sizes


def _table(parts: Mapping[str, Samples], separator: str) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(["file", "label", "split", "group"])
    for part, samples in parts.items():
        for s in samples.items:
            writer.writerow([s.name, separator.join(samples.labels[i] for i in s.label_indices), part, s.group])
    return text.getvalue().encode("utf-8", "surrogateescape")


def _fill(parts: Mapping[str, Samples], out: Path, put: Callable[[Sample, Path], None]) -> None:
    for label in next(iter(parts.values())).labels:
        if "/" in label or "\0" in label or label.startswith("."):
            raise UsageError("bad_label", f"A label cannot be the name of a folder: received {label!r}.", "Write a table instead.")
    for part, samples in parts.items():
        for sample in samples.items:
            if isinstance(sample.truth, tuple):
                raise UsageError(
                    "bad_label", f"{sample.name!r} has any number of labels, a folder stands for one.", "Write a table instead."
                )
            folder = out / part / samples.labels[sample.truth]
            folder.mkdir(parents=True, exist_ok=True)
            name = Path(sample.name).name + (".png" if sample.picture is not None else "")
            target = folder / name
            put(sample, folder / f"{sample.key:016x}-{name}"[-200:] if target.exists() or target.is_symlink() else target)


def _copy(sample: Sample, target: Path) -> None:
    if sample.picture is not None:
        target.write_bytes(sample.picture.encoded())
    else:
        shutil.copy2(sample.path, target)


def _link(sample: Sample, target: Path) -> None:
    target.symlink_to(sample.path.resolve())
