"""Colour and sharpness of training views: brightness, contrast, saturation and hue in one pass over float pixels; a Gaussian blur in integers."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from landsight.photo.prepare import ImageU8

#: ITU-R 601 luma and the two chroma axes of NTSC's YIQ.
_YIQ = np.array([[0.299, 0.587, 0.114], [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]])
_FROM_YIQ = np.linalg.inv(_YIQ)
#: Pixels multiplied at once: below what makes a BLAS start threads, of which every loader worker would start its own.
_PIXELS_AT_ONCE = 16384


def recoloured(
    image_hwc_u8: ImageU8, *, brightness: float = 1.0, contrast: float = 1.0, saturation: float = 1.0, hue_turns: float = 0.0
) -> ImageU8:
    """Brightness, contrast, then saturation and hue, as factors and a part of a full turn of the colour circle.

    Shape: (h, w, c) uint8 -> the same; one channel has no saturation and hue. The first three are Pillow's ImageEnhance without rounding
    in between (Pillow cuts off each: at most 3 grey levels apart): v * b; v * c + (1 - c) * mean luma; v * s + (1 - s) * luma. Hue turns the chroma plane of YIQ, which keeps luma.
    """
    height, width, channels = image_hwc_u8.shape
    x = image_hwc_u8.astype(np.float32)
    x *= np.float32(brightness)
    if brightness > 1:
        np.minimum(x, 255, out=x)
    if contrast != 1:
        means = x.reshape(height, width * channels).sum(0).reshape(width, channels).sum(0) / (height * width)
        luma = float(means @ _YIQ[0]) if channels == 3 else float(means[0])
        x *= np.float32(contrast)
        x += np.float32((1 - contrast) * luma)
        if contrast > 1:
            np.clip(x, 0, 255, out=x)
    if channels == 3 and (saturation != 1 or hue_turns):
        x = _multiplied(x.reshape(-1, 3), chroma_matrix(saturation, hue_turns)).reshape(x.shape)
    x += 0.5
    np.clip(x, 0, 255, out=x)
    return x.astype(np.uint8)


def chroma_matrix(saturation: float, hue_turns: float) -> NDArray[np.float32]:
    """(3, 3): RGB -> RGB with the chroma (I, Q) of YIQ multiplied by ``saturation`` and turned. Rows are outputs; luma stays."""
    angle = 2 * math.pi * hue_turns
    c, s = saturation * math.cos(angle), saturation * math.sin(angle)
    turned = np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
    matrix: NDArray[np.float32] = (_FROM_YIQ @ turned @ _YIQ).astype(np.float32)
    return matrix


def blurred(image_hwc_u8: ImageU8, sigma_px: float) -> ImageU8:
    """Gaussian blur, rows then columns, edges repeated. Weights are 1/256ths, so that 16 bits hold every sum; cut at 2.5 sigma.

    Shape: (h, w, c) uint8 -> the same. Within 1 grey level of the exact sum.
    """
    weights = _weights(sigma_px)
    height, width, channels = image_hwc_u8.shape
    r = len(weights) - 1
    down = np.pad(image_hwc_u8, ((r, r), (0, 0), (0, 0)), "edge").astype(np.uint16)
    rows = _summed([down[r + d : r + d + height] for d in range(-r, r + 1)], weights)
    across = np.pad(rows, ((0, 0), (r, r), (0, 0)), "edge").reshape(height, -1)
    n = width * channels
    columns = _summed([across[:, (r + d) * channels : (r + d) * channels + n] for d in range(-r, r + 1)], weights)
    return columns.astype(np.uint8).reshape(height, width, channels)


def _weights(sigma_px: float) -> NDArray[np.uint16]:
    """From the middle outwards, in 1/256ths; middle + twice the others is 256."""
    reach = max(1, math.ceil(2.5 * sigma_px))
    shape = np.exp(-0.5 * (np.arange(reach + 1) / sigma_px) ** 2)
    outer = np.floor(shape[1:] / (shape[0] + 2 * shape[1:].sum()) * 256 + 0.5)
    return np.array([256 - 2 * outer.sum(), *outer], np.uint16)


def _summed(shifted: list[NDArray[np.uint16]], weights: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """Weighted sum of pictures shifted by -r to r; two opposite ones have one weight. No sum passes 255 * 256 + 128 < 2^16."""
    r = len(weights) - 1
    total: NDArray[np.uint16] = shifted[r] * weights[0]
    both = np.empty_like(total)
    for d in range(1, r + 1):
        np.add(shifted[r - d], shifted[r + d], out=both)
        both *= weights[d]
        total += both
    total += np.uint16(128)
    total >>= np.uint16(8)
    return total


def _multiplied(pixels: NDArray[np.float32], matrix: NDArray[np.float32]) -> NDArray[np.float32]:
    """pixels (n, 3) times matrix transposed, some at a time."""
    made, right = np.empty_like(pixels), np.ascontiguousarray(matrix.T)
    for start in range(0, len(pixels), _PIXELS_AT_ONCE):
        part = slice(start, start + _PIXELS_AT_ONCE)
        np.matmul(pixels[part], right, out=made[part])
    return made
