"""How error falls with data: err(n) = a + b n^-c, fitted to a learning curve, with an interval for what more data would bring. NumPy only.

Source of the form: J. Hestness et al., "Deep Learning Scaling is Predictable, Empirically" (2017), arXiv 1712.00409.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from landsight.studio.random import generator

Floats = NDArray[np.float64]

#: Exponents tried: measured ones lie between 0.07 and 0.5; steeper ones, up to 2, are kept for easy data.
EXPONENTS = np.geomspace(0.05, 2.0, 60)
#: Resamples of the pictures.
DRAWS = 1000


@dataclass(frozen=True, slots=True)
class PowerLaw:
    """err(n) = a + b n^-c, with a, b >= 0: an error that data cannot take away, and one that it can."""

    a: float
    b: float
    c: float

    def error(self, n: float | Floats) -> Floats:
        """At ``n`` training pictures."""
        return np.asarray(self.a + self.b * np.asarray(n, np.float64) ** -self.c)


def fit(sizes: Floats, errors: Floats, measured: int) -> PowerLaw:
    """Least squares, each point weighted by the precision of an error share measured on ``measured`` pictures."""
    a, b, c = _fit(sizes, errors[None], measured)
    return PowerLaw(float(a[0]), float(b[0]), float(c[0]))


def extrapolated(sizes: Floats, wrong: Floats, at: Floats) -> tuple[Floats, Floats]:
    """95 % interval of the error at each of ``at`` training pictures: (low, high).

    Shape: sizes (m,), wrong (m, n) in [0, 1]: how wrong each of the n test pictures was with each size; at (q,). The test pictures are drawn
    anew, the same for every size, and the law fitted to each draw. It tells of the choice of test pictures, not of the luck of one training.
    """
    low, high = np.quantile(_drawn(sizes, wrong, at), [0.025, 0.975], axis=0)
    return low, high


def gain(sizes: Floats, wrong: Floats, now: float, then: float) -> tuple[float, float]:
    """95 % interval of how much lower the error is at ``then`` training pictures than at ``now``; as ``extrapolated``."""
    drawn = _drawn(sizes, wrong, np.array([now, then]))
    low, high = np.quantile(drawn[:, 0] - drawn[:, 1], [0.025, 0.975])
    return float(low), float(high)


def _drawn(sizes: Floats, wrong: Floats, at: Floats) -> Floats:
    """(DRAWS, q) errors by the laws of as many draws of the test pictures."""
    rng = generator(0, "bootstrap power law")
    n = wrong.shape[1]
    draws = np.stack([wrong[:, rng.integers(0, n, n)].mean(axis=1) for _ in range(DRAWS)])
    a, b, c = _fit(sizes, draws, n)
    return a[:, None] + b[:, None] * at[None] ** -c[:, None]


def _fit(sizes: Floats, errors: Floats, measured: int) -> tuple[Floats, Floats, Floats]:
    """(d,) a, b, c for d curves at once. Shape: sizes (m,), errors (d, m)."""
    share = (errors * measured + 1) / (measured + 2)
    weights = measured / (share * (1 - share))
    best = np.full((4, len(errors)), np.inf)
    for c in EXPONENTS:
        # Relative sizes keep the sums well-conditioned.
        x = (sizes / sizes.max()) ** -c
        a, b = _line(x, errors, weights)
        loss = (weights * (errors - a[:, None] - b[:, None] * x) ** 2).sum(axis=1)
        better = loss < best[0]
        best[:, better] = np.stack([loss, a, b * sizes.max() ** c, np.full_like(a, c)])[:, better]
    return best[1], best[2], best[3]


def _line(x: Floats, y: Floats, w: Floats) -> tuple[Floats, Floats]:
    """Weighted least squares of y = a + b x under a, b >= 0, for each row: the best of the inner solution and the two edges."""
    sw, sx, sy = w.sum(axis=1), (w * x).sum(axis=1), (w * y).sum(axis=1)
    sxx, sxy = (w * x * x).sum(axis=1), (w * x * y).sum(axis=1)
    b = (sw * sxy - sx * sy) / (sw * sxx - sx * sx)
    a = (sy - b * sx) / sw
    through_zero, level = sxy / sxx, sy / sw
    return np.where(b < 0, level, np.where(a < 0, 0.0, a)), np.where(b < 0, 0.0, np.where(a < 0, through_zero, b))
