"""Network in network: small perceptrons slid over the picture as 1x1 convolutions, nothing laid flat: M. Lin et al. (2014, arXiv 1312.4400).

A block is one convolution and two of 1x1. The paper's last 1x1 convolution gives one map a label, and its mean is the logit; here the mean
comes first and a linear head second, which is the same sum in another order and leaves an embedding.
"""

from __future__ import annotations

from torch import nn

from landsight.photo.prepare import Preparation
from landsight.studio.nets.initialise import initialise, initialise_head
from landsight.studio.nets.layers import convolution, pooling, scaled
from landsight.studio.nets.net import SequentialNet, channels
from landsight.studio.nets.resnet import SMALL_PX
from landsight.studio.recipe import NetRecipe

#: Kernel and stride of the first convolution, widths of all; the last block lacks the one that is the head. The paper's networks for CIFAR and for ImageNet.
_SMALL = ((5, 1, (192, 160, 96)), (5, 1, (192, 192, 192)), (3, 1, (192, 192)))
_LARGE = ((11, 4, (96, 96, 96)), (5, 1, (256, 256, 256)), (3, 1, (384, 384, 384)), (3, 1, (1024, 1024)))


def build(recipe: NetRecipe, outputs: int, image: Preparation) -> SequentialNet:
    """Three blocks for pictures of at most 64 px a side, four for larger ones; pooled and, in whole channels, dropped between blocks."""
    plan = _SMALL if max(image.height, image.width) <= SMALL_PX else _LARGE
    blocks: list[nn.Module] = []
    width_in = channels(image)
    for number, (kernel, stride, widths) in enumerate(plan):
        layers: list[nn.Module] = [pooling(recipe, 3, 2, 1), nn.Dropout2d(recipe.dropout)] if number else []
        for place, full in enumerate(widths):
            width = scaled(full, recipe.width)
            layers.append(
                convolution(recipe, width_in, width, kernel if place == 0 else 1, stride=stride if place == 0 else 1, number=number)
            )
            width_in = width
        blocks.append(nn.Sequential(*layers))
    net = SequentialNet(blocks, width_in, outputs, dropout=recipe.dropout)
    initialise(net, recipe.init)
    initialise_head(net.head)
    return net
