"""Nothing but 3x3 convolutions in five blocks: K. Simonyan, A. Zisserman, "Very Deep Convolutional Networks" (2015, arXiv 1409.1556).

``depth`` 11, 13, 16 (default) or 19. ``block`` "separable" makes each convolution after the first a depthwise one and a 1x1 one (Howard et
al. 2017, arXiv 1704.04861). The embedding is the mean of the last map; the paper's dense layers come with ``hidden = [4096, 4096]``.
"""

from __future__ import annotations

from torch import nn

from landsight.errors import RecipeError
from landsight.photo.prepare import Preparation
from landsight.studio.nets.cnn import flat_top
from landsight.studio.nets.initialise import initialise, initialise_head
from landsight.studio.nets.layers import convolution, pooling, scaled
from landsight.studio.nets.net import SequentialNet, channels
from landsight.studio.nets.sizes import output_shape
from landsight.studio.recipe import NetRecipe
from landsight.studio.resolve import nearest

#: Layers of the paper -> convolutions in each block.
CONVOLUTIONS: dict[int, tuple[int, ...]] = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}
_WIDTHS = (64, 128, 256, 512, 512)
#: A pooling that would leave fewer pixels a side is left out, so that small pictures keep a map.
_FEWEST_PX = 3


def build(recipe: NetRecipe, outputs: int, image: Preparation) -> SequentialNet:
    """Raises: RecipeError for a depth or block that there is not."""
    depth, kind = recipe.depth or 16, recipe.block or "plain"
    if depth not in CONVOLUTIONS:
        raise RecipeError("bad_value", f"net.depth: received {depth} for vgg.", f"Known: {', '.join(map(str, CONVOLUTIONS))}.")
    if kind not in ("plain", "separable"):
        raise RecipeError("bad_value", f"net.block: received {kind!r} for vgg.", nearest(kind, ("plain", "separable")))
    blocks: list[nn.Module] = []
    width_in, pools = channels(image), poolings(min(image.height, image.width))
    for number, (count, full) in enumerate(zip(CONVOLUTIONS[depth], _WIDTHS, strict=True)):
        width, layers = scaled(full, recipe.width), []
        for _ in range(count):
            layers.append(_layer(recipe, width_in, width, separable=kind == "separable" and width_in != channels(image)))
            width_in = width
        blocks.append(nn.Sequential(*layers, *([pooling(recipe, 2, 2)] if number < pools else [])))
    top: list[nn.Module] = []
    embedding = width_in
    if recipe.hidden:
        _, rows, columns = output_shape(nn.Sequential(*blocks), (channels(image), image.height, image.width))
        top, embedding = flat_top(recipe, width_in, (rows, columns))
    net = SequentialNet(blocks, embedding, outputs, dropout=recipe.dropout, hidden=top)
    initialise(net, recipe.init)
    initialise_head(net.head)
    return net


def poolings(side_px: int) -> int:
    """How many of the five blocks end in pooling for pictures whose shorter side is so long: 5 from 96 px on, 3 for 28 px."""
    return next(count for count in range(len(_WIDTHS), -1, -1) if side_px // 2**count >= _FEWEST_PX or count == 0)


def _layer(recipe: NetRecipe, inputs: int, outputs: int, *, separable: bool) -> nn.Module:
    if not separable:
        return convolution(recipe, inputs, outputs, 3)
    return nn.Sequential(convolution(recipe, inputs, inputs, 3, groups=inputs), convolution(recipe, inputs, outputs, 1))
