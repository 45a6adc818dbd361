"""Networks by name. "timm:NAME" goes to nets.pretrained; everything else is listed here."""

from __future__ import annotations

from landsight.studio.nets.net import StagedNet
from landsight.studio.recipe import NetRecipe
from landsight.studio.resolve import resolve

#: Name of a network -> function (recipe, outputs) -> StagedNet.
NETS: dict[str, str] = {
    "cnn": "landsight.studio.nets.cnn:build",
    "efficientnet_lite0": "landsight.studio.nets.efficientnet_lite:build",
    "efficientnet_lite0_two_branch": "landsight.studio.nets.two_branch:build",
}


def build(recipe: NetRecipe, outputs: int) -> StagedNet:
    """The network of a recipe with ``outputs`` logits, its first blocks frozen. Raises: RecipeError for an unknown name."""
    if recipe.name.startswith("timm:"):
        make = resolve({"timm": "landsight.studio.nets.pretrained:build"}, "timm", "network")
    else:
        make = resolve(NETS, recipe.name, "network")
    net: StagedNet = make(recipe, outputs)
    net.freeze(recipe.frozen_blocks)
    net.mix_style.chance = recipe.mix_style
    return net
