"""Learns what tells "one of mine" from "unknown place" and "no place": fits the numbers that answer/calibration.py applies.

What is tested must not be learnt from: ``fit`` takes the sources it may see, and the benchmark leaves each source out in turn.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landsight.answer.calibration import KNOWN_FEATURES, Floats, known_features, known_probability, project, scene, softmax

#: Regularisation of the linear head (scikit-learn's C) on unit-length projected embeddings scaled by _HEAD_SCALE.
_HEAD_C, _HEAD_SCALE = 1.0, 10.0
#: GEN's gamma and number of classes (its paper: 0.1 and 100 of 1,000), and the neighbour that counts.
_GAMMA, _TOP, _NEIGHBOURS = 0.1, 20, 5


@dataclass(frozen=True, slots=True)
class Looks:
    """What the network said of n pictures: logits (n, k), embedding (n, d)."""

    logits: NDArray[np.float32]
    embedding: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.logits)


@dataclass(frozen=True, slots=True)
class Decision:
    """``scalars`` go to manifest.decision, ``arrays`` to arrays.npz."""

    scalars: dict[str, Any]
    arrays: dict[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Scenes:
    """A classifier of many things that the embedding ends in: ``weights`` (c, e + 1), biases last; ``places`` (c,): which are places."""

    weights: NDArray[np.float32]
    places: NDArray[np.bool_]

    def arrays(self) -> dict[str, NDArray[Any]]:
        """As answer.calibration.scene takes them."""
        return {"scene_weights": self.weights.astype(np.float16), "scene_places": self.places.astype(np.uint8)}


def fit_temperature(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """The temperature with the least mean negative log-likelihood on pictures that were not trained on (Guo et al. 2017)."""
    candidates = np.exp(np.linspace(np.log(0.25), np.log(4.0), 161))
    rows = np.arange(len(labels))
    losses = [-np.log(softmax(logits, float(t))[rows, labels].clip(1e-12)).mean() for t in candidates]
    return float(candidates[int(np.argmin(losses))])


def fit(
    train: Looks,
    validation: Looks,
    others: Mapping[str, Looks],
    *,
    places: frozenset[str],
    temperature: float,
    answered: float = 0.9,
    axes: int = 256,
    scenes: Scenes | None = None,
) -> Decision:
    """Fit both models.

    ``train``: pictures the network learnt from (the neighbours); ``validation``: labelled pictures it did not; ``others``: pictures by source
    that show none of the labels, of which ``places`` names the sources that show places. ``answered``: share of the validation
    pictures that must pass the known threshold. At least two sources, one of them no places. ``scenes``: what tells places from other things;
    None: a linear head on the embedding, which learns the sources it is given rather than what a place is (docs/log.md).
    """
    arrays = _axes_of(train, axes)
    bank = project(train.embedding, arrays)
    arrays["bank"] = bank.astype(np.float16)
    scalars: dict[str, Any] = {"gamma": _GAMMA, "top": _TOP, "neighbours": _NEIGHBOURS, "place_threshold": 0.5}
    if scenes is None:
        sources = {name: project(looks.embedding, arrays) for name, looks in others.items()}
        arrays["place_weights"] = _fit_head(
            np.concatenate([bank, *(z for name, z in sources.items() if name in places)]),
            [z for name, z in sources.items() if name not in places],
        )
    else:
        arrays |= scenes.arrays()
        said = {name: scene(looks.embedding, arrays) for name, looks in others.items()}
        scalars["place"] = _fit_place(
            [scene(train.embedding, arrays), *(x for name, x in said.items() if name in places)],
            [x for name, x in said.items() if name not in places],
        )
    known = _features(validation, temperature, scalars, arrays)
    negatives = [_features(looks, temperature, scalars, arrays) for looks in others.values()]
    scalars["known"] = _fit_known(known, np.concatenate(negatives))
    scalars["known_threshold"] = float(np.quantile(known_probability(known, scalars), 1 - answered))
    return Decision(scalars, arrays)


def _axes_of(train: Looks, axes: int) -> dict[str, NDArray[Any]]:
    """Principal axes about the origin: about the mean the neighbours are worse at telling other things (docs/log.md)."""
    unit = train.embedding / np.linalg.norm(train.embedding, axis=1, keepdims=True).clip(1e-12)
    _, vectors = np.linalg.eigh(unit.T @ unit)
    return {"centre": np.zeros(unit.shape[1], np.float32), "projection": vectors[:, ::-1][:, :axes].astype(np.float32)}


def _features(looks: Looks, temperature: float, scalars: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Floats:
    return known_features(looks.logits, looks.embedding, temperature=temperature, decision=scalars, arrays=arrays)


def _fit_head(positive: Floats, negatives: list[Floats]) -> NDArray[np.float32]:
    from sklearn.linear_model import LogisticRegression

    negative = np.concatenate(negatives)
    target = np.r_[np.ones(len(positive)), np.zeros(len(negative))]
    model = LogisticRegression(C=_HEAD_C, class_weight="balanced", max_iter=1000)
    model.fit(np.concatenate([positive, negative]) * _HEAD_SCALE, target)
    return np.asarray(np.r_[model.coef_[0] * _HEAD_SCALE, model.intercept_], np.float32)


def _fit_place(positive: list[Floats], negative: list[Floats]) -> dict[str, float]:
    """A logistic curve over one number; both sides weigh the same, and so does each source of a side."""
    from sklearn.linear_model import LogisticRegression

    x = np.concatenate([*positive, *negative])
    target = np.r_[np.ones(sum(map(len, positive))), np.zeros(sum(map(len, negative)))]
    weight = np.concatenate([np.full(len(part), len(x) / (2 * len(side) * len(part))) for side in (positive, negative) for part in side])
    model = LogisticRegression(C=100.0).fit(x[:, None], target, sample_weight=weight)
    return {"scale": float(model.coef_[0, 0]), "bias": float(model.intercept_[0])}


def _fit_known(positive: Floats, negative: Floats) -> dict[str, Any]:
    from sklearn.linear_model import LogisticRegression

    columns = np.concatenate([positive, negative])
    mean, scale = columns.mean(axis=0), columns.std(axis=0).clip(1e-6)
    target = np.r_[np.ones(len(positive)), np.zeros(len(negative))]
    model = LogisticRegression(class_weight="balanced", max_iter=1000).fit((columns - mean) / scale, target)
    return {
        "features": list(KNOWN_FEATURES),
        "mean": mean.tolist(),
        "scale": scale.tolist(),
        "weights": model.coef_[0].tolist(),
        "bias": float(model.intercept_[0]),
    }
