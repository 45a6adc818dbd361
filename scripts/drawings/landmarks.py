"""Landmarks, drawn from their well-known shapes."""

from __future__ import annotations

import itertools
import math

from PIL import Image

from .canvas import Canvas, Colour, Point, clouds, finish, new, shade, texture


def eiffel_tower() -> Image.Image:
    """The Eiffel Tower from the lawn in front of it."""
    canvas = new(768, 1024, (96, 150, 214), (214, 228, 240))
    clouds(canvas, 3, amount=0.45, until=0.75)
    _treeline(canvas, 0.83, 11, (62, 84, 48))
    canvas.polygon([(0, 0.86), (1, 0.86), (1, 1), (0, 1)], (104, 140, 66))
    texture(canvas, 5, (0, 0.86, 1, 1), strength=0.22)
    canvas.polygon([(0.44, 0.86), (0.56, 0.86), (0.72, 1), (0.28, 1)], (196, 184, 160))
    iron: Colour = (104, 82, 62)
    _tower_body(canvas, iron)
    return finish(canvas, 21)


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


def pyramids() -> Image.Image:
    """The three pyramids of Giza over sand."""
    canvas = new(1024, 683, (108, 158, 212), (222, 226, 222))
    canvas.polygon([(0, 0.68), (1, 0.66), (1, 1), (0, 1)], (206, 174, 122))
    for apex, base, half in (((0.80, 0.36), 0.69, 0.20), ((0.50, 0.20), 0.72, 0.30), ((0.19, 0.16), 0.78, 0.33)):
        _pyramid(canvas, apex, base, half)
    canvas.polygon([(0, 0.78), (0.3, 0.765), (0.7, 0.73), (1, 0.72), (1, 1), (0, 1)], (214, 184, 134))
    texture(canvas, 9, (0, 0.72, 1, 1), strength=0.20)
    return finish(canvas, 22)


def _pyramid(canvas: Canvas, apex: Point, base: float, half: float) -> None:
    x, y = apex
    edge = x + half * 0.22
    lit, dark = (216, 184, 130), (150, 120, 82)
    canvas.polygon([(x, y), (edge, base + 0.02), (x - half, base)], lit)
    canvas.polygon([(x, y), (edge, base + 0.02), (x + half, base - 0.005)], dark)
    courses = 42
    for course in range(1, courses):
        share = course / courses
        level = y + (base - y) * share
        left, right, middle = x - half * share, x + half * share, x + (edge - x) * share
        canvas.line([(left, level), (middle, level + 0.02 * share)], shade(lit, 0.88), 0.0016)
        canvas.line([(middle, level + 0.02 * share), (right, level - 0.005 * share)], shade(dark, 0.85), 0.0016)


def golden_gate() -> Image.Image:
    """The Golden Gate Bridge from the shore."""
    canvas = new(1024, 683, (120, 168, 218), (226, 234, 240))
    clouds(canvas, 6, amount=0.35, until=0.5)
    _hills(canvas, 0.60, 0.10, 5, (120, 128, 112))
    canvas.polygon([(0, 0.66), (1, 0.66), (1, 1), (0, 1)], (64, 104, 132))
    texture(canvas, 12, (0, 0.66, 1, 1), strength=0.22, scale=5)
    red: Colour = (188, 66, 44)
    deck = 0.60
    for x, width in ((0.27, 0.022), (0.76, 0.016)):
        _bridge_tower(canvas, x, width, 0.12 if x < 0.5 else 0.22, red)
    canvas.polygon([(0, deck - 0.005), (1, deck - 0.012), (1, deck + 0.012), (0, deck + 0.022)], red)
    for i in range(60):
        canvas.line([(i / 60, deck + 0.02), ((i + 1) / 60, deck + 0.0)], shade(red, 0.7), 0.0016)
    _cable(canvas, (0.27, 0.12), (0.76, 0.22), deck, red)
    _cable(canvas, (-0.22, 0.25), (0.27, 0.12), deck + 0.1, red)
    _cable(canvas, (0.76, 0.22), (1.2, 0.30), deck + 0.06, red)
    canvas.polygon([(0, 0.86), (0.2, 0.83), (0.42, 0.92), (0.5, 1), (0, 1)], (88, 86, 62))
    texture(canvas, 13, (0, 0.83, 0.45, 1), strength=0.3)
    return finish(canvas, 23)


def _bridge_tower(canvas: Canvas, x: float, width: float, top: float, red: Colour) -> None:
    gap = width * 1.1
    for side in (-1, 1):
        centre = x + side * gap
        canvas.polygon(
            [(centre - width * 0.4, top), (centre + width * 0.4, top), (centre + width * 0.62, 0.74), (centre - width * 0.62, 0.74)], red
        )
        canvas.polygon(
            [(centre, top), (centre + width * 0.4, top), (centre + width * 0.62, 0.74), (centre + width * 0.1, 0.74)], shade(red, 0.8)
        )
    for y in (top + 0.01, top + 0.12, top + 0.24, top + 0.36):
        canvas.box(x - gap, y, x + gap, y + 0.03, shade(red, 0.92))
    canvas.box(x - gap * 2.1, 0.73, x + gap * 2.1, 0.77, (150, 142, 130))


def _cable(canvas: Canvas, start: Point, end: Point, lowest: float, red: Colour) -> None:
    """A parabola between two towers with its hangers down to the deck."""
    points: list[Point] = []
    for i in range(81):
        t = i / 80
        x = start[0] + (end[0] - start[0]) * t
        chord = start[1] + (end[1] - start[1]) * t
        sag = 4 * t * (1 - t) * (lowest - 0.03 - (start[1] + end[1]) / 2)
        points.append((x, chord + sag))
    canvas.line(points, shade(red, 0.85), 0.0045)
    for x, y in points[::2]:
        if 0 <= x <= 1 and y < 0.6:
            canvas.line([(x, y), (x, 0.6)], shade(red, 0.9), 0.0011)


def _hills(canvas: Canvas, level: float, height: float, seed: int, colour: Colour) -> None:
    points: list[Point] = [(0, 0.7)]
    for i in range(101):
        x = i / 100
        wave = math.sin(seed + x * 5.1) * 0.5 + math.sin(seed * 2 + x * 11.3) * 0.25 + math.sin(seed * 3 + x * 29) * 0.06
        points.append((x, level - height * (0.45 + 0.5 * wave)))
    canvas.polygon([*points, (1, 0.7)], colour)


def _treeline(canvas: Canvas, level: float, seed: int, colour: Colour) -> None:
    for i in range(70):
        x = i / 69
        size = 0.035 + 0.02 * math.sin(seed + i * 2.3) + 0.012 * math.sin(seed * 3 + i * 5.7)
        canvas.ellipse(x - size, level - size * 0.9, x + size, level + 0.06, shade(colour, 0.9 + 0.25 * math.sin(i * 1.7)))
