"""Which labels are likely wrong: confident learning on frozen features, ranked.

A picture is judged by models that never saw it or its near-duplicates. Source: C. G. Northcutt, L. Jiang, I. L. Chuang, "Confident
Learning: Estimating Uncertainty in Dataset Labels", JAIR 70 (2021): thresholds (eq. 2), confident joint (eq. 1), ranking by normalised margin.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from landsight.studio.random import generator

FOLDS = 4
#: Directions of the features that are kept: more cost time and do not rank better.
_DIRECTIONS = 256


@dataclass(frozen=True, slots=True)
class Suspect:
    """Picture number ``index`` is labelled ``given`` and looks like ``suggested``; the two probabilities out of fold; ``margin`` = given's - suggested's."""

    index: int
    given: int
    suggested: int
    given_probability: float
    suggested_probability: float

    @property
    def margin(self) -> float:
        """The lower, the likelier wrong."""
        return self.given_probability - self.suggested_probability


def suspects(
    features: NDArray[np.float32], labels: NDArray[np.int64], groups: NDArray[np.int64], classes: int, seed: int = 0
) -> tuple[list[Suspect], NDArray[np.float64]]:
    """Likely wrong labels, the likeliest first, and the out-of-fold probabilities.

    Shape: features (n, d), labels (n,) in [0, classes), groups (n,): pictures of one group are judged by the same models, which saw none of
    them; returns probabilities (n, classes). A class that a fold's model did not see has probability 0 there and is never suspected.
    """
    folds = fold_of(labels, groups, seed)
    reduced = _reduced(features)
    probabilities = np.zeros((len(labels), classes))
    for fold in range(FOLDS):
        inside, outside = np.nonzero(folds == fold)[0], np.nonzero(folds != fold)[0]
        if len(inside) and len(np.unique(labels[outside])) > 1:
            model = LogisticRegression(C=0.1, max_iter=150, tol=1e-3).fit(reduced[outside], labels[outside])
            probabilities[inside[:, None], model.classes_[None]] = model.predict_proba(reduced[inside])
    return confident(probabilities, labels), probabilities


def confident(probabilities: NDArray[np.float64], labels: NDArray[np.int64]) -> list[Suspect]:
    """The off-diagonal of the confident joint, by margin.

    A class's threshold is the mean probability of it over the pictures that carry its label. A picture counts for the likeliest class among
    those whose threshold it reaches; it is suspected when that is not its own.
    """
    own = probabilities[np.arange(len(labels)), labels]
    thresholds = np.full(probabilities.shape[1], np.inf)
    for label in np.unique(labels):
        mine = own[labels == label]
        # A class that no model saw (all its pictures in one group) says nothing.
        thresholds[label] = mine.mean() if mine.any() else np.inf
    reached = np.where(probabilities >= thresholds, probabilities, -1)
    counted = reached.argmax(1)
    suspected = np.nonzero((reached.max(1) > 0) & (counted != labels) & np.isfinite(thresholds[labels]))[0]
    found = [Suspect(int(i), int(labels[i]), int(counted[i]), float(own[i]), float(probabilities[i, counted[i]])) for i in suspected]
    return sorted(found, key=lambda s: (s.margin, s.index))


def fold_of(labels: NDArray[np.int64], groups: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """Fold of each picture: every class spread evenly, groups whole, addressed by seed."""
    members: dict[int, list[int]] = defaultdict(list)
    for index, group in enumerate(groups.tolist()):
        members[group].append(index)
    folds = np.zeros(len(labels), np.int64)
    by_label: dict[int, list[list[int]]] = defaultdict(list)
    for group in members.values():
        by_label[int(labels[group[0]])].append(group)
    for label, listed in by_label.items():
        order = generator(seed, "folds", item=label).permutation(len(listed))
        for position, number in enumerate(order):
            folds[listed[number]] = (position + label) % FOLDS
    return folds


def _reduced(features: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n, k): principal directions of the features scaled to length 1, the whole with mean square 1, so that one C fits all networks."""
    rows = features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-6)
    rows = rows - rows.mean(0)
    _, vectors = np.linalg.eigh((rows.T @ rows).astype(np.float64))
    kept = rows @ vectors[:, ::-1][:, :_DIRECTIONS].astype(np.float32)
    result: NDArray[np.float32] = kept / max(float(kept.std()), 1e-6)
    return result
