"""Scores that tell "one of mine" from "a place I do not know" and "no place at all". NumPy only; studio/decision.py fits the numbers.

Two logistic models over the same outputs of one network:

* known: P(the picture shows one of the labels), from softmax, energy, generalised entropy, the distance to training pictures, and
  the part of the embedding that lies outside the axes of the training pictures;
* place: P(it shows a place at all), from the classes of a network that knows many things (ImageNet's), where the bundle carries its
  last layer; else a linear head on the embedding.

Sources: temperature, Guo et al. 2017 (arXiv 1706.04599); energy, Liu et al. 2020 (arXiv 2010.03759); generalised entropy, Liu et al. 2023
(GEN, CVPR); k-th nearest neighbour, Sun et al. 2022 (arXiv 2204.06507).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from landsight.errors import BundleError

Floats = NDArray[np.float64]
Looked = Literal["landmark", "unknown_place", "not_a_place"]

#: Columns of ``known_features``, in order. A bundle writes these names down; another order is another bundle.
KNOWN_FEATURES: tuple[str, ...] = ("log_odds", "generalised_entropy", "largest_logit", "energy", "neighbour", "outside")
#: Arrays of arrays.npz that a decision needs.
DECISION_ARRAYS: tuple[str, ...] = ("centre", "projection", "bank")
#: And one of these groups, for the place.
SCENE_ARRAYS: tuple[str, ...] = ("scene_weights", "scene_places")
HEAD_ARRAYS: tuple[str, ...] = ("place_weights",)
#: Scalars of a decision beside "known", and those of "known" that have a value a feature.
_SCALARS: tuple[str, ...] = ("gamma", "top", "neighbours", "known_threshold", "place_threshold")
_COLUMNS: tuple[str, ...] = ("mean", "scale", "weights")
#: No number of a decision comes near it; a whole number beyond the range of a float would not even compare with one.
_LARGEST = 1e300
#: No decision looks at more neighbours or classes.
_MOST = 1_000_000
#: Keeps log-odds finite when the softmax saturates.
_SATURATED = 1e-6


def softmax(logits: NDArray[Any], temperature: float = 1.0) -> Floats:
    """Shape: (n, k) -> (n, k); rows sum to 1. Dividing by a temperature above 1 makes the answers less sure."""
    scaled = logits.astype(np.float64) / temperature
    exp = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return np.asarray(exp / exp.sum(axis=1, keepdims=True))


def energy(logits: NDArray[Any]) -> Floats:
    """log of the sum of exp of the logits, (n, k) -> (n,): high for what the network knows."""
    top = logits.max(axis=1).astype(np.float64)
    return np.asarray(top + np.log(np.exp(logits - top[:, None]).sum(axis=1)))


def generalised_entropy(probabilities: Floats, *, gamma: float, top: int) -> Floats:
    """-sum over the ``top`` largest p of p^gamma (1-p)^gamma, (n, k) -> (n,): 0 for a sure answer, lower for an unsure one."""
    largest = np.sort(probabilities, axis=1)[:, -top:]
    return np.asarray(-((largest**gamma) * ((1 - largest) ** gamma)).sum(axis=1))


def project(embedding: NDArray[Any], arrays: Mapping[str, NDArray[Any]]) -> Floats:
    """Unit length, less ``centre``, onto the principal axes of the training pictures, unit length again: (n, d) -> (n, m)."""
    unit = embedding / np.linalg.norm(embedding, axis=1, keepdims=True).clip(1e-12)
    small = (unit - arrays["centre"]) @ arrays["projection"]
    return np.asarray(small / np.linalg.norm(small, axis=1, keepdims=True).clip(1e-12), np.float64)


def outside(embedding: NDArray[Any], arrays: Mapping[str, NDArray[Any]]) -> Floats:
    """How much of the unit-length embedding lies outside the axes of the training pictures, 0 to 1, (n, d) -> (n,).

    Pictures of other things have parts that no training picture has. Source: the residual of ViM, Wang et al. 2022 (arXiv 2203.10807).
    """
    unit = embedding / np.linalg.norm(embedding, axis=1, keepdims=True).clip(1e-12)
    centred = unit - arrays["centre"]
    inside = centred @ arrays["projection"]
    return np.asarray(np.sqrt(((centred**2).sum(axis=1) - (inside**2).sum(axis=1)).clip(0.0)), np.float64)


def neighbour_similarity(projected: Floats, bank: NDArray[Any], *, k: int) -> Floats:
    """Cosine to the k-th nearest training picture, (n, m) and (N, m) -> (n,)."""
    cosines = projected.astype(np.float32) @ bank.astype(np.float32, copy=False).T
    return np.partition(cosines, -k, axis=1)[:, -k].astype(np.float64)


def known_features(
    logits: NDArray[Any], embedding: NDArray[Any], *, temperature: float, decision: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]
) -> Floats:
    """The columns of KNOWN_FEATURES: (n, k) logits and (n, d) embeddings -> (n, 6)."""
    p = softmax(logits, temperature)
    best = p.max(axis=1).clip(_SATURATED, 1 - _SATURATED)
    projected = project(embedding, arrays)
    return np.stack(
        [
            np.log(best / (1 - best)),
            generalised_entropy(p, gamma=float(decision["gamma"]), top=int(decision["top"])),
            logits.max(axis=1).astype(np.float64),
            energy(logits),
            neighbour_similarity(projected, arrays["bank"], k=int(decision["neighbours"])),
            outside(embedding, arrays),
        ],
        axis=1,
    )


def head(projected: Floats, weights: NDArray[Any]) -> Floats:
    """A linear head: (n, m) and (m + 1,), the last weight being the bias, -> (n,) log-odds."""
    return np.asarray(projected @ weights[:-1].astype(np.float64) + float(weights[-1]))


def scene(embedding: NDArray[Any], arrays: Mapping[str, NDArray[Any]]) -> Floats:
    """log-odds that a picture shows any of the classes that are places, (n, d) -> (n,).

    ``scene_weights`` (c, e + 1): last layer of a classifier of c things on the last e numbers of the embedding, biases last;
    ``scene_places`` (c,): which of them are places. Softmax, summed over either kind.
    """
    weights, places = arrays["scene_weights"], arrays["scene_places"].astype(bool)
    width = weights.shape[1] - 1
    logits = embedding[:, embedding.shape[1] - width :] @ weights[:, :-1].T + weights[:, -1]
    return energy(logits[:, places]) - energy(logits[:, ~places])


def place_log_odds(embedding: NDArray[Any], decision: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Floats:
    """log-odds that a picture shows a place at all, (n, d) -> (n,)."""
    if "scene_weights" in arrays:
        place = decision["place"]
        return float(place["scale"]) * scene(embedding, arrays) + float(place["bias"])
    return head(project(embedding, arrays), arrays["place_weights"])


def logistic(log_odds: Floats) -> Floats:
    """1 / (1 + exp(-x)), without overflow."""
    return np.asarray(0.5 * (1 + np.tanh(0.5 * log_odds)))


def known_probability(features: Floats, decision: Mapping[str, Any]) -> Floats:
    """(n, 6) -> (n,): the fitted logistic model over the standardised columns. Raises: BundleError for other columns than these."""
    known = decision["known"]
    if tuple(known["features"]) != KNOWN_FEATURES:
        raise foreign(f"uses features {known['features']}", f"This version computes {list(KNOWN_FEATURES)}.")
    scaled = (features - np.asarray(known["mean"])) / np.asarray(known["scale"])
    return logistic(scaled @ np.asarray(known["weights"]) + float(known["bias"]))


def require_decision(decision: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]], *, width: int) -> None:
    """A bundle's decision is complete and fits together, for embeddings of ``width`` numbers. Raises: BundleError. Cost: microseconds."""
    known = decision.get("known")
    if not isinstance(known, Mapping) or not isinstance(known.get("features"), list):
        raise foreign("lacks its model 'known'")
    numbers = {name: decision.get(name) for name in _SCALARS} | {"known.bias": known.get("bias")}
    if "scene_weights" in arrays:
        place = decision.get("place")
        numbers |= {f"place.{name}": place.get(name) if isinstance(place, Mapping) else None for name in ("scale", "bias")}
    numbers |= {f"known.{name}[{i}]": value for name in _COLUMNS for i, value in enumerate(_six(known, name))}
    if wrong := [name for name, value in numbers.items() if not is_number(value)]:
        raise foreign(f"has no number {wrong[0]!r}")
    if min(known["scale"]) <= 0:
        raise foreign("has a scale that is not above 0")
    _require_ranges(decision)
    has_scene = "scene_weights" in arrays
    needed = (*DECISION_ARRAYS, *(SCENE_ARRAYS if has_scene else HEAD_ARRAYS))
    if missing := [name for name in needed if name not in arrays]:
        raise foreign(f"lacks its array {missing[0]!r}")
    if wrong := [name for name in needed if arrays[name].dtype.kind not in "fiub" or arrays[name].ndim == 0]:
        raise foreign(f"has an array {wrong[0]!r} that is no row of numbers")
    axes = arrays["projection"].shape[-1]
    if axes < 1:
        raise foreign("has an array 'projection' without axes")
    shapes = {"centre": (width,), "projection": (width, axes), "bank": (len(arrays["bank"]), axes)}
    if has_scene:
        _require_scenes(arrays["scene_weights"], arrays["scene_places"], width)
    else:
        shapes |= {"place_weights": (axes + 1,)}
    for name, shape in shapes.items():
        if arrays[name].shape != shape:
            raise foreign(f"has an array {name!r} of shape {arrays[name].shape} instead of {shape}")
    if not 1 <= decision["neighbours"] <= len(arrays["bank"]):
        raise foreign(f"asks for neighbour {decision['neighbours']} of the {len(arrays['bank'])} in its array 'bank'")


