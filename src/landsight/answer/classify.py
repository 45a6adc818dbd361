"""Network outputs -> answers for classification. NumPy only; evaluation and use share it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landsight.answer.calibration import (
    Looked,
    foreign,
    is_number,
    known_features,
    known_probability,
    logistic,
    place_log_odds,
    require_decision,
    softmax,
    three_outcomes,
)
from landsight.bundle.manifest import Manifest

__all__ = ["WANTS", "ClassAnswer", "Looked", "decode"]

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
    """Shape: outputs["logits"] (n, k), outputs["embedding"] (n, d); ``arrays`` is the bundle's arrays.npz. Returns n answers.

    Raises: BundleError when the bundle's decision is incomplete, or of another kind than this version computes.
    """
    logits, embedding = outputs["logits"], outputs["embedding"]
    if logits.shape[1] != len(manifest.labels):
        raise foreign(f"names {len(manifest.labels)} labels, but its network tells {logits.shape[1]}")
    temperature = _temperature(manifest)
    probabilities = softmax(logits, temperature).astype(np.float32)
    orders = np.argsort(-probabilities, axis=1, kind="stable")
    if not manifest.decision:
        return [ClassAnswer(p, order, None, None, None) for p, order in zip(probabilities, orders, strict=True)]
    require_decision(manifest.decision, arrays, width=embedding.shape[1])
    with np.errstate(all="ignore"):  # numbers of a stranger may overflow; that is said below, once
        features = known_features(logits, embedding, temperature=temperature, decision=manifest.decision, arrays=arrays)
        known = known_probability(features, manifest.decision)
        place = logistic(place_log_odds(embedding, manifest.decision, arrays))
    if not (np.isfinite(probabilities).all() and np.isfinite(known).all() and np.isfinite(place).all()):
        raise foreign("gives answers that are no numbers")
    looked = three_outcomes(known, place, manifest.decision)
    return [
        ClassAnswer(p, order, float(k), float(q), said)
        for p, order, k, q, said in zip(probabilities, orders, known, place, looked, strict=True)
    ]


def _temperature(manifest: Manifest) -> float:
    """What logits are divided by. Beyond these bounds every answer is certain, or none is. Raises: BundleError."""
    value = manifest.calibration.get("temperature", 1.0)
    if not is_number(value) or not 1e-3 <= value <= 1e3:
        raise foreign("has no temperature between 0.001 and 1,000")
    return float(value)
