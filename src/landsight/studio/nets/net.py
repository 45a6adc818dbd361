"""What all our classifiers share: a stem, blocks, a head; named outputs; the first blocks can be frozen."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from landsight.errors import RecipeError
from landsight.studio.train.mix import MixStyle

#: The named outputs of a classifier, in the order in which export writes them.
OUTPUTS = ("logits", "embedding", "feature_map")


class StagedNet(nn.Module, ABC):
    """A network as a row of stages (stem first) that ends in a feature map, and a linear ``head`` on its mean.

    ``freeze(n)``, n > 0: the stem and n blocks keep weights and running statistics, and run without a graph.
    """

    head: nn.Linear
    dropout: nn.Dropout

    def __init__(self) -> None:
        super().__init__()
        self.frozen_stages = 0
        self.mix_style = MixStyle(0.0)

    @abstractmethod
    def stages(self) -> list[nn.Module]:
        """Stem, then blocks; run one after the other they give what ``finish`` takes."""

    @abstractmethod
    def finish(self, x: Tensor) -> Tensor:
        """Last block's output -> feature map (n, c, h, w)."""

    def forward(self, image_nchw: Tensor) -> dict[str, Tensor]:
        """Shape: (n, 3, h, w) normalised -> logits (n, k), embedding (n, c), feature_map (n, c, h, w)."""
        stages = self.stages()
        with torch.no_grad():
            x = image_nchw
            for stage in stages[: self.frozen_stages]:
                x = stage(x)
        middle = (self.frozen_stages + len(stages)) // 2
        for number, stage in enumerate(stages[self.frozen_stages :], self.frozen_stages):
            if self.frozen_stages and number in (self.frozen_stages, middle):
                x = self.mix_style(x)
            x = stage(x)
        feature_map = self.finish(x)
        embedding = feature_map.mean((2, 3))
        return {"logits": self.head(self.dropout(embedding)), "embedding": embedding, "feature_map": feature_map}

    def freeze(self, blocks: int) -> None:
        """Freeze the stem and so many blocks; 0 freezes nothing. Raises: RecipeError when there are fewer blocks."""
        stages = self.stages()
        if blocks >= len(stages):
            raise RecipeError(
                "bad_value", f"net.frozen_blocks: received {blocks}, the network has {len(stages) - 1}.", "Freeze fewer blocks."
            )
        self.frozen_stages = blocks + 1 if blocks else 0
        for number, stage in enumerate(stages):
            stage.requires_grad_(number >= self.frozen_stages)

    def train(self, mode: bool = True) -> StagedNet:
        """As nn.Module.train, but frozen stages stay in evaluation mode."""
        super().train(mode)
        for stage in self.stages()[: self.frozen_stages]:
            stage.eval()
        return self


def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """TensorFlow's "SAME": output is ceil(size / stride); the odd pixel of padding goes to the end."""
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2
