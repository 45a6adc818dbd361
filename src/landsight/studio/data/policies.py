"""Whole policies of augmentation by the names and ranges of their papers: AutoAugment, RandAugment, TrivialAugment.

AutoAugment: Cubuk et al. 2019 (arXiv 1805.09501). RandAugment: Cubuk et al. 2020 (arXiv 1909.13719), with magnitudes 0 to 30 as is usual
since. TrivialAugment: Mueller and Hutter 2021 (arXiv 2103.10158), the wide space.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

from landsight.photo.prepare import ImageU8
from landsight.studio.data.autoaugment import CIFAR10, IMAGENET, SVHN, Step
from landsight.studio.data.views_affine import Move, moved
from landsight.studio.data.views_resize import array_of, image_of
from landsight.studio.recipe import ViewsRecipe

#: Levels of a magnitude: AutoAugment's tables count 0 to 9, the other two 0 to 30.
_AUTO_TOP, _TOP = 9, 30
#: Outside the picture: middle grey, as AutoAugment's authors fill.
_FILL = 128


@dataclass(frozen=True, slots=True)
class Range:
    """Strength of an operation at magnitude 0 and at the highest; ``signed``: either direction, by a coin."""

    low: float
    high: float
    signed: bool = False


_NONE = Range(0, 0)
#: Of AutoAugment and RandAugment. Translations are shares of the side (150 of 331 pixels), shears a slope, colours 1 +- strength.
_USUAL: dict[str, Range] = {
    "identity": _NONE, "shear_x": Range(0, 0.3, True), "shear_y": Range(0, 0.3, True),
    "translate_x": Range(0, 150 / 331, True), "translate_y": Range(0, 150 / 331, True), "rotate": Range(0, 30, True),
    "brightness": Range(0, 0.9, True), "colour": Range(0, 0.9, True), "contrast": Range(0, 0.9, True), "sharpness": Range(0, 0.9, True),
    "posterize": Range(8, 4), "solarize": Range(255, 0), "autocontrast": _NONE, "equalize": _NONE, "invert": _NONE,
}  # fmt: skip
#: Operations that RandAugment and TrivialAugment draw from, each as likely: all but invert.
_DRAWN = tuple(name for name in _USUAL if name != "invert")
#: TrivialAugment's: as above but wider. Its translations are 32 of ImageNet's 224 pixels at most.
_WIDE: dict[str, Range] = _USUAL | {
    "shear_x": Range(0, 0.99, True), "shear_y": Range(0, 0.99, True), "translate_x": Range(0, 32 / 224, True),
    "translate_y": Range(0, 32 / 224, True), "rotate": Range(0, 135, True), "brightness": Range(0, 0.99, True),
    "colour": Range(0, 0.99, True), "contrast": Range(0, 0.99, True), "sharpness": Range(0, 0.99, True), "posterize": Range(8, 2),
}  # fmt: skip


def autoaugment_table(*, small: bool, grey: bool) -> tuple[tuple[Step, Step], ...]:
    """Which of the paper's three: SVHN's (digits) for grey input, CIFAR-10's for small pictures, ImageNet's for the rest."""
    return SVHN if grey else CIFAR10 if small else IMAGENET


def applied(image_hwc_u8: ImageU8, small: bool, recipe: ViewsRecipe, rng: np.random.Generator) -> ImageU8:
    """The picture after the recipe's policy. Shape: (h, w, c) uint8, c = 1 or 3 -> the same."""
    plans: dict[str, Callable[[], list[tuple[str, float]]]] = {
        "autoaugment": lambda: _autoaugment(autoaugment_table(small=small, grey=image_hwc_u8.shape[2] == 1), rng),
        "randaugment": lambda: [_drawn(_USUAL, recipe.magnitude / _TOP, rng) for _ in range(recipe.num_ops)],
        "trivialaugment": lambda: [_drawn(_WIDE, int(rng.integers(_TOP + 1)) / _TOP, rng)],
    }
    image = image_hwc_u8
    for name, strength in plans[recipe.policy]():
        image = operate(image, name, strength)
    return image


def operate(image_hwc_u8: ImageU8, name: str, strength: float) -> ImageU8:
    """One operation by its name; ``strength`` in its own unit, with its sign. Operations on colour leave a grey picture as it is."""
    if name in _MOVES:
        return moved(image_hwc_u8, _MOVES[name](strength), (_FILL,) * image_hwc_u8.shape[2])
    change = _COLOURS[name]
    return image_hwc_u8 if change is None else array_of(change(image_of(image_hwc_u8), strength))


def _autoaugment(table: tuple[tuple[Step, Step], ...], rng: np.random.Generator) -> list[tuple[str, float]]:
    steps = table[int(rng.integers(len(table)))]
    chosen = [(step, rng.random() < step.chance, rng.random() < 0.5) for step in steps]
    return [(s.name, _strength(_USUAL[s.name], s.magnitude / _AUTO_TOP, negative)) for s, does, negative in chosen if does]


def _drawn(space: dict[str, Range], share: float, rng: np.random.Generator) -> tuple[str, float]:
    name = _DRAWN[int(rng.integers(len(_DRAWN)))]
    return name, _strength(space[name], share, rng.random() < 0.5)


def _strength(space: Range, share: float, negative: bool) -> float:
    value = space.low + (space.high - space.low) * share
    return -value if space.signed and negative else value


def _slope(value: float) -> float:
    """A shear is a slope in the papers, degrees in a Move."""
    return math.degrees(math.atan(value))


_MOVES: dict[str, Callable[[float], Move]] = {
    "shear_x": lambda v: Move(shear_deg=(_slope(v), 0.0)),
    "shear_y": lambda v: Move(shear_deg=(0.0, _slope(v))),
    "translate_x": lambda v: Move(shift=(v, 0.0)),
    "translate_y": lambda v: Move(shift=(0.0, v)),
    "rotate": lambda v: Move(rotate_deg=v),
}
_COLOURS: dict[str, Callable[[Image.Image, float], Image.Image] | None] = {
    "identity": None,
    "brightness": lambda image, v: ImageEnhance.Brightness(image).enhance(1 + v),
    "colour": lambda image, v: ImageEnhance.Color(image).enhance(1 + v),
    "contrast": lambda image, v: ImageEnhance.Contrast(image).enhance(1 + v),
    "sharpness": lambda image, v: ImageEnhance.Sharpness(image).enhance(1 + v),
    "posterize": lambda image, v: ImageOps.posterize(image, round(v)),
    "solarize": lambda image, v: ImageOps.solarize(image, round(v)),
    "autocontrast": lambda image, _: ImageOps.autocontrast(image),
    "equalize": lambda image, _: ImageOps.equalize(image),
    "invert": lambda image, _: ImageOps.invert(image),
}

#: For tests and pages: every operation there is.
OPERATIONS: tuple[str, ...] = (*_COLOURS, *_MOVES)
