"""Landmarks, drawn from their well-known shapes."""

from __future__ import annotations

import itertools
import math

from PIL import Image

from .canvas import Canvas, Colour, Point, clouds, finish, new, shade, texture


def eiffel_tower() -> Image.Image:
    """The Eiffel Tower from the lawn in front of it, near enough to fill the picture."""
    canvas = new(768, 1024, (96, 150, 214), (214, 228, 240))
    clouds(canvas, 3, amount=0.45, until=0.75)
    _treeline(canvas, 0.83, 11, (62, 84, 48))
    canvas.polygon([(0, 0.86), (1, 0.86), (1, 1), (0, 1)], (104, 140, 66))
    texture(canvas, 5, (0, 0.86, 1, 1), strength=0.22)
    canvas.polygon([(0.44, 0.86), (0.56, 0.86), (0.72, 1), (0.28, 1)], (196, 184, 160))
    iron: Colour = (104, 82, 62)
    _tower_body(canvas, iron)
    image = finish(canvas, 21)
    return image.crop((0, 0, image.width * 8 // 10, image.height * 9 // 10))


def _half_width(y: float) -> float:
    """Half the tower's width at a height: exponential, as Eiffel designed it against the wind."""
    top, bottom = 0.10, 0.87
    share = (y - top) / (bottom - top)
    return 0.006 + 0.235 * (math.exp(3.1 * share) - 1) / (math.exp(3.1) - 1)


def _tower_body(canvas: Canvas, iron: Colour) -> None:
    first, second, foot = 0.69, 0.525, 0.87
    steps = [0.10 + i * (foot - 0.10) / 160 for i in range(161)]
    for y, below in itertools.pairwise(steps):
        outer, outer_below = _half_width(y), _half_width(below)
        inner, inner_below = _opening(y, second, first), _opening(below, second, first)
        for side in (-1, 1):
            quad = [(0.5 + side * inner, y), (0.5 + side * outer, y), (0.5 + side * outer_below, below), (0.5 + side * inner_below, below)]
            canvas.polygon(quad, iron)
    _lattice(canvas, iron, second, first, foot)
    for y, thickness, overhang in ((first, 0.022, 1.12), (second, 0.016, 1.15), (0.185, 0.007, 1.9)):
        half = _half_width(y) * overhang
        canvas.box(0.5 - half, y - thickness / 2, 0.5 + half, y + thickness / 2, shade(iron, 0.85))
        canvas.box(0.5 - half, y - thickness / 2, 0.5 + half, y - thickness / 4, shade(iron, 1.25))
    _arch(canvas, iron, first, foot)
    canvas.line([(0.5, 0.10), (0.5, 0.045)], shade(iron, 0.8), 0.004)
    canvas.box(0.488, 0.095, 0.512, 0.115, shade(iron, 0.8))


def _opening(y: float, second: float, first: float) -> float:
    """Half the width of the gap between the legs at a height."""
    if y < second:
        return 0.0
    outer = _half_width(y)
    if y < first:
        return outer * (0.10 + 0.36 * (y - second) / (first - second))
    return outer * (0.46 + 0.05 * (y - first) / 0.18)


def _lattice(canvas: Canvas, iron: Colour, second: float, first: float, foot: float) -> None:
    """Crossed girders: sky shows through as lighter strokes."""
    light, rows = shade(iron, 1.75), 46
    for row in range(rows):
        y = 0.15 + row * (foot - 0.15) / rows
        below = 0.15 + (row + 1) * (foot - 0.15) / rows
        for side in (-1, 1):
            a, b = 0.5 + side * _opening(y, second, first), 0.5 + side * _half_width(y)
            c, d = 0.5 + side * _opening(below, second, first), 0.5 + side * _half_width(below)
            canvas.line([(a + 0.12 * (b - a), y), (d - 0.12 * (d - c), below)], light, 0.0022)
            canvas.line([(b - 0.12 * (b - a), y), (c + 0.12 * (d - c), below)], light, 0.0022)


def _arch(canvas: Canvas, iron: Colour, first: float, foot: float) -> None:
    """The round arches between the feet."""
    points: list[Point] = []
    for i in range(61):
        angle = math.pi * i / 60
        points.append((0.5 - 0.125 * math.cos(angle), foot - 0.155 * math.sin(angle) ** 0.8 - 0.005))
    canvas.line(points, shade(iron, 0.9), 0.011)


def _treeline(canvas: Canvas, level: float, seed: int, colour: Colour) -> None:
    for i in range(70):
        x = i / 69
        size = 0.035 + 0.02 * math.sin(seed + i * 2.3) + 0.012 * math.sin(seed * 3 + i * 5.7)
        canvas.ellipse(x - size, level - size * 0.9, x + size, level + 0.06, shade(colour, 0.9 + 0.25 * math.sin(i * 1.7)))
