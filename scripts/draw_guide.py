"""Draw docs/images/guide/*.png, the pictures of the guide. Some show what the chapters' commands left in the folder in which they ran.

    python scripts/guide.py run --folder /tmp/guide
    python scripts/draw_guide.py /tmp/guide [flattening pooling ...]

Needs the full environment. The pictures have no ground of their own and greys of the middle, so that they fit light and dark pages.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Rectangle
from PIL import Image
from sklearn.datasets import load_digits

from landsight.explain.kernels import KERNELS, convolve
from landsight.explain.source import explained, of_bundle
from landsight.runtime.stream import Pool
from landsight.studio import describe_report
from landsight.studio import recipe as recipes
from landsight.studio.data.digits import enlarged
from landsight.studio.data.views import view
from landsight.studio.describe_source import open_subject
from landsight.studio.random import generator
from landsight.studio.report.plots import Look, png
from landsight.studio.train import find_rate

OUT = Path(__file__).resolve().parents[1] / "docs" / "images" / "guide"
INK, FAINT, BLUE, ORANGE, GREEN = "#808890", "#80889055", "#3a93b3", "#d9763c", "#46a06f"
LOOK = Look(
    "none", INK, INK, "#80889044", (BLUE, ORANGE, GREEN), LinearSegmentedColormap.from_list("little to much", ["#eef3f5", "#1f6f8b"])
)
#: Below, none and above; with little in between, so that the sign is seen.
SIGNED = LinearSegmentedColormap.from_list("signed", [ORANGE, "#f3f1ee", BLUE])
DPI = 150
RESULTS = OUT.parents[2] / "benchmarks" / "results"

#: The two ways of the chapter on transfer learning, and how many pictures of each class they get.
EACH = (5, 20, 80)
FEW = {
    "a small network from scratch": ["net.name=cnn"],
    "EfficientNet-Lite0, frozen": [
        "net.name=efficientnet_lite0", "net.pretrained=true", "train.fit_head=true", "schedule.stages=[]", "input.width=64", "input.height=64",
        "train.threads=1",
        "input.colour=RGB", "input.mean=[123.675,116.28,103.53]", "input.std=[58.395,57.12,57.375]",
    ],
}  # fmt: skip

Grid = Sequence[Sequence[float]] | np.ndarray[Any, np.dtype[Any]]


def grid(axes: Axes, values: Grid, left: float, top: float, *, most: float, cell: float = 1.0, least: float = 0.0, size: float = 9.5,
         colours: Any = None, words: bool = True) -> tuple[float, float]:  # fmt: skip
    """Numbers in cells; returns the right edge and the middle height. Cells have their own ground, so their text is dark on any page."""
    numbers = np.asarray(values, float)
    ramp = colours or LOOK.ramp
    for row, column in np.ndindex(*numbers.shape):
        value = numbers[row, column]
        share = (value - least) / (most - least)
        ground = ramp(0.75 * share if colours is None else share)
        x, y = left + column * cell, top - (row + 1) * cell
        axes.add_patch(Rectangle((x, y), cell, cell, facecolor=ground, edgecolor="#9aa4ad", linewidth=0.8))
        if words:
            axes.text(x + cell / 2, y + cell / 2, f"{value:g}", ha="center", va="center", color="#14181c", fontsize=size)
    return left + numbers.shape[1] * cell, top - numbers.shape[0] * cell / 2


def arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float], colour: str = INK) -> None:
    axes.add_patch(FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=11, color=colour, linewidth=1.3))


def canvas(figure: Figure, width: float, height: float) -> Axes:
    """Axes without axes: one unit is one unit both ways."""
    axes = figure.subplots()
    axes.set_xlim(0, width)
    axes.set_ylim(0, height)
    axes.set_aspect("equal")
    axes.axis("off")
    return axes


def frame(axes: Axes, left: float, top: float, side: float, colour: str = ORANGE) -> None:
    axes.add_patch(Rectangle((left, top - side), side, side, fill=False, edgecolor=colour, linewidth=2))


def note(axes: Axes, x: float, y: float, text: str, **options: Any) -> None:
    axes.text(x, y, text, **{"color": INK, "fontsize": 9.5, "ha": "left", "va": "center", **options})


def flattening(figure: Figure, _: Path) -> None:
    axes = canvas(figure, 36, 13)
    bar = np.zeros((4, 4))
    bar[:, 1] = 1
    for top, picture, name in ((12, bar, "a bar"), (5.5, np.roll(bar, 1, axis=1), "the same, moved by one pixel")):
        note(axes, 0.2, top + 0.5, name)
        right, middle = grid(axes, picture, 0.2, top, most=1)
        arrow(axes, (right + 0.4, middle), (right + 1.7, middle))
        strip, high = grid(axes, picture.reshape(1, 16), right + 2.1, top - 0.2, most=1, size=8.5)
        note(axes, strip + 0.4, high, "laid flat")
        _, low = grid(axes, bar.reshape(1, 16), right + 2.1, top - 1.5, most=1, size=8.5, colours=SIGNED, least=-1)
        answer = bar.ravel() @ picture.ravel()
        note(axes, strip + 0.4, low, f"weights of a neuron: {answer:g}", color=BLUE if answer else ORANGE, weight="bold")
        kernel, low = grid(axes, np.ones((4, 1)), right + 2.1, top - 2.9 + 1.0 - 0.9, most=1, least=-1, colours=SIGNED, cell=0.6, size=7)
        note(axes, kernel + 0.4, low, "a kernel, put at each column:")
        found = np.ones(4) @ picture
        end, low = grid(axes, found[None], kernel + 10.2, low + 0.5, most=4)
        note(axes, end + 0.4, low, f"largest: {found.max():g}", color=BLUE, weight="bold")


def convolution(figure: Figure, _: Path) -> None:
    axes = canvas(figure, 40, 9)
    patch = np.array([[140, 120, 120], [225, 220, 205], [255, 250, 230]])
    laplace = KERNELS["laplacian"].astype(int)
    top, cell = 7.2, 1.7
    left = 0.2
    for name, values, most, least, colours, after in (
        ("patch", patch, 255, 0, None, "·"), ("kernel", laplace, 4, -4, SIGNED, "="), ("products", patch * laplace, 880, -880, SIGNED, ""),
    ):  # fmt: skip
        note(axes, left, top + 0.7, name)
        right, middle = grid(axes, values, left, top, most=most, least=least, colours=colours, cell=cell)
        note(axes, right + 0.65, middle, after, ha="center", fontsize=15)
        left = right + 1.3
    note(axes, 0.2, 1.1, f"sum: 880 − 120 − 225 − 205 − 250 = {(patch * laplace).sum()}", color=BLUE, weight="bold")
    digit = np.asarray(enlarged(load_digits().images[5]), float)
    maps = [digit, *(convolve(digit, KERNELS[f"sobel_{way}"], edges="crop") for way in ("horizontal", "vertical"))]
    for place, (image, name) in enumerate(zip(maps, ("a digit", "Sobel: across", "Sobel: down"), strict=True)):
        x, side = 20.6 + 6.6 * place, 6.0
        limit = np.abs(image).max()
        axes.imshow(image, extent=(x, x + side, 1.6, 1.6 + side), cmap="gray" if place == 0 else SIGNED,
                    vmin=0 if place == 0 else -limit, vmax=limit, interpolation="nearest")  # fmt: skip
        note(axes, x, 8.3, name)
    note(axes, 27.2, 0.8, "blue: brighter below (right); orange: darker", fontsize=8.5)
    axes.set_xlim(0, 40)
    axes.set_ylim(0, 9)


def padding(figure: Figure, _: Path) -> None:
    axes = canvas(figure, 40, 10)
    digit = np.asarray(enlarged(load_digits().images[4]))[4:20, 4:20]
    modes = (("zeros", "constant"), ("replicate", "edge"), ("reflect", "reflect"), ("circular", "wrap"))
    for place, (ours, numpys) in enumerate(modes):
        x, side = 0.4 + 10 * place, 8.4
        image = np.pad(digit, 5, mode=numpys)  # type: ignore[call-overload]
        axes.imshow(image, extent=(x, x + side, 0.3, 0.3 + side), cmap="gray", interpolation="nearest")
        pixel = side / image.shape[0]
        frame(axes, x + 5 * pixel, 0.3 + side - 5 * pixel, 16 * pixel)
        note(axes, x, 9.3, ours)
    axes.set_xlim(0, 40)
    axes.set_ylim(0, 10)


def pooling(figure: Figure, _: Path) -> None:
    axes = canvas(figure, 22, 6)
    values = np.array([[1, 0, 2, 3], [4, 6, 6, 8], [3, 1, 1, 0], [1, 2, 2, 4]], float)
    tints = {(0, 0): BLUE, (0, 1): ORANGE, (1, 0): GREEN, (1, 1): "#9a6bb0"}
    right, middle = grid(axes, values, 0.3, 5, most=16, cell=1.1)
    windows = {place: values[2 * place[0] : 2 * place[0] + 2, 2 * place[1] : 2 * place[1] + 2] for place in tints}
    arrow(axes, (right + 0.5, middle), (right + 2, middle))
    for name, left, pick in (("largest", 7.6, np.max), ("mean", 14.0, np.mean)):
        pooled = np.array([[pick(windows[i, j]) for j in (0, 1)] for i in (0, 1)])
        grid(axes, pooled, left, 4.4, most=16, cell=1.6)
        note(axes, left, 5.0, name)
        for (i, j), tint in tints.items():
            frame(axes, left + 1.6 * j + 0.08, 4.4 - 1.6 * i - 0.08, 1.44, tint)
    for (i, j), tint in tints.items():
        frame(axes, 0.3 + 2.2 * j + 0.08, 5 - 2.2 * i - 0.08, 2.04, tint)


def receptive(figure: Figure, _: Path) -> None:
    """The table of the chapter as far as the fourth layer: convolution 3, pooling 2, convolution 3, pooling 2."""
    axes = canvas(figure, 36, 11.5)
    layers = (("picture", 0, 1, 1), ("convolution 3", 3, 1, 3), ("pooling 2", 2, 2, 4), ("convolution 3", 3, 1, 8), ("pooling 2", 2, 2, 10))
    steps = [1, 1, 2, 2, 4]
    # Which units of each layer the chosen one sees, from the top down; the first unit of every layer lies over pixel 0 and what follows.
    seen = {4: range(2, 3)}
    for level in range(4, 0, -1):
        kernel, stride = layers[level][1], layers[level][2]
        below = seen[level]
        first = below[0] * stride - (1 if kernel == 3 else 0)
        last = below[-1] * stride - (1 if kernel == 3 else 0) + kernel - 1
        seen[level - 1] = range(first, last + 1)
    for level, (name, _kernel, _stride, size) in enumerate(layers):
        y = 0.5 + 2.3 * level
        for unit in range(24 // steps[level]):
            x = unit * steps[level]
            inside = unit in seen[level]
            axes.add_patch(Rectangle((x + 0.06, y), steps[level] - 0.12, 0.9, facecolor=BLUE if inside else "none", edgecolor=INK, linewidth=0.8,
                                     alpha=1 if inside else 0.5))  # fmt: skip
        label = name if level == 0 else f"{name}: sees {size}"
        note(axes, 24.6, y + 0.45, label + f", step {steps[level]}" * (level > 0))
        if level:
            left, right = seen[level][0] * steps[level], (seen[level][-1] + 1) * steps[level]
            below_left, below_right = seen[level - 1][0] * steps[level - 1], (seen[level - 1][-1] + 1) * steps[level - 1]
            axes.fill([left, right, below_right, below_left], [y, y, y - 1.4, y - 1.4], color=BLUE, alpha=0.22, linewidth=0)


def effective(figure: Figure, _: Path) -> None:
    """The command of the chapter, without its white ground."""
    found = describe_report.measure_fields(open_subject("cnn", image=(3, 64, 64), settings=("net.depth=4",)), None)
    for panel, (name, field) in zip(figure.subplots(1, 2), found.maps.items(), strict=True):
        panel.imshow(np.sqrt(field.heat), cmap=LOOK.ramp, vmin=0, vmax=1)
        title = "ways from each pixel to the unit" if name == "usage" else "its slope, before training"
        panel.set(title=title, xlabel=f"half of it within {field.side_50} px", xticks=(), yticks=())
        side, start, stride = (pair[0] or 0 for pair in (found.theory.size, found.theory.start, found.theory.stride))
        middle = start + found.unit[0] * stride + (side - 1) / 2
        for extent, colour, style in ((side, INK, "--"), (field.side_50, ORANGE, "-")):
            corner = (middle - extent / 2, middle - extent / 2)
            panel.add_patch(Rectangle(corner, extent, extent, fill=False, edgecolor=colour, linestyle=style, linewidth=1.3))
        panel.grid(False)


def blocks(figure: Figure, _: Path) -> None:
    axes = canvas(figure, 31, 10.5)
    sizes = ((1, 24, "picture"), (16, 12, "block 1"), (32, 6, "block 2"), (64, 3, "block 3"))
    x, middle = 0.6, 5.2
    for maps, side, name in sizes:
        height = side * 0.24 + 0.5
        shown = min(6, 1 + maps // 8)
        for sheet in range(shown):
            shift = 0.24 * (shown - 1 - sheet)
            axes.add_patch(Rectangle((x + shift, middle - height / 2 + shift), height, height, facecolor=LOOK.ramp(0.15 + 0.5 * sheet / 6),
                                     edgecolor="#5d666f", linewidth=0.8))  # fmt: skip
        note(axes, x, 1.3, name, weight="bold")
        note(axes, x, 0.5, f"{maps} x {side} x {side}")
        x += height + 0.24 * shown
        arrow(axes, (x + 0.3, middle), (x + 1.5, middle))
        x += 1.9
    for height, words, name in ((6.2, "576", "laid flat"), (2.4, "10", "scores")):
        axes.add_patch(Rectangle((x, middle - height / 2), 0.6, height, facecolor=LOOK.ramp(0.5), edgecolor="#5d666f", linewidth=0.8))
        note(axes, x - 0.2, 1.3, name, weight="bold")
        note(axes, x - 0.2, 0.5, words)
        if height > 5:
            arrow(axes, (x + 1.0, middle), (x + 3.4, middle))
        x += 4.2
    note(axes, 0.6, 9.8, "one block: convolution 3 x 3, batch norm, pooling 2, ReLU")


def inside(figure: Figure, folder: Path) -> None:
    """Occlusion of the network of the chapters, as landsight explain makes it: what hides the answer, and what hides the next one."""
    names = ("8/0008.png", "7/0007.png", "5/0005.png")
    source = of_bundle(folder / "runs" / "digits")
    explainer = source.explainer("occlusion")
    panels = figure.subplots(1, 11, width_ratios=[1, 1, 1, 0.3, 1, 1, 1, 0.3, 1, 1, 1])
    for panel in panels:
        panel.axis("off")
    with Pool(source.manifest.input) as pool:
        for number, item in enumerate(pool.map([folder / "digits" / name for name in names])):
            found = explained(source, explainer, item.prepared)
            digit = np.asarray(Image.open(folder / "digits" / names[number]))
            shown = [
                (digit, f"a {names[number][0]}"),
                *((r.grid, f"{r.shown_name}: {100 * r.subject.probability:.0f} %") for r in found.reasons[:2]),
            ]
            for panel, (image, title) in zip(panels[4 * number :], shown, strict=False):
                panel.imshow(digit, cmap="gray", extent=(0, 1, 0, 1))
                if image is not digit:
                    panel.imshow(np.asarray(image), cmap="inferno", extent=(0, 1, 0, 1), alpha=0.75, interpolation="bilinear")
                panel.set_title(title)


def views(figure: Figure, folder: Path) -> None:
    """The first digits of runs/moved, as the loader gives them in three epochs."""
    recipe = recipes.load(folder / "runs" / "moved" / "recipe.toml")
    panels = figure.subplots(3, 10)
    for column, digit in enumerate(range(10)):
        pixels = np.asarray(Image.open(sorted((folder / "digits" / str(digit)).iterdir())[0]))
        for row in range(3):
            image, _ = view(pixels[:, :, None], True, len(pixels), recipe.views, generator(0, "view", row, digit), like=recipe.input)
            panels[row, column].imshow(np.asarray(image).squeeze(), cmap="gray", vmin=0, vmax=255)
            panels[row, column].axis("off")


def transfer(figure: Figure, folder: Path) -> None:
    """The commands of the chapter with 5 to 80 pictures a class, over 60 epochs, tested on half of all digits.

    Minutes of training, when none is there yet. Before: landsight data split digits --out halves --test 0.5 --link
    """
    photos, axes = figure.subplots(1, 2, width_ratios=[1, 1.5])
    results = {name: json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8")) for name in ("scratch", "fitted_head")}
    marks = [results["scratch"]["metrics"]["top1"], results["fitted_head"]["details"]["ours"]["metrics"]["top1"]]
    for place, (mark, colour) in enumerate(zip(marks, (ORANGE, BLUE), strict=True)):
        photos.bar(place, 100 * mark["value"], color=colour, width=0.6)
        photos.errorbar(
            place, 100 * mark["value"], [[100 * (mark["value"] - mark["low"])], [100 * (mark["high"] - mark["value"])]], color=INK
        )
        photos.text(place, 100 * mark["value"] + 3, f"{100 * mark['value']:.0f} %", ha="center", color=colour, weight="bold")
    photos.set(
        title="110 landmarks, photos",
        xticks=(0, 1),
        xticklabels=("from scratch", "frozen"),
        ylim=(0, 105),
        ylabel="right at first guess (%)",
    )
    for (name, how), colour in zip(FEW.items(), (ORANGE, BLUE), strict=True):
        marks = [_few(folder, name, how, each) for each in EACH]
        axes.fill_between(EACH, [100 * m["low"] for m in marks], [100 * m["high"] for m in marks], color=colour, alpha=0.2, linewidth=0)
        axes.plot(EACH, [100 * m["value"] for m in marks], "o-", color=colour, label=name)
    axes.set_xscale("log")
    axes.set_xticks(EACH, [str(each) for each in EACH])
    axes.minorticks_off()
    axes.set(title="digits", xlabel="digits a class to learn from", ylim=(0, 105))
    axes.legend(loc="lower right")


def _few(folder: Path, name: str, how: list[str], each: int) -> dict[str, float]:
    """Right at first guess on the test part, with the ends of its interval."""
    run = folder / "runs" / f"few-{name.rsplit(maxsplit=1)[-1]}-{each}"
    found = run / "evaluation-test.json"
    if not found.is_file():
        settings = [
            word
            for setting in (f"data.most={10 * each}", "train.early_stop=0", "train.evaluate_every=0", "train.batch=16", *how)
            for word in ("--set", setting)
        ]
        landsight = [sys.executable, "-m", "landsight"]
        subprocess.run([*landsight, "train", "halves", "--out", run, "--only-train", "--epochs", "60", *settings], cwd=folder, check=True)
        subprocess.run([*landsight, "evaluate", run], cwd=folder, check=True)
    measured: dict[str, float] = json.loads(found.read_text(encoding="utf-8"))["metrics"]["top1"]
    return measured


def rate(figure: Figure, folder: Path) -> None:
    """As landsight train --find-rate draws it, on no ground."""
    with (folder / "runs" / "rate" / "find_rate.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    curve = find_rate.curve_of(np.array([float(row["rate"]) for row in rows]), [float(row["loss"]) for row in rows])
    find_rate.draw(figure, LOOK, curve)


def shipping(figure: Figure, _: Path) -> None:
    axes = canvas(figure, 40, 9.5)
    boxes = ((0.3, "run folder", "torch, checkpoints,\nrecipe, curves"), (14.3, "bundle", "weights, preparation,\nlabels, calibration, card"),
             (28.3, "answers", "ONNX Runtime, OpenVINO:\nno torch"))  # fmt: skip
    for x, title, words in boxes:
        axes.add_patch(FancyBboxPatch((x, 3.2), 8.6, 3.6, boxstyle="round,pad=0.25", facecolor="none", edgecolor=BLUE, linewidth=1.6))
        note(axes, x + 4.3, 6.0, title, ha="center", weight="bold", fontsize=10.5)
        note(axes, x + 4.3, 4.5, words, ha="center", fontsize=8.8)
    for x, verb in ((9.3, "export"), (23.3, "predict,\nserve")):
        arrow(axes, (x, 5), (x + 4.6, 5))
        note(axes, x + 2.2, 6.2, verb, ha="center", fontsize=8.8)
    axes.plot([4.6, 4.6, 32.6, 32.6], [2.6, 1.7, 1.7, 2.6], color=GREEN, linewidth=1.5)
    note(axes, 18.6, 0.9, "checked: the same pictures, from their bytes to the last output", ha="center", color=GREEN)
    note(axes, 18.6, 8.6, "verify: does the bundle still answer like that, on this machine?", ha="center")


Draw = Callable[[Figure, Path], None]
#: Name -> what draws it, and its size in inches.
DRAWN: dict[str, tuple[Draw, tuple[float, float]]] = {
    "flattening": (flattening, (8.6, 3.1)), "convolution": (convolution, (8.6, 2.0)), "padding": (padding, (8.0, 2.0)),
    "pooling": (pooling, (6.6, 1.9)), "receptive": (receptive, (8.0, 2.6)), "effective": (effective, (6.4, 3.9)),
    "blocks": (blocks, (7.6, 2.6)), "views": (views, (7.6, 2.4)), "inside": (inside, (8.6, 1.5)), "transfer": (transfer, (8.0, 2.9)),
    "rate": (rate, (6.4, 3.0)), "shipping": (shipping, (8.0, 1.9)),
}  # fmt: skip


def small(content: bytes) -> bytes:
    """The same PNG with few colours: a third of the bytes, and nothing to see of it."""
    buffer = io.BytesIO()
    Image.open(io.BytesIO(content)).convert("RGBA").quantize(128, method=Image.Quantize.FASTOCTREE).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description="Draw the pictures of the guide.")
    parser.add_argument("folder", type=Path, help="where the chapters ran")
    parser.add_argument("names", nargs="*", help="which; default: all")
    options = parser.parse_args()
    OUT.mkdir(parents=True, exist_ok=True)
    for name, (draw, size) in DRAWN.items():
        if not options.names or name in options.names:
            content = small(png(lambda figure, _, draw=draw: draw(figure, options.folder), size=size, look=LOOK, dpi=DPI))  # type: ignore[misc]
            (OUT / f"{name}.png").write_bytes(content)
            print(f"{name}.png: {len(content):,} bytes")


if __name__ == "__main__":
    main()
