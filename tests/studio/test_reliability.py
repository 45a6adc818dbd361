"""Calibration curve and risk-coverage by hand."""

from __future__ import annotations

import numpy as np
import pytest

from landsight.studio import reliability
from landsight.studio.metrics import wilson


def test_calibration_curve_by_hand() -> None:
    confidence = np.array([0.1, 0.75, 0.71, 0.8, 0.81, 1.0])
    hits = np.array([False, True, False, True, True, True])
    found = reliability.calibration_curve(confidence, hits)
    # (0, 0.1]: one, wrong; (0.7, 0.8]: three with mean 2.26 / 3, two right; (0.8, 0.9]: one; (0.9, 1]: one.
    assert [(b.low, b.high, b.n) for b in found] == [(0.0, 0.1, 1), (0.7, 0.8, 3), (0.8, 0.9, 1), (0.9, 1.0, 1)]
    assert (found[1].confidence, found[1].share) == (pytest.approx(2.26 / 3), pytest.approx(2 / 3))
    assert (found[1].share_low, found[1].share_high) == wilson(2, 3)


def test_risk_coverage_by_hand() -> None:
    # From the surest: right, wrong, right, wrong: risks 0, 1/2, 1/3, 1/2.
    confidence = np.array([0.3, 0.9, 0.5, 0.7])
    hits = np.array([False, True, True, False])
    curve = reliability.risk_coverage(confidence, hits)
    assert curve.coverage == pytest.approx([0.25, 0.5, 0.75, 1.0])
    assert curve.risk == pytest.approx([0, 1 / 2, 1 / 3, 1 / 2])
    assert reliability.area(confidence, hits) == pytest.approx((1 / 2 + 1 / 3 + 1 / 2) / 4)
    assert curve.most_coverage(0.4) == (0.75, 0.5)
    assert curve.most_coverage(0.0) == (0.25, 0.9)
    assert curve.at_coverage(0.75) == (pytest.approx(1 / 3), *wilson(1, 3))


def test_equal_confidences_cannot_be_told_apart() -> None:
    confidence = np.array([0.9, 0.5, 0.5])
    one, other = np.array([True, True, False]), np.array([True, False, True])
    # Of the two at 0.5 half a picture is wrong whichever comes first: risks 0, 1/4, 1/3.
    for hits in (one, other):
        assert reliability.risk_coverage(confidence, hits).risk == pytest.approx([0, 1 / 4, 1 / 3])
    # No threshold answers the first two alone, however little wrong they are.
    assert reliability.risk_coverage(confidence, one).most_coverage(0.3) == (pytest.approx(1 / 3), 0.9)


def test_no_threshold_is_good_enough() -> None:
    assert reliability.risk_coverage(np.array([0.9, 0.5]), np.array([False, True])).most_coverage(0.1) is None


def test_a_blind_order_has_the_area_of_the_error_rate() -> None:
    rng = np.random.default_rng(0)
    hits = rng.random(4000) < 0.8
    blind = reliability.risk_area(rng.random(4000), hits)
    assert blind.value == pytest.approx(1 - hits.mean(), abs=0.02)
    assert blind.low < 0.2 < blind.high
    perfect = reliability.risk_area(hits.astype(np.float64), hits)
    # Errors only at the end: sum over the last 800 of j / (3200 + j), a mean of about 0.0215.
    assert perfect.value == pytest.approx(0.0215, abs=0.003)


def test_coverage_at_a_risk_has_an_interval() -> None:
    rng = np.random.default_rng(1)
    confidence = rng.random(2000)
    hits = rng.random(2000) < confidence
    # Right with probability c: of those above t a share (1 - t) / 2 is wrong, so 10 % wrong is reached at t = 0.8, 20 % at 0.6.
    ten, twenty, none = reliability.coverages_at((0.1, 0.2, 0.0), confidence, hits)
    assert ten.value == pytest.approx(0.2, abs=0.06)
    assert twenty.value == pytest.approx(0.4, abs=0.06)
    assert ten.low < ten.value < ten.high and ten.high - ten.low < 0.2
    assert none.value < 0.05
