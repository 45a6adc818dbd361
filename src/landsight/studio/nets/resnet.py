"""Blocks that add what they find to what they were given: K. He et al., "Deep Residual Learning" (2016, arXiv 1512.03385).

``depth`` 18 (default), 34, 50, and 10 with one block a stage; ``block`` "basic" (two 3x3) or "bottleneck" (1x1, 3x3, 1x1; default from 50
on, stride in the 3x3 as everyone has it since). Pictures of at most 64 px a side get a stem of one 3x3 convolution without stride and no
pooling, as the paper has for CIFAR. The last norm of each branch starts at 0, so that a block starts as the identity (Goyal et al. 2017,
arXiv 1706.02677); without norms, its last convolution does (Zhang et al. 2019, arXiv 1901.09321).
"""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from landsight.errors import RecipeError
from landsight.photo.prepare import Preparation
from landsight.studio.nets.initialise import initialise, initialise_head
from landsight.studio.nets.layers import activation, convolution, pooling, scaled
from landsight.studio.nets.net import SequentialNet, channels
from landsight.studio.recipe import NetRecipe
from landsight.studio.resolve import nearest

#: Layers -> blocks in each of the four stages.
BLOCKS: dict[int, tuple[int, ...]] = {10: (1, 1, 1, 1), 18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3)}
_WIDTHS = (64, 128, 256, 512)
#: A bottleneck's last convolution is so much wider than the others.
_EXPANSION = {"basic": 1, "bottleneck": 4}
#: Pictures up to this side get the stem without stride.
SMALL_PX = 64


class Residual(nn.Module):
    """activation(branch(x) + shortcut(x)); the shortcut is x itself where shapes allow, else a 1x1 convolution."""

    def __init__(self, recipe: NetRecipe, inputs: int, width: int, *, kind: str, stride: int) -> None:
        super().__init__()
        outputs = width * _EXPANSION[kind]
        if kind == "basic":
            layers = [convolution(recipe, inputs, width, 3, stride=stride), convolution(recipe, width, outputs, 3, active=False)]
        else:
            layers = [
                convolution(recipe, inputs, width, 1), convolution(recipe, width, width, 3, stride=stride),
                convolution(recipe, width, outputs, 1, active=False),
            ]  # fmt: skip
        self.branch = nn.Sequential(*layers)
        same = stride == 1 and inputs == outputs
        self.shortcut = nn.Identity() if same else convolution(recipe, inputs, outputs, 1, stride=stride, active=False)
        self.activation = activation(recipe)

    def forward(self, x: Tensor) -> Tensor:
        """Shape: (n, inputs, h, w) -> (n, outputs, ceil(h / stride), ceil(w / stride))."""
        y: Tensor = self.activation(self.branch(x) + self.shortcut(x))
        return y

    def start_as_identity(self) -> None:
        """The branch's last layer gives 0."""
        last = self.branch[-1][-1]  # type: ignore[index]
        nn.init.zeros_(last.weight)


def build(recipe: NetRecipe, outputs: int, image: Preparation) -> SequentialNet:
    """Raises: RecipeError for a depth or block that there is not."""
    depth = recipe.depth or 18
    kind = recipe.block or ("bottleneck" if depth >= 50 else "basic")
    if depth not in BLOCKS:
        raise RecipeError("bad_value", f"net.depth: received {depth} for resnet.", f"Known: {', '.join(map(str, BLOCKS))}.")
    if kind not in _EXPANSION:
        raise RecipeError("bad_value", f"net.block: received {kind!r} for resnet.", nearest(kind, _EXPANSION))
    widths = [scaled(width, recipe.width) for width in _WIDTHS]
    blocks: list[nn.Module] = [stem(recipe, channels(image), widths[0], image)]
    for number, ((before, width), count) in enumerate(zip(pairwise([0, *widths]), BLOCKS[depth], strict=True)):
        inputs = before * _EXPANSION[kind] if number else widths[0]
        for place in range(count):
            blocks.append(Residual(recipe, inputs, width, kind=kind, stride=2 if number and place == 0 else 1))
            inputs = width * _EXPANSION[kind]
    net = SequentialNet(blocks, widths[-1] * _EXPANSION[kind], outputs, dropout=recipe.dropout)
    initialise(net, recipe.init)
    initialise_head(net.head)
    for block in blocks:
        if isinstance(block, Residual):
            block.start_as_identity()
    return net


def stem(recipe: NetRecipe, inputs: int, outputs: int, image: Preparation) -> nn.Module:
    """Pictures over 64 px: 7x7 of stride 2 and pooling, a quarter of the side; smaller ones: 3x3, the whole side."""
    if max(image.height, image.width) <= SMALL_PX:
        return convolution(recipe, inputs, outputs, 3)
    return nn.Sequential(convolution(recipe, inputs, outputs, 7, stride=2), pooling(recipe, 3, 2, 1))
