"""Which part of a picture speaks for a label: the class-activation map, out of numbers that every answer has anyway.

Where the embedding is the mean of the feature map and the head is linear, the logit of a label is the mean over all pixels of
w . f(pixel), plus a bias: so w . f says what each pixel adds. No gradients, no second run, no torch.
Source: Zhou et al. 2016, "Learning Deep Features for Discriminative Localization" (arXiv 1512.04150).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landsight.bundle.manifest import Manifest
from landsight.errors import UsageError
from landsight.explain.heat import positive
from landsight.photo.prepare import ImageU8, normalise
from landsight.runtime.engine import Engine

#: The array of a bundle that holds the head's weights, (k, d), and the output they look at.
WEIGHTS, FEATURE_MAP = "head_weights", "feature_map"


def can_explain(manifest: Manifest, arrays: Mapping[str, NDArray[Any]]) -> bool:
    """Does the bundle carry what a map needs, and does it fit together. A map of one pixel, as of an mlp, shows nothing."""
    shape = list(manifest.outputs.get(FEATURE_MAP, ()))
    weights = arrays.get(WEIGHTS)
    if weights is None or len(shape) != 4 or shape[2:] == [1, 1]:
        return False
    return weights.ndim == 2 and weights.shape == (len(manifest.labels), shape[1])


def contributions(feature_map: NDArray[np.float32], weights: NDArray[Any]) -> NDArray[np.float32]:
    """What each pixel of the feature map adds to the logit. Shape: (c, h, w) and (c,) -> (h, w); the mean of it and the bias are the logit."""
    return np.tensordot(np.asarray(weights, np.float32), feature_map, axes=1)


def activation_map(feature_map: NDArray[np.float32], weights: NDArray[Any]) -> NDArray[np.float32]:
    """What speaks for a label, and how much. Shape: (c, h, w) and (c,) -> (h, w) in [0, 1], the strongest pixel 1; all 0 if nothing does.

    Pixels that speak against it are 0. Row 0 is the top of the prepared picture, whatever was cut from the photo.
    """
    return positive(contributions(feature_map, weights))


class ActivationMaps:
    """An Explainer where the logits are linear in the mean of the feature map. Raises: UsageError no_activation_map where they are not."""

    method = "activation"
    about = "Bright: this place adds to the answer, by the network's last map and the weights of its head."

    def __init__(self, engine: Engine, manifest: Manifest, arrays: Mapping[str, NDArray[Any]]) -> None:
        if not can_explain(manifest, arrays):
            raise UsageError(
                "no_activation_map",
                f"{manifest.name} has no class-activation map: its answer is not linear in the mean of its last map.",
                "Use --method occlusion; of a run folder also gradcam.",
            )
        self._engine, self._preparation, self._weights = engine, manifest.input, np.asarray(arrays[WEIGHTS], np.float32)

    def maps(self, prepared_hwc_u8: ImageU8, whats: Sequence[int]) -> NDArray[np.float32]:
        """See Explainer; a pixel is what it adds to the logit, their mean and the bias are the logit. Cost: one run."""
        feature_map = self._engine.run(normalise(prepared_hwc_u8[None], self._preparation), (FEATURE_MAP,))[FEATURE_MAP][0]
        return np.tensordot(self._weights[list(whats)], feature_map, axes=1)

    def remark(self, signed: NDArray[np.float32]) -> str:
        """See Explainer: nothing."""
        return ""
