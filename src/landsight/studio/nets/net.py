"""What all our classifiers share: a stem, blocks, a head; named outputs; which parts learn, and when."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from landsight.photo.prepare import Preparation
from landsight.studio.nets.initialise import initialise_head
from landsight.studio.train.mix import MixStyle

#: The named outputs of every classifier, in the order in which export writes them.
OUTPUTS = ("logits", "embedding", "feature_map")


class StagedNet(nn.Module, ABC):
    """A network as a row of stages (stem first), a tail that ends in a feature map and an embedding, and a linear ``head`` on that.

    ``hold``: the first stages keep weights and running statistics, and run without a graph. ``auxiliary``: number of a stage -> a head
    that looks at what it hands on, in training only. ``value_head``: predicts numbers beside the labels.
    """

    head: nn.Linear
    dropout: nn.Dropout

    def __init__(self) -> None:
        super().__init__()
        self.frozen_stages = 0
        self.tail_frozen = False
        self.norm_frozen = False
        self.mix_style = MixStyle(0.0)
        self.auxiliary = nn.ModuleDict()
        self.value_head: nn.Linear | None = None

    @abstractmethod
    def stages(self) -> list[nn.Module]:
        """Stem, then blocks; run one after the other they give what ``finish`` takes."""

    @abstractmethod
    def finish(self, x: Tensor) -> Tensor:
        """Last block's output -> feature map (n, c, h, w)."""

    def embed(self, feature_map: Tensor) -> Tensor:
        """Feature map (n, c, h, w) -> embedding (n, d), what the head sees: the mean over all pixels, unless a network says otherwise."""
        return feature_map.mean((2, 3))

    def tail(self) -> list[nn.Module]:
        """The modules of ``finish`` and ``embed``: what lies between the last stage and the head."""
        return []

    @property
    def output_names(self) -> tuple[str, ...]:
        """Of what ``forward`` gives in evaluation mode, in the order in which export writes them."""
        return OUTPUTS if self.value_head is None else (*OUTPUTS, "values")

    def forward(self, image_nchw: Tensor) -> dict[str, Tensor]:
        """Shape: (n, c, h, w) normalised -> logits (n, k), embedding (n, d), feature_map (n, c', h', w').

        Also values (n, v) when there is a value head, and, in training mode alone, auxiliary (n, heads, k) when auxiliary heads learn.
        """
        x = image_nchw
        with torch.no_grad():
            for stage in self.stages()[: self.frozen_stages]:
                x = stage(x)
        x, auxiliary = self._learning_stages(x)
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.tail_frozen):
            feature_map = self.finish(x)
            embedding = self.embed(feature_map)
        seen = self.dropout(embedding)
        outputs = {"logits": self.head(seen), "embedding": embedding, "feature_map": feature_map}
        if self.value_head is not None:
            outputs["values"] = self.value_head(seen)
        if auxiliary:
            outputs["auxiliary"] = torch.stack(auxiliary, 1)
        return outputs

    def _learning_stages(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        stages, auxiliary = self.stages(), []
        middle = (self.frozen_stages + len(stages)) // 2
        for number, stage in enumerate(stages[self.frozen_stages :], self.frozen_stages):
            if self.frozen_stages and number in (self.frozen_stages, middle):
                x = self.mix_style(x)
            x = stage(x)
            if self.training and str(number) in self.auxiliary:
                auxiliary.append(self.auxiliary[str(number)](x))
        return x, auxiliary

    def hold(self, stages: int, *, tail: bool = False) -> None:
        """Exactly the first ``stages`` stages, and the tail if asked for, keep their weights; all else learns."""
        self.frozen_stages, self.tail_frozen = stages, tail
        for number, stage in enumerate(self.stages()):
            stage.requires_grad_(number >= stages)
            if str(number) in self.auxiliary:
                self.auxiliary[str(number)].requires_grad_(number >= stages)
        for module in self.tail():
            module.requires_grad_(not tail)
        self.train(self.training)

    def train(self, mode: bool = True) -> StagedNet:
        """As nn.Module.train, but what is frozen stays in evaluation mode, and so does every batch norm when norms are frozen."""
        super().train(mode)
        for stage in self.stages()[: self.frozen_stages]:
            stage.eval()
        if self.tail_frozen:
            for module in self.tail():
                module.eval()
        if self.norm_frozen:
            for module in self.modules():
                if isinstance(module, nn.modules.batchnorm._BatchNorm):
                    module.eval()
        return self

    def add_value_head(self, values: int) -> None:
        """Predict so many numbers from the embedding, beside the labels: output "values" (n, values)."""
        self.value_head = initialise_head(nn.Linear(self.head.in_features, values))


class SequentialNet(StagedNet):
    """A row of ``blocks``, the first of them the stem; the embedding is the mean of the last one's map, or ``hidden`` layers on it laid flat."""

    def __init__(
        self, blocks: Sequence[nn.Module], embedding: int, outputs: int, *, dropout: float, hidden: Sequence[nn.Module] = ()
    ) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)
        self.hidden = nn.Sequential(*hidden)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(embedding, outputs)

    def stages(self) -> list[nn.Module]:
        """The first block is the stem."""
        return list(self.blocks)

    def finish(self, x: Tensor) -> Tensor:
        """The last block's output is the feature map."""
        return x

    def embed(self, feature_map: Tensor) -> Tensor:
        """Shape: (n, c, h, w) -> (n, d)."""
        if not len(self.hidden):
            return super().embed(feature_map)
        laid_flat: Tensor = self.hidden(feature_map)
        # Not flattened twice: OpenVINO would drop the second, and the output's name with it.
        return laid_flat if laid_flat.ndim == 2 else laid_flat.flatten(1)

    def tail(self) -> list[nn.Module]:
        """The hidden layers."""
        return [self.hidden]


def channels(image: Preparation) -> int:
    """Of the pictures a network is given."""
    return 3 if image.colour == "RGB" else 1


def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """TensorFlow's "SAME": output is ceil(size / stride); the odd pixel of padding goes to the end."""
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2
