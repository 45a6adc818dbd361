"""Figures of each class, and which classes are taken for each other. NumPy only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from landsight.bundle.manifest import Metric
from landsight.studio.metrics import wilson

Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ClassFigures:
    """One class. ``n``: pictures of it. A figure is None when nothing could show it: recall without pictures, precision without guesses."""

    label: str
    n: int
    guessed: int
    right: int
    precision: Metric | None
    recall: Metric | None
    f1: Metric | None


@dataclass(frozen=True, slots=True)
class Pair:
    """Two classes: ``forth`` pictures of ``a`` were taken for ``b``, ``back`` of ``b`` for ``a``; share of all pictures of both."""

    a: str
    b: str
    forth: int
    back: int
    share: Metric

    @property
    def count(self) -> int:
        """Both ways."""
        return self.forth + self.back


def confusion(truths: Counts, guesses: Counts, classes: int) -> Counts:
    """(k, k) counts: row what it is, column what it was taken for."""
    return np.bincount(truths * classes + guesses, minlength=classes * classes).reshape(classes, classes)


def class_figures(table: Counts, labels: tuple[str, ...]) -> list[ClassFigures]:
    """Precision, recall and F1 of every class, in the order of ``labels``, each with a 95 % interval.

    F1 is a function of the share right / (pictures of the class + wrong guesses of it) (Jaccard's index J): F1 = 2 J / (1 + J). Its
    interval is Wilson's for that share, sent through the same function.
    """
    found = []
    for i, label in enumerate(labels):
        right, n, guessed = int(table[i, i]), int(table[i].sum()), int(table[:, i].sum())
        either = n + guessed - right
        f1 = None
        if either:
            low, high = wilson(right, either)
            f1 = Metric(_f1(right / either), _f1(low), _f1(high), either, "F1, Wilson of Jaccard's index")
        found.append(ClassFigures(label, n, guessed, right, _share(right, guessed, "precision"), _share(right, n, "recall"), f1))
    return found


def confused_pairs(table: Counts, labels: tuple[str, ...]) -> list[Pair]:
    """Pairs of classes taken for each other at least once, the most frequent first."""
    both = np.triu(table + table.T, k=1)
    a_index, b_index = np.nonzero(both)
    totals = table.sum(axis=1)
    pairs = []
    for a, b in zip(a_index.tolist(), b_index.tolist(), strict=True):
        count, n = int(both[a, b]), int(totals[a] + totals[b])
        first, second = (a, b) if table[a, b] >= table[b, a] else (b, a)
        share = Metric(count / n, *wilson(count, n), n, "taken for each other, Wilson")
        pairs.append(Pair(labels[first], labels[second], int(table[first, second]), int(table[second, first]), share))
    return sorted(pairs, key=lambda p: (-p.count, -p.share.value, p.a, p.b))


def similar_order(table: Counts) -> Counts:
    """(k,) an order of the classes in which those that are taken for each other stand together.

    A chain: from each class to the one, of those left, that is confused with it most; from a class confused with none of them to the one
    that has most confusions left.
    """
    share = table / np.maximum(1, table.sum(axis=1, keepdims=True))
    alike = share + share.T
    np.fill_diagonal(alike, 0.0)
    left = list(range(len(table)))
    order: list[int] = []
    while left:
        nearest = max(left, key=lambda i: (alike[order[-1], i], -i)) if order else -1
        if nearest < 0 or alike[order[-1], nearest] == 0:
            nearest = max(left, key=lambda i: (alike[i, left].max(), -i))
        order.append(nearest)
        left.remove(nearest)
    return np.array(order, np.int64)


def _share(right: int, n: int, what: str) -> Metric | None:
    return Metric(right / n, *wilson(right, n), n, f"{what}, Wilson") if n else None


def _f1(jaccard: float) -> float:
    return 2 * jaccard / (1 + jaccard)
