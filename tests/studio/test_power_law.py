"""The law through a learning curve, on curves whose law is known."""

from __future__ import annotations

import numpy as np
import pytest

from landsight.studio import power_law
from landsight.studio.learning_curve import Point, fitted
from landsight.studio.metrics import mean_mark

SIZES = np.array([250.0, 500.0, 750.0, 1000.0])


def marks(errors: np.ndarray, n: int) -> np.ndarray:
    """(m, n): the same pictures are wrong at every size, fewer of them as the error falls."""
    return (np.arange(n)[None] >= np.round(errors * n)[:, None]).astype(np.float64)


def test_an_exact_law_is_found_again() -> None:
    errors = 0.05 + 4 * SIZES**-0.6
    law = power_law.fit(SIZES, errors, 10_000)
    assert law.error(2000) == pytest.approx(0.05 + 4 * 2000**-0.6, abs=0.002)
    assert law.error(SIZES) == pytest.approx(errors, abs=1e-3)


def test_errors_that_rise_are_taken_as_level() -> None:
    law = power_law.fit(SIZES, np.array([0.10, 0.11, 0.10, 0.12]), 1000)
    assert law.b == 0
    assert law.error(4000) == pytest.approx(np.average([0.10, 0.11, 0.10, 0.12]), abs=0.004)


def test_an_error_below_zero_is_not_promised() -> None:
    law = power_law.fit(SIZES, np.array([0.4, 0.2, 0.1, 0.02]), 1000)
    assert law.a == 0
    assert 0 < law.error(1e6) < 0.02


def curve_of(errors: np.ndarray, n: int):  # type: ignore[no-untyped-def]
    found = marks(errors, n)
    return fitted(tuple(Point(s / 1000, int(s), mean_mark(m)) for s, m in zip(SIZES, found, strict=True)), found)


def test_verdicts() -> None:
    helps = curve_of(20 * SIZES**-0.65, 3000)
    assert helps.verdict.startswith("More data would help")
    expected = 20 * 1000**-0.65 - 20 * 2000**-0.65
    assert helps.gain.low < expected < helps.gain.high
    assert helps.doubled.low < 1 - 20 * 2000**-0.65 < helps.doubled.high
    assert curve_of(np.full(4, 0.1), 3000).verdict.startswith("More data of this kind would hardly help")
    assert curve_of(0.2 + 3 * SIZES**-0.7, 40).verdict.startswith("Whether more data would help cannot be told")
