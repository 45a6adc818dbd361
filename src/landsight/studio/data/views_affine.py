"""Affine moves of training views: rotation, shift, scale and shear as one matrix and one resampling; a rectangle erased."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import grid_sample

from landsight.photo.prepare import ImageU8

#: A border whose values lie within so many grey levels is the ground of a drawing, not a scene.
_FLAT = 8
#: Aspect of an erased rectangle: Zhong et al. 2020 (arXiv 1708.04896), r1 and 1 / r1.
_ERASE_ASPECT = 0.3


@dataclass(frozen=True, slots=True)
class Move:
    """About the middle: sheared, scaled, turned counter-clockwise, then shifted right and down by shares of width and height."""

    rotate_deg: float = 0.0
    scale: float = 1.0
    shear_deg: tuple[float, float] = (0.0, 0.0)
    shift: tuple[float, float] = (0.0, 0.0)

    def matrix(self, width: int, height: int) -> NDArray[np.float64]:
        """(2, 3): from pixels of the old picture to those of the new, edges at whole numbers."""
        # Plain numbers: on a picture of 28 pixels small matrices would cost more than the picture.
        angle = math.radians(self.rotate_deg)
        c, s = self.scale * math.cos(angle), self.scale * math.sin(angle)
        along, down = (math.tan(math.radians(value)) for value in self.shear_deg)
        # y points down: counter-clockwise to the eye is a turn by minus the angle. The turn [[c, s], [-s, c]] after the shear.
        xx, xy, yx, yy = c + s * down, c * along + s, -s + c * down, -s * along + c
        x, y = width / 2, height / 2
        return np.array([[xx, xy, x + self.shift[0] * width - xx * x - xy * y], [yx, yy, y + self.shift[1] * height - yx * x - yy * y]])


def moved(image_hwc_u8: ImageU8, move: Move, fill: tuple[int, ...]) -> ImageU8:
    """Resample bilinearly. What comes from outside is ``fill``, one value a channel, or the border's own colour where the border is flat.

    Shape: (h, w, c) uint8 -> the same. By torch's grid_sample, which takes half the time of Pillow's transform.
    """
    height, width, channels = image_hwc_u8.shape
    colour = np.array(_ground(image_hwc_u8) or fill, np.float32)[:, None, None]
    planes = np.ascontiguousarray(image_hwc_u8.transpose(2, 0, 1)).astype(np.float32)
    planes -= colour  # outside is 0 to grid_sample
    grid = torch.from_numpy(_grid(move.matrix(width, height), width, height))
    sampled = grid_sample(torch.from_numpy(planes)[None], grid[None], mode="bilinear", padding_mode="zeros", align_corners=False)[0].numpy()
    sampled += colour + np.float32(0.5)
    made = np.empty((height, width, channels), np.uint8)
    for channel in range(channels):  # plane by plane: a third of the time of a transposed copy
        made[:, :, channel] = sampled[channel]
    return made


def _grid(matrix: NDArray[np.float64], width: int, height: int) -> NDArray[np.float32]:
    """(height, width, 2): where each pixel of the new picture comes from, x then y, the old picture being -1 to 1."""
    (xx, xy, left), (yx, yy, top) = matrix.tolist()
    size = xx * yy - xy * yx
    a, b, d, e = yy / size, -xy / size, -yx / size, xx / size
    x, y = np.arange(0.5, width, dtype=np.float32), np.arange(0.5, height, dtype=np.float32)
    grid = np.empty((height, width, 2), np.float32)
    np.add.outer(y * (b * 2 / width) - ((a * left + b * top) * 2 / width + 1), x * (a * 2 / width), out=grid[:, :, 0])
    np.add.outer(y * (e * 2 / height) - ((d * left + e * top) * 2 / height + 1), x * (d * 2 / height), out=grid[:, :, 1])
    return grid


def erased(image_hwc_u8: ImageU8, area: tuple[float, float], rng: np.random.Generator) -> ImageU8:
    """Replace a rectangle of a share of the picture drawn from ``area``, with aspect 0.3 to 3.3, by noise of all values.

    Shape: (h, w, c) uint8 -> the same. Source: Zhong et al. 2020 (arXiv 1708.04896), RE-R; a rectangle that does not fit is cut to the picture.
    """
    height, width, channels = image_hwc_u8.shape
    share = rng.uniform(*area)
    aspect = math.exp(rng.uniform(math.log(_ERASE_ASPECT), -math.log(_ERASE_ASPECT)))
    h = min(height, max(1, round(math.sqrt(share * aspect) * height)))
    w = min(width, max(1, round(math.sqrt(share / aspect) * width)))
    top, left = int(rng.integers(height - h + 1)), int(rng.integers(width - w + 1))
    image = image_hwc_u8.copy()
    image[top : top + h, left : left + w] = rng.integers(0, 256, (h, w, channels), np.uint8)
    return image


def _ground(image_hwc_u8: ImageU8) -> tuple[int, ...] | None:
    """The mean colour of a flat border, or None."""
    border = np.concatenate([image_hwc_u8[0], image_hwc_u8[-1], image_hwc_u8[:, 0], image_hwc_u8[:, -1]])
    low, high = border.min(0).tolist(), border.max(0).tolist()
    if max(h - v for h, v in zip(high, low, strict=True)) > _FLAT:
        return None
    return tuple(low if low == high else border.mean(0).round().astype(int).tolist())
