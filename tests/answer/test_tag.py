"""Any number of labels: decoding, lines, stored answers, and bundles that cannot be."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

from bundle_factory import make_manifest
from landsight.answer import tag
from landsight.answer.line import Problem
from landsight.answer.model import Prediction
from landsight.answer.road import wants
from landsight.bundle.manifest import Manifest
from landsight.errors import BundleError

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "schema" / "predict-tag-line.schema.json").read_text(encoding="utf-8"))


def manifest(**calibration: Any) -> Manifest:
    return replace(make_manifest(), task="tag", decision={}, calibration=calibration)


LABELS = manifest().labels
#: Logits of ln 3, 0 and -ln 3 are probabilities of 3/4, 1/2 and 1/4.
LOGITS = {"logits": np.log(np.array([[3.0, 1, 1 / 3], [1 / 3, 1 / 9, 1 / 3]])).astype(np.float32)}


def test_each_label_is_asked_on_its_own() -> None:
    first, second = tag.decode(LOGITS, manifest(), {})
    assert first.probabilities.tolist() == pytest.approx([0.75, 0.5, 0.25])
    assert first.labels == (0, 1)
    assert second.labels == ()
    assert second.order.tolist() == [0, 2, 1]
    strict, _ = tag.decode(LOGITS, manifest(thresholds=[0.8, 0.4, 0.2]), {})
    assert strict.labels == (1, 2)


@pytest.mark.parametrize("thresholds", [[0.5], [0.5, 0.5, 1.0], [0.5, 0.5, "x"], 0.5, [0.5, 0.5, float("nan")], [0.5, True, 0.5]])
def test_impossible_thresholds_are_refused(thresholds: Any) -> None:
    with pytest.raises(BundleError, match="thresholds"):
        tag.decode(LOGITS, manifest(thresholds=thresholds), {})


def test_networks_that_do_not_fit() -> None:
    with pytest.raises(BundleError, match="names 3 labels"):
        tag.decode({"logits": np.zeros((1, 2), np.float32)}, manifest(), {})
    with pytest.raises(BundleError, match="needs the output 'logits'"):
        tag.decode({"embedding": np.zeros((1, 2), np.float32)}, manifest(), {})
    with pytest.raises(BundleError, match="no numbers"):
        tag.decode({"logits": np.full((1, 3), np.nan, np.float32)}, manifest(), {})
    assert wants(replace(manifest(), outputs={"logits": ["n", 3]})) == ("logits",)


def line(answer: tag.TagAnswer | None) -> dict[str, Any]:
    values = tag.to_json(answer, manifest(), top_k=2)
    error = None if answer else Problem("damaged", "What is wrong.", "What to do.")
    return Prediction("a.jpg", values.pop("outcome"), values, answer, error=error).to_line()


def test_lines_are_as_the_schema_says() -> None:
    answered, unknown = (line(answer) for answer in tag.decode(LOGITS, manifest(), {}))
    error = line(None)
    validator = jsonschema.Draft202012Validator(SCHEMA)
    for one in (answered, unknown, error):
        validator.validate(one)
        assert list(one) == list(answered)
    assert [one["label"] for one in answered["labels"]] == [LABELS[0], LABELS[1]]
    assert (unknown["outcome"], unknown["labels"], len(unknown["candidates"])) == ("unknown", [], 2)
    for wrong in ({"labels": []}, {"extra": 1}, {"outcome": "error"}, {"schema_version": 2}):
        assert not validator.is_valid(answered | wrong)
    assert sorted(SCHEMA["required"]) == sorted(SCHEMA["properties"])


def test_in_words() -> None:
    answered, unknown = (tag.said(line(answer)) for answer in tag.decode(LOGITS, manifest(), {}))
    assert answered.text == f"{LABELS[0]} (75 %), {LABELS[1]} (50 %)"
    assert answered.probability is None
    sure, *_ = tag.decode({"logits": np.array([[9.0, -9, -9]], np.float32)}, manifest(), {})
    assert tag.said(line(sure)).text == f"{LABELS[0]} (>99 %)"
    assert unknown.text == "none of the labels"
    assert unknown.others[0] == (LABELS[0], pytest.approx(0.25))


def test_stored_answers_are_compared_label_by_label() -> None:
    """A label may come or go only near its threshold: 0.5 is at it, 0.75 is not."""
    first, second = (tag.stored(json.loads(json.dumps(tag.record(answer, manifest())))) for answer in tag.decode(LOGITS, manifest(), {}))
    assert tag.compared(first, first, manifest(), 1e-4) == tag.Compared(0.0, ())
    differing = tag.compared(first, second, manifest(), 1e-4)
    assert differing.worst == pytest.approx(0.5)
    assert differing.differences[0].startswith("a probability differs by 0.5")
    assert [LABELS[0] in words and "not told, and was told" in words for words in differing.differences[1:]] == [True]
    for broken in ({}, {"probabilities": []}, {"probabilities": [["a", 0.5]], "labels": [["a"]]}, {"probabilities": 3}):
        with pytest.raises((ValueError, KeyError, TypeError)):
            tag.stored(broken)
