"""Learning to say "I don't know", on clouds of points whose truth is known."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
import pytest

from bundle_factory import make_manifest
from landsight.answer.calibration import outside, softmax
from landsight.answer.classify import decode
from landsight.bundle.manifest import Manifest
from landsight.studio.decision import Decision, Looks, Scenes, fit, fit_temperature
from landsight.studio.nets.imagenet_scenes import PLACES

WIDTH, CLASSES = 24, 3
#: The first axes are the labels, the next unknown places, the last what is no place.
CENTRES = 6 * np.eye(WIDTH, dtype=np.float32)


def cloud(axes: list[int], count: int, seed: int = 0) -> Looks:
    """Points around some axes. Places, known or not, also share axis 23, all other pictures axis 22."""
    near = CENTRES[np.resize(axes, count)] + np.random.default_rng([seed, *axes]).normal(0, 0.7, (count, WIDTH)).astype(np.float32)
    near[:, 23 if max(axes) < 12 else 22] += 4.0
    return Looks(near[:, :CLASSES].copy(), near)


KNOWN = list(range(CLASSES))
TRAIN, VALIDATION, FRESH = cloud(KNOWN, 600, 1), cloud(KNOWN, 300, 2), cloud(KNOWN, 300, 3)
OTHERS = {"streets": cloud([5, 6, 7, 8], 200), "cats": cloud([13, 14, 15], 200), "flowers": cloud([17, 18], 200)}


@pytest.fixture(scope="module")
def fitted() -> Decision:
    return fit(TRAIN, VALIDATION, OTHERS, places=frozenset({"streets"}), temperature=1.3, axes=WIDTH)


def told(looks: Looks, fitted: Decision, temperature: float = 1.3) -> list[Any]:
    manifest = make_manifest(calibration={"temperature": temperature}, decision=fitted.scalars)
    return decode({"logits": looks.logits, "embedding": looks.embedding}, manifest, fitted.arrays)


def share(looks: Looks, fitted: Decision, outcome: str) -> float:
    return float(np.mean([answer.looked == outcome for answer in told(looks, fitted)]))


def test_the_threshold_answers_nine_in_ten_of_validation(fitted: Decision) -> None:
    assert share(VALIDATION, fitted, "landmark") == pytest.approx(0.9, abs=0.005)
    assert share(FRESH, fitted, "landmark") == pytest.approx(0.9, abs=0.07)
    all_but_one = fit(TRAIN, VALIDATION, OTHERS, places=frozenset({"streets"}), temperature=1.3, answered=0.99, axes=WIDTH)
    assert share(VALIDATION, all_but_one, "landmark") == pytest.approx(0.99, abs=0.005)


def test_what_was_never_shown_is_told_apart(fitted: Decision) -> None:
    # Other clouds of the same kinds: an unknown place has what places share, the rest has not.
    assert share(cloud([6, 9, 10], 200), fitted, "unknown_place") > 0.8
    assert share(cloud([14, 16, 19], 200), fitted, "not_a_place") > 0.8


def test_a_decision_survives_its_bundle(fitted: Decision) -> None:
    file = io.BytesIO()
    np.savez_compressed(file, **fitted.arrays)
    with np.load(io.BytesIO(file.getvalue()), allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored.files}
    text = json.loads(make_manifest(calibration={"temperature": 1.3}, decision=fitted.scalars).to_json())
    text["files"] = {"model.onnx": "0" * 64}
    again = Manifest.from_json(json.dumps(text))
    answers = decode({"logits": FRESH.logits, "embedding": FRESH.embedding}, again, arrays)
    before = told(FRESH, fitted)
    assert [a.known_probability for a in answers] == [b.known_probability for b in before]
    assert [a.place_probability for a in answers] == [b.place_probability for b in before]
    assert [a.looked for a in answers] == [b.looked for b in before]


def test_scenes_tell_a_place_that_no_source_resembles() -> None:
    """The classifier of many things knows axis 23 for places; learnt from cats alone, flowers are still no place."""
    weights = np.zeros((3, WIDTH + 1), np.float32)
    weights[0, 23], weights[1, 22], weights[2, -1] = 1.0, 1.0, 1.0
    scenes = Scenes(weights, np.array([True, False, False]))
    some = {"streets": OTHERS["streets"], "cats": OTHERS["cats"]}
    found = fit(TRAIN, VALIDATION, some, places=frozenset({"streets"}), temperature=1.3, axes=WIDTH, scenes=scenes)
    assert "place_weights" not in found.arrays
    assert found.scalars["place"]["scale"] > 0
    assert share(OTHERS["flowers"], found, "not_a_place") > 0.95
    assert share(cloud([6, 9, 10], 200), found, "unknown_place") > 0.8
    assert np.mean([(answer.place_probability or 0.0) > 0.5 for answer in told(FRESH, found)]) > 0.95


def test_the_places_of_imagenet_are_classes_of_imagenet() -> None:
    assert all(0 <= number < 1000 for number in PLACES)
    assert len(set(PLACES.values())) == len(PLACES)


def test_the_known_are_told_by_what_lies_inside_the_axes_of_training() -> None:
    found = fit(TRAIN, VALIDATION, OTHERS, places=frozenset({"streets"}), temperature=1.0, axes=2)
    assert np.allclose(found.arrays["projection"].T @ found.arrays["projection"], np.eye(2), atol=1e-5)
    inside = outside(TRAIN.embedding, found.arrays)
    assert all(outside(looks.embedding, found.arrays).mean() > inside.mean() for looks in OTHERS.values())


def test_temperature_undoes_how_much_too_sure_the_logits_are() -> None:
    # Labels drawn from the softmax of the logits; logits three times (a third) as large need the temperature 3 (1/3).
    rng = np.random.default_rng(11)
    logits = rng.normal(0, 2, (5_000, 4)).astype(np.float32)
    drawn = (softmax(logits).cumsum(axis=1) < rng.random((5_000, 1))).sum(axis=1).clip(0, 3)
    assert fit_temperature(logits, drawn) == pytest.approx(1.0, rel=0.12)
    assert fit_temperature(3 * logits, drawn) == pytest.approx(3.0, rel=0.12)
    assert fit_temperature(logits / 3, drawn) == pytest.approx(1 / 3, rel=0.12)
