"""The scores behind "I don't know", against numbers worked out by hand."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import numpy as np
import pytest

from bundle_factory import make_manifest
from landsight.answer import calibration
from landsight.answer.calibration import KNOWN_FEATURES, three_outcomes
from landsight.answer.classify import decode
from landsight.errors import BundleError

#: An embedding of two numbers; centre 0 and the identity as axes leave its direction as it is.
ARRAYS: dict[str, np.ndarray] = {
    "centre": np.zeros(2, np.float32),
    "projection": np.eye(2, dtype=np.float32),
    "bank": np.array([[1, 0], [0, 1], [-1, 0]], np.float16),
    "place_weights": np.array([0, 4, -1], np.float32),
}
DECISION: dict[str, Any] = {
    "gamma": 1.0,
    "top": 2,
    "neighbours": 2,
    "known_threshold": 0.6,
    "place_threshold": 0.5,
    "known": {
        "features": list(KNOWN_FEATURES),
        "mean": [0.0, 0.0, 1.0, 0.0, 0.0, 0.0],
        "scale": [1.0, 1.0, 2.0, 1.0, 1.0, 1.0],
        "weights": [0.0, 0.0, 1.0, 0.0, 1.0, 1.0],
        "bias": -0.5,
    },
}


def test_softmax_and_temperature() -> None:
    # exp(ln 4) = 4 against 1: 0.8 and 0.2; at temperature 2 it is 2 against 1.
    logits = np.array([[np.log(4), 0.0]])
    assert calibration.softmax(logits)[0].tolist() == pytest.approx([0.8, 0.2])
    assert calibration.softmax(logits, 2.0)[0].tolist() == pytest.approx([2 / 3, 1 / 3])
    assert calibration.softmax(np.array([[1e4, -1e4]], np.float32)).tolist() == [[1.0, 0.0]]


def test_energy_is_the_log_of_the_sum() -> None:
    # ln(4 + 1) and, far beyond the range of exp, 1000 + ln 2.
    assert calibration.energy(np.array([[np.log(4), 0.0], [1000.0, 1000.0]])).tolist() == pytest.approx([np.log(5), 1000 + np.log(2)])


def test_generalised_entropy_of_the_largest() -> None:
    p = np.array([[0.5, 0.3, 0.2], [1.0, 0.0, 0.0]])
    # gamma 1: -(0.5 * 0.5 + 0.3 * 0.7) = -0.46, and 0 for a sure answer; gamma 0.5: -(sqrt 0.25 + sqrt 0.21).
    assert calibration.generalised_entropy(p, gamma=1.0, top=2).tolist() == pytest.approx([-0.46, 0.0])
    assert calibration.generalised_entropy(p, gamma=0.5, top=2)[0] == pytest.approx(-(0.5 + 0.21**0.5))
    assert calibration.generalised_entropy(p, gamma=1.0, top=9)[0] == pytest.approx(-0.62)


def test_projection_centres_between_two_unit_lengths() -> None:
    # (3, 4) has length 5: (0.6, 0.8), less the centre (0.6, 0) leaves (0, 0.8), of unit length (0, 1).
    arrays = ARRAYS | {"centre": np.array([0.6, 0], np.float32)}
    assert calibration.project(np.array([[3, 4]], np.float32), arrays)[0].tolist() == pytest.approx([0, 1], abs=1e-6)
    assert np.isfinite(calibration.project(np.zeros((1, 2), np.float32), arrays)).all()


def test_neighbour_similarity_takes_the_kth_nearest() -> None:
    # Cosines of (0.6, 0.8) to the bank: 0.6, 0.8, -0.6.
    here = np.array([[0.6, 0.8]])
    found = [float(calibration.neighbour_similarity(here, ARRAYS["bank"], k=k)[0]) for k in (1, 2, 3)]
    assert found == pytest.approx([0.8, 0.6, -0.6], abs=1e-6)


def test_logistic_does_not_overflow() -> None:
    assert calibration.logistic(np.array([0.0, np.log(3), -1e4, 1e4])).tolist() == pytest.approx([0.5, 0.75, 0.0, 1.0])


def test_columns_stand_in_the_order_that_is_written_down() -> None:
    columns = calibration.known_features(
        np.array([[np.log(4), 0.0, -1e9]]), np.array([[3, 4]], np.float32), temperature=2.0, decision=DECISION, arrays=ARRAYS
    )
    # Temperature 2: p = 2/3, 1/3, 0. Log-odds ln 2; GEN of the two largest -(2/9 + 2/9); logit and energy without temperature;
    # second neighbour 0.6; nothing lies outside axes that span everything.
    assert columns[0].tolist() == pytest.approx([np.log(2), -4 / 9, np.log(4), np.log(5), 0.6, 0.0], abs=1e-6)


def test_outside_is_what_the_axes_do_not_reach() -> None:
    # (3, 4) has length 5: (0.6, 0.8); along the first axis 0.6 is inside, 0.8 outside.
    one_axis = ARRAYS | {"projection": np.array([[1.0], [0.0]], np.float32)}
    assert calibration.outside(np.array([[3, 4], [2, 0]], np.float32), one_axis).tolist() == pytest.approx([0.8, 0.0], abs=1e-6)


def test_three_outcomes() -> None:
    known, place = np.array([0.6, 0.59, 0.59]), np.array([0.0, 0.5, 0.49])
    assert three_outcomes(known, place, DECISION) == ["landmark", "unknown_place", "not_a_place"]


def outputs() -> dict[str, np.ndarray]:
    logits = np.array([[np.log(4), 0.0, -1e9], [np.log(4), 0.0, -1e9]], np.float32)
    return {"logits": logits, "embedding": np.array([[3, 4], [-3, -4]], np.float32)}


def test_decode_tells_the_known_from_the_rest() -> None:
    first, second = decode(outputs(), make_manifest(decision=DECISION), ARRAYS)
    # Known: (ln 4 - 1) / 2 + 0.6 - 0.5 = 0.2931 -> 0.5728; turned round, the second neighbour is at -0.6: -0.9069 -> 0.2876.
    assert first.known_probability == pytest.approx(0.5728, abs=1e-4)
    assert second.known_probability == pytest.approx(0.2876, abs=1e-4)
    # Place: 4 * 0.8 - 1 = 2.2 -> 0.9002; 4 * -0.8 - 1 = -4.2 -> 0.0148.
    assert [first.place_probability, second.place_probability] == pytest.approx([0.9002, 0.0148], abs=1e-4)
    assert [first.looked, second.looked] == ["unknown_place", "not_a_place"]
    lower = DECISION | {"known_threshold": 0.5}
    assert decode(outputs(), make_manifest(decision=lower), ARRAYS)[0].looked == "landmark"


def test_without_a_decision_nothing_is_said() -> None:
    answer = decode(outputs(), make_manifest(), {})[0]
    assert (answer.looked, answer.known_probability, answer.place_probability) == (None, None, None)
    assert answer.order.tolist() == [0, 1, 2]


def broken(**changes: Any) -> dict[str, Any]:
    decision = deepcopy(DECISION)
    for name, value in changes.items():
        target = decision["known"] if name in decision["known"] else decision
        target[name] = value
    return decision


@pytest.mark.parametrize(
    "decision",
    [
        broken(features=list(reversed(KNOWN_FEATURES))),
        broken(features=[*KNOWN_FEATURES, "mood"]),
        broken(weights=[1.0]),
        broken(scale=[0.0] * 6),
        broken(bias="none"),
        broken(known={}),
        broken(gamma=None),
        broken(neighbours=4),
        broken(neighbours=1.5),
        broken(top=0),
        broken(top=10**25),
        broken(gamma=-1.0),
        broken(known_threshold=7),
        broken(place_threshold=-3),
        {name: value for name, value in DECISION.items() if name != "place_threshold"},
    ],
    ids=[
        "order",
        "more",
        "few",
        "zero",
        "text",
        "empty",
        "null",
        "more neighbours than pictures",
        "part of a neighbour",
        "no top",
        "endless top",
        "gamma",
        "threshold",
        "place threshold",
        "missing",
    ],
)
def test_a_decision_of_another_kind_is_a_bundle_error(decision: dict[str, Any]) -> None:
    with pytest.raises(BundleError) as caught:
        decode(outputs(), make_manifest(decision=decision), ARRAYS)
    assert caught.value.code == "bundle_foreign"


#: Three things told by the second number of the embedding, biases last: the middle one is a place.
SCENES: dict[str, np.ndarray] = {
    "scene_weights": np.array([[0, 0], [2, -1], [0, np.log(3)]], np.float32),
    "scene_places": np.array([0, 1, 0], np.uint8),
}
WITH_SCENES = {name: array for name, array in ARRAYS.items() if name != "place_weights"} | SCENES
SCENE_DECISION = DECISION | {"place": {"scale": 2.0, "bias": 1.0}}


def test_a_place_is_told_by_the_classes_that_are_places() -> None:
    # Embedding (9, 1.5): logits 0, 2 x 1.5 - 1 = 2 and ln 3; the place against ln(1 + 3) = ln 4.
    found = calibration.scene(np.array([[9.0, 1.5]], np.float32), SCENES)
    assert found.tolist() == pytest.approx([2 - np.log(4)])
    odds = calibration.place_log_odds(np.array([[9.0, 1.5]], np.float32), SCENE_DECISION, WITH_SCENES)
    assert odds.tolist() == pytest.approx([2 * (2 - np.log(4)) + 1])
    one = decode(outputs(), make_manifest(decision=SCENE_DECISION), WITH_SCENES)[0]
    assert one.place_probability == pytest.approx(
        float(calibration.logistic(calibration.place_log_odds(outputs()["embedding"], SCENE_DECISION, WITH_SCENES))[0])
    )


@pytest.mark.parametrize(
    ("decision", "arrays", "words"),
    [
        (DECISION, WITH_SCENES, "place.scale"),
        (DECISION | {"place": {"scale": "much", "bias": 0.0}}, WITH_SCENES, "place.scale"),
        (SCENE_DECISION, {k: v for k, v in WITH_SCENES.items() if k != "scene_places"}, "scene_places"),
        (SCENE_DECISION, WITH_SCENES | {"scene_places": np.ones(5, np.uint8)}, "scene_places"),
        (SCENE_DECISION, WITH_SCENES | {"scene_weights": np.ones((3, 9), np.float32)}, "scene_weights"),
        (SCENE_DECISION, WITH_SCENES | {"scene_weights": np.ones(3, np.float32)}, "scene_weights"),
        (SCENE_DECISION, WITH_SCENES | {"scene_weights": np.array(1.0, np.float32)}, "scene_weights"),
        (SCENE_DECISION, WITH_SCENES | {"scene_weights": np.ones((3, 0), np.float32)}, "scene_weights"),
        (SCENE_DECISION, WITH_SCENES | {"scene_weights": np.full((3, 2), "x")}, "scene_weights"),
        (SCENE_DECISION, WITH_SCENES | {"scene_places": np.ones(3, np.uint8)}, "scene_places"),
        (SCENE_DECISION, WITH_SCENES | {"scene_places": np.zeros(3, np.uint8)}, "scene_places"),
        (SCENE_DECISION | {"place": {"scale": 10**400, "bias": 0.0}}, WITH_SCENES, "place.scale"),
        (SCENE_DECISION | {"gamma": float("inf")}, WITH_SCENES, "gamma"),
        (DECISION, {k: v for k, v in ARRAYS.items() if k != "place_weights"}, "place_weights"),
    ],
)
def test_scenes_that_do_not_fit_are_a_bundle_error(decision: dict[str, Any], arrays: dict[str, np.ndarray], words: str) -> None:
    with pytest.raises(BundleError, match=words):
        decode(outputs(), make_manifest(decision=decision), arrays)


@pytest.mark.parametrize("name", (*calibration.DECISION_ARRAYS, *calibration.HEAD_ARRAYS))
def test_a_decision_without_its_arrays_is_a_bundle_error(name: str) -> None:
    for arrays in ({k: v for k, v in ARRAYS.items() if k != name}, ARRAYS | {name: np.zeros((7, 7), np.float32)}):
        with pytest.raises(BundleError, match=name):
            decode(outputs(), make_manifest(decision=DECISION), arrays)


@pytest.mark.parametrize("temperature", [0, -1, "hot", None, 10**400, 1e308, 1e-320, True, float("nan")])
def test_an_impossible_temperature_is_a_bundle_error(temperature: Any) -> None:
    with pytest.raises(BundleError, match="temperature"):
        decode(outputs(), make_manifest(calibration={"temperature": temperature}), {})


def test_other_labels_than_the_network_tells_are_a_bundle_error() -> None:
    narrower = {name: array[:, :1] if name == "logits" else array for name, array in outputs().items()}
    with pytest.raises(BundleError, match="labels"):
        decode(narrower, make_manifest(), {})


@pytest.mark.parametrize("changes", [{"weights": [1e299] * 6, "scale": [1e-300] * 6}, {"mean": [1e299] * 6, "scale": [1e-300] * 6}])
def test_numbers_that_overflow_are_a_bundle_error_and_no_warning(changes: dict[str, Any]) -> None:
    with pytest.raises(BundleError, match="no numbers"):
        decode(outputs(), make_manifest(decision=broken(**changes)), ARRAYS)
