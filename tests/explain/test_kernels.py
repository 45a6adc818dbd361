"""Convolution by hand: worked examples, and SciPy beside it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from landsight.errors import UsageError
from landsight.explain.kernels import KERNELS, convolve

PATCH = [[140, 120, 120], [225, 220, 205], [255, 250, 230]]


def test_the_laplacian_of_one_patch() -> None:
    """4 x 220 - 120 - 225 - 205 - 250 = 80; with corners 8 x 220 less all eight neighbours = 215. The 60 of some course notes takes the 140
    of the corner for the pixel above the middle: then it is 60."""
    assert convolve(PATCH, KERNELS["laplacian"], edges="crop").tolist() == [[80]]
    assert convolve(PATCH, KERNELS["laplacian_8"], edges="crop").tolist() == [[215]]
    assert convolve([[120, 140, 120], *PATCH[1:]], KERNELS["laplacian"], edges="crop").tolist() == [[60]]


def test_the_horizontal_sobel_answers_a_horizontal_edge_and_not_a_vertical_one() -> None:
    below = np.repeat([[0.0], [0.0], [255.0], [255.0]], 4, axis=1)
    assert np.all(convolve(below, KERNELS["sobel_horizontal"], edges="crop") == 4 * 255)
    assert np.all(convolve(below.T, KERNELS["sobel_horizontal"], edges="crop") == 0)
    assert np.all(convolve(below.T, KERNELS["sobel_vertical"], edges="crop") == 4 * 255)


@pytest.mark.parametrize(("edges", "theirs"), [("zero", "constant"), ("replicate", "nearest"), ("reflect", "mirror"), ("circular", "wrap")])
@pytest.mark.parametrize("name", list(KERNELS))
def test_as_scipy(name: str, edges: str, theirs: str) -> None:
    picture = np.random.default_rng(1).integers(0, 256, (9, 12)).astype(float)
    ours = convolve(picture, KERNELS[name], edges=edges)  # type: ignore[arg-type]
    np.testing.assert_allclose(ours, ndimage.correlate(picture, KERNELS[name], mode=theirs), atol=1e-9)


@pytest.mark.parametrize(("n", "k", "stride", "dilation", "size"), [(7, 3, 1, 1, 5), (7, 3, 2, 1, 3), (9, 3, 1, 2, 5), (10, 4, 3, 1, 3)])
def test_sizes(n: int, k: int, stride: int, dilation: int, size: int) -> None:
    kernel = np.random.default_rng(k).normal(size=(k, k))
    picture = np.arange(n * n, dtype=float).reshape(n, n)
    made = convolve(picture, kernel, stride=stride, dilation=dilation, edges="crop")
    assert made.shape == (size, size)
    patch = picture[stride : stride + dilation * (k - 1) + 1 : dilation, : dilation * (k - 1) + 1 : dilation]
    assert made[1, 0] == pytest.approx((patch * kernel).sum())


def test_what_cannot_be() -> None:
    with pytest.raises(UsageError, match="does not fit"):
        convolve(np.zeros((2, 2)), KERNELS["blur"], edges="crop")
    with pytest.raises(UsageError, match="edges 'wrap'"):
        convolve(PATCH, KERNELS["blur"], edges="wrap")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="two axes"):
        convolve(np.zeros((3, 3, 3)), KERNELS["blur"])
