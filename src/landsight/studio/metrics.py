"""Figures of quality with 95 % intervals. NumPy only."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from landsight.bundle.manifest import Metric
from landsight.studio.random import generator

#: Two-sided 95 % of the normal distribution.
Z95 = 1.959963984540054
#: Resamples of a bootstrap: the interval's ends then move by about a hundredth of its width.
RESAMPLES = 2000


def wilson(successes: int, n: int) -> tuple[float, float]:
    """95 % interval of a share. Never outside [0, 1], sound for few pictures and for shares near 1.

    Source: E. B. Wilson (1927), JASA 22:209-212. Raises: ZeroDivisionError for n = 0.
    """
    share, z2 = successes / n, Z95**2
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = Z95 / (1 + z2 / n) * (share * (1 - share) / n + z2 / (4 * n * n)) ** 0.5
    return max(0.0, middle - half), min(1.0, middle + half)


def proportion(hits: NDArray[np.bool_], what: str) -> Metric:
    """A share of pictures with its Wilson interval."""
    low, high = wilson(int(hits.sum()), len(hits))
    return Metric(float(hits.mean()), low, high, len(hits), what)


def mean_mark(marks: NDArray[np.float64]) -> Metric:
    """Mean of marks in [0, 1]: a share with Wilson's interval when all are 0 or 1, else with a bootstrap of the pictures."""
    n = len(marks)
    if np.isin(marks, (0.0, 1.0)).all():
        return proportion(marks > 0, "share right, Wilson")
    rng = generator(0, "bootstrap mean mark")
    low, high = np.quantile([marks[rng.integers(0, n, n)].mean() for _ in range(RESAMPLES)], [0.025, 0.975])
    return Metric(float(marks.mean()), float(low), float(high), n, "mean mark, bootstrap")


def paired_difference(before: NDArray[np.float64], after: NDArray[np.float64], what: str) -> Metric:
    """Mean of after - before over the same pictures, each marked in [0, 1], with a 95 % interval.

    Marks of 0 and 1: the interval for a difference of paired shares of D. G. Bonett and R. M. Price, "Adjusted Wald Confidence Interval
    for a Difference of Binomial Proportions Based on Paired Data", J. Educ. Behav. Stat. 37 (2012): one picture is added to the won and one
    to the lost, so that it is sound also when no picture changed. Other marks: bootstrap of the pictures. Raises: ValueError for none.
    """
    if len(before) != len(after) or len(before) == 0:
        raise ValueError("paired marks of the same pictures, at least one")
    change = after - before
    n = len(change)
    if np.isin(change, (-1.0, 0.0, 1.0)).all():
        won, lost = (int((change > 0).sum()) + 1) / (n + 2), (int((change < 0).sum()) + 1) / (n + 2)
        half = Z95 * ((won + lost - (won - lost) ** 2) / (n + 2)) ** 0.5
        low, high = won - lost - half, won - lost + half
    else:
        rng = generator(0, "bootstrap paired difference")
        low, high = np.quantile([change[rng.integers(0, n, n)].mean() for _ in range(RESAMPLES)], [0.025, 0.975])
    return Metric(float(change.mean()), max(-1.0, float(low)), min(1.0, float(high)), n, what)


def mean_per_class(hits: NDArray[np.bool_], truths: NDArray[np.int64]) -> Metric:
    """Mean over the classes present of the share right in each; interval by bootstrap of the pictures within each class.

    A class of one picture cannot tell how it varies: where there is such a class, whole pictures are drawn instead, over all classes.
    """
    labels, which = np.unique(truths, return_inverse=True)
    groups = [hits[which == i].astype(np.float64) for i in range(len(labels))]
    rng = generator(0, "bootstrap mean per class")
    is_within = min(map(len, groups)) > 1
    if is_within:
        draws = np.mean([rng.binomial(len(g), g.mean(), RESAMPLES) / len(g) for g in groups], axis=0)
    else:
        rows = (rng.integers(0, len(hits), len(hits)) for _ in range(RESAMPLES))
        draws = np.array([_class_mean(hits[row], which[row], len(labels)) for row in rows])
    low, high = np.quantile(draws, [0.025, 0.975])
    value = float(np.mean([g.mean() for g in groups]))
    how = "within class" if is_within else "over all pictures"
    return Metric(value, float(low), float(high), len(hits), f"mean of {len(groups)} classes' shares right, bootstrap {how}")


def _class_mean(hits: NDArray[np.bool_], which: NDArray[np.int64], classes: int) -> float:
    """Mean of the shares of the classes that were drawn."""
    counts = np.bincount(which, minlength=classes)
    return float((np.bincount(which, hits, classes)[counts > 0] / counts[counts > 0]).mean())


def calibration_error(confidence: NDArray[np.float64], hits: NDArray[np.bool_], bins: int = 15) -> float:
    """Expected calibration error: mean over equal-width bins of |confidence - share right|, weighted by pictures.

    Source: C. Guo et al., "On Calibration of Modern Neural Networks", ICML 2017.
    """
    number = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
    gaps = np.bincount(number, confidence, bins) - np.bincount(number, hits.astype(np.float64), bins)
    return float(np.abs(gaps).sum() / len(hits))


def calibration(confidence: NDArray[np.float64], hits: NDArray[np.bool_]) -> Metric:
    """Expected calibration error in 15 bins; interval by bootstrap of the pictures."""
    rng = generator(0, "bootstrap calibration")
    n = len(hits)
    draws = [calibration_error(confidence[i], hits[i]) for i in (rng.integers(0, n, n) for _ in range(RESAMPLES // 4))]
    low, high = np.quantile(draws, [0.025, 0.975])
    return Metric(calibration_error(confidence, hits), float(low), float(high), n, "expected calibration error, 15 bins, bootstrap")


def mean_log_loss(probability_of_truth: NDArray[np.float64]) -> Metric:
    """Mean of -log p of the true label, in nats; p counts as at least 1e-12. Interval of a mean, by the normal distribution."""
    losses = -np.log(np.maximum(probability_of_truth, 1e-12))
    n = len(losses)
    value, most = float(losses.mean()), float(-np.log(1e-12))
    half = Z95 * float(losses.std(ddof=1)) / n**0.5 if n > 1 else most  # one picture says nothing about how losses vary
    return Metric(value, max(0.0, value - half), min(most, value + half), n, "mean of -log p of the truth, normal interval")


def classification(probabilities: NDArray[np.float32], orders: NDArray[np.int64], truths: NDArray[np.int64]) -> dict[str, Metric]:
    """Shape: probabilities (n, k) summing to 1; orders (n, k) best first; truths (n,). Returns top1, top3, top5, mean_per_class, ece, log_loss."""
    first = orders[:, 0] == truths
    third, fifth = ((orders[:, :k] == truths[:, None]).any(axis=1) for k in (3, 5))
    confidence = np.take_along_axis(probabilities, orders[:, :1], axis=1)[:, 0].astype(np.float64)
    return {
        "top1": proportion(first, "right at first guess, Wilson"),
        "top3": proportion(third, "right among the first three, Wilson"),
        "top5": proportion(fifth, "right among the first five, Wilson"),
        "mean_per_class": mean_per_class(first, truths),
        "ece": calibration(confidence, first),
        "log_loss": mean_log_loss(np.take_along_axis(probabilities, truths[:, None], axis=1)[:, 0].astype(np.float64)),
    }
