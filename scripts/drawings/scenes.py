"""Places that nobody could name from a picture, and pictures that show no place at all."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image, ImageFilter

from .canvas import Canvas, Colour, clouds, finish, new, shade, texture


def street() -> Image.Image:
    """A row of ordinary house fronts along a pavement, painted and of brick."""
    walls = ((178, 96, 72), (214, 200, 170), (150, 84, 66), (196, 182, 160), (166, 148, 128))
    canvas = new(1024, 683, (150, 176, 206), (222, 228, 232))
    clouds(canvas, 31, amount=0.6, until=0.5)
    edges = (0.0, 0.19, 0.41, 0.58, 0.80, 1.0)
    tops = (0.13, 0.20, 0.08, 0.17, 0.11)
    for i, wall in enumerate(walls):
        _house(canvas, edges[i], edges[i + 1], tops[i], wall, seed=40 + i)
    canvas.polygon([(0, 0.84), (1, 0.84), (1, 0.89), (0, 0.89)], (176, 172, 166))
    texture(canvas, 46, (0, 0.84, 1, 0.89), strength=0.15)
    canvas.polygon([(0, 0.89), (1, 0.89), (1, 1), (0, 1)], (92, 92, 96))
    texture(canvas, 47, (0, 0.89, 1, 1), strength=0.25, scale=3)
    _car(canvas, 0.60, 0.90, (46, 66, 104))
    return finish(canvas, 48)


def _house(canvas: Canvas, left: float, right: float, top: float, wall: Colour, *, seed: int) -> None:
    canvas.box(left, top, right, 0.84, wall)
    texture(canvas, seed, (left, top, right, 0.84), strength=0.16, scale=3)
    canvas.box(left - 0.004, top - 0.022, right + 0.004, top + 0.004, shade(wall, 0.6))
    canvas.box(left, 0.60, right, 0.615, shade(wall, 0.75))
    columns = 3 if right - left > 0.19 else 2
    pitch = (right - left) / columns
    floors = np.arange(top + 0.06, 0.56, 0.165)
    for floor in floors:
        for column in range(columns):
            _window(canvas, left + pitch * (column + 0.5), float(floor), half=pitch * 0.28, height=0.105, wall=wall)
    _shop(canvas, left + 0.012, right - 0.012, wall)


def _window(canvas: Canvas, x: float, y: float, *, half: float, height: float, wall: Colour) -> None:
    canvas.box(x - half - 0.006, y - 0.012, x + half + 0.006, y + height + 0.012, shade(wall, 1.3))
    canvas.box(x - half, y, x + half, y + height, (52, 62, 76))
    canvas.polygon([(x - half, y), (x + half * 0.3, y), (x - half, y + height * 0.6)], (120, 142, 164))
    canvas.line([(x, y), (x, y + height)], (232, 230, 224), 0.0035)
    canvas.line([(x - half, y + height * 0.45), (x + half, y + height * 0.45)], (232, 230, 224), 0.0035)
    canvas.box(x - half - 0.009, y + height + 0.01, x + half + 0.009, y + height + 0.02, shade(wall, 0.7))


def _shop(canvas: Canvas, left: float, right: float, wall: Colour) -> None:
    door = left + (right - left) * 0.72
    canvas.box(left, 0.645, door - 0.012, 0.80, (44, 52, 60))
    canvas.polygon([(left, 0.645), (left + 0.07, 0.645), (left, 0.75)], (110, 128, 142))
    canvas.box(door, 0.645, right, 0.84, shade(wall, 0.35))
    canvas.box(door + 0.008, 0.66, right - 0.008, 0.73, (86, 104, 118))
    canvas.box(left, 0.622, right, 0.648, shade(wall, 0.5))


def _car(canvas: Canvas, x: float, y: float, colour: Colour) -> None:
    canvas.polygon([(x + 0.05, y - 0.05), (x + 0.09, y - 0.11), (x + 0.19, y - 0.11), (x + 0.245, y - 0.05)], shade(colour, 0.7))
    canvas.polygon([(x + 0.065, y - 0.055), (x + 0.097, y - 0.10), (x + 0.137, y - 0.10), (x + 0.137, y - 0.055)], (150, 170, 186))
    canvas.polygon([(x + 0.145, y - 0.055), (x + 0.145, y - 0.10), (x + 0.186, y - 0.10), (x + 0.225, y - 0.055)], (150, 170, 186))
    canvas.box(x, y - 0.055, x + 0.30, y + 0.005, colour)
    for wheel in (x + 0.06, x + 0.235):
        canvas.ellipse(wheel - 0.028, y - 0.032, wheel + 0.028, y + 0.052, (24, 24, 26))
        canvas.ellipse(wheel - 0.014, y - 0.012, wheel + 0.014, y + 0.032, (150, 150, 154))


def harbour() -> Image.Image:
    """Boats in front of hills and small houses: the sea somewhere."""
    canvas = new(1024, 683, (110, 160, 214), (232, 222, 206))
    clouds(canvas, 51, amount=0.45, until=0.5)
    for level, height, seed, colour in ((0.52, 0.2, 2, (112, 126, 138)), (0.58, 0.12, 7, (92, 106, 88))):
        points = [
            (i / 80, level - height * (0.5 + 0.4 * math.sin(seed + i * 0.11) + 0.1 * math.sin(seed * 5 + i * 0.4))) for i in range(81)
        ]
        canvas.polygon([(0, 0.66), *points, (1, 0.66)], colour)
    random = np.random.default_rng(52)
    for i in range(34):
        x, y, size = i / 34 + 0.008, 0.60 - 0.05 * float(random.random()), 0.016 + 0.010 * float(random.random())
        wall = [(226, 214, 196), (206, 150, 120), (186, 196, 204), (232, 226, 216)][int(random.integers(4))]
        canvas.box(x, y - size, x + size * 1.3, 0.66, wall)
        canvas.polygon([(x - 0.003, y - size), (x + size * 0.65, y - size * 1.8), (x + size * 1.3 + 0.003, y - size)], (158, 82, 60))
    canvas.polygon([(0, 0.65), (1, 0.65), (1, 1), (0, 1)], (58, 98, 122))
    texture(canvas, 53, (0, 0.65, 1, 1), strength=0.28, scale=4)
    for x, y, size in ((0.2, 0.78, 0.13), (0.52, 0.72, 0.08), (0.76, 0.86, 0.17)):
        _boat(canvas, x, y, size)
    return finish(canvas, 54)


def _boat(canvas: Canvas, x: float, y: float, size: float) -> None:
    canvas.polygon(
        [(x - size, y), (x + size, y - 0.006), (x + size * 0.75, y + size * 0.35), (x - size * 0.8, y + size * 0.35)], (238, 236, 230)
    )
    canvas.polygon(
        [
            (x - size * 0.86, y + size * 0.22),
            (x + size * 0.85, y + size * 0.22),
            (x + size * 0.75, y + size * 0.35),
            (x - size * 0.8, y + size * 0.35),
        ],
        (150, 42, 40),
    )
    canvas.box(x - size * 0.3, y - size * 0.3, x + size * 0.35, y, (214, 208, 196))
    canvas.box(x - size * 0.2, y - size * 0.22, x + size * 0.25, y - size * 0.08, (64, 82, 98))
    canvas.line([(x - size * 0.05, y), (x - size * 0.05, y - size * 2.0)], (96, 84, 70), 0.003)
    canvas.line([(x - size * 0.05, y - size * 2.0), (x + size * 0.95, y)], (120, 116, 110), 0.0012)


def lake() -> Image.Image:
    """A lake between wooded hills, with a wooden pier."""
    canvas = new(1024, 683, (120, 172, 222), (230, 236, 238))
    clouds(canvas, 91, amount=0.5, until=0.45)
    for level, height, seed, colour in ((0.50, 0.30, 3, (128, 144, 158)), (0.55, 0.18, 9, (84, 108, 98)), (0.60, 0.10, 14, (52, 82, 58))):
        points = [
            (i / 90, level - height * (0.5 + 0.35 * math.sin(seed + i * 0.09) + 0.12 * math.sin(seed * 4 + i * 0.31))) for i in range(91)
        ]
        canvas.polygon([(0, 0.64), *points, (1, 0.64)], colour)
    random = np.random.default_rng(92)
    for i in range(120):
        x, size = i / 119, 0.020 + 0.022 * float(random.random())
        canvas.polygon(
            [(x - size * 0.35, 0.635), (x, 0.635 - size * 2), (x + size * 0.35, 0.635)],
            shade((40, 70, 46), 0.8 + 0.5 * float(random.random())),
        )
    canvas.polygon([(0, 0.63), (1, 0.63), (1, 1), (0, 1)], (72, 112, 128))
    texture(canvas, 93, (0, 0.63, 1, 1), strength=0.22, scale=4)
    canvas.polygon([(0.44, 0.72), (0.50, 0.72), (0.66, 1), (0.36, 1)], (128, 98, 68))
    for i in range(14):
        y = 0.72 + 0.28 * (i / 14) ** 1.5
        share = (y - 0.72) / 0.28
        canvas.line([(0.44 - 0.08 * share, y), (0.50 + 0.16 * share, y)], (86, 64, 44), 0.003)
    return finish(canvas, 94)


def flower() -> Image.Image:
    """One large flower against blurred leaves."""
    canvas = new(900, 900, (48, 84, 40), (66, 110, 48))
    random = np.random.default_rng(61)
    for _ in range(70):
        x, y, size = random.random(), random.random(), 0.05 + 0.10 * random.random()
        canvas.ellipse(x - size, y - size * 0.5, x + size, y + size * 0.5, shade((74, 124, 52), 0.6 + 0.7 * random.random()))
    canvas.image = canvas.image.filter(ImageFilter.GaussianBlur(28))
    canvas.line([(0.5, 0.5), (0.53, 1.0)], (78, 116, 50), 0.03)
    for ring, (count, length, colour) in enumerate(((13, 0.40, (206, 60, 116)), (11, 0.33, (226, 84, 138)), (9, 0.25, (240, 122, 164)))):
        for i in range(count):
            _petal(canvas, 2 * math.pi * i / count + ring * 0.24, length, colour)
    canvas.ellipse(0.415, 0.385, 0.585, 0.555, (196, 140, 30))
    for i in range(240):
        angle, distance = i * 2.39996, 0.08 * math.sqrt(i / 240)
        x, y = 0.5 + distance * math.cos(angle), 0.47 + distance * math.sin(angle)
        canvas.ellipse(x - 0.0045, y - 0.0045, x + 0.0045, y + 0.0045, shade((240, 196, 60), 0.75 + 0.35 * ((i * 7) % 10) / 10))
    return finish(canvas, 62)


def _petal(canvas: Canvas, angle: float, length: float, colour: Colour) -> None:
    """A petal from the middle outwards, in strips that darken towards its edge and its foot."""
    cos, sin = math.cos(angle), math.sin(angle)
    for strip in range(9, 0, -1):
        half = strip / 9
        points = []
        for side in (1, -1):
            steps = range(25) if side == 1 else range(24, -1, -1)
            for i in steps:
                t = i / 24
                across = side * half * 0.075 * math.sin(math.pi * t**0.7) * (length / 0.35)
                points.append((0.5 + cos * length * t - sin * across, 0.47 + sin * length * t + cos * across))
        canvas.polygon(points, shade(colour, 1.12 - 0.34 * half))


def breakfast() -> Image.Image:
    """A plate, a cup and a fork on a wooden table, from above."""
    canvas = new(1024, 768, (154, 104, 66), (140, 92, 56))
    for plank in range(6):
        canvas.box(0, plank / 6, 1, plank / 6 + 0.162, shade((152, 102, 64), 0.85 + 0.07 * ((plank * 5) % 4)))
    texture(canvas, 81, (0, 0, 1, 1), strength=0.12, scale=8)
    for inset, colour in ((0, (206, 204, 198)), (0.008, (244, 243, 239)), (0.06, (232, 230, 225)), (0.066, (246, 245, 242))):
        canvas.ellipse(0.12 + inset * 0.75, 0.16 + inset, 0.60 - inset * 0.75, 0.80 - inset, colour)
    canvas.ellipse(0.23, 0.32, 0.43, 0.58, (250, 248, 238))
    canvas.ellipse(0.29, 0.39, 0.38, 0.51, (246, 182, 40))
    canvas.polygon([(0.40, 0.50), (0.53, 0.46), (0.54, 0.62), (0.42, 0.66)], (190, 132, 70))
    canvas.polygon([(0.41, 0.515), (0.52, 0.48), (0.53, 0.605), (0.43, 0.64)], (226, 186, 122))
    canvas.ellipse(0.66, 0.18, 0.90, 0.50, (224, 222, 216))
    canvas.ellipse(0.685, 0.215, 0.875, 0.465, (248, 247, 244))
    canvas.ellipse(0.71, 0.245, 0.85, 0.435, (78, 46, 26))
    canvas.ellipse(0.73, 0.26, 0.80, 0.33, (118, 76, 46))
    canvas.line([(0.68, 0.62), (0.92, 0.86)], (190, 192, 196), 0.012)
    canvas.line([(0.67, 0.60), (0.73, 0.67)], (206, 208, 212), 0.028)
    return finish(canvas, 82)
