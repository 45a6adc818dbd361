"""The one way to run a network, whoever made it: ONNX Runtime, OpenVINO, or a studio checkpoint (studio/engine.py)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

#: Named arrays from the network, batch first. Classification: logits (n, k), embedding (n, d), feature_map (n, c, h, w).
Outputs = Mapping[str, NDArray[np.float32]]


class Engine(Protocol):
    """Runs a batch. Implementations are safe to call from one thread at a time."""

    @property
    def name(self) -> str:
        """Runtime and precision, such as "onnxruntime fp32"."""
        ...

    @property
    def output_names(self) -> tuple[str, ...]:
        """What ``run`` can return."""
        ...

    def run(self, batch_nchw: NDArray[np.float32], wants: tuple[str, ...]) -> Outputs:
        """Shape: batch_nchw (n, c, h, w) float32, already normalised (photo.prepare.normalise), any n >= 1.

        Returns only the outputs named in ``wants``, float32, each with n rows. Raises: RuntimeUnavailable for an unknown name.
        """
        ...
