"""Network outputs -> answers for classification. NumPy only; evaluation and use share it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from landsight.bundle.manifest import Manifest

Looked = Literal["landmark", "unknown_place", "not_a_place"]

#: The outputs that decode needs.
WANTS: tuple[str, ...] = ("logits", "embedding")


@dataclass(frozen=True, slots=True)
class ClassAnswer:
    """One picture's answer. ``probabilities`` (k,) sums to 1, temperature-scaled; ``order`` (k,) is best first, ties by label index.

    ``known_probability``: P(the picture shows one of the labels); ``place_probability``: P(it shows a place at all). Both None, and
    ``looked`` None, when the bundle carries no decision.
    """

    probabilities: NDArray[np.float32]
    order: NDArray[np.int64]
    known_probability: float | None
    place_probability: float | None
    looked: Looked | None


def decode(outputs: Mapping[str, NDArray[np.float32]], manifest: Manifest, arrays: Mapping[str, NDArray[Any]]) -> list[ClassAnswer]:
    """Shape: outputs["logits"] (n, k), outputs["embedding"] (n, d); ``arrays`` is the bundle's arrays.npz. Returns n answers."""
    logits = outputs["logits"].astype(np.float64) / float(manifest.calibration.get("temperature", 1.0))
    exp = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities = (exp / exp.sum(axis=1, keepdims=True)).astype(np.float32)
    orders = np.argsort(-probabilities, axis=1, kind="stable")
    return [ClassAnswer(p, order, None, None, None) for p, order in zip(probabilities, orders, strict=True)]
