"""Augmentation: one stored picture -> one training view. Hides size, sharpness, shape and compression, which tell the source, not the place."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter

from landsight.photo.prepare import ImageU8
from landsight.studio.recipe import ViewsRecipe

_R = Image.Resampling
_SHRINK = (_R.BOX, _R.BILINEAR, _R.BICUBIC, _R.LANCZOS, _R.HAMMING)
_ENLARGE = (_R.BILINEAR, _R.BICUBIC, _R.LANCZOS)
#: JPEG chroma subsampling: 4:4:4 once, 4:2:0 twice, as photos are.
_SUBSAMPLING = (0, 2, 2)
#: No side of a shrunk crop goes below this.
_LEAST_PX = 24


def view(image_hwc_u8: ImageU8, small: bool, side: int, recipe: ViewsRecipe, rng: np.random.Generator) -> tuple[ImageU8, bool]:
    """Crop, shrink, compress, flip, turn, blur, recolour.

    Shape: (h, w, 3) uint8 -> (side, side, 3) uint8, and whether the view is sharp: from a large picture and not shrunk on the way.
    """
    height, width = image_hwc_u8.shape[:2]
    share_w, share_h = _crop_shares(recipe, width / height, rng)
    left, top = rng.uniform(0, 1 - share_w) * width, rng.uniform(0, 1 - share_h) * height
    # Rounding must not push the box over the edge: Pillow refuses that.
    box = (left, top, min(left + share_w * width, width), min(top + share_h * height, height))
    image = Image.fromarray(image_hwc_u8)
    if rng.random() < (recipe.degrade_small if small else recipe.degrade_large):
        image, sharp = image.resize(_shrunk(share_w, share_h, small, recipe, rng), _one_of(_SHRINK, rng), box=box), False
        if rng.random() < recipe.jpeg_degraded:
            image = _through_jpeg(image, 40, rng)
        image = image.resize((side, side), _one_of(_ENLARGE, rng))
    else:
        image, sharp = image.resize((side, side), _one_of(_ENLARGE, rng), box=box), not small
        if rng.random() < recipe.jpeg_plain:
            image = _through_jpeg(image, 45, rng)
    return np.asarray(_recoloured(_moved(image, recipe, rng), recipe, rng)), sharp


def _crop_shares(recipe: ViewsRecipe, shape: float, rng: np.random.Generator) -> tuple[float, float]:
    """Width and height of the crop as shares of the picture: area uniform, aspect log-uniform, drawn again while too small.

    ``shape``: width / height of the picture. With square_crop's chance the aspect is that of the picture's own pixels, not of its shares.
    """
    base = 1 / shape if recipe.square_crop > 0 and rng.random() < recipe.square_crop else 1.0
    largest = min(base, 1 / base)
    w = h = 1.0
    for _ in range(5):
        area = rng.uniform(recipe.min_area, 1.0) * largest
        aspect = base * float(np.exp(rng.uniform(-np.log(recipe.max_aspect), np.log(recipe.max_aspect))))
        w, h = min((area * aspect) ** 0.5, 1.0), min((area / aspect) ** 0.5, 1.0)
        if w * h > recipe.min_area * 0.93 * largest:
            break
    return w, h


def _shrunk(share_w: float, share_h: float, small: bool, recipe: ViewsRecipe, rng: np.random.Generator) -> tuple[int, int]:
    """Size in pixels of the crop, had the whole picture been squashed to a small square once."""
    low, high = recipe.degrade_small_px if small else recipe.degrade_large_px
    whole = float(np.exp(rng.uniform(np.log(low), np.log(high))))
    return max(_LEAST_PX, round(share_w * whole)), max(_LEAST_PX, round(share_h * whole))


def _through_jpeg(image: Image.Image, lowest_quality: int, rng: np.random.Generator) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=int(rng.integers(lowest_quality, 96)), subsampling=_SUBSAMPLING[rng.integers(3)])
    return Image.open(buffer).convert("RGB")


def _moved(image: Image.Image, recipe: ViewsRecipe, rng: np.random.Generator) -> Image.Image:
    if rng.random() < recipe.flip:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if rng.random() < recipe.rotate:
        angle = rng.uniform(-recipe.rotate_deg, recipe.rotate_deg)
        image = image.rotate(angle, _R.BILINEAR, fillcolor=tuple(int(v) for v in rng.integers(0, 256, 3)))
    return image


def _recoloured(image: Image.Image, recipe: ViewsRecipe, rng: np.random.Generator) -> Image.Image:
    if rng.random() < recipe.blur:
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(*recipe.blur_px)))
    if rng.random() < recipe.colour:
        image = ImageEnhance.Brightness(image).enhance(rng.uniform(*recipe.brightness))
        image = ImageEnhance.Contrast(image).enhance(rng.uniform(*recipe.contrast))
        image = ImageEnhance.Color(image).enhance(rng.uniform(*recipe.saturation))
    return image.convert("L").convert("RGB") if rng.random() < recipe.grey else image


def _one_of(filters: tuple[_R, ...], rng: np.random.Generator) -> _R:
    return filters[rng.integers(len(filters))]
