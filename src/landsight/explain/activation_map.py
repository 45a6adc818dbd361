"""Which part of a picture speaks for a label: the class-activation map, out of numbers that every answer has anyway.

Where the embedding is the mean of the feature map and the head is linear, the logit of a label is the mean over all pixels of
w . f(pixel), plus a bias: so w . f says what each pixel adds. No gradients, no second run, no torch.
Source: Zhou et al. 2016, "Learning Deep Features for Discriminative Localization" (arXiv 1512.04150).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landsight.bundle.manifest import Manifest

#: The array of a bundle that holds the head's weights, (k, d), and the output they look at.
WEIGHTS, FEATURE_MAP = "head_weights", "feature_map"


def can_explain(manifest: Manifest, arrays: Mapping[str, NDArray[Any]]) -> bool:
    """Does the bundle carry what a map needs, and does it fit together."""
    shape = manifest.outputs.get(FEATURE_MAP, ())
    weights = arrays.get(WEIGHTS)
    return weights is not None and len(shape) == 4 and weights.ndim == 2 and weights.shape == (len(manifest.labels), shape[1])


def contributions(feature_map: NDArray[np.float32], weights: NDArray[Any]) -> NDArray[np.float32]:
    """What each pixel of the feature map adds to the logit. Shape: (c, h, w) and (c,) -> (h, w); the mean of it and the bias are the logit."""
    return np.tensordot(np.asarray(weights, np.float32), feature_map, axes=1)


def activation_map(feature_map: NDArray[np.float32], weights: NDArray[Any]) -> NDArray[np.float32]:
    """What speaks for a label, and how much. Shape: (c, h, w) and (c,) -> (h, w) in [0, 1], the strongest pixel 1; all 0 if nothing does.

    Pixels that speak against it are 0. Row 0 is the top of the prepared picture, whatever was cut from the photo.
    """
    grid = contributions(feature_map, weights).clip(0)
    highest = float(grid.max(initial=0.0))
    if not np.isfinite(highest) or highest <= 0:
        return np.zeros(grid.shape, np.float32)
    return (grid / highest).astype(np.float32)
