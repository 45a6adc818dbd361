"""All evidence about one photo -> one Located. Camera and shown are given side by side and never merged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from landsight.answer.classify import ClassAnswer
from landsight.bundle.manifest import Manifest
from landsight.errors import PhotoError
from landsight.photo.facts import Facts, PhotoWarning
from landsight.places.place import Place
from landsight.sphere import distance_m
from landsight.whereabouts.camera import CameraEvidence, camera_evidence
from landsight.whereabouts.located import Camera, Conflict, Located, Looked, Outcome, Problem, Shown
from landsight.whereabouts.shown import candidates, looked_at, shown, shown_evidence

#: Camera and landmark closer than this do not contradict each other: a skyline is seen from afar.
CONFLICT_DISTANCE_M = 50_000.0
#: Below this probability the landmark is too unsure to contradict a position.
CONFLICT_PROBABILITY = 0.9

PlaceOf = Callable[[float, float], Place | None]


@dataclass(frozen=True, slots=True)
class Findings:
    """What was found out about one photo. ``answer`` None: pixels were not opened, or could not be (then ``error`` says why)."""

    path: str
    facts: Facts | None = None
    answer: ClassAnswer | None = None
    error: PhotoError | None = None
    warnings: tuple[PhotoWarning, ...] = ()


def decide(found: Findings, manifest: Manifest | None, *, top_k: int, gps: bool, place_of: PlaceOf) -> Located:
    """Weigh the evidence. ``gps`` False leaves every position of camera aside; ``place_of`` names a point, or returns None.

    ``manifest`` is needed when there is an answer. The outcome is "gps" when anything tells where the camera stood, else what the
    picture shows; a photo that could not be read is "error", with its camera position if that could be read.
    """
    stood = camera_evidence(found.facts)
    camera = _camera(stood, place_of) if gps else None
    looked, seen = (looked_at(found.answer), shown(found.answer, manifest)) if found.answer and manifest else (None, None)
    error = found.error or (_no_position() if found.answer is None and camera is None else None)
    return Located(
        path=found.path,
        outcome=_outcome(error, camera, looked),
        looked=looked,
        camera=camera,
        shown=seen,
        known_probability=found.answer.known_probability if found.answer else None,
        candidates=candidates(found.answer, manifest, top_k) if found.answer and manifest else (),
        evidence=(*(stood.evidence if gps else ()), *(shown_evidence(seen, manifest.name) if seen and manifest else ())),
        conflicts=_conflicts(camera, seen),
        warnings=_unique((*stood.warnings, *found.warnings)),
        error=Problem.of(error) if error else None,
        facts=found.facts,
    )


def _camera(stood: CameraEvidence, place_of: PlaceOf) -> Camera | None:
    position = stood.position
    if position is None:
        return None
    place = place_of(position.latitude, position.longitude)
    return Camera(position.latitude, position.longitude, stood.radius_m, position.source, stood.time, place)


def _outcome(error: PhotoError | None, camera: Camera | None, looked: Looked | None) -> Outcome:
    if error is not None or (camera is None and looked is None):
        return "error"
    return "gps" if camera is not None or looked is None else looked


def _conflicts(camera: Camera | None, seen: Shown | None) -> tuple[Conflict, ...]:
    """A contradiction is reported, never resolved: a replica, a painting and a wrong clock are all possible."""
    if camera is None or seen is None or seen.latitude is None or seen.longitude is None or seen.probability < CONFLICT_PROBABILITY:
        return ()
    distance = distance_m(camera.latitude, camera.longitude, seen.latitude, seen.longitude)
    if distance <= CONFLICT_DISTANCE_M or distance <= camera.radius_m + (seen.radius_m or 0.0):
        return ()
    return (Conflict("camera_shown", distance, seen.probability),)


def _no_position() -> PhotoError:
    return PhotoError(
        "no_position",
        "The photo carries no position, and its pixels were not to be opened.",
        "Leave --only-gps out to look at the picture.",
    )


def _unique(warnings: tuple[PhotoWarning, ...]) -> tuple[PhotoWarning, ...]:
    """Each warning once, in order: worker and metadata may both tell the same."""
    return tuple(dict.fromkeys(warnings))
