"""Draw docs/images/augmentation.png: every operation of training views on drawn pictures. With --time: what each costs, as the table of the page.

    python scripts/draw_augmentations.py docs/images/augmentation.png
    python scripts/draw_augmentations.py --time

Needs the full environment. The same picture every time (with the same versions of Pillow, NumPy and torch).
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from drawings import landmarks, scenes
from PIL import Image, ImageDraw, ImageFont

from landsight.studio.data import policies
from landsight.studio.data.views import view
from landsight.studio.data.views_affine import Move, moved
from landsight.studio.data.views_colour import blurred, recoloured
from landsight.studio.data.views_resize import as_grey, through_jpeg
from landsight.studio.random import generator
from landsight.studio.recipe import ViewsRecipe

SIDE, COLUMNS, GAP, CAPTION = 112, 8, 6, 16
OFF = ViewsRecipe(
    min_area=1.0, max_aspect=1.0, degrade_large=0.0, degrade_small=0.0, jpeg_plain=0.0, flip=0.0, rotate=0.0, blur=0.0, colour=0.0, grey=0.0
)
#: Name -> what is switched on. Each is what a recipe can ask for.
RECIPES: dict[str, dict[str, Any]] = {
    "nothing": {},
    "crop": {"min_area": 0.3, "max_aspect": 1.4286},
    "degrade": {"degrade_large": 1.0, "jpeg_degraded": 0.6},
    "jpeg": {"jpeg_plain": 1.0},
    "flip": {"flip": 1.0},
    "flip_vertical": {"flip_vertical": 1.0},
    "rotate": {"rotate": 1.0},
    "affine": {"affine": 1.0},
    "blur": {"blur": 1.0},
    "colour": {"colour": 1.0},
    "hue": {"colour": 1.0, "hue": 0.1},
    "grey": {"grey": 1.0},
    "autoaugment": {"policy": "autoaugment"},
    "randaugment": {"policy": "randaugment"},
    "trivialaugment": {"policy": "trivialaugment"},
    "erase": {"erase": 1.0},
}
#: The operations of the policies that are none of the above, at a strength that shows.
OPERATIONS = {
    "shear_x": 0.3,
    "translate_y": 0.3,
    "sharpness": 0.9,
    "posterize": 3,
    "solarize": 128,
    "autocontrast": 0,
    "equalize": 0,
    "invert": 0,
}


def picture(draw: Any) -> np.ndarray:
    """A drawn scene as the cache of a training run holds it."""
    return np.asarray(draw().convert("RGB").resize((256, 256), Image.Resampling.BICUBIC))


def sheet() -> Image.Image:
    """One tile a row of the page's table, then the other operations of the policies, then whole default views."""
    tower, lake = picture(landmarks.eiffel_tower), picture(scenes.harbour)
    made = [(name, shown(name, tower, changes)) for name, changes in RECIPES.items()]
    made += [(name, policies.operate(small(tower), name, strength)) for name, strength in OPERATIONS.items()]
    for number in range(COLUMNS):
        made.append(("default view" if number < COLUMNS - 2 else "all of it", whole(number, tower if number % 2 else lake)))
    rows = -(-len(made) // COLUMNS)
    size = (COLUMNS * (SIDE + GAP) + GAP, rows * (SIDE + CAPTION + GAP) + GAP)
    canvas, font = Image.new("RGB", size, "white"), ImageFont.load_default(11)
    for number, (name, image) in enumerate(made):
        x, y = GAP + number % COLUMNS * (SIDE + GAP), GAP + number // COLUMNS * (SIDE + CAPTION + GAP)
        canvas.paste(Image.fromarray(image), (x, y))
        ImageDraw.Draw(canvas).text((x, y + SIDE + 1), name, fill=(40, 44, 50), font=font)
    return canvas


def small(image: np.ndarray) -> np.ndarray:
    """The picture at the sheet's size."""
    return view(image, False, SIDE, OFF, generator(0, "sheet"))[0]


def shown(name: str, image: np.ndarray, changes: dict[str, Any]) -> np.ndarray:
    """The tile of one row; of operations with a random strength a strong one, so that it is seen."""
    strong = {
        "rotate": lambda p: moved(p, Move(rotate_deg=12), (120, 120, 120)),
        "affine": lambda p: moved(p, Move(scale=0.9, shear_deg=(8, 0), shift=(0.08, 0.05)), (120, 120, 120)),
        "blur": lambda p: blurred(p, 1.6),
        "colour": lambda p: recoloured(p, brightness=0.75, contrast=1.3, saturation=1.4),
        "hue": lambda p: recoloured(p, hue_turns=0.2),
        "grey": lambda p: np.repeat(as_grey(p), 3, axis=2),
        "jpeg": lambda p: through_jpeg(p, 12, "420"),
    }
    if name in strong:
        return strong[name](small(image))
    return view(image, False, SIDE, replace(OFF, **changes), generator(0, "sheet", item=11))[0]


def whole(number: int, image: np.ndarray) -> np.ndarray:
    """Views as a run makes them: the default recipe; the last two with everything switched on."""
    recipe = (
        ViewsRecipe() if number < COLUMNS - 2 else ViewsRecipe(affine=1.0, hue=0.1, policy="trivialaugment", erase=1.0, flip_vertical=0.5)
    )
    return view(image, False, SIDE, recipe, generator(0, "sheet", item=number))[0]


def times() -> None:
    """Microseconds of one view of 224 px from a cached picture of 256 px, on one core: the least of many rounds."""
    torch.set_num_threads(1)
    pictures = [picture(draw) for draw in (landmarks.eiffel_tower, scenes.harbour, scenes.lake)]
    rows = [(name, replace(OFF, **changes)) for name, changes in RECIPES.items()] + [("default recipe", ViewsRecipe())]
    for name, recipe in rows:
        print(f"| {name} | {least_us(pictures, recipe, 224):.0f} |")
    digit = [np.asarray(Image.fromarray(p).resize((28, 28))) for p in pictures]
    print(f"| nothing, 28 px | {least_us(digit, OFF, 28):.0f} |")


def least_us(pictures: list[np.ndarray], recipe: ViewsRecipe, side: int, rounds: int = 15, each: int = 40) -> float:
    """Mean of ``each`` views at different addresses, least of ``rounds``."""
    best = float("inf")
    for _ in range(rounds):
        began = time.process_time()
        for i in range(each):
            view(pictures[i % len(pictures)], False, side, recipe, generator(0, "view", 0, i))
        best = min(best, (time.process_time() - began) / each)
    return best * 1e6


def main() -> None:
    """Draw, or measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", nargs="?", type=Path)
    parser.add_argument("--time", action="store_true")
    arguments = parser.parse_args()
    if arguments.time:
        times()
    if arguments.out:
        sheet().quantize(256, dither=Image.Dither.NONE).save(arguments.out, optimize=True)


if __name__ == "__main__":
    main()
