"""Which labels a model takes for which: counts from its test, carried by the bundle as ``confused.json``, an optional file.

    {"measured_on": "landmarks/test", "labels": {"louvre": {"of": 98, "taken_for": {"les_invalides": 2}}}}

Counts are told as they are ("2 of 98"): of a label with ten test pictures a share would pretend to know more.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from landsight.errors import BundleError

CONFUSED_NAME: Final = "confused.json"
#: 10,000 labels, each taken for ten others, take about 4 MB.
MAX_CONFUSED_BYTES: Final = 16_000_000


@dataclass(frozen=True, slots=True)
class Taken:
    """``count`` of the ``of`` test pictures of a label were taken for ``label``."""

    label: str
    count: int
    of: int


@dataclass(frozen=True, slots=True)
class Confused:
    """``of``: label -> its test pictures, at least one; ``taken_for``: label -> what they were taken for wrongly, and how many.

    A label that was never taken for another has no entry in ``taken_for``; one without test pictures none in ``of`` either.
    """

    measured_on: str
    of: Mapping[str, int] = field(default_factory=dict)
    taken_for: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    @classmethod
    def of_table(cls, labels: Sequence[str], counts: Sequence[Sequence[int]], measured_on: str) -> Confused:
        """From a confusion matrix: row what a picture shows, column what it was taken for."""
        of, taken_for = {}, {}
        for row, (label, line) in enumerate(zip(labels, counts, strict=True)):
            if total := sum(line):
                of[label] = total
            if wrong := {labels[column]: count for column, count in enumerate(line) if count and column != row}:
                taken_for[label] = wrong
        return cls(measured_on, of, taken_for)

    def often(self, label: str, most: int = 3) -> list[Taken] | None:
        """What ``label`` was taken for, the most frequent first, at most so many; None when no picture of it was in the test."""
        if label not in self.of:
            return None
        wrong = sorted(self.taken_for.get(label, {}).items(), key=lambda item: (-item[1], item[0]))
        return [Taken(other, count, self.of[label]) for other, count in wrong[:most]]

    def to_json(self) -> str:
        """The file, a line a label."""
        lines = [
            f"  {json.dumps(label, ensure_ascii=False)}: "
            + json.dumps({"of": n, "taken_for": dict(self.taken_for.get(label, {}))}, ensure_ascii=False)
            for label, n in self.of.items()
        ]
        head = f'{{\n "measured_on": {json.dumps(self.measured_on, ensure_ascii=False)},\n "labels": {{'
        return head + ("\n" + ",\n".join(lines) + "\n " if lines else "") + "}\n}\n"

    @classmethod
    def from_json(cls, text: str, labels: Sequence[str]) -> Confused:
        """Raises: BundleError for text that ``to_json`` does not write, or that counts what is no label."""
        try:
            data = json.loads(text)
            known = set(labels)
            of = {label: _count(row["of"]) for label, row in data["labels"].items()}
            taken_for = {label: {o: _count(c) for o, c in row["taken_for"].items()} for label, row in data["labels"].items()}
            taken_for = {label: row for label, row in taken_for.items() if row}
            if stray := (of.keys() | {o for row in taken_for.values() for o in row}) - known:
                raise ValueError(f"{min(stray)!r} is no label")
            if over := [label for label, row in taken_for.items() if sum(row.values()) > of[label] or label in row]:
                raise ValueError(f"the counts of {over[0]!r} do not add up")
            if not isinstance(data["measured_on"], str):
                raise TypeError("measured_on is no text")
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise BundleError("bundle_damaged", f"{CONFUSED_NAME} cannot be read: {error}.", "Export the bundle again.") from None
        return cls(data["measured_on"], of, taken_for)


def _count(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{value!r} is no count")
    return value
