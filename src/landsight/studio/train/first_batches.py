"""Pictures of the first augmented batches, with their labels: what the network is about to see, looked at before hours are spent on it."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

from landsight.photo.prepare import ImageU8
from landsight.studio.data.loader import TrainingViews, collate
from landsight.studio.data.samples import Samples
from landsight.studio.random import torch_seed
from landsight.studio.train.checkpoint import write_atomic
from landsight.studio.train.loop import Trainer
from landsight.studio.train.mix import mix

#: Of the run folder.
NAME = "views.png"
_PICTURES, _COLUMNS = 32, 8
#: Tiles are enlarged by whole numbers to at least the one, and shrunk to at most the other.
_LEAST_PX, _MOST_PX = 84, 136
_GAP, _CAPTION, _FONT_PX = 8, 15, 11
_PAPER, _INK = (250, 250, 248), (52, 57, 63)


def write_first_batches(views: TrainingViews, trainer: Trainer, path: Path) -> None:
    """A PNG of up to 32 views from the addresses of the first steps, mixed as training will mix them. Nothing that training draws changes."""
    tiles: list[tuple[ImageU8, str]] = []
    for step in range(trainer.plan.steps):
        if len(tiles) >= _PICTURES:
            break
        tiles += _of_step(views, trainer, step)
    if tiles:
        write_atomic(path, _png(tiles[:_PICTURES]))


def _of_step(views: TrainingViews, trainer: Trainer, step: int) -> list[tuple[ImageU8, str]]:
    """Pictures and captions of the first part of a step; of a mixed picture the caption has a line for each of the two."""
    addresses = trainer.plan.part(step, 0)
    samples = views.samples
    images = collate([views[address] for address in addresses]).image_nhwc_u8.permute(0, 3, 1, 2)
    names = [_name(samples, index) for _, _, index in addresses]
    recipe = trainer.recipe
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(torch_seed(recipe.train.seed, "step", *divmod(step, trainer.plan.per_epoch)))
        mixed = mix(images.float(), {"row": torch.arange(len(images))}, cutmix=recipe.train.cutmix, mixup=recipe.train.mixup)
    if mixed.other is not None:
        images = mixed.image.round().to(torch.uint8)
        partners = mixed.other["row"].tolist()
        names = [f"{mixed.share:.0%} {name}\n{1 - mixed.share:.0%} {names[other]}" for name, other in zip(names, partners, strict=True)]
    return list(zip(images.permute(0, 2, 3, 1).numpy(), names, strict=True))


def _name(samples: Samples, index: int) -> str:
    """Of the label or labels, or of nothing."""
    return ", ".join(samples.labels[i] for i in samples.items[index].label_indices) or "(none)"


def _png(tiles: list[tuple[ImageU8, str]]) -> bytes:
    images = [_tile(image) for image, _ in tiles]
    width, height = images[0].size
    caption = _CAPTION * (1 + max(name.count("\n") for _, name in tiles))
    cell_w, cell_h = max(width, _LEAST_PX) + _GAP, height + caption + _GAP
    columns = min(_COLUMNS, len(images))
    canvas = Image.new("RGB", (columns * cell_w + _GAP, -(-len(images) // columns) * cell_h + _GAP), _PAPER)
    pen, font = ImageDraw.Draw(canvas), ImageFont.load_default(_FONT_PX)
    for number, (image, (_, name)) in enumerate(zip(images, tiles, strict=True)):
        x, y = _GAP + number % columns * cell_w, _GAP + number // columns * cell_h
        canvas.paste(image, (x, y))
        for line, text in enumerate(name.split("\n")):
            pen.text((x, y + height + 2 + line * _CAPTION), _fitting(text, cell_w - 4, font), fill=_INK, font=font)
    buffer = io.BytesIO()
    canvas.save(buffer, "PNG")
    return buffer.getvalue()


def _tile(image: ImageU8) -> Image.Image:
    """At a size that can be looked at; enlarged pixels stay sharp."""
    tile = Image.fromarray(np.ascontiguousarray(image if image.shape[2] == 3 else np.repeat(image, 3, axis=2)))
    longer = max(tile.size)
    if longer < _LEAST_PX:
        factor = -(-_LEAST_PX // longer)
        return tile.resize((tile.width * factor, tile.height * factor), Image.Resampling.NEAREST)
    scale = min(1.0, _MOST_PX / longer)
    return tile.resize((max(1, round(tile.width * scale)), max(1, round(tile.height * scale))), Image.Resampling.LANCZOS)


def _fitting(text: str, width: int, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> str:
    """As much as there is room for, and a sign when that is not all."""
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "…") > width:
        text = text[:-1]
    return text + "…"
