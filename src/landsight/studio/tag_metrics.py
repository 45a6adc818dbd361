"""Figures for pictures with any number of labels, with 95 % intervals by bootstrap over pictures. NumPy only.

A bootstrap draws whole pictures, so that labels that occur together stay together. Drawing is weighing: every picture counts as often as it
was drawn, and all draws are worked out at once.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from landsight.bundle.manifest import Metric
from landsight.studio.metrics import RESAMPLES, proportion, wilson
from landsight.studio.random import generator

Floats = NDArray[np.float64]
Marks = NDArray[np.bool_]

#: Draws: fewer than for a share, since each sorts all pictures by each label.
DRAWS = RESAMPLES // 4
#: Draws at a time times pictures: 8 MB a table of numbers.
_CHUNK = 1_000_000


def average_precision(scores: Floats, truths: Marks, weights: Floats | None = None) -> Floats:
    """Mean precision over the positives, each taken where the threshold reaches its score; equal scores are reached together.

    Shape: scores (n,), truths (n,), weights (r, n) how often each picture counts in each of r draws (default: once); returns (r,), NaN for
    a draw without positives. The same as scikit-learn's average_precision_score: sum of (recall step) x precision, not interpolated.
    """
    order = np.argsort(-scores, kind="stable")
    weights = np.ones((1, len(scores))) if weights is None else weights
    counted = weights[:, order]
    found = np.cumsum(counted * truths[order], axis=1)
    # The last place of each run of equal scores.
    ends = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))
    hits, seen = found[:, ends], np.cumsum(counted, axis=1)[:, ends]
    steps = np.diff(hits, axis=1, prepend=0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        precision = np.where(seen > 0, hits / seen, 0.0)
        return np.asarray((steps * precision).sum(axis=1) / found[:, -1])


def f1(hits: Floats, told: Floats, true: Floats) -> Floats:
    """2 hits / (told + true); 0 where there is neither."""
    both = told + true
    return np.divide(2 * hits, both, out=np.zeros_like(both), where=both > 0)


def tagging(probabilities: Floats, told: Marks, truths: Marks) -> dict[str, Metric]:
    """Shape: all (n, k). Returns mean_average_precision, micro_f1, macro_f1, exact_match.

    Means over labels are over those that some picture has. Raises: ValueError for no pictures.
    """
    n = len(truths)
    if n == 0:
        raise ValueError("at least one picture")
    here: Marks = np.asarray(truths.any(axis=0))
    k = int(here.sum())
    draws = [_figures(probabilities[:, here], told, truths, here, weights) for weights in _weights(n)]
    once = _figures(probabilities[:, here], told, truths, here, np.ones((1, n)))
    what = {
        "mean_average_precision": f"mean of {k} labels' average precision, bootstrap over pictures",
        "micro_f1": "F1 of all labels of all pictures together, bootstrap over pictures",
        "macro_f1": f"mean of {k} labels' F1, bootstrap over pictures",
    }
    found = {}
    for row, (name, text) in enumerate(what.items()):
        low, high = _interval(np.concatenate([d[row] for d in draws]), n)
        found[name] = Metric(float(np.nan_to_num(once[row][0])), low, high, n, text)
    return {**found, "exact_match": proportion((told == truths).all(axis=1), "all labels right and none too many, Wilson")}


def label_figures(probabilities: Floats, told: Marks, truths: Marks) -> list[tuple[Metric | None, Metric | None]]:
    """(average precision, F1) of each label; None for labels that no picture has."""
    n = len(truths)
    found: list[tuple[Metric | None, Metric | None]] = []
    tables = list(_weights(n))
    for i in range(truths.shape[1]):
        if not truths[:, i].any():
            found.append((None, None))
            continue
        precision = np.concatenate([average_precision(probabilities[:, i], truths[:, i], w) for w in tables])
        scores = np.concatenate([_label_f1(told[:, i], truths[:, i], w) for w in tables])
        one = np.ones((1, n))
        ap, score = average_precision(probabilities[:, i], truths[:, i])[0], _label_f1(told[:, i], truths[:, i], one)[0]
        found.append((
            Metric(float(ap), *_interval(precision, n), n, "average precision, bootstrap over pictures"),
            Metric(float(score), *_interval(scores, n), n, "F1 at the label's threshold, bootstrap over pictures"),
        ))  # fmt: skip
    return found


def _label_f1(told: Marks, truth: Marks, weights: Floats) -> Floats:
    return f1(weights @ (told & truth).astype(np.float64), weights @ told.astype(np.float64), weights @ truth.astype(np.float64))


def _figures(probabilities: Floats, told: Marks, truths: Marks, here: Marks, weights: Floats) -> tuple[Floats, Floats, Floats]:
    """Mean average precision, micro F1 and macro F1 of each draw: three times (r,)."""
    columns = [average_precision(probabilities[:, i], truth, weights) for i, truth in enumerate(truths[:, here].T)]
    with np.errstate(invalid="ignore"):
        stacked = np.stack(columns) if columns else np.full((1, len(weights)), np.nan)
        present = ~np.isnan(stacked)
        mean = np.where(present, stacked, 0.0).sum(axis=0) / np.maximum(1, present.sum(axis=0))
    hits, tells, trues = (weights @ table.astype(np.float64) for table in (told & truths, told, truths))
    micro = f1(hits.sum(axis=1), tells.sum(axis=1), trues.sum(axis=1))
    macro = f1(hits[:, here], tells[:, here], trues[:, here]).mean(axis=1) if here.any() else np.zeros(len(weights))
    return mean, micro, macro


def _weights(n: int) -> Iterator[Floats]:
    """How often each picture was drawn, (r, n) at a time, DRAWS in all."""
    rng = generator(0, "bootstrap tags")
    left = DRAWS
    while left > 0:
        rows = min(left, max(1, _CHUNK // n))
        yield np.stack([np.bincount(rng.integers(0, n, n), minlength=n) for _ in range(rows)]).astype(np.float64)
        left -= rows


def _interval(draws: Floats, n: int) -> tuple[float, float]:
    """Where every picture is right (or none) all draws are the same, and say nothing: the end is then Wilson's for n of n (0 of n) pictures."""
    if np.isnan(draws).all():
        return 0.0, 1.0
    low, high = np.nanquantile(draws, [0.025, 0.975])
    if low == high and low in (0.0, 1.0):
        return wilson(int(low) * n, n)
    return float(low), float(high)
