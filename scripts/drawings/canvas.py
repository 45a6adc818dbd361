"""What the drawings share: skies, grounds, grain, and drawing at twice the size so that edges come out smooth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

Colour = tuple[int, int, int]
Point = tuple[float, float]

#: Drawn at this multiple of the final size, then averaged down.
OVERSAMPLE = 2


@dataclass
class Canvas:
    """A picture under way. Coordinates run from 0 to 1 in x and from 0 to 1 in y, from the top-left corner."""

    image: Image.Image

    @property
    def pen(self) -> ImageDraw.ImageDraw:
        """Draws on the picture as it is now."""
        return ImageDraw.Draw(self.image)

    def at(self, *points: Point) -> list[Point]:
        """Fractions to pixels."""
        return [(x * self.image.width, y * self.image.height) for x, y in points]

    def polygon(self, points: list[Point], colour: Colour) -> None:
        """A filled polygon."""
        self.pen.polygon(self.at(*points), fill=colour)

    def line(self, points: list[Point], colour: Colour, width: float) -> None:
        """A line, ``width`` as a fraction of the picture's width."""
        self.pen.line(self.at(*points), fill=colour, width=max(1, round(width * self.image.width)), joint="curve")

    def box(self, left: float, top: float, right: float, bottom: float, colour: Colour) -> None:
        """A filled rectangle."""
        self.pen.rectangle(self.at((left, top), (right, bottom)), fill=colour)

    def ellipse(self, left: float, top: float, right: float, bottom: float, colour: Colour) -> None:
        """A filled ellipse."""
        self.pen.ellipse(self.at((left, top), (right, bottom)), fill=colour)


def new(width: int, height: int, top: Colour, bottom: Colour) -> Canvas:
    """A canvas with a vertical gradient."""
    return Canvas(gradient((width * OVERSAMPLE, height * OVERSAMPLE), top, bottom))


def gradient(size: tuple[int, int], top: Colour, bottom: Colour) -> Image.Image:
    """A vertical gradient."""
    rows = np.linspace(np.array(top, float), np.array(bottom, float), size[1])
    return Image.fromarray(np.repeat(rows[:, None, :], size[0], axis=1).round().astype(np.uint8))


def clouds(canvas: Canvas, seed: int, *, amount: float = 0.5, until: float = 0.6, colour: Colour = (255, 255, 255)) -> None:
    """Soft clouds over the upper part, down to ``until``."""
    random = np.random.default_rng(seed)
    width, height = canvas.image.size
    field = np.zeros((height, width))
    for octave in range(2, 7):
        cells = random.random((2**octave, 2 ** (octave + 1)))
        layer = Image.fromarray((cells * 255).astype(np.uint8)).resize((width, height), Image.Resampling.BICUBIC)
        field += np.asarray(layer, float) / 255 / 2 ** (octave - 2)
    field = (field - field.min()) / (field.max() - field.min())
    fade = np.clip((until - np.linspace(0, 1, height)) / until, 0, 1)[:, None]
    alpha = np.clip((field - (1 - amount)) * 3, 0, 1) * np.sqrt(fade)
    mask = Image.fromarray((alpha * 235).astype(np.uint8))
    canvas.image.paste(Image.new("RGB", canvas.image.size, colour), (0, 0), mask)


def texture(canvas: Canvas, seed: int, box: tuple[float, float, float, float], *, strength: float, scale: int = 6) -> None:
    """Uneven brightness inside a box (fractions), as grass, sand, stone and water have."""
    random = np.random.default_rng(seed)
    (left, top), (right, bottom) = ((round(x), round(y)) for x, y in canvas.at((box[0], box[1]), (box[2], box[3])))
    width, height = right - left, bottom - top
    field = np.zeros((height, width))
    for divisor, weight in ((scale, 0.6), (scale * 4, 0.4)):
        cells = random.random((max(2, height // divisor), max(2, width // divisor)))
        field += weight * np.asarray(
            Image.fromarray((cells * 255).astype(np.uint8)).resize((width, height), Image.Resampling.BILINEAR), float
        )
    part = np.asarray(canvas.image.crop((left, top, right, bottom)), float) + ((field - 127) * strength)[:, :, None]
    canvas.image.paste(Image.fromarray(np.clip(part, 0, 255).astype(np.uint8)), (left, top))


def finish(canvas: Canvas, seed: int, *, grain: float = 4.0, blur: float = 0.6) -> Image.Image:
    """Down to the final size, with the slight softness and noise of a camera."""
    width, height = canvas.image.width // OVERSAMPLE, canvas.image.height // OVERSAMPLE
    small = canvas.image.resize((width, height), Image.Resampling.BOX).filter(ImageFilter.GaussianBlur(blur))
    noise = np.random.default_rng(seed).normal(0, grain, (height, width, 1))
    return Image.fromarray(np.clip(np.asarray(small, float) + noise, 0, 255).astype(np.uint8))


def shade(colour: Colour, factor: float) -> Colour:
    """Darker below 1, lighter above."""
    red, green, blue = (min(255, max(0, round(c * factor))) for c in colour)
    return red, green, blue
