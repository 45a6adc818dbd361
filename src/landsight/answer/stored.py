"""What stored answers of all tasks are made of: the best labels with their probabilities, and how far two such rows are apart.

A task's module writes, reads and compares its own part of a stored answer (answer.road.AnswerModule); photos, hashes and the embedding are
the business of answer.replay.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Record = dict[str, Any]

#: So many labels of an answer are stored.
TOP: Final = 10
#: How far a probability of the same model in fp32 may be from the recorded one: sums in another order.
EXACT: Final = 1e-4
#: What is not squashed into 0 to 1 may be off by so many times as much, relative to its own size.
UNSQUASHED: Final = 10.0


@dataclass(frozen=True, slots=True)
class Compared:
    """``worst``: largest difference of a probability; ``differences``: what differs more than is allowed, in words."""

    worst: float
    differences: tuple[str, ...]


def best_probabilities(labels: Sequence[str], probabilities: NDArray[np.float32], order: NDArray[np.int64]) -> list[tuple[str, float]]:
    """(label, probability) of the ten best, best first."""
    return [(labels[i], float(probabilities[i])) for i in order[:TOP].tolist()]


def read_probabilities(record: Mapping[str, Any]) -> list[tuple[str, float]]:
    """From JSON. Raises: ValueError, KeyError or TypeError for another form."""
    rows = record["probabilities"]
    if not isinstance(rows, list) or not rows:
        raise ValueError("a field has another form")
    return [(str(label), float(value)) for label, value in rows]


def probability_difference(then: Sequence[tuple[str, float]], now: Sequence[tuple[str, float]]) -> float:
    """Over the recorded labels; a label that left the ten best now has at most the tenth's probability."""
    seen = dict(now)
    least = min(seen.values(), default=0.0) if len(seen) >= TOP else 0.0
    return max((abs(value - seen[label]) if label in seen else max(0.0, value - least) for label, value in then), default=0.0)


def too_far(worst: float, tolerance: float) -> tuple[str, ...]:
    """The sentence for probabilities that differ more than is allowed; none otherwise. NaN is too far."""
    return () if worst <= tolerance else (f"a probability differs by {worst:.2g}, more than {tolerance:g}",)
