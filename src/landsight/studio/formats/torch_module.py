"""What both of torch's formats share: a plain module with a tuple of outputs, and such a module as an Engine."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from landsight.errors import RuntimeUnavailable
from landsight.photo.prepare import Preparation
from landsight.runtime.engine import Outputs
from landsight.studio.nets.net import StagedNet
from landsight.studio.onnx_export import InOrder


def plain(net: StagedNet) -> nn.Module:
    """A copy in float32, evaluation mode and contiguous memory; image_nchw -> its outputs in order."""
    copied = copy.deepcopy(net).to("cpu").float().eval().requires_grad_(False)
    return InOrder(copied.to(memory_format=torch.contiguous_format)).eval()  # type: ignore[call-overload]


def example(preparation: Preparation) -> Tensor:
    """A batch of two: of one, exporters take the batch axis for a constant."""
    return torch.zeros(2, 3 if preparation.colour == "RGB" else 1, preparation.height, preparation.width)


class ModuleEngine:
    """A loaded module behind the Engine that the check of every export knows."""

    def __init__(self, name: str, module: Callable[[Tensor], Any], outputs: tuple[str, ...]) -> None:
        self.name = name
        self.output_names = outputs
        self._module = module

    def run(self, batch_nchw: NDArray[np.float32], wants: tuple[str, ...]) -> Outputs:
        """See runtime.engine.Engine."""
        if unknown := set(wants) - set(self.output_names):
            raise RuntimeUnavailable(
                "unknown_output", f"The module has no output {sorted(unknown)[0]!r}.", f"Outputs: {', '.join(self.output_names)}."
            )
        with torch.inference_mode():
            found = dict(zip(self.output_names, self._module(torch.from_numpy(np.ascontiguousarray(batch_nchw))), strict=True))
        return {name: found[name].contiguous().numpy() for name in wants}
