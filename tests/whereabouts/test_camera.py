"""Where the camera stood: position, radius and time of the file, and why there is none."""

from __future__ import annotations

import math

import pytest

from landsight.photo.facts import CaptureTime, Facts, GpsStatus, PhotoWarning, Position
from landsight.whereabouts.camera import DEFAULT_RADIUS_M, camera_evidence

ROME = (41.8902, 12.4922)


def facts(latitude: float = ROME[0], longitude: float = ROME[1], *, source: str = "exif", accuracy_m: float | None = None) -> Facts:
    return Facts(position=Position(latitude, longitude, source, accuracy_m=accuracy_m), gps_status="present")  # type: ignore[arg-type]


def test_own_position_has_the_radius_of_its_accuracy_tag() -> None:
    found = camera_evidence(facts(accuracy_m=4.5))
    assert found.radius_m == 4.5
    assert [(e.kind, e.of, e.source, e.radius_m) for e in found.evidence] == [("gps", "camera", "exif", 4.5)]


@pytest.mark.parametrize("accuracy", [None, 0.0, -3.0, math.nan, math.inf])
def test_without_a_usable_accuracy_the_radius_is_ten_metres(accuracy: float | None) -> None:
    found = camera_evidence(facts(accuracy_m=accuracy))
    assert found.radius_m == DEFAULT_RADIUS_M == 10.0
    assert "no accuracy" in found.evidence[0].detail


def test_xmp_inside_the_photo_is_its_own_position() -> None:
    assert camera_evidence(facts(source="xmp")).evidence[0].kind == "gps"


def test_a_position_out_of_a_sidecar_is_named_as_such() -> None:
    found = camera_evidence(facts(source="sidecar"))
    assert [(e.kind, e.source) for e in found.evidence] == [("sidecar", "sidecar")]


@pytest.mark.parametrize(("status", "code"), [("zeroed", "gps_zero"), ("malformed", "gps_malformed")])
def test_no_position_says_why(status: GpsStatus, code: str) -> None:
    found = camera_evidence(Facts(gps_status=status, gps_detail="latitude 95"))
    assert found.position is None
    assert found.evidence == ()
    assert [w.code for w in found.warnings] == [code]
    assert "latitude 95" in found.warnings[0].text


def test_what_the_reader_has_said_is_not_said_twice() -> None:
    told = PhotoWarning("gps_zero", "latitude and longitude are 0")
    assert camera_evidence(Facts(gps_status="zeroed", warnings=(told,))).warnings == (told,)


def test_absent_says_nothing() -> None:
    assert camera_evidence(Facts()) == camera_evidence(None)
    assert camera_evidence(Facts()).warnings == ()


def test_time_is_that_of_capture_else_of_the_fix() -> None:
    position = Position(*ROME, "exif", time_utc="2024-05-01T10:00:00Z")
    assert camera_evidence(Facts(position=position, gps_status="present")).time == "2024-05-01T10:00:00Z"
    captured = CaptureTime("2024-05-01T12:00:03+02:00", has_zone=True)
    found = camera_evidence(Facts(position=position, gps_status="present", captured=captured))
    assert found.time == captured.iso
    assert found.evidence[0].when == captured.iso
    assert camera_evidence(Facts(captured=captured)).time == captured.iso
