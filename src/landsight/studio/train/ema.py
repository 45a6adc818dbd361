"""Exponential moving average of weights and buffers: a calmer network than the last step's."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn


def decay_at(step: int, longest: float) -> float:
    """How much of the average stays at update ``step`` (1, 2, ...): (1 + step) / (10 + step), at most ``longest``, so that it starts fast."""
    return min(longest, (1 + step) / (10 + step))


class Average:
    """Keeps a float32 copy of every floating tensor of a network; whole numbers (batch counts) are copied as they are."""

    def __init__(self, net: nn.Module, longest: float) -> None:
        self.longest = longest
        self.tensors = {name: tensor.detach().clone() for name, tensor in net.state_dict().items()}
        live = net.state_dict(keep_vars=False)
        self._names = [name for name, tensor in live.items() if tensor.is_floating_point()]
        self._rest = [name for name, tensor in live.items() if not tensor.is_floating_point()]

    @torch.no_grad()
    def update(self, net: nn.Module, step: int) -> None:
        """average <- decay * average + (1 - decay) * now; in one call for all tensors, since a loop of small ones costs more than the arithmetic."""
        live = net.state_dict()
        weight = 1 - decay_at(step, self.longest)
        torch._foreach_lerp_([self.tensors[n] for n in self._names], [live[n] for n in self._names], weight)
        for name in self._rest:
            self.tensors[name].copy_(live[name])

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Take over the tensors of a checkpoint."""
        for name, tensor in tensors.items():
            self.tensors[name].copy_(tensor)
