"""What can happen to a picture on its way: shifted, turned, scaled, blurred, noisy, compressed, shrunk, covered. NumPy and Pillow only.

They work on the pixels that photo.read gives, before photo.prepare. Lengths are in pixels of the network's input, so that the same
strength means the same to a photo of any size; what comes in from outside the frame repeats its edge. Draws are addressed by picture, not by
strength: a picture is shifted the same way by 2 and by 4 pixels.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

from landsight.photo.prepare import ImageU8, Preparation
from landsight.studio.random import generator


@dataclass(frozen=True, slots=True)
class Scene:
    """One picture's circumstances. ``unit_px``: pixels of the picture (across, down) that one pixel of the network's input stands for."""

    unit_px: tuple[float, float]
    rng: np.random.Generator


Apply = Callable[[Image.Image, float, Scene], Image.Image]


@dataclass(frozen=True, slots=True)
class Corruption:
    """``amounts`` from weak to strong; ``words`` formats one for people."""

    title: str
    what: str
    words: str
    amounts: tuple[float, ...]
    apply: Apply


def corrupt(image_hwc_u8: ImageU8, name: str, amount: float, *, preparation: Preparation, item: int) -> ImageU8:
    """The picture (h, w, 3) corrupted; the same for the same ``item`` (the picture's number) everywhere."""
    image = Image.fromarray(image_hwc_u8)
    scene = Scene(unit_px(preparation, image.width, image.height), generator(0, f"corrupt {name}", item=item))
    return np.asarray(CORRUPTIONS[name].apply(image, amount, scene).convert("RGB"))


def unit_px(preparation: Preparation, width: int, height: int) -> tuple[float, float]:
    """How many pixels of a picture (across, down) become one of the network's input."""
    across, down = width / preparation.width, height / preparation.height
    if preparation.resize == "squash":
        return across, down
    side = min(across, down) if preparation.resize == "crop" else max(across, down)
    return side, side


def _shift(image: Image.Image, amount: float, scene: Scene) -> Image.Image:
    """Up, down, left or right."""
    x, y = ((1, 0), (-1, 0), (0, 1), (0, -1))[int(scene.rng.integers(4))]
    return _affine(image, (1, 0, x * amount * scene.unit_px[0], 0, 1, y * amount * scene.unit_px[1]))


def _rotate(image: Image.Image, amount: float, scene: Scene) -> Image.Image:
    """About the middle, to either side."""
    angle = np.deg2rad(amount * scene.rng.choice([-1.0, 1.0]))
    cos, sin = float(np.cos(angle)), float(np.sin(angle))
    return _about_middle(image, cos, sin, -sin, cos)


def _scale(image: Image.Image, amount: float, scene: Scene) -> Image.Image:
    """About the middle; above 1: nearer."""
    return _about_middle(image, 1 / amount, 0, 0, 1 / amount)


def _blur(image: Image.Image, amount: float, scene: Scene) -> Image.Image:
    """Gaussian, with ``amount`` as its standard deviation in input pixels."""
    across, down = scene.unit_px
    return image.filter(ImageFilter.GaussianBlur((amount * across, amount * down)))


def _noise(image: Image.Image, amount: float, scene: Scene) -> Image.Image:
    """Gaussian in every channel, in grains of one input pixel; the standard deviation is in units of 0..255."""
    pixels = np.asarray(image, np.float32)
    rows, columns = (np.arange(n) / unit for n, unit in zip(pixels.shape[:2], scene.unit_px[::-1], strict=True))
    rows, columns = rows.astype(np.int64), columns.astype(np.int64)
    grain = scene.rng.standard_normal((int(rows[-1]) + 1, int(columns[-1]) + 1, 3), np.float32) * np.float32(amount)
    return Image.fromarray((pixels + grain[rows[:, None], columns]).round().clip(0, 255).astype(np.uint8))


def _jpeg(image: Image.Image, amount: float, scene: Scene) -> Image.Image:
    """Saved again at that quality."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=int(amount))
    return Image.open(buffer)


def _shrink(image: Image.Image, amount: float, scene: Scene) -> Image.Image:
    """Shrunk until the network's input has only that share of pixels a side, and enlarged again."""
    across, down = scene.unit_px
    size = (max(1, round(image.width / across * amount)), max(1, round(image.height / down * amount)))
    return image.resize(size, Image.Resampling.BICUBIC).resize(image.size, Image.Resampling.BICUBIC)


def _cover(image: Image.Image, amount: float, scene: Scene) -> Image.Image:
    """A rectangle of the picture's shape, in its mean colour, somewhere on it."""
    pixels = np.array(image)
    height, width = (max(1, round(n * amount**0.5)) for n in pixels.shape[:2])
    top, left = (int(scene.rng.integers(0, n - side + 1)) for n, side in zip(pixels.shape[:2], (height, width), strict=True))
    pixels[top : top + height, left : left + width] = pixels.mean(axis=(0, 1)).round()
    return Image.fromarray(pixels)


def _about_middle(image: Image.Image, a: float, b: float, c: float, d: float) -> Image.Image:
    x, y = image.width / 2, image.height / 2
    return _affine(image, (a, b, x - a * x - b * y, c, d, y - c * x - d * y))


def _affine(image: Image.Image, matrix: tuple[float, ...]) -> Image.Image:
    """Each pixel (x, y) is taken from (a x + b y + e, c x + d y + f); outside the frame its edge goes on."""
    a, b, e, c, d, f = matrix
    corners = np.array([(x, y) for x in (0, image.width) for y in (0, image.height)], np.float64)
    from_x, from_y = a * corners[:, 0] + b * corners[:, 1] + e, c * corners[:, 0] + d * corners[:, 1] + f
    beyond = max(-from_x.min(), from_x.max() - image.width, -from_y.min(), from_y.max() - image.height, 0.0)
    margin = int(np.ceil(beyond)) + 2  # two more for the filter
    padded = Image.fromarray(np.pad(np.asarray(image), ((margin, margin), (margin, margin), (0, 0)), mode="edge"))
    return padded.transform(image.size, Image.Transform.AFFINE, (a, b, e + margin, c, d, f + margin), Image.Resampling.BICUBIC)


#: Name of a corruption -> what it is.
CORRUPTIONS: dict[str, Corruption] = {
    "shift": Corruption("shift", "moved up, down, left or right", "{:g} px", (1, 2, 4, 8), _shift),
    "rotation": Corruption("rotation", "turned about its middle, to either side", "{:g}°", (5, 10, 20, 45), _rotate),
    "nearer": Corruption("scale, nearer", "enlarged about its middle", "× {:g}", (1.1, 1.25, 1.5, 2.0), _scale),
    "farther": Corruption("scale, farther", "made smaller about its middle", "× {:g}", (0.9, 0.8, 0.65, 0.5), _scale),
    "blur": Corruption("blur", "Gaussian blur", "σ {:g} px", (0.5, 1, 2, 4), _blur),
    "noise": Corruption("noise", "Gaussian noise, of 255", "σ {:g}", (5, 10, 20, 40), _noise),
    "jpeg": Corruption("JPEG", "saved again", "quality {:g}", (80, 50, 25, 10), _jpeg),
    "downscaling": Corruption("downscaling", "shrunk to that share of the input's sides", "{:g}", (0.5, 0.35, 0.25, 0.125), _shrink),
    "occlusion": Corruption("occlusion", "a rectangle covers that share", "{:.0%}", (0.05, 0.1, 0.25, 0.5), _cover),
}
