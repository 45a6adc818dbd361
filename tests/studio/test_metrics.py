"""Figures of quality by hand."""

from __future__ import annotations

import numpy as np
import pytest

from landsight.studio import metrics


def test_wilson_by_hand() -> None:
    # 9 of 10: (0.9 + 1.9207/10 +- 1.95996 sqrt(0.09/10 + 3.8415/400)) / (1 + 0.38415) = (1.09207 +- 0.26735) / 1.38415
    assert metrics.wilson(9, 10) == pytest.approx((0.5958, 0.9821), abs=1e-4)
    assert metrics.wilson(0, 5)[0] == 0.0
    assert metrics.wilson(5, 5)[1] == pytest.approx(1.0)
    # As published: 81 of 263 gives 0.2553 to 0.3662 (Newcombe 1998, Statistics in Medicine 17:857-872, table I).
    assert metrics.wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)


def test_mean_per_class_counts_classes_not_pictures() -> None:
    hits = np.array([True] * 90 + [False] * 10)
    truths = np.array([0] * 90 + [1] * 10)
    found = metrics.mean_per_class(hits, truths)
    assert (found.value, found.low, found.high, found.n) == (0.5, 0.5, 0.5, 100)
    mixed = metrics.mean_per_class(np.array([True, False] * 50), np.array([0, 0, 1, 1] * 25))
    assert mixed.value == 0.5
    # Half of 50 in each of two classes: standard error 0.05, so 95 % is about 0.40 to 0.60.
    assert mixed.low == pytest.approx(0.4, abs=0.02)
    assert mixed.high == pytest.approx(0.6, abs=0.02)


def test_classes_of_one_picture_do_not_look_certain() -> None:
    found = metrics.mean_per_class(np.array([True] * 19 + [False]), np.arange(20))
    assert found.value == 0.95
    # Drawing 20 of 20 leaves the one wrong picture out in 36 % of all draws, and has it three times or more in 8 %.
    assert found.high == 1.0
    assert 0.75 < found.low < 0.93
    assert found.what.endswith("over all pictures")


def test_calibration_error_by_hand() -> None:
    # Bin (0.8, 0.867]: two at 0.85, one right: gap 0.35. Bin (0.933, 1]: two at 1.0, both right: gap 0. Mean: 0.35 x 2/4.
    confidence = np.array([0.85, 0.85, 1.0, 1.0])
    hits = np.array([True, False, True, True])
    assert metrics.calibration_error(confidence, hits) == pytest.approx(0.175)


def test_classification() -> None:
    probabilities = np.array([[0.7, 0.2, 0.06, 0.04], [0.1, 0.2, 0.3, 0.4], [0.4, 0.3, 0.2, 0.1], [0.25, 0.25, 0.25, 0.25]], np.float32)
    orders = np.argsort(-probabilities, axis=1, kind="stable")
    found = metrics.classification(probabilities, orders, np.array([0, 1, 3, 0]))
    assert found["top1"].value == 0.5
    assert found["top3"].value == 0.75
    assert found["top5"].value == 1.0
    assert found["mean_per_class"].value == pytest.approx((1 + 0 + 0) / 3)
    # -ln of 0.7, 0.2, 0.1, 0.25: 0.3567, 1.6094, 2.3026, 1.3863; mean 1.4137, deviation 0.8055, so +- 1.96 x 0.8055 / 2.
    loss = found["log_loss"]
    assert (loss.value, loss.low, loss.high) == pytest.approx((1.41375, 0.62435, 2.20314), abs=1e-4)
    assert all(m.low <= m.value <= m.high and m.n == 4 for m in found.values() if m.what.startswith("right"))


def test_paired_difference_by_hand() -> None:
    # 100 pictures: 12 lost, 2 won. Bonett and Price: (3 - 13) / 102 +- 1.96 sqrt((3/102 + 13/102 - (10/102)^2) / 102).
    before = np.array([1.0] * 80 + [0.0] * 20)
    after = before.copy()
    after[:12], after[80:82] = 0.0, 1.0
    found = metrics.paired_difference(before, after, "after less before")
    half = 1.959964 * ((16 / 102 - (10 / 102) ** 2) / 102) ** 0.5
    assert found.value == pytest.approx(-0.1)
    assert (found.low, found.high) == (pytest.approx(-10 / 102 - half, abs=1e-6), pytest.approx(-10 / 102 + half, abs=1e-6))
    # Nothing changed in 100 pictures: more than a few points of change are still ruled out, and only those.
    still = metrics.paired_difference(before, before, "")
    assert still.value == 0.0
    assert -0.03 < still.low < -0.02
    with pytest.raises(ValueError, match="same pictures"):
        metrics.paired_difference(before, after[:5], "")


def test_paired_difference_of_other_marks_is_bootstrapped() -> None:
    rng = np.random.default_rng(0)
    before = rng.random(400)
    found = metrics.paired_difference(before, before - 0.1 + rng.normal(0, 0.2, 400), "")
    # Standard error 0.2 / 20 = 0.01.
    assert found.high - found.low == pytest.approx(2 * 1.96 * 0.01, rel=0.15)
    assert found.low < -0.1 < found.high
