"""Layers of neurons that each see everything below: what convolution is measured against."""

from __future__ import annotations

from landsight.errors import RecipeError
from landsight.photo.prepare import Preparation
from landsight.studio.nets.initialise import initialise, initialise_head
from landsight.studio.nets.layers import Dense, scaled
from landsight.studio.nets.net import SequentialNet, channels
from landsight.studio.recipe import NetRecipe

#: Of one layer: 0.8 GB, and three times that in training. The rule asks for 11 thousand million at 224 px.
_MOST_WEIGHTS = 2e8


def hidden_size(inputs: int, outputs: int) -> int:
    """The textbook's rule for one hidden layer: the mean of inputs and outputs. 28 x 28 pixels and 10 digits: 397."""
    return (inputs + outputs) // 2


def build(recipe: NetRecipe, outputs: int, image: Preparation) -> SequentialNet:
    """``hidden`` layers, or one by the rule. Each is a block, the first the stem; the last is embedding and feature map (n, hidden, 1, 1).

    Raises: RecipeError for a first layer that no memory holds.
    """
    grid = (image.height, image.width)
    inputs = channels(image) * image.height * image.width
    sizes = recipe.hidden or (scaled(hidden_size(inputs, outputs), recipe.width),)
    if inputs * sizes[0] > _MOST_WEIGHTS:
        raise RecipeError(
            "bad_net",
            f"The mlp's first layer would have {inputs} x {sizes[0]} weights, over {_MOST_WEIGHTS:.0e}.",
            "Set net.hidden, for example [512], or make input.width and input.height smaller.",
        )
    width, blocks = channels(image), []
    for size in sizes:
        blocks.append(Dense(recipe, width, grid, size))
        width, grid = size, (1, 1)
    # Each layer drops its own neurons already.
    net = SequentialNet(blocks, width, outputs, dropout=0.0)
    initialise(net, recipe.init)
    initialise_head(net.head)
    return net
