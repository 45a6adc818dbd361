"""Figures of each class by hand."""

from __future__ import annotations

import numpy as np
import pytest

from landsight.studio import per_class
from landsight.studio.metrics import wilson

LABELS = ("a", "b", "c", "d")
#: Ten of a: 8 right, 2 taken for b; five of b: 3 right, 1 for a, 1 for c; none of c; one of d, right.
TRUTHS = np.array([0] * 10 + [1] * 5 + [3])
GUESSES = np.array([0] * 8 + [1] * 2 + [1] * 3 + [0, 2] + [3])


def test_confusion_rows_are_truths() -> None:
    table = per_class.confusion(TRUTHS, GUESSES, 4)
    assert table.tolist() == [[8, 2, 0, 0], [1, 3, 1, 0], [0, 0, 0, 0], [0, 0, 0, 1]]


def test_precision_recall_f1_by_hand() -> None:
    a, b, c, _ = per_class.class_figures(per_class.confusion(TRUTHS, GUESSES, 4), LABELS)
    assert a.precision is not None and a.recall is not None and a.f1 is not None and b.f1 is not None
    assert (a.n, a.guessed, a.right) == (10, 9, 8)
    assert (a.precision.value, a.recall.value) == (pytest.approx(8 / 9), 0.8)
    assert (a.recall.low, a.recall.high) == wilson(8, 10)
    # F1 = 2 x 8 / (10 + 9); Jaccard's index is 8 / 11.
    assert a.f1.value == pytest.approx(16 / 19)
    low, high = wilson(8, 11)
    assert (a.f1.low, a.f1.high) == (pytest.approx(2 * low / (1 + low)), pytest.approx(2 * high / (1 + high)))
    assert b.f1.value == pytest.approx(6 / 10)
    assert (c.recall, c.n, c.guessed) == (None, 0, 1)
    assert c.precision is not None and c.precision.value == 0.0


def test_pairs_count_both_ways() -> None:
    pairs = per_class.confused_pairs(per_class.confusion(TRUTHS, GUESSES, 4), LABELS)
    assert [(p.a, p.b, p.forth, p.back, p.count) for p in pairs] == [("a", "b", 2, 1, 3), ("b", "c", 1, 0, 1)]
    assert pairs[0].share.value == pytest.approx(3 / 15)
    assert pairs[1].share.n == 5


def test_similar_classes_stand_together() -> None:
    # 0 and 3 are confused, 1 and 4 too, 2 with nobody.
    table = np.diag([10, 10, 10, 10, 10])
    table[0, 3], table[4, 1] = 5, 3
    order = per_class.similar_order(table).tolist()
    assert sorted(order) == [0, 1, 2, 3, 4]
    assert abs(order.index(0) - order.index(3)) == 1
    assert abs(order.index(1) - order.index(4)) == 1
