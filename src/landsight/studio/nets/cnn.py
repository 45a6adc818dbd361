"""Convolution, pooling, ReLU, three times, 16-32-64: the textbook's network, and the baseline that a large one must beat.

Every block drops whole channels (spatial dropout: Tompson et al. 2015, arXiv 1411.4280). The last map is laid flat, so the embedding
is 64 x 4 x 4 = 1,024 numbers for pictures of 32 x 32; with ``hidden``, dense layers follow.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import nn

from landsight.errors import RecipeError
from landsight.photo.prepare import Preparation
from landsight.studio.nets.initialise import initialise, initialise_head
from landsight.studio.nets.layers import Dense, Flatten, convolution, pooling, scaled
from landsight.studio.nets.net import SequentialNet, channels
from landsight.studio.nets.sizes import output_shape
from landsight.studio.recipe import NetRecipe

_FIRST, _DEPTH, _KERNEL = 16, 3, 3
#: Channels of the last block: two such blocks have 0.6 GB of weights.
_WIDEST = 4096


def build(recipe: NetRecipe, outputs: int, image: Preparation) -> SequentialNet:
    """``depth`` blocks (0: three), twice the channels in each; ``kernel`` (0: three). There are no pretrained weights, whatever it says.

    Raises: RecipeError for a picture that the blocks leave nothing of.
    """
    widths = [scaled(_FIRST * 2**number, recipe.width) for number in range(recipe.depth or _DEPTH)]
    if widths[-1] > _WIDEST:
        raise RecipeError(
            "bad_value", f"net.depth {len(widths)} at net.width {recipe.width:g} ends in {widths[-1]:,} channels: each block has twice as many.",
            f"Lower one of them: at most {_WIDEST:,} channels.",
        )  # fmt: skip
    with torch.device("meta"):  # whether the picture lasts is known before memory is taken for weights
        drawn = nn.Sequential(OrderedDict(blocks=nn.Sequential(*_blocks(recipe, image, widths))))
    _, rows, columns = output_shape(drawn, (channels(image), image.height, image.width))
    blocks, width_in = _blocks(recipe, image, widths), widths[-1]
    top, embedding = flat_top(recipe, width_in, (rows, columns))
    net = SequentialNet(blocks, embedding, outputs, dropout=recipe.dropout, hidden=top)
    initialise(net, recipe.init)
    initialise_head(net.head)
    return net


def _blocks(recipe: NetRecipe, image: Preparation, widths: Sequence[int]) -> list[nn.Module]:
    before = (channels(image), *widths)
    return [_block(recipe, inputs, outputs, number) for number, (inputs, outputs) in enumerate(zip(before, widths, strict=False))]


def flat_top(recipe: NetRecipe, width: int, grid: tuple[int, int]) -> tuple[list[nn.Module], int]:
    """What stands on a map of (width, *grid) that is laid flat: net.hidden layers, or none; and the size of the embedding."""
    if not recipe.hidden:
        return [Flatten(*grid)], width * grid[0] * grid[1]
    layers: list[nn.Module] = []
    for size in recipe.hidden:
        layers.append(Dense(recipe, width, grid, size))
        width, grid = size, (1, 1)
    return layers, width


def _block(recipe: NetRecipe, inputs: int, outputs: int, number: int) -> nn.Sequential:
    """conv, norm, pool, activation, dropout of channels. Pooled first: a rising activation commutes with the maximum and costs a quarter."""
    made = convolution(recipe, inputs, outputs, recipe.kernel or _KERNEL, number=number)
    layers = OrderedDict(made.named_children())
    last = layers.pop("activation")
    layers |= {"pool": pooling(recipe, 2, 2), "activation": last, "dropout": nn.Dropout2d(recipe.dropout)}
    return nn.Sequential(layers)
