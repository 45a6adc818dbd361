"""Can its confidence be trusted: the calibration curve, and what is gained by leaving the unsure ones unanswered. NumPy only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from landsight.bundle.manifest import Metric
from landsight.studio.metrics import RESAMPLES, wilson
from landsight.studio.random import generator

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Bin:
    """Pictures whose confidence lies in (low, high]: how many, their mean confidence, the share right and its Wilson interval."""

    low: float
    high: float
    n: int
    confidence: float
    share: float
    share_low: float
    share_high: float


def calibration_curve(confidence: Floats, hits: Bools, bins: int = 10) -> list[Bin]:
    """The reliability diagram: equal-width bins that hold a picture, in order. Of a calibrated network, share and confidence are equal.

    Source: C. Guo et al., "On Calibration of Modern Neural Networks", ICML 2017.
    """
    number = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
    found = []
    for i in np.unique(number):
        here = number == i
        n, right = int(here.sum()), int(hits[here].sum())
        found.append(Bin(i / bins, (i + 1) / bins, n, float(confidence[here].mean()), right / n, *wilson(right, n)))
    return found


@dataclass(frozen=True, slots=True)
class RiskCoverage:
    """The pictures from the surest to the least sure. Row i: of the i + 1 surest, which share of all they are, how many of them are wrong.

    ``confidence``: that of the last one answered, the threshold that would answer just these. Shape: all (n,).
    """

    coverage: Floats
    risk: Floats
    errors: Floats
    confidence: Floats

    def most_coverage(self, risk: float) -> tuple[float, float] | None:
        """(coverage, threshold) of the most pictures that can be answered with at most that share wrong; None when not even one can."""
        fits = np.flatnonzero((self.risk <= risk) & self._ends)
        return None if len(fits) == 0 else (float(self.coverage[fits[-1]]), float(self.confidence[fits[-1]]))

    def at_coverage(self, coverage: float) -> tuple[float, float, float]:
        """(risk, Wilson low, high) of the surest share ``coverage`` of the pictures, in (0, 1]."""
        last = max(0, round(coverage * len(self.risk)) - 1)
        return float(self.risk[last]), *wilson(round(float(self.errors[last])), last + 1)

    @property
    def _ends(self) -> Bools:
        """Where a threshold can cut: between equal confidences it cannot."""
        return np.append(self.confidence[1:] < self.confidence[:-1], True)


def risk_coverage(confidence: Floats, hits: Bools) -> RiskCoverage:
    """Share wrong of the answered, for every share answered. Pictures of equal confidence count as in the mean over all their orders.

    Shape: both (n,), n >= 1. Source: Y. Geifman, R. El-Yaniv, "Selective Classification for Deep Neural Networks", NeurIPS 2017.
    """
    order = np.argsort(-confidence, kind="stable")
    sure = confidence[order]
    _, tie = np.unique(-sure, return_inverse=True)
    wrong = 1.0 - hits[order]
    errors = np.cumsum((np.bincount(tie, wrong) / np.bincount(tie))[tie])
    answered = np.arange(1, len(sure) + 1)
    return RiskCoverage(answered / len(sure), errors / answered, errors, sure)


def area(confidence: Floats, hits: Bools) -> float:
    """Area under the risk-coverage curve: the mean share wrong over all coverages; 0 is perfect, that of a blind order is the error rate."""
    return float(risk_coverage(confidence, hits).risk.mean())


def risk_area(confidence: Floats, hits: Bools) -> Metric:
    """``area`` with an interval by bootstrap of the pictures."""
    rng = generator(0, "bootstrap risk area")
    n = len(hits)
    draws = [area(confidence[i], hits[i]) for i in (rng.integers(0, n, n) for _ in range(RESAMPLES // 4))]
    low, high = np.quantile(draws, [0.025, 0.975])
    return Metric(area(confidence, hits), float(low), float(high), n, "area under the risk-coverage curve, bootstrap")


def coverages_at(risks: Sequence[float], confidence: Floats, hits: Bools) -> list[Metric]:
    """For each of ``risks`` the share of pictures that can be answered with at most that share wrong (0: not even one), bootstrap intervals."""
    rng = generator(0, "bootstrap coverage")
    n = len(hits)

    def coverages(confidence: Floats, hits: Bools) -> list[float]:
        curve = risk_coverage(confidence, hits)
        return [(curve.most_coverage(risk) or (0.0, 0.0))[0] for risk in risks]

    draws = [coverages(confidence[i], hits[i]) for i in (rng.integers(0, n, n) for _ in range(RESAMPLES // 4))]
    low, high = np.quantile(draws, [0.025, 0.975], axis=0)
    what = "share answered with at most {:g} wrong, bootstrap"
    found = zip(risks, coverages(confidence, hits), low, high, strict=True)
    return [Metric(value, float(a), float(b), n, what.format(risk)) for risk, value, a, b in found]
