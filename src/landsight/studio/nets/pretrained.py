"""Any network of timm by name ("timm:NAME"), when timm is installed and imports. Never a hard dependency; weights may need a hub."""

from __future__ import annotations

import importlib
from typing import Any

from torch import Tensor, nn

from landsight.errors import RecipeError
from landsight.photo.prepare import Preparation
from landsight.studio.nets.initialise import initialise_head
from landsight.studio.nets.net import StagedNet, channels
from landsight.studio.recipe import NetRecipe


class TimmNet(StagedNet):
    """A timm network behind our named outputs: its feature map, the mean of that, our own head."""

    def __init__(self, body: nn.Module, features: int, outputs: int, dropout: float) -> None:
        super().__init__()
        self.body = body
        self.dropout = nn.Dropout(dropout)
        self.head = initialise_head(nn.Linear(features, outputs))

    def stages(self) -> list[nn.Module]:
        """One stage: what to freeze inside differs from network to network, so frozen_blocks must be 0."""
        return [_Features(self.body)]

    def finish(self, x: Tensor) -> Tensor:
        """timm's features are the map. Raises: RecipeError for a network without one (transformers)."""
        if x.ndim != 4:
            raise RecipeError("bad_net", f"The network gives features of {x.ndim} axes, not a map.", "Choose a convolutional network.")
        return x


class _Features(nn.Module):
    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, x: Tensor) -> Tensor:
        features: Tensor = self.body.forward_features(x)  # type: ignore[operator]
        return features


def build(recipe: NetRecipe, outputs: int, image: Preparation) -> TimmNet:
    """Raises: RecipeError when timm does not import, or does not know the name."""
    name = recipe.name.removeprefix("timm:")
    try:
        timm: Any = importlib.import_module("timm")
    except (ImportError, RuntimeError) as error:
        advice = "Install timm with a torchvision that fits this torch, or use net.name = 'efficientnet_lite0'."
        raise RecipeError("timm_missing", f"timm does not import: {error}.", advice) from None
    try:
        body = timm.create_model(name, pretrained=recipe.pretrained, num_classes=0, in_chans=channels(image))
    except RuntimeError as error:
        raise RecipeError("unknown_name", f"timm does not make {name!r}: {error}.", "See timm.list_models().") from None
    return TimmNet(body, int(body.num_features), outputs, recipe.dropout)