def _require_ranges(decision: Mapping[str, Any]) -> None:
    for name in ("top", "neighbours"):
        if decision[name] != int(decision[name]) or not 1 <= decision[name] <= _MOST:
            raise foreign(f"has {name!r} = {decision[name]}, which is no whole number above 0")
    for name in ("known_threshold", "place_threshold"):
        if not 0 <= decision[name] <= 1:
            raise foreign(f"has {name!r} = {decision[name]}, which is no probability")
    if not 0 < decision["gamma"] <= 10:
        raise foreign(f"has 'gamma' = {decision['gamma']}, which is not above 0 and at most 10")


def _require_scenes(weights: NDArray[Any], places: NDArray[Any], width: int) -> None:
    if weights.ndim != 2 or not 2 <= weights.shape[1] <= width + 1:
        raise foreign(f"has an array 'scene_weights' of shape {weights.shape}, which does not fit an embedding of {width}")
    if places.shape != weights.shape[:1] or not 0 < np.count_nonzero(places) < len(places):
        raise foreign("names in its array 'scene_places' no class, every class, or other classes than there are")


def is_number(value: object) -> bool:
    """A number that a float can hold."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _LARGEST


def _six(known: Mapping[str, Any], name: str) -> list[Any]:
    values = known.get(name)
    if not isinstance(values, list) or len(values) != len(KNOWN_FEATURES):
        raise foreign(f"needs {len(KNOWN_FEATURES)} values in 'known.{name}'")
    return values


def foreign(what: str, advice: str = "Export the bundle again.") -> BundleError:
    """The error for a bundle whose numbers cannot be used."""
    return BundleError("bundle_foreign", f"The bundle's decision {what}.", advice)


def three_outcomes(known: Floats, place: Floats, decision: Mapping[str, Any]) -> list[Looked]:
    """(n,) and (n,) probabilities -> one outcome each: known enough, else a place or not."""
    return [
        "landmark" if k >= decision["known_threshold"] else "unknown_place" if p >= decision["place_threshold"] else "not_a_place"
        for k, p in zip(known, place, strict=True)
    ]
