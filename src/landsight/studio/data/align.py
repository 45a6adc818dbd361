"""Do two pictures show the same pixels: laid on each other as well as shift and scale allow, then compared where they overlap.

Alike is not the same: two photos of one building from one spot agree in their broad lights and darks, and not in the fine ones. So what
counts is the correlation of what is left when the broad ones are taken away.

Source: forwards-additive image alignment (Lucas and Kanade 1981; Baker and Matthews 2004, "Lucas-Kanade 20 Years On"), with gain and
offset solved for in each step.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
#: What the type checker makes of products of float32 arrays.
_Product = NDArray[np.floating[Any]]

#: Steps at half size, blurred, to come near; then at full size.
_COARSE_STEPS, _FINE_STEPS = 6, 5
_COARSE_BLUR_PX, _FINE_BLUR_PX, _BROAD_PX = 2.0, 0.7, 2.0
#: No step moves an edge by more than this share of the picture; no side is scaled by more than this.
_LARGEST_STEP, _LEAST_SCALE, _LARGEST_SCALE = 0.05, 0.75, 1.34
#: Pictures must overlap by this share of their area.
_LEAST_OVERLAP = 0.6
#: Pixels at the rim of the overlap that are left out: the blur there has seen what is outside.
_RIM_PX = 2


def likeness(a: Array, b: Array, start: Array) -> Array:
    """How well each ``b`` is the same picture as its ``a``, 1 for the same pixels.

    Shape: a, b (m, s, s) float32 grey; start (m, 4): scale x, shift x, scale y, shift y in shares of the side, a first guess of where b's
    points lie in a: x_a = scale * x_b + shift. Returns (m,) float32: the correlation of fine detail over the overlap, -1 without one.
    Cost: about a millisecond a pair.
    """
    where = _aligned(_blurred(a, _COARSE_BLUR_PX)[:, ::2, ::2], _blurred(b, _COARSE_BLUR_PX)[:, ::2, ::2], start, _COARSE_STEPS)
    where = _aligned(_blurred(a, _FINE_BLUR_PX), _blurred(b, _FINE_BLUR_PX), where, _FINE_STEPS)
    xs, ys = _positions(where, a.shape[1])
    seen: _Product = ys[1] @ a @ xs[1].transpose(0, 2, 1)
    overlap = _inside(xs[0], ys[0], a.shape[1])
    enough = overlap.mean((1, 2)) >= _LEAST_OVERLAP
    overlap[:, :_RIM_PX] = overlap[:, -_RIM_PX:] = overlap[:, :, :_RIM_PX] = overlap[:, :, -_RIM_PX:] = 0
    fine = _correlation(seen - _blurred(seen, _BROAD_PX), b - _blurred(b, _BROAD_PX), overlap)
    return np.where(enough, fine, -1).astype(np.float32)


def _aligned(a: Array, b: Array, where: Array, steps: int) -> Array:
    """Gauss-Newton steps on (scale x, shift x, scale y, shift y, gain, offset), all pairs at once."""
    side = a.shape[1]
    centres = ((np.arange(side) + 0.5) / side).astype(np.float32)
    for _ in range(steps):
        (x, wx, dx), (y, wy, dy) = _positions(where, side)
        rows = wy @ a
        seen = rows @ wx.transpose(0, 2, 1)
        by_x = rows @ dx.transpose(0, 2, 1)
        by_y = dy @ a @ wx.transpose(0, 2, 1)
        inside = _inside(x, y, side)
        terms = (by_x * centres, by_x, by_y * centres[:, None], by_y, seen, np.ones_like(seen))
        jacobian = (np.stack(terms, 1) * inside[:, None]).reshape(len(a), 6, -1)
        normal = (jacobian @ jacobian.transpose(0, 2, 1)).astype(np.float64) + 1e-3 * np.eye(6)
        right = (jacobian @ (b * inside).reshape(len(a), -1, 1)).astype(np.float64)
        solved = np.linalg.solve(normal, right)[..., 0]
        # b = gain * a(where) + offset: the four moves come out times the gain. A gain near 0 says nothing about them.
        gain = np.maximum(solved[:, 4:5], 0.2)
        where = where + np.clip(solved[:, :4] / gain, -_LARGEST_STEP, _LARGEST_STEP).astype(np.float32)
        where[:, 0::2] = np.clip(where[:, 0::2], _LEAST_SCALE, _LARGEST_SCALE)
    return where


def _positions(where: Array, side: int) -> tuple[tuple[Array, Array, Array], tuple[Array, Array, Array]]:
    """For x and for y: pixel positions in a of b's pixels (m, side); linear weights (m, side, side); their derivative by a share of the side."""
    centres = ((np.arange(side) + 0.5) / side).astype(np.float32)
    grid = np.arange(side, dtype=np.float32)
    found = []
    for scale, shift in ((where[:, 0:1], where[:, 1:2]), (where[:, 2:3], where[:, 3:4])):
        position = (scale * centres + shift) * side - 0.5
        distance = position[..., None] - grid
        near = np.abs(distance) < 1
        weights = np.where(near, 1 - np.abs(distance), 0).astype(np.float32)
        found.append((position, weights, np.where(near, -np.sign(distance) * side, 0).astype(np.float32)))
    return found[0], found[1]


def _inside(x: Array, y: Array, side: int) -> Array:
    """(m, side, side) float32: 1 where b's pixel lies on a."""
    x_in, y_in = ((v > -0.5) & (v < side - 0.5) for v in (x, y))
    return (y_in[:, :, None] & x_in[:, None, :]).astype(np.float32)


def _correlation(u: _Product, v: _Product, weight: Array) -> _Product:
    """(m,) Pearson's, over the pixels with weight 1; 0 where one side is even."""
    n = np.maximum(weight.sum((1, 2), keepdims=True), 1)
    left, right = ((w - (w * weight).sum((1, 2), keepdims=True) / n) * weight for w in (u, v))
    scale = np.sqrt((left * left).sum((1, 2)) * (right * right).sum((1, 2)))
    result: _Product = (left * right).sum((1, 2)) / np.maximum(scale, 1e-3)
    return result


def _blurred(images: _Product, sigma_px: float) -> _Product:
    kernel = _blur(images.shape[1], sigma_px)
    result: _Product = kernel @ images @ kernel.T
    return result


@lru_cache(maxsize=8)
def _blur(side: int, sigma_px: float) -> Array:
    """(side, side): Gaussian blur of a column as a matrix; rows sum to 1, so edges are not darkened."""
    steps = np.arange(side)
    weights = np.exp(-((steps[:, None] - steps) ** 2) / (2 * sigma_px**2))
    kernel: Array = (weights / weights.sum(1, keepdims=True)).astype(np.float32)
    return kernel
