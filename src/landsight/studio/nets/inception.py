"""Four filter sizes side by side, 1x1 reductions before the wide ones: C. Szegedy et al., "Going Deeper with Convolutions" (2015, arXiv 1409.4842).

GoogLeNet's nine modules with batch norm (Ioffe and Szegedy 2015, arXiv 1502.03167), global average pooling, and in training two auxiliary
heads, on modules 4a and 4d, whose losses are added with the weight net.auxiliary (0: no such heads). Pictures of at most 64 px a side
keep their size in the stem.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from landsight.photo.prepare import Preparation
from landsight.studio.nets.initialise import initialise, initialise_head
from landsight.studio.nets.layers import Flatten, activation, convolution, pooling, scaled
from landsight.studio.nets.net import SequentialNet, channels
from landsight.studio.nets.resnet import SMALL_PX
from landsight.studio.recipe import NetRecipe

#: 1x1; 1x1 then 3x3; 1x1 then 5x5; pooling then 1x1. Table 1 of the paper, 3a to 5b.
_MODULES = (
    (64, 96, 128, 16, 32, 32), (128, 128, 192, 32, 96, 64),
    (192, 96, 208, 16, 48, 64), (160, 112, 224, 24, 64, 64), (128, 128, 256, 24, 64, 64), (112, 144, 288, 32, 64, 64),
    (256, 160, 320, 32, 128, 128),
    (256, 160, 320, 32, 128, 128), (384, 192, 384, 48, 128, 128),
)  # fmt: skip
#: Modules before which the map is halved: 3a, 4a, 5a; and those with an auxiliary head: 4a, 4d.
_HALVED, _WITH_HEAD = (0, 2, 7), (2, 5)
#: An auxiliary head of the paper: 4x4 pixels of 128 channels, 1,024 neurons, dropout 0.7.
_AUXILIARY_GRID, _AUXILIARY_WIDTH, _AUXILIARY_HIDDEN, _AUXILIARY_DROPOUT = (4, 4), 128, 1024, 0.7


class Inception(nn.Module):
    """One module: four branches of the same size, side by side in the channels."""

    def __init__(self, recipe: NetRecipe, inputs: int, widths: tuple[int, ...], *, halve: bool) -> None:
        super().__init__()
        one, before_three, three, before_five, five, pooled = (scaled(width, recipe.width) for width in widths)
        self.halve = pooling(recipe, 3, 2, 1) if halve else nn.Identity()
        self.one = convolution(recipe, inputs, one, 1)
        self.three = nn.Sequential(convolution(recipe, inputs, before_three, 1), convolution(recipe, before_three, three, 3))
        self.five = nn.Sequential(convolution(recipe, inputs, before_five, 1), convolution(recipe, before_five, five, 5))
        self.pooled = nn.Sequential(pooling(recipe, 3, 1, 1), convolution(recipe, inputs, pooled, 1))
        self.outputs = one + three + five + pooled

    def forward(self, x: Tensor) -> Tensor:
        """Shape: (n, inputs, h, w) -> (n, outputs, h, w), or half of h and w, rounded up."""
        x = self.halve(x)
        return torch.cat([self.one(x), self.three(x), self.five(x), self.pooled(x)], 1)


class AuxiliaryHead(nn.Sequential):
    """(n, c, h, w) -> logits (n, k): the map averaged to 4x4, 1x1 convolution, one hidden layer. Trained, never run."""

    def __init__(self, recipe: NetRecipe, inputs: int, outputs: int) -> None:
        width, hidden = scaled(_AUXILIARY_WIDTH, recipe.width), scaled(_AUXILIARY_HIDDEN, recipe.width)
        super().__init__(
            convolution(recipe, inputs, width, 1), Flatten(*_AUXILIARY_GRID), nn.Linear(width * _AUXILIARY_GRID[0] * _AUXILIARY_GRID[1], hidden),
            activation(recipe), nn.Dropout(_AUXILIARY_DROPOUT), nn.Linear(hidden, outputs),
        )  # fmt: skip


def build(recipe: NetRecipe, outputs: int, image: Preparation) -> SequentialNet:
    """Stem, nine modules, mean, head."""
    narrow, wide = scaled(64, recipe.width), scaled(192, recipe.width)
    blocks: list[nn.Module] = [_stem(recipe, channels(image), (narrow, wide), image)]
    inputs = wide
    heads: dict[str, nn.Module] = {}
    for number, widths in enumerate(_MODULES):
        module = Inception(recipe, inputs, widths, halve=number in _HALVED)
        inputs = module.outputs
        blocks.append(module)
        if recipe.auxiliary and number in _WITH_HEAD:
            heads[str(len(blocks) - 1)] = AuxiliaryHead(recipe, inputs, outputs)
    net = SequentialNet(blocks, inputs, outputs, dropout=recipe.dropout)
    net.auxiliary.update(heads)
    initialise(net, recipe.init)
    for linear in (net.head, *(head[-1] for head in heads.values())):  # type: ignore[index]
        initialise_head(linear)
    return net


def _stem(recipe: NetRecipe, inputs: int, widths: tuple[int, int], image: Preparation) -> nn.Module:
    """Before the first halving: an eighth of the side with it, or, for pictures of at most 64 px, a half."""
    narrow, wide = widths
    if max(image.height, image.width) <= SMALL_PX:
        return nn.Sequential(convolution(recipe, inputs, narrow, 3), convolution(recipe, narrow, wide, 3))
    return nn.Sequential(
        convolution(recipe, inputs, narrow, 7, stride=2), pooling(recipe, 3, 2, 1), convolution(recipe, narrow, narrow, 1),
        convolution(recipe, narrow, wide, 3),
    )  # fmt: skip
