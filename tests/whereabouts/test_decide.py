"""Evidence to answer: every outcome, camera and shown side by side, conflicts reported and never resolved."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bundle_factory import LABELS, PLACES, make_manifest
from landsight.answer.classify import ClassAnswer
from landsight.errors import PhotoError
from landsight.photo.facts import Facts, PhotoWarning, Position
from landsight.places.place import Place
from landsight.whereabouts.decide import Findings, decide
from landsight.whereabouts.located import Located, Looked

MANIFEST = make_manifest()
BERLIN = (52.5163, 13.3777)  # green_hill of the factory
ROME = (41.8902, 12.4922)
DAMAGED = PhotoError("damaged", "Only a third of the picture could be decoded.", "Take it from a backup.")


def answer(
    best: str = "green_hill", probability: float = 0.95, looked: Looked | None = "landmark", known: float | None = 0.97
) -> ClassAnswer:
    probabilities = np.full(len(LABELS), (1 - probability) / (len(LABELS) - 1), np.float32)
    probabilities[LABELS.index(best)] = probability
    order = np.argsort(-probabilities, kind="stable")
    return ClassAnswer(probabilities, order, known, 0.9, looked)


def at(latitude: float, longitude: float, accuracy_m: float | None = None) -> Facts:
    return Facts(position=Position(latitude, longitude, "exif", accuracy_m=accuracy_m), gps_status="present")


def place_of(latitude: float, longitude: float) -> Place:
    return Place("Somewhere", "XX", None, f"{latitude:.0f},{longitude:.0f}", 0.0, 0.0, None)


def decided(found: Findings, *, top_k: int = 3, gps: bool = True) -> Located:
    return decide(found, MANIFEST, top_k=top_k, gps=gps, place_of=place_of)


@pytest.mark.parametrize("looked", ["landmark", "unknown_place", "not_a_place"])
def test_without_a_position_the_outcome_is_what_the_picture_shows(looked: Looked) -> None:
    located = decided(Findings("a.jpg", Facts(), answer=answer(looked=looked)))
    assert located.outcome == located.looked == looked
    assert located.camera is None
    assert (located.shown is not None) == (looked == "landmark")
    assert [c.label for c in located.candidates] == ["green_hill", "red_rock", "blue_bay"]
    assert located.known_probability == 0.97
    assert located.error is None


@pytest.mark.parametrize("looked", ["landmark", "unknown_place", "not_a_place"])
def test_a_position_makes_the_outcome_gps_and_hides_nothing(looked: Looked) -> None:
    located = decided(Findings("a.jpg", at(*ROME), answer=answer(looked=looked)))
    assert located.outcome == "gps"
    assert located.looked == looked
    assert located.camera is not None
    assert located.camera.place == place_of(*ROME)
    assert len(located.candidates) == 3


def test_shown_carries_the_place_of_the_bundle() -> None:
    shown = decided(Findings("a.jpg", Facts(), answer=answer())).shown
    assert shown is not None
    assert (shown.label, shown.name, shown.city, shown.country_code, shown.radius_m) == ("green_hill", "Green Hill", "Berlin", "DE", 50.0)
    assert shown.probability == pytest.approx(0.95)


def test_a_place_whose_country_is_left_open_stays_without() -> None:
    shown = decided(Findings("a.jpg", Facts(), answer=answer("blue_bay"))).shown
    assert shown is not None
    assert shown.city == "Jerusalem"
    assert shown.country is None
    assert shown.country_code is None


def test_evidence_lists_both_and_merges_neither() -> None:
    located = decided(Findings("a.jpg", at(*BERLIN), answer=answer()))
    assert [(e.kind, e.of) for e in located.evidence] == [("gps", "camera"), ("landmark", "shown")]
    assert located.evidence[1].confidence == pytest.approx(0.95)
    assert located.evidence[1].source == "drawn3"
    assert located.conflicts == ()


def test_far_apart_and_sure_is_a_conflict() -> None:
    located = decided(Findings("a.jpg", at(*ROME), answer=answer(probability=0.97)))
    assert [c.kind for c in located.conflicts] == ["camera_shown"]
    # Rome to Berlin is about 1,180 km.
    assert located.conflicts[0].distance_m == pytest.approx(1_183_000, rel=0.01)
    assert located.conflicts[0].probability == pytest.approx(0.97)
    assert located.outcome == "gps"
    assert located.shown is not None


@pytest.mark.parametrize(
    ("facts", "probability", "looked", "conflict"),
    [
        (at(*ROME), 0.89, "landmark", False),  # not sure enough
        (at(*ROME), 0.91, "landmark", True),
        (at(*ROME), 0.97, "unknown_place", False),  # nothing is shown
        (at(BERLIN[0] + 0.44, BERLIN[1]), 0.97, "landmark", False),  # 0.44 degrees: 48.9 km
        (at(BERLIN[0] + 0.46, BERLIN[1]), 0.97, "landmark", True),  # 51.1 km
        (at(BERLIN[0] + 0.46, BERLIN[1], accuracy_m=60_000.0), 0.97, "landmark", False),  # within the camera's own doubt
    ],
)
def test_what_is_a_conflict_and_what_is_not(facts: Facts, probability: float, looked: Looked, conflict: bool) -> None:
    located = decided(Findings("a.jpg", facts, answer=answer(probability=probability, looked=looked)))
    assert bool(located.conflicts) == conflict


def test_gps_off_leaves_every_position_aside() -> None:
    located = decided(Findings("a.jpg", at(*ROME), answer=answer(probability=0.99)), gps=False)
    assert located.outcome == "landmark"
    assert located.camera is None
    assert [e.kind for e in located.evidence] == ["landmark"]
    assert located.conflicts == ()


def test_unreadable_pixels_keep_the_position() -> None:
    located = decided(Findings("a.jpg", at(*ROME), error=DAMAGED))
    assert located.outcome == "error"
    assert located.camera is not None
    assert located.error is not None
    assert located.error.code == "damaged"
    assert located.looked is None
    assert located.candidates == ()


def test_only_gps_answers_by_position_or_says_there_is_none() -> None:
    assert decided(Findings("a.jpg", at(*ROME))).outcome == "gps"
    located = decided(Findings("a.jpg", Facts()))
    assert located.outcome == "error"
    assert located.error is not None
    assert located.error.code == "no_position"


def test_only_gps_needs_no_manifest() -> None:
    located = decide(Findings("a.jpg", at(*ROME)), None, top_k=3, gps=True, place_of=place_of)
    assert located.outcome == "gps"
    assert located.looked is None


def test_an_error_of_reading_wins_over_no_position() -> None:
    error = PhotoError("not_a_photo", "Text.", "")
    located = decided(Findings("a.txt", Facts(), error=error))
    assert located.error is not None
    assert located.error.code == "not_a_photo"


def test_a_bundle_without_places_names_labels_only() -> None:
    manifest = replace(MANIFEST, places={})
    located = decide(Findings("a.jpg", at(*ROME), answer=answer(probability=0.99)), manifest, top_k=2, gps=True, place_of=place_of)
    assert located.shown is not None
    assert located.shown.name == "green_hill"
    assert located.shown.latitude is None
    assert [e.of for e in located.evidence] == ["camera"]
    assert located.conflicts == ()
    assert len(located.candidates) == 2


def test_a_bundle_without_decision_names_its_best_label() -> None:
    located = decided(Findings("a.jpg", Facts(), answer=answer(looked=None, known=None)))
    assert located.outcome == located.looked == "landmark"
    assert located.known_probability is None


def test_more_candidates_than_labels_gives_all_labels() -> None:
    located = decided(Findings("a.jpg", Facts(), answer=answer()), top_k=50)
    assert [c.rank for c in located.candidates] == [1, 2, 3]
    assert located.candidates[0].name == PLACES["green_hill"].name


def test_warnings_of_facts_and_pixels_are_each_said_once() -> None:
    told = PhotoWarning("damaged", "A tenth is missing.")
    facts = replace(at(*ROME), warnings=(told,))
    located = decided(Findings("a.jpg", facts, answer=answer(), warnings=(told, PhotoWarning("multi_frame", "The first of 2."))))
    assert [w.code for w in located.warnings] == ["damaged", "multi_frame"]
