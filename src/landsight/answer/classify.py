"""Network outputs -> answers for classification. NumPy only; evaluation and use share it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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
from landsight.answer.road import Ending, Said, Subject
from landsight.answer.stored import (
    EXACT,
    UNSQUASHED,
    Compared,
    Record,
    best_probabilities,
    probability_difference,
    read_probabilities,
    too_far,
)
from landsight.answer.values import OUTPUT as VALUES
from landsight.answer.values import decode_values, read_values, value_differences
from landsight.bundle.manifest import Manifest

__all__ = [
    "COLUMNS", "OPTIONAL", "WANTS", "ClassAnswer", "Looked",
    "compared", "confidence", "decode", "endings", "focus", "record", "said", "stored", "subjects", "to_json",
]  # fmt: skip

#: The outputs that decode needs; the embedding only for a bundle that carries a decision.
WANTS: tuple[str, ...] = ("logits", "embedding")
OPTIONAL: tuple[str, ...] = (VALUES,)
LOCATES = True
#: See answer.road.AnswerModule.
COLUMNS: dict[str, tuple[str, ...]] = {
    "label": ("label",),
    "probability": ("probability",),
    "known_probability": ("known_probability",),
    "candidates": ("candidates", "label"),
    "candidate_probabilities": ("candidates", "probability"),
    "value_names": ("values", "name"),
    "values": ("values", "value"),
}


@dataclass(frozen=True, slots=True)
class ClassAnswer:
    """One picture's answer. ``probabilities`` (k,) sums to 1, temperature-scaled; ``order`` (k,) is best first, ties by label index.

    ``known_probability``: P(the picture shows one of the labels); ``place_probability``: P(it shows a place at all). Both None, and
    ``looked`` None, when the bundle carries no decision. ``values``: numbers predicted beside the labels, by name, in their own
    units; None when the bundle predicts none.
    """

    probabilities: NDArray[np.float32]
    order: NDArray[np.int64]
    known_probability: float | None
    place_probability: float | None
    looked: Looked | None
    values: Mapping[str, float] | None = None


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
    values: Sequence[Mapping[str, float] | None] = decode_values(outputs, manifest) or [None] * len(logits)
    if not manifest.decision:
        return [ClassAnswer(p, order, None, None, None, v) for p, order, v in zip(probabilities, orders, values, strict=True)]
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
        ClassAnswer(p, order, float(k), float(q), said, v)
        for p, order, k, q, said, v in zip(probabilities, orders, known, place, looked, values, strict=True)
    ]


def to_json(answer: ClassAnswer | None, manifest: Manifest, *, top_k: int) -> dict[str, Any]:
    """See answer.road.AnswerModule. ``label`` is null when the picture shows none of them; ``candidates`` are listed all the same."""
    if answer is None:
        return {"outcome": "error", "label": None, "probability": None, "known_probability": None, "candidates": [], "values": []}
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
        "values": [{"name": name, "value": value} for name, value in (answer.values or {}).items()],
    }


def said(line: Mapping[str, Any]) -> Said:
    """See answer.road.AnswerModule."""
    candidates = tuple((str(c["label"]), float(c["probability"])) for c in line["candidates"])
    values = "".join(f", {v['name']} {v['value']:.4g}" for v in line["values"])
    if line["outcome"] == "unknown":
        return Said(f"none of the labels{values}", None, candidates)
    return Said(f"{line['label']}{values}", line["probability"], candidates[1:])


def subjects(answer: ClassAnswer, manifest: Manifest) -> list[Subject]:
    """See answer.road.AnswerModule: every label, also when the picture may show none of them."""
    return [Subject(i, manifest.labels[i], float(answer.probabilities[i])) for i in answer.order.tolist()]


def focus(outputs: Mapping[str, NDArray[np.float32]], what: int) -> NDArray[np.float32]:
    """See answer.road.AnswerModule: the logit of label ``what``. Shape: outputs["logits"] (n, k) -> (n,)."""
    return outputs["logits"][:, what]


def confidence(outputs: Mapping[str, NDArray[np.float32]], what: int, manifest: Manifest) -> NDArray[np.float32]:
    """See answer.road.AnswerModule: the calibrated share of label ``what``."""
    return softmax(outputs["logits"], _temperature(manifest))[:, what].astype(np.float32)


def endings(manifest: Manifest) -> tuple[Ending, ...]:
    """See answer.road.AnswerModule: the softmax of logits divided by the temperature. Raises: BundleError."""
    temperature = _temperature(manifest)
    divided = () if temperature == 1 else (Ending("logits", "Div", temperature),)
    return (*divided, Ending("logits", "Softmax"))


def record(answer: ClassAnswer, manifest: Manifest) -> Record:
    """See answer.road.AnswerModule."""
    values = {} if answer.values is None else {VALUES: dict(answer.values)}
    return {
        "probabilities": [list(row) for row in best_probabilities(manifest.labels, answer.probabilities, answer.order)],
        "looked": answer.looked,
        "known_probability": answer.known_probability,
        **values,
    }


def stored(line: Record) -> Record:
    """See answer.road.AnswerModule."""
    return {**line, "probabilities": read_probabilities(line), VALUES: read_values(line)}


def compared(then: Record, now: Record, manifest: Manifest, tolerance: float) -> Compared:
    """See answer.road.AnswerModule. The best label may change only where two were close."""
    worst = probability_difference(then["probabilities"], now["probabilities"])
    words = [*too_far(worst, tolerance)]
    (best, value), *others = then["probabilities"]
    if now["probabilities"][0][0] != best and value - (others[0][1] if others else 0.0) > 2 * tolerance:
        words.append(f"the best label is {now['probabilities'][0][0]!r}, recorded was {best!r}")
    words += [*_decision_differences(then, now, tolerance), *value_differences(then, now, manifest, tolerance)]
    return Compared(worst, tuple(words))


def _decision_differences(then: Record, now: Record, tolerance: float) -> Iterator[str]:
    known_then, known_now = then.get("known_probability"), now["known_probability"]
    if (known_then is None) != (known_now is None):
        yield "one of both answers carries no decision"
    elif known_then is not None and not abs(known_then - known_now) <= tolerance * UNSQUASHED:
        yield f"the probability of showing a known place is {known_now:.4f}, recorded was {known_then:.4f}"
    elif tolerance <= EXACT and then.get("looked") != now["looked"]:
        yield f"the answer is {now['looked']!r}, recorded was {then.get('looked')!r}"


def _temperature(manifest: Manifest) -> float:
    """What logits are divided by. Beyond these bounds every answer is certain, or none is. Raises: BundleError."""
    value = manifest.calibration.get("temperature", 1.0)
    if not is_number(value) or not 1e-3 <= value <= 1e3:
        raise foreign("has no temperature between 0.001 and 1,000")
    return float(value)
