"""Numbers beside the labels: decoded into their own units, compared by their spread, refused when they do not fit."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bundle_factory import make_manifest
from landsight.answer import classify
from landsight.answer.road import wants
from landsight.answer.values import decode_values, read_values, value_differences
from landsight.bundle.manifest import Manifest
from landsight.errors import BundleError

SCALARS = {"names": ["height_m", "share"], "mean": [100.0, 0.5], "scale": [20.0, 0.1]}
OUTPUTS = {"values": np.array([[1.0, -2.0]], np.float32)}


def manifest(scalars: Any = SCALARS) -> Manifest:
    return replace(make_manifest(), decision={}, outputs={"logits": ["n", 3], "values": ["n", 2]}, calibration={"values": scalars})


def test_values_are_told_in_their_own_units() -> None:
    """100 + 1 x 20 and 0.5 - 2 x 0.1."""
    assert decode_values(OUTPUTS, manifest()) == [{"height_m": 120.0, "share": pytest.approx(0.3)}]
    outputs = {**OUTPUTS, "logits": np.zeros((1, 3), np.float32)}
    answer = classify.decode(outputs, manifest(), {})[0]
    line = classify.to_json(answer, manifest(), top_k=1)
    assert line["values"][0] == {"name": "height_m", "value": 120.0}
    assert ", height_m 120, share 0.3" in classify.said(line).text
    assert "values" in wants(manifest())


def test_a_bundle_without_values_says_none() -> None:
    plain = replace(manifest(), calibration={}, outputs={})
    assert decode_values(OUTPUTS, plain) is None
    assert "values" not in wants(plain)


@pytest.mark.parametrize(
    "scalars",
    [
        3,
        {},
        SCALARS | {"names": ["a"]},
        SCALARS | {"names": ["a", "a"]},
        SCALARS | {"names": ["a", 3]},
        SCALARS | {"scale": [1.0, 0.0]},
        SCALARS | {"mean": [1.0, "x"]},
    ],
    ids=str,
)
def test_scalars_that_do_not_fit_are_refused(scalars: Any) -> None:
    with pytest.raises(BundleError):
        decode_values(OUTPUTS, manifest(scalars))


def test_values_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(BundleError, match="no numbers"):
        decode_values({"values": np.array([[np.inf, 0.0]], np.float32)}, manifest())


def test_stored_values_are_compared_by_their_spread() -> None:
    """fp32 allows 1e-4 x 10 of a standard deviation: 0.02 of 20 m, 0.0001 of 0.1."""
    then = {"values": {"height_m": 120.0, "share": 0.3}}
    assert list(value_differences(then, {"values": {"height_m": 120.015, "share": 0.3}}, manifest(), 1e-4)) == []
    words = list(value_differences(then, {"values": {"height_m": 120.015, "share": 0.302}}, manifest(), 1e-4))
    assert words == ["share is 0.302, recorded was 0.3"]
    assert list(value_differences(then, {"values": None}, manifest(), 1e-4)) == ["the values predicted are others"]
    assert list(value_differences({}, {}, manifest(), 1e-4)) == []
    assert read_values({}) is None
    with pytest.raises((ValueError, TypeError)):
        read_values({"values": {"a": "x"}})
