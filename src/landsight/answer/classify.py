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
from landsight.answer.road import Said
from landsight.bundle.manifest import Manifest

__all__ = ["COLUMNS", "WANTS", "ClassAnswer", "Looked", "decode", "said", "to_json"]

#: The outputs that decode needs; the embedding only for a bundle that carries a decision.
WANTS: tuple[str, ...] = ("logits", "embedding")
#: See answer.road.AnswerModule.
COLUMNS: dict[str, tuple[str, ...]] = {
    "label": ("label",),
    "probability": ("probability",),
    "known_probability": ("known_probability",),
    "candidates": ("candidates", "label"),
    "candidate_probabilities": ("candidates", "probability"),
}


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
    """Shape: outputs["logits"] (n, k), outputs["embedding"] (n, d), which a bundle without a decision may lack; ``arrays`` is the bundle's
    arrays.npz. Returns n answers.

    Raises: BundleError when the bundle's decision is incomplete, or of another kind than this version computes.
    """
    if "logits" not in outputs:
        raise foreign("needs the output 'logits', which its network does not have")
    logits = outputs["logits"]
    if logits.shape[1] != len(manifest.labels):
        raise foreign(f"names {len(manifest.labels)} labels, but its network tells {logits.shape[1]}")
    temperature = _temperature(manifest)
    probabilities = softmax(logits, temperature).astype(np.float32)
    orders = np.argsort(-probabilities, axis=1, kind="stable")
    if not manifest.decision:
        return [ClassAnswer(p, order, None, None, None) for p, order in zip(probabilities, orders, strict=True)]
    if "embedding" not in outputs:
        raise foreign("needs the output 'embedding', which its network does not have")
    embedding = outputs["embedding"]
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


def to_json(answer: ClassAnswer | None, manifest: Manifest, *, top_k: int) -> dict[str, Any]:
    """See answer.road.AnswerModule. ``label`` is null when the picture shows none of them; ``candidates`` are listed all the same."""
    if answer is None:
        return {"outcome": "error", "label": None, "probability": None, "known_probability": None, "candidates": []}
    best = [
        {"rank": rank, "label": manifest.labels[index], "probability": float(answer.probabilities[index])}
        for rank, index in enumerate(answer.order[:top_k].tolist(), start=1)
    ]
    is_known = answer.looked in (None, "landmark")
    return {
        "outcome": "answered" if is_known else "unknown",
        "label": best[0]["label"] if is_known else None,
        "probability": best[0]["probability"] if is_known else None,
        "known_probability": answer.known_probability,
        "candidates": best,
    }


def said(line: Mapping[str, Any]) -> Said:
    """See answer.road.AnswerModule."""
    candidates = tuple((str(c["label"]), float(c["probability"])) for c in line["candidates"])
    if line["outcome"] == "unknown":
        return Said("none of the labels", None, candidates)
    return Said(line["label"], line["probability"], candidates[1:])


def _temperature(manifest: Manifest) -> float:
    """What logits are divided by. Beyond these bounds every answer is certain, or none is. Raises: BundleError."""
    value = manifest.calibration.get("temperature", 1.0)
    if not is_number(value) or not 1e-3 <= value <= 1e3:
        raise foreign("has no temperature between 0.001 and 1,000")
    return float(value)
