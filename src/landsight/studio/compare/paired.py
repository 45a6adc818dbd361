"""Is the difference of two networks on the same pictures more than chance? Exact tests, and what several of them at once are worth."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from landsight.studio.random import generator

#: Draws of the test for marks between 0 and 1: a p-value of 0.05 is then known to +-0.003.
DRAWS = 20_000


def mcnemar_exact(only_first: int, only_second: int) -> float:
    """Two-sided p-value: could the pictures that one alone got right be divided so unevenly by tossing a coin for each?

    P(X <= min) for X binomial(only_first + only_second, 1/2), doubled; 1 when nobody is ahead. Pictures on which both agree say nothing.
    Source: Q. McNemar, Psychometrika 12 (1947); the exact form. Computed in whole numbers.
    """
    n, fewer = only_first + only_second, min(only_first, only_second)
    tail = ways = 1
    for k in range(fewer):
        ways = ways * (n - k) // (k + 1)  # n over k + 1
        tail += ways
    return min(1.0, 2 * tail / 2**n) if n else 1.0


def sign_flip(differences: NDArray[np.float64]) -> float:
    """Two-sided p-value for marks between 0 and 1 (several labels a picture): the mean difference under random signs.

    Source: R. A. Fisher, The Design of Experiments (1935), section 21; drawn, not enumerated. Never below 1 / (DRAWS + 1).
    """
    moved = differences[differences != 0]
    if not len(moved):
        return 1.0
    rng = generator(0, "sign flip")
    seen, target = 0, abs(float(moved.sum())) - 1e-9
    for _ in range(DRAWS // 1000):
        signs = rng.integers(0, 2, (1000, len(moved)), np.int8) * 2 - 1
        seen += int((np.abs(signs @ moved) >= target).sum())
    return (seen + 1) / (DRAWS + 1)


def p_value(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """By marks of the same pictures: McNemar's exact test where they are 0 and 1, else random signs."""
    if np.isin(first, (0.0, 1.0)).all() and np.isin(second, (0.0, 1.0)).all():
        return mcnemar_exact(int(((first == 1) & (second == 0)).sum()), int(((first == 0) & (second == 1)).sum()))
    return sign_flip(second - first)


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values for the most doubtful of several claims at once, in the order given: the chance that any of them is false stays below the level.

    The smallest is multiplied by how many there are, the next by one less, and none is below the one before it.
    Source: S. Holm, Scandinavian Journal of Statistics 6 (1979).
    """
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    adjusted, running = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(order):
        running = max(running, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = running
    return adjusted
