"""Network outputs -> answers for pictures with any number of labels. NumPy only; evaluation and use share it.

Each label is asked on its own (sigmoid), and is told when its probability reaches the label's threshold: manifest.calibration "thresholds",
one a label, chosen on pictures that were not trained on; 0.5 without.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landsight.answer.calibration import foreign, is_number, logistic
from landsight.answer.road import Ending, Said, Subject
from landsight.answer.stored import (
    Compared,
    Record,
    best_probabilities,
    probability_difference,
    read_probabilities,
    too_far,
)
from landsight.bundle.manifest import Manifest

__all__ = [
    "COLUMNS", "WANTS", "TagAnswer",
    "compared", "confidence", "decode", "endings", "focus", "record", "said", "stored", "subjects", "to_json",
]  # fmt: skip

#: The outputs that decode needs; the embedding is for stored answers and may be absent.
WANTS: tuple[str, ...] = ("logits", "embedding")
OPTIONAL: tuple[str, ...] = ()
LOCATES = False
#: See answer.road.AnswerModule.
COLUMNS: dict[str, tuple[str, ...]] = {
    "labels": ("labels", "label"),
    "probabilities": ("labels", "probability"),
    "candidates": ("candidates", "label"),
    "candidate_probabilities": ("candidates", "probability"),
}
#: Where nothing was learnt: more likely than not.
THRESHOLD = 0.5


@dataclass(frozen=True, slots=True)
class TagAnswer:
    """One picture's answer. ``probabilities`` (k,), each in [0, 1] on its own; ``present`` (k,): at or above its threshold; ``order`` (k,):
    most probable first, ties by label index."""

    probabilities: NDArray[np.float32]
    present: NDArray[np.bool_]
    order: NDArray[np.int64]

    @property
    def labels(self) -> tuple[int, ...]:
        """Indices of the labels that are told, most probable first."""
        return tuple(i for i in self.order.tolist() if self.present[i])


def decode(outputs: Mapping[str, NDArray[np.float32]], manifest: Manifest, arrays: Mapping[str, NDArray[Any]]) -> list[TagAnswer]:
    """Shape: outputs["logits"] (n, k). Returns n answers. Raises: BundleError when labels, thresholds and network do not fit together."""
    if "logits" not in outputs:
        raise foreign("needs the output 'logits', which its network does not have")
    logits = outputs["logits"]
    if logits.shape[1] != len(manifest.labels):
        raise foreign(f"names {len(manifest.labels)} labels, but its network tells {logits.shape[1]}")
    probabilities = logistic(logits.astype(np.float64)).astype(np.float32)
    if not np.isfinite(probabilities).all():
        raise foreign("gives answers that are no numbers")
    present = probabilities >= _thresholds(manifest)
    orders = np.argsort(-probabilities, axis=1, kind="stable")
    return [TagAnswer(p, here, order) for p, here, order in zip(probabilities, present, orders, strict=True)]


def to_json(answer: TagAnswer | None, manifest: Manifest, *, top_k: int) -> dict[str, Any]:
    """See answer.road.AnswerModule. ``labels``: those that are told, and none when the outcome is "unknown"; ``candidates``: the most
    probable ``top_k``, told or not."""
    if answer is None:
        return {"outcome": "error", "labels": [], "candidates": []}
    every = [{"label": manifest.labels[i], "probability": float(answer.probabilities[i])} for i in answer.order.tolist()]
    told = [one for one, i in zip(every, answer.order.tolist(), strict=True) if answer.present[i]]
    return {
        "outcome": "answered" if told else "unknown",
        "labels": told,
        "candidates": [{"rank": rank, **one} for rank, one in enumerate(every[:top_k], start=1)],
    }


def said(line: Mapping[str, Any]) -> Said:
    """See answer.road.AnswerModule. Beside each label stands how sure it is; one number for all there is none."""
    told = {c["label"] for c in line["labels"]}
    others = tuple((str(c["label"]), float(c["probability"])) for c in line["candidates"] if c["label"] not in told)
    if not told:
        return Said("none of the labels", None, others)
    return Said(", ".join(f"{c['label']} ({_percent(c['probability'])})" for c in line["labels"]), None, others)


def subjects(answer: TagAnswer, manifest: Manifest) -> list[Subject]:
    """See answer.road.AnswerModule: every label, told or not."""
    return [Subject(i, manifest.labels[i], float(answer.probabilities[i])) for i in answer.order.tolist()]


def focus(outputs: Mapping[str, NDArray[np.float32]], what: int) -> NDArray[np.float32]:
    """See answer.road.AnswerModule: the logit of label ``what``. Shape: outputs["logits"] (n, k) -> (n,)."""
    return outputs["logits"][:, what]


def confidence(outputs: Mapping[str, NDArray[np.float32]], what: int, manifest: Manifest) -> NDArray[np.float32]:
    """See answer.road.AnswerModule: the probability of label ``what``, asked on its own."""
    return logistic(outputs["logits"][:, what].astype(np.float64)).astype(np.float32)


def endings(manifest: Manifest) -> tuple[Ending, ...]:
    """See answer.road.AnswerModule: each label on its own."""
    return (Ending("logits", "Sigmoid"),)


def record(answer: TagAnswer, manifest: Manifest) -> Record:
    """See answer.road.AnswerModule: the ten most probable, and all that are told."""
    return {
        "probabilities": [list(row) for row in best_probabilities(manifest.labels, answer.probabilities, answer.order)],
        "labels": [[manifest.labels[i], float(answer.probabilities[i])] for i in answer.labels],
    }


def stored(line: Record) -> Record:
    """See answer.road.AnswerModule."""
    return {**line, "probabilities": read_probabilities(line), "labels": [(str(label), float(value)) for label, value in line["labels"]]}


def compared(then: Record, now: Record, manifest: Manifest, tolerance: float) -> Compared:
    """See answer.road.AnswerModule. A label may come or go only where its probability lies near its threshold."""
    worst = probability_difference(then["probabilities"], now["probabilities"])
    before, after = dict(then["labels"]), dict(now["labels"])
    limits = dict(zip(manifest.labels, _thresholds(manifest).tolist(), strict=True))
    changed = [
        f"the label {label!r} is {'told' if label in after else 'not told'}, and was {'told' if label in before else 'not told'}"
        for label in sorted(before.keys() ^ after.keys())
        if abs((before | after)[label] - limits.get(label, THRESHOLD)) > 2 * tolerance
    ]
    return Compared(worst, (*too_far(worst, tolerance), *changed))


def _percent(probability: float) -> str:
    """Whole per cent, and never a rounded certainty."""
    return ">99 %" if 0.995 <= probability < 1 else f"{100 * probability:.0f} %"


def _thresholds(manifest: Manifest) -> NDArray[np.float32]:
    """(k,), each in (0, 1). Raises: BundleError for other ones."""
    given = manifest.calibration.get("thresholds", [THRESHOLD] * len(manifest.labels))
    if not isinstance(given, list) or len(given) != len(manifest.labels) or not all(is_number(t) and 0 < t < 1 for t in given):
        raise foreign(f"has no {len(manifest.labels)} thresholds between 0 and 1")
    return np.asarray(given, np.float32)
