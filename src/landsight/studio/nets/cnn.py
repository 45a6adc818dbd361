"""A small plain network, 16-32-64: for tests, for tiny pictures, and as the baseline that a large one must beat."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from landsight.studio.nets.net import StagedNet
from landsight.studio.recipe import NetRecipe

_WIDTHS = (16, 32, 64)


class Cnn(StagedNet):
    """Three blocks of 3x3 convolution, batch norm, ReLU; each halves the sides."""

    def __init__(self, outputs: int, *, dropout: float, norm_momentum: float) -> None:
        super().__init__()
        widths = (3, *_WIDTHS)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Conv2d(i, o, 3, 2, 1, bias=False), nn.BatchNorm2d(o, momentum=norm_momentum), nn.ReLU())
            for i, o in pairwise(widths)
        )
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(_WIDTHS[-1], outputs)

    def stages(self) -> list[nn.Module]:
        """The first block is the stem."""
        return list(self.blocks)

    def finish(self, x: Tensor) -> Tensor:
        """The last block's output is the feature map."""
        return x


def build(recipe: NetRecipe, outputs: int) -> Cnn:
    """From a recipe; there are no pretrained weights, whatever it says."""
    return Cnn(outputs, dropout=recipe.dropout, norm_momentum=recipe.norm_momentum)
