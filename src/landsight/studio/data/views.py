"""Augmentation: one stored picture -> one training view. Hides size, sharpness, shape and compression, which tell the source, not the place.

Order: crop, shrink and compress, flip, turn and warp, blur, recolour, policy, erase. A step whose chance is 0 draws nothing and costs nothing.
docs/augmentation.md shows each and what it costs.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

from landsight.photo.prepare import ImageU8, Preparation
from landsight.studio.data import policies
from landsight.studio.data.views_affine import Move, erased, moved
from landsight.studio.data.views_colour import blurred, recoloured
from landsight.studio.data.views_resize import SHARP, SUBSAMPLING, as_grey, resized, through_jpeg
from landsight.studio.recipe import ViewsRecipe

_SHRINK = ("box", "bilinear", "bicubic", "lanczos", "hamming")
_ENLARGE = ("bilinear", "bicubic", SHARP)
#: No side of a shrunk crop goes below this.
_LEAST_PX = 24


def view(
    image_hwc_u8: ImageU8, small: bool, side: int, recipe: ViewsRecipe, rng: np.random.Generator, *, like: Preparation | None = None
) -> tuple[ImageU8, bool]:
    """One training view, and whether it is sharp: from a large picture and not shrunk on the way.

    ``like``: the input whose colour and shape the view takes; None: RGB and square. Every draw comes from ``rng``.
    Shape: (h, w, 3) uint8 -> (height, width, c) uint8 of ``view_size(side, like)``, c = 1 when ``like.colour`` is "L".
    """
    image = image_hwc_u8
    if like is not None and like.colour == "L" and image.shape[2] != 1:
        image = as_grey(image)
    size = view_size(side, like)
    image, sharp = _scaled(image, small, size, recipe, rng)
    image = _recoloured(_moved(image, recipe, rng), recipe, rng)
    if recipe.policy != "none":
        image = policies.applied(image, small, recipe, rng)
    if _happens(recipe.erase, rng):
        image = erased(image, recipe.erase_area, rng)
    return image, sharp


def view_size(side: int, like: Preparation | None) -> tuple[int, int]:
    """(width, height) of a view: ``side`` is the longer one, the other follows the input's shape."""
    if like is None or like.width == like.height:
        return side, side
    scale = side / max(like.width, like.height)
    return max(1, round(like.width * scale)), max(1, round(like.height * scale))


def _scaled(image: ImageU8, small: bool, size: tuple[int, int], recipe: ViewsRecipe, rng: np.random.Generator) -> tuple[ImageU8, bool]:
    """Crop, then either resize and perhaps compress, or shrink, mostly compress, and enlarge."""
    crop, share_w, share_h = _cropped(image, recipe, rng)
    if _happens(recipe.degrade_small if small else recipe.degrade_large, rng):
        low, high = recipe.degrade_small_px if small else recipe.degrade_large_px
        # Size of the crop, had the whole picture been squashed to a small square once.
        whole = math.exp(rng.uniform(math.log(low), math.log(high)))
        crop = resized(crop, (max(_LEAST_PX, round(share_w * whole)), max(_LEAST_PX, round(share_h * whole))), _one_of(_SHRINK, rng))
        if _happens(recipe.jpeg_degraded, rng):
            crop = _compressed(crop, 40, rng)
        return resized(crop, size, _one_of(_ENLARGE, rng)), False
    if (crop.shape[1], crop.shape[0]) != size:
        crop = resized(crop, size, _one_of(_ENLARGE, rng))
    if _happens(recipe.jpeg_plain, rng):
        crop = _compressed(crop, 45, rng)
    return crop, not small


def _cropped(image: ImageU8, recipe: ViewsRecipe, rng: np.random.Generator) -> tuple[ImageU8, float, float]:
    """A crop in whole pixels, and its width and height as shares of the picture."""
    if recipe.min_area >= 1 and recipe.max_aspect == 1 and recipe.square_crop == 0:
        return image, 1.0, 1.0
    height, width = image.shape[:2]
    share_w, share_h = _crop_shares(recipe, width / height, rng)
    w, h = max(1, round(share_w * width)), max(1, round(share_h * height))
    left, top = int(rng.integers(width - w + 1)), int(rng.integers(height - h + 1))
    return image[top : top + h, left : left + w], share_w, share_h


def _crop_shares(recipe: ViewsRecipe, shape: float, rng: np.random.Generator) -> tuple[float, float]:
    """Width and height of the crop as shares of the picture: area uniform, aspect log-uniform, drawn again while too small.

    ``shape``: width / height of the picture. With square_crop's chance the aspect is that of the picture's own pixels, not of its shares.
    """
    base = 1 / shape if _happens(recipe.square_crop, rng) else 1.0
    largest = min(base, 1 / base)
    spread = math.log(recipe.max_aspect)
    w = h = 1.0
    for _ in range(5):
        area = rng.uniform(recipe.min_area, 1.0) * largest
        aspect = base * math.exp(rng.uniform(-spread, spread))
        w, h = min((area * aspect) ** 0.5, 1.0), min((area / aspect) ** 0.5, 1.0)
        if w * h > recipe.min_area * 0.93 * largest:
            break
    return w, h


def _compressed(image: ImageU8, lowest_quality: int, rng: np.random.Generator) -> ImageU8:
    return through_jpeg(image, int(rng.integers(lowest_quality, 96)), _one_of(SUBSAMPLING, rng))


def _moved(image: ImageU8, recipe: ViewsRecipe, rng: np.random.Generator) -> ImageU8:
    """Flips, then rotation and the affine move as one resampling."""
    flips = [axis for axis, chance in ((1, recipe.flip), (0, recipe.flip_vertical)) if _happens(chance, rng)]
    if flips:
        # torch: twenty times faster than copying NumPy's mirrored view. It asks for memory that it may write to.
        source = image if image.flags.writeable else image.copy()
        image = torch.from_numpy(source).flip(flips).numpy()
    move: dict[str, Any] = {}
    if _happens(recipe.rotate, rng):
        move["rotate_deg"] = rng.uniform(-recipe.rotate_deg, recipe.rotate_deg)
    if _happens(recipe.affine, rng):
        move["shift"] = tuple(rng.uniform(-recipe.shift, recipe.shift, 2))
        move["scale"] = math.exp(rng.uniform(math.log(recipe.scale[0]), math.log(recipe.scale[1])))
        move["shear_deg"] = tuple(rng.uniform(-recipe.shear_deg, recipe.shear_deg, 2))
    if not move:
        return image
    fill = rng.integers(0, 256, 3)
    return moved(image, Move(**move), tuple(int(v) for v in fill[: image.shape[2]]))


def _recoloured(image: ImageU8, recipe: ViewsRecipe, rng: np.random.Generator) -> ImageU8:
    """Blur, then all of colour in one pass."""
    if _happens(recipe.blur, rng):
        image = blurred(image, rng.uniform(*recipe.blur_px))
    factors: dict[str, float] = {}
    if _happens(recipe.colour, rng):
        factors = {name: rng.uniform(*getattr(recipe, name)) for name in ("brightness", "contrast", "saturation")}
        if recipe.hue:
            factors["hue_turns"] = rng.uniform(-recipe.hue, recipe.hue)
    if _happens(recipe.grey, rng):
        factors["saturation"] = 0.0
    return recoloured(image, **factors) if factors else image


def _happens(chance: float, rng: np.random.Generator) -> bool:
    """No draw at chance 0."""
    return chance > 0 and rng.random() < chance


def _one_of(names: tuple[str, ...], rng: np.random.Generator) -> str:
    return names[int(rng.integers(len(names)))]
