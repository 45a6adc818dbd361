"""Convolution by hand: one grey picture, one kernel. NumPy only; what the kernel playground of the lens is held to.

    convolve(grey, KERNELS["sobel_horizontal"], edges="reflect")

As everywhere in deep learning the kernel is not turned over before it slides: strictly it is a cross-correlation,
out[y, x] = sum over i, j of kernel[i, j] * picture[y * stride - padding + i * dilation, x * stride - padding + j * dilation].
"""

from __future__ import annotations

from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from landsight.errors import UsageError

#: What stands beyond the edge: nothing (0); the kernel stays inside; the last pixel again; mirrored at the last pixel; the other side.
Edges = Literal["zero", "crop", "replicate", "reflect", "circular"]
_MODES: Final[dict[str, str]] = {"zero": "constant", "replicate": "edge", "reflect": "reflect", "circular": "wrap"}

#: Sobel: Sobel and Feldman 1968. Scharr: Scharr 2000. A horizontal kernel answers horizontal edges. The rest is folklore.
KERNELS: Final[dict[str, NDArray[np.float64]]] = {
    name: np.asarray(rows, np.float64)
    for name, rows in {
        "identity": [[0, 0, 0], [0, 1, 0], [0, 0, 0]],
        "sobel_horizontal": [[-1, -2, -1], [0, 0, 0], [1, 2, 1]],
        "sobel_vertical": [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]],
        "scharr_horizontal": [[-3, -10, -3], [0, 0, 0], [3, 10, 3]],
        "scharr_vertical": [[-3, 0, 3], [-10, 0, 10], [-3, 0, 3]],
        "laplacian": [[0, -1, 0], [-1, 4, -1], [0, -1, 0]],
        "laplacian_8": [[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]],
        "sharpen": [[0, -1, 0], [-1, 5, -1], [0, -1, 0]],
        "blur": [[1 / 9] * 3] * 3,
        "gaussian": [[1 / 16, 2 / 16, 1 / 16], [2 / 16, 4 / 16, 2 / 16], [1 / 16, 2 / 16, 1 / 16]],
        "emboss": [[-2, -1, 0], [-1, 1, 1], [0, 1, 2]],
    }.items()
}


def convolve(picture_hw: ArrayLike, kernel: ArrayLike, *, stride: int = 1, dilation: int = 1, edges: Edges = "zero") -> NDArray[np.float64]:
    """Slide a kernel over a picture. Shape: picture_hw (h, w), kernel (k, k) -> (h', w'), h' = floor((h + 2 p - dilation (k - 1) - 1) / stride) + 1.

    p = floor(dilation (k - 1) / 2) pixels are added on each side, as ``edges`` says; none for "crop". Raises: UsageError for a kernel that
    does not fit, or a setting that cannot be.
    """
    picture, weights = np.asarray(picture_hw, np.float64), np.asarray(kernel, np.float64)
    if picture.ndim != 2 or weights.ndim != 2 or min(*picture.shape, *weights.shape) < 1:
        raise UsageError(
            "bad_value", f"A picture and a kernel have two axes: received {picture.shape} and {weights.shape}.", "Give grey values."
        )
    if stride < 1 or dilation < 1 or edges not in (*_MODES, "crop"):
        raise UsageError("bad_value", f"Received stride {stride}, dilation {dilation}, edges {edges!r}.", f"1 or more; {', '.join((*_MODES, 'crop'))}.")  # fmt: skip
    spans = [dilation * (k - 1) for k in weights.shape]
    if edges != "crop":
        picture = np.pad(picture, [(span // 2, span // 2) for span in spans], mode=_MODES[edges])  # type: ignore[call-overload]
    height, width = ((n - span - 1) // stride + 1 for n, span in zip(picture.shape, spans, strict=True))
    if height < 1 or width < 1:
        raise UsageError(
            "impossible_size", f"A kernel that spans {spans[0] + 1} x {spans[1] + 1} pixels does not fit.", "Take a larger picture."
        )
    total = np.zeros((height, width))
    for i, row in enumerate(weights):
        for j, weight in enumerate(row):
            top, left = i * dilation, j * dilation
            total += weight * picture[top : top + (height - 1) * stride + 1 : stride, left : left + (width - 1) * stride + 1 : stride]
    return total
