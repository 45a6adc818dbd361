"""whereabouts/locate-line.schema.json and Located.to_line() say the same."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

from bundle_factory import LABELS, make_manifest
from landsight.answer.classify import ClassAnswer
from landsight.errors import PHOTO_CODES, PhotoError
from landsight.photo.facts import CaptureTime, Facts, Position
from landsight.places.reverse import reverse
from landsight.whereabouts.decide import Findings, decide
from landsight.whereabouts.located import SCHEMA_VERSION, Located, Looked

SCHEMA_PATH = Path(__file__).parents[2] / "src" / "landsight" / "whereabouts" / "locate-line.schema.json"
SCHEMA: dict[str, Any] = json.loads(SCHEMA_PATH.read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)

ANSWER = ClassAnswer(np.array([0.02, 0.95, 0.03], np.float32), np.array([1, 2, 0]), 0.97, 0.99, "landmark")
POSITION = Position(41.8902, 12.4922, "exif", accuracy_m=5.0)
HERE = Facts(position=POSITION, gps_status="present", captured=CaptureTime("2024-05-01T12:00:03+02:00", has_zone=True))


def decided(found: Findings, **changes: Any) -> Located:
    return decide(found, replace(make_manifest(), **changes), top_k=3, gps=True, place_of=reverse)


def looked(how: Looked | None) -> ClassAnswer:
    return replace(ANSWER, looked=how, known_probability=None if how is None else 0.4)


LINES = {
    "gps_and_landmark_in_conflict": decided(Findings("a.jpg", HERE, answer=ANSWER)),
    "gps_at_sea": decided(Findings("a.jpg", replace(HERE, position=replace(POSITION, latitude=-40.0, longitude=-120.0)), answer=ANSWER)),
    "landmark": decided(Findings("a.jpg", Facts(), answer=ANSWER)),
    "landmark_without_places": decided(Findings("a.jpg", Facts(), answer=ANSWER), places={}),
    "no_decision": decided(Findings("a.jpg", Facts(), answer=looked(None))),
    "unknown_place": decided(Findings("a.jpg", Facts(), answer=looked("unknown_place"))),
    "not_a_place": decided(Findings("a.jpg", Facts(gps_status="zeroed"), answer=looked("not_a_place"))),
    "only_gps": decided(Findings("a.jpg", HERE)),
    "sidecar": decided(Findings("a.jpg", replace(HERE, position=replace(POSITION, source="sidecar")))),
    "no_position": decided(Findings("a.jpg", Facts())),
} | {code: decided(Findings("a.jpg", HERE, error=PhotoError(code, "What is wrong.", "What to do."))) for code in PHOTO_CODES}


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["properties"]["schema_version"]["const"] == SCHEMA_VERSION


@pytest.mark.parametrize("located", LINES.values(), ids=LINES.keys())
def test_every_kind_of_line_is_valid(located: Located) -> None:
    VALIDATOR.validate(json.loads(json.dumps(located.to_line(), allow_nan=False)))


def test_the_lines_reach_every_outcome_and_field() -> None:
    lines = [located.to_line() for located in LINES.values()]
    assert {line["outcome"] for line in lines} == set(SCHEMA["properties"]["outcome"]["enum"])
    assert {line["looked"] for line in lines} == set(SCHEMA["properties"]["looked"]["enum"])
    for field in ("camera", "shown", "error", "known_probability"):
        assert any(line[field] is None for line in lines)
        assert any(line[field] is not None for line in lines)
    assert any(line["conflicts"] for line in lines)
    assert any(line["warnings"] for line in lines)


def required_is_everything(node: Any) -> None:
    if isinstance(node, dict):
        if "properties" in node and node.get("type") == "object":
            assert sorted(node["required"]) == sorted(node["properties"]), node
            assert node["additionalProperties"] is False, node
        for value in node.values():
            required_is_everything(value)
    elif isinstance(node, list):
        for value in node:
            required_is_everything(value)


def test_no_field_is_optional_and_none_is_open() -> None:
    required_is_everything(SCHEMA)


def changed(line: dict[str, Any], *path: Any) -> dict[str, Any]:
    copy: dict[str, Any] = json.loads(json.dumps(line))
    target: Any = copy
    for key in path[:-2]:
        target = target[key]
    target[path[-2]] = path[-1]
    return copy


FULL = LINES["gps_and_landmark_in_conflict"].to_line()
WRONG = {
    "version": changed(FULL, "schema_version", 2),
    "extra": FULL | {"extra": 1},
    "outcome": changed(FULL, "outcome", "maybe"),
    "gps_without_camera": changed(FULL, "camera", None),
    "landmark_without_shown": changed(FULL, "shown", None),
    "landmark_outcome_with_camera": changed(FULL, "outcome", "landmark"),
    "error_without_reason": changed(FULL, "outcome", "error"),
    "latitude": changed(FULL, "camera", "latitude", 91.0),
    "probability": changed(FULL, "shown", "probability", 1.1),
    "rank": changed(FULL, "candidates", 0, "rank", 0),
    "bearing": changed(FULL, "camera", "place", "bearing_deg", 360.0),
    "evidence": changed(FULL, "evidence", 0, "kind", "guess"),
    "missing": {key: value for key, value in FULL.items() if key != "conflicts"},
}


@pytest.mark.parametrize("line", WRONG.values(), ids=WRONG.keys())
def test_a_broken_line_is_refused(line: dict[str, Any]) -> None:
    assert not VALIDATOR.is_valid(line)


def test_labels_of_the_factory_are_what_is_shown() -> None:
    assert FULL["shown"]["class"] == LABELS[1]
