"""docs/schema/predict-line.schema.json and Prediction.to_line() say the same."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

from bundle_factory import make_manifest
from landsight.answer import classify
from landsight.answer.classify import ClassAnswer, Looked
from landsight.answer.line import Problem
from landsight.answer.model import SCHEMA_VERSION, Prediction
from landsight.errors import PHOTO_CODES
from landsight.photo.facts import PhotoWarning

SCHEMA_PATH = Path(__file__).parents[2] / "docs" / "schema" / "predict-line.schema.json"
SCHEMA: dict[str, Any] = json.loads(SCHEMA_PATH.read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
ANSWER = ClassAnswer(np.array([0.02, 0.95, 0.03], np.float32), np.array([1, 2, 0]), 0.97, 0.99, "landmark")


def line(answer: ClassAnswer | None, **changes: Any) -> dict[str, Any]:
    values = classify.to_json(answer, make_manifest(), top_k=2)
    prediction = Prediction("a\udcff.jpg", values.pop("outcome"), values, answer)
    return replace(prediction, **changes).to_line()


def looked(how: Looked | None) -> ClassAnswer:
    return replace(ANSWER, looked=how, known_probability=None if how is None else 0.4)


LINES = {
    "answered": line(ANSWER, warnings=(PhotoWarning("damaged", "A part is missing."),)),
    "no_decision": line(looked(None)),
    "unknown_place": line(looked("unknown_place")),
    "not_a_place": line(looked("not_a_place")),
} | {code: line(None, error=Problem(code, "What is wrong.", "What to do.")) for code in PHOTO_CODES}


def test_the_schema_is_a_schema_and_closed() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["properties"]["schema_version"]["const"] == SCHEMA_VERSION
    assert sorted(SCHEMA["required"]) == sorted(SCHEMA["properties"])


@pytest.mark.parametrize("one", LINES.values(), ids=LINES.keys())
def test_every_kind_of_line_is_valid(one: dict[str, Any]) -> None:
    VALIDATOR.validate(json.loads(json.dumps(one, allow_nan=False)))


def test_what_the_lines_say() -> None:
    assert {one["outcome"] for one in LINES.values()} == set(SCHEMA["properties"]["outcome"]["enum"])
    answered = LINES["answered"]
    assert (answered["label"], answered["probability"], answered["known_probability"]) == ("green_hill", pytest.approx(0.95), 0.97)
    assert [c["label"] for c in answered["candidates"]] == ["green_hill", "blue_bay"]
    assert answered["path"] == "a\ufffd.jpg"
    unknown = LINES["not_a_place"]
    assert (unknown["outcome"], unknown["label"], unknown["candidates"][0]["label"]) == ("unknown", None, "green_hill")


@pytest.mark.parametrize(
    "wrong",
    [
        {"schema_version": 2},
        {"extra": 1},
        {"outcome": "maybe"},
        {"label": None},
        {"probability": 1.5},
        {"candidates": []},
        {"outcome": "error"},
        {"outcome": "unknown"},
        {"error": {"code": "damaged", "reason": "x", "advice": ""}},
    ],
    ids=str,
)
def test_a_broken_line_is_refused(wrong: dict[str, Any]) -> None:
    assert not VALIDATOR.is_valid(LINES["answered"] | wrong)
