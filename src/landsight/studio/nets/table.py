"""Networks by name. "timm:NAME" goes to nets.pretrained; everything else is listed here."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from landsight.errors import RecipeError
from landsight.photo.prepare import Preparation
from landsight.studio.data.views import view_size
from landsight.studio.nets.fine_tune import set_learning
from landsight.studio.nets.net import StagedNet, channels
from landsight.studio.nets.sizes import Shape, check_input
from landsight.studio.recipe import NetRecipe
from landsight.studio.resolve import resolve

#: Name of a network -> function (recipe, outputs, image) -> StagedNet. "pretrained": the pretrained network that comes with this package.
NETS: dict[str, str] = {
    "mlp": "landsight.studio.nets.mlp:build",
    "cnn": "landsight.studio.nets.cnn:build",
    "vgg": "landsight.studio.nets.vgg:build",
    "resnet": "landsight.studio.nets.resnet:build",
    "inception": "landsight.studio.nets.inception:build",
    "fcn": "landsight.studio.nets.fcn:build",
    "pretrained": "landsight.studio.nets.efficientnet_lite:build",
    "efficientnet_lite0": "landsight.studio.nets.efficientnet_lite:build",
    "efficientnet_lite1": "landsight.studio.nets.efficientnet_lite:build",
    "efficientnet_lite2": "landsight.studio.nets.efficientnet_lite:build",
    "efficientnet_lite0_two_branch": "landsight.studio.nets.two_branch:build",
    "efficientnet_lite2_two_branch": "landsight.studio.nets.two_branch:build",
    "efficientnet_lite2_with_lite0": "landsight.studio.nets.two_branch:build",
}
_LAYERS = ("norm", "activation", "init", "width")
_MAPS = (*_LAYERS, "pool", "padding_mode")
#: Name of a network -> which of the recipe's fields about its shape it has. Another one that is set is an error: it would do nothing.
OPTIONS: dict[str, tuple[str, ...]] = {
    "mlp": (*_LAYERS, "hidden"),
    "cnn": (*_MAPS, "depth", "hidden", "kernel", "padding"),
    "vgg": (*_MAPS, "depth", "block", "hidden", "padding"),
    "resnet": (*_MAPS, "depth", "block"),
    "inception": (*_MAPS, "auxiliary"),
    "fcn": (*_MAPS, "padding"),
}
#: All fields about shape, except that inception's net.auxiliary has a value everywhere.
_SHAPE = ("depth", "width", "hidden", "block", "norm", "kernel", "pool", "padding", "padding_mode", "activation", "init")


def build(recipe: NetRecipe, outputs: int, image: Preparation) -> StagedNet:
    """The network of a recipe with ``outputs`` logits for pictures prepared as ``image``; everything that ever will learn does so.

    Raises: RecipeError for an unknown name, a field that the network does not have, more blocks than there are, or a picture so small
    that nothing is left of it (nets.sizes says in which layer).
    """
    if recipe.name.startswith("timm:"):
        make = resolve({"timm": "landsight.studio.nets.pretrained:build"}, "timm", "network")
    else:
        make = resolve(NETS, recipe.name, "network")
    _check_options(recipe)
    net: StagedNet = make(recipe, outputs, image)
    if recipe.values:
        net.add_value_head(recipe.values)
    _check_size(recipe, net, (channels(image), image.height, image.width))
    set_learning(net, recipe)
    net.mix_style.chance = recipe.mix_style
    return net


def check_views(recipe: NetRecipe, net: StagedNet, image: Preparation, sides: Iterable[int]) -> None:
    """Can the network learn from views whose longer side is one of these, in pixels? Raises: RecipeError, as ``build``."""
    for side in sorted(set(sides)):
        width, height = view_size(side, image)
        _check_size(recipe, net, (channels(image), height, width))


def _check_size(recipe: NetRecipe, net: StagedNet, shape: Shape) -> None:
    if not recipe.name.startswith("timm:"):  # some of timm's make tensors of their own, which the check cannot follow
        check_input(net, shape)


def _check_options(recipe: NetRecipe) -> None:
    known = OPTIONS.get(recipe.name, ())
    defaults = {field.name: field.default for field in dataclasses.fields(NetRecipe)}
    for name in _SHAPE:
        if (value := getattr(recipe, name)) != defaults[name] and name not in known:
            having = ", ".join(net for net, options in OPTIONS.items() if name in options)
            raise RecipeError(
                "bad_value",
                f"net.{name}: received {value!r}, and {recipe.name} has no such choice.",
                f"Leave it out, or take one of {having}.",
            )
