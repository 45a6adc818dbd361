"""What gives the class away without a look at the picture: size, aspect, bytes, format. A network learns such a short cut, and people's photos lack it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.tree import DecisionTreeClassifier

from landsight.bundle.manifest import Metric
from landsight.studio import metrics
from landsight.studio.data.label_errors import FOLDS
from landsight.studio.data.survey import Seen
from landsight.studio.random import generator

#: Values of a property that are told apart; more are put into as many bins of equal count.
_BINS = 12
_SHUFFLES = 3
#: A property tells too much when it holds more than this share of what there is to know of the class.
_MUCH = 0.08
#: Classes whose pictures differ from all others in this many bits are named.
_TELLING_BITS = 1.0


@dataclass(frozen=True, slots=True)
class Giveaway:
    """``information_bits``: mutual information of property and class, less what chance gives; ``entropy_bits``: of the class.

    ``accuracy``: of a decision tree that sees the property alone, out of fold; ``majority``: of always guessing the commonest class.
    ``telling``: (class, its bits, its commonest value and that value's share), the most telling first.
    """

    name: str
    information_bits: float
    entropy_bits: float
    accuracy: Metric
    majority: float
    telling: tuple[tuple[int, float, str, float], ...]

    @property
    def is_much(self) -> bool:
        """Does it tell enough to be a short cut."""
        share = self.information_bits / self.entropy_bits if self.entropy_bits > 0 else 0.0
        return share > _MUCH or self.accuracy.low > max(2 * self.majority, self.majority + 0.1)


def giveaways(seen: Sequence[Seen], labels: NDArray[np.int64], folds: NDArray[np.int64]) -> list[Giveaway]:
    """One for each property, and one for all together (last). Shape: seen n readable pictures; labels, folds (n,). Empty for fewer than two classes."""
    if len(np.unique(labels)) < 2:
        return []
    numbers, names = _properties(seen)
    found = [_giveaway(name, numbers[:, [i]], names[i], labels, folds) for i, name in enumerate(("size", "aspect", "bytes", "format"))]
    # Width and height beside area: a tree cuts along axes.
    sizes = np.array([s.size_px for s in seen], np.float64)
    accuracy = _accuracy(np.concatenate([numbers, sizes], 1), labels, folds, "width, height, aspect, bytes and format")
    everything = [" ".join((names[0][i], names[3][i])) for i in range(len(seen))]
    bits = _information(_codes(numbers[:, 0], names[0]) * 100 + _codes(numbers[:, 3], names[3]), labels)
    return [*found, Giveaway("all", bits, _entropy(labels), accuracy, _majority(labels), _telling(everything, labels))]


def _properties(seen: Sequence[Seen]) -> tuple[NDArray[np.float64], list[list[str]]]:
    """(n, 4): area, aspect, bytes, code of the format; and the same in words."""
    formats = sorted({s.format for s in seen})
    rows = [(s.size_px[0] * s.size_px[1], s.size_px[0] / max(s.size_px[1], 1), s.file_bytes, formats.index(s.format)) for s in seen]
    words = [
        [f"{s.size_px[0]} x {s.size_px[1]}" for s in seen],
        [f"{s.size_px[0] / max(s.size_px[1], 1):.2f}" for s in seen],
        [f"about {max(1, round(s.file_bytes / 1000))} kB" for s in seen],
        [s.format or "unknown" for s in seen],
    ]
    return np.array(rows, np.float64), words


def _giveaway(name: str, numbers: NDArray[np.float64], words: list[str], labels: NDArray[np.int64], folds: NDArray[np.int64]) -> Giveaway:
    bits = _information(_codes(numbers[:, 0], words), labels)
    return Giveaway(name, bits, _entropy(labels), _accuracy(numbers, labels, folds, name), _majority(labels), _telling(words, labels))


def _codes(numbers: NDArray[np.float64], words: list[str]) -> NDArray[np.int64]:
    """A small number for each value, or for its bin when there are many values."""
    values, codes = np.unique(words, return_inverse=True)
    if len(values) > _BINS:
        codes = np.searchsorted(np.unique(np.quantile(numbers, np.linspace(0, 1, _BINS + 1)[1:-1])), numbers)
    return codes.astype(np.int64)


def _information(codes: NDArray[np.int64], labels: NDArray[np.int64]) -> float:
    """Mutual information in bits, less its mean over shuffled labels, which is what so few pictures give by chance."""
    shuffled = [_mutual(codes, generator(0, "shuffled labels", item=i).permutation(labels)) for i in range(_SHUFFLES)]
    return max(0.0, _mutual(codes, labels) - float(np.mean(shuffled)))


def _mutual(a: NDArray[np.int64], b: NDArray[np.int64]) -> float:
    pairs = a * (b.max() + 1) + b
    return _entropy(a) + _entropy(b) - _entropy(pairs)


def _entropy(values: NDArray[np.int64]) -> float:
    shares = np.unique(values, return_counts=True)[1] / len(values)
    return float(-(shares * np.log2(shares)).sum())


def _majority(labels: NDArray[np.int64]) -> float:
    return float(np.unique(labels, return_counts=True)[1].max() / len(labels))


def _accuracy(numbers: NDArray[np.float64], labels: NDArray[np.int64], folds: NDArray[np.int64], what: str) -> Metric:
    right = np.zeros(len(labels), np.bool_)
    for fold in range(FOLDS):
        inside, outside = folds == fold, folds != fold
        if inside.any() and outside.any():
            tree = DecisionTreeClassifier(min_samples_leaf=3, max_leaf_nodes=4 * (int(labels.max()) + 1), random_state=0)
            right[inside] = tree.fit(numbers[outside], labels[outside]).predict(numbers[inside]) == labels[inside]
    return metrics.proportion(right, f"share right of a tree that sees only {what}")


def _telling(words: list[str], labels: NDArray[np.int64]) -> tuple[tuple[int, float, str, float], ...]:
    """Classes most of whose pictures share a value that is rare among all: log2(share within the class / share among all)."""
    values, codes = np.unique(words, return_inverse=True)
    overall = np.bincount(codes) / len(codes)
    found = []
    for label in np.unique(labels):
        shares = np.bincount(codes[labels == label], minlength=len(values)) / (labels == label).sum()
        best = int(shares.argmax())
        bits = float(np.log2(shares[best] / overall[best]))
        if shares[best] > 0.5 and bits >= _TELLING_BITS and (labels == label).sum() >= 4:
            found.append((int(label), bits, str(values[best]), float(shares[best])))
    return tuple(sorted(found, key=lambda row: (-row[1], row[0])))
