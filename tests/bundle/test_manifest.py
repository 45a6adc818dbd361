"""bundle.json is refused unless every field is there, known, and of its form."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from bundle_factory import make_manifest
from landsight.bundle.manifest import Manifest, is_safe_name
from landsight.errors import BundleError

SHA = "0" * 64


def table() -> dict[str, Any]:
    data: dict[str, Any] = json.loads(make_manifest().to_json())
    data["files"] = {"model.onnx": SHA}
    return data


def test_reads_back_what_it_writes() -> None:
    manifest = Manifest.from_json(json.dumps(table()))
    assert Manifest.from_json(manifest.to_json()) == manifest
    assert manifest.places["red_rock"].city == "Yulara"
    assert manifest.places["blue_bay"].country is None


@pytest.mark.parametrize("field", ["name", "task", "made", "input", "outputs", "labels", "precisions", "files"])
def test_a_missing_field_is_named(field: str) -> None:
    data = table()
    del data[field]
    with pytest.raises(BundleError, match=f"lacks {field}") as caught:
        Manifest.from_json(json.dumps(data))
    assert caught.value.code == "bundle_foreign"


def test_an_unknown_field_is_named() -> None:
    with pytest.raises(BundleError, match="'surprise'"):
        Manifest.from_json(json.dumps(table() | {"surprise": 1}))


def test_a_newer_format_asks_for_an_update() -> None:
    # A newer format may have other fields; the advice must still be to update.
    with pytest.raises(BundleError, match="Update landsight") as caught:
        Manifest.from_json(json.dumps({"schema_version": 2, "what": "ever"}))
    assert caught.value.code == "bundle_newer"


@pytest.mark.parametrize("text", ["", "{", "[]", "[1, 2]", '"text"', "null", "{}", '{"schema_version": "1"}', '{"schema_version": true}',
                                  '{"schema_version": 0}', "[" * 200_000, '{"a":' * 100_000, '{"schema_version": ' + "9" * 5000 + "}"],
                         ids=["empty", "cut", "list", "numbers", "text", "null", "bare", "version_text", "version_true", "version_0",
                              "deep_list", "deep_table", "huge_number"])  # fmt: skip
def test_what_is_no_manifest_is_foreign(text: str) -> None:
    with pytest.raises(BundleError) as caught:
        Manifest.from_json(text)
    assert caught.value.code == "bundle_foreign"
    assert caught.value.exit_code == 3


def set_at(*path: Any) -> Callable[[dict[str, Any]], None]:
    """A change: the last argument is put at the place that the others lead to."""

    def change(data: dict[str, Any]) -> None:
        target: Any = data
        for key in path[:-2]:
            target = target[key]
        target[path[-2]] = path[-1]

    return change


WRONG = {
    "name_number": set_at("name", 5),
    "labels_text": set_at("labels", "abc"),
    "labels_empty": set_at("labels", []),
    "labels_twice": set_at("labels", ["a", "a"]),
    "labels_numbers": set_at("labels", [1, 2, 3]),
    "labels_none": set_at("labels", None),
    "files_list": set_at("files", ["model.onnx"]),
    "files_no_hash": set_at("files", "model.onnx", "abc"),
    "files_hash_number": set_at("files", "model.onnx", 7),
    "files_hash_upper": set_at("files", "model.onnx", "A" * 64),
    "model_unlisted": set_at("precisions", "fp32", "other.onnx"),
    "model_number": set_at("precisions", "fp32", 3),
    "model_list": set_at("precisions", "fp32", []),
    "no_model": set_at("precisions", {}),
    "input_list": set_at("input", []),
    "input_width_text": set_at("input", "width", "224"),
    "input_width_zero": set_at("input", "width", 0),
    "input_filter": set_at("input", "filter", "magic"),
    "input_mean_one": set_at("input", "mean", [127.0]),
    "input_extra": set_at("input", "extra", 1),
    "places_list": set_at("places", []),
    "place_of_no_label": set_at("places", "green_moon", {"name": "x", "latitude": 0.0, "longitude": 0.0, "radius_m": 1.0}),
    "place_latitude_91": set_at("places", "red_rock", "latitude", 91.0),
    "place_longitude_181": set_at("places", "red_rock", "longitude", -181.0),
    "place_latitude_text": set_at("places", "red_rock", "latitude", "12"),
    "place_radius_negative": set_at("places", "red_rock", "radius_m", -1.0),
    "place_name_none": set_at("places", "red_rock", "name", None),
    "place_city_number": set_at("places", "red_rock", "city", 4),
    "metric_text": set_at("metrics", "test_top1", "value", "0.9"),
    "metric_short": set_at("metrics", "test_top1", {"value": 0.9}),
    "outputs_text": set_at("outputs", "logits", "n,3"),
    "decision_list": set_at("decision", []),
}


@pytest.mark.parametrize("change", WRONG.values(), ids=WRONG.keys())
def test_a_field_of_the_wrong_form_is_refused(change: Callable[[dict[str, Any]], None]) -> None:
    data = table()
    change(data)
    with pytest.raises(BundleError):
        Manifest.from_json(json.dumps(data))


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_numbers_that_are_none_are_refused(number: str) -> None:
    text = json.dumps(table()).replace('"temperature": 1.0', f'"temperature": {number}')
    assert number in text
    with pytest.raises(BundleError, match="number"):
        Manifest.from_json(text)


@pytest.mark.parametrize(
    "name", ["../up", "a/../../up", "/etc/passwd", "a//b", "./a", "a/.", "..", "", "C:/x", "a\\b", "a\0b", "a/", "c:x"]
)
def test_names_that_lead_out_are_refused(name: str) -> None:
    assert not is_safe_name(name)
    data = table()
    data["files"][name] = SHA
    with pytest.raises(BundleError, match="outside its folder"):
        Manifest.from_json(json.dumps(data))


@pytest.mark.parametrize("name", ["model.onnx", "photos/a b.jpg", "photos/été..jpg", "...", "-x"])
def test_plain_names_are_taken(name: str) -> None:
    assert is_safe_name(name)
