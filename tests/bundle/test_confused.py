"""What is taken for what: counts in, counts out; a bundle with and without them; what does not add up is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bundle_factory import LABELS, make_bundle, make_manifest
from landsight.bundle.confused import CONFUSED_NAME, Confused, Taken
from landsight.bundle.load import load
from landsight.bundle.seal import seal
from landsight.errors import BundleError

TABLE = [[8, 1, 3], [0, 5, 0], [0, 0, 0]]


def test_counts_of_a_table_by_hand() -> None:
    found = Confused.of_table(LABELS, TABLE, "ten photos")
    assert found.often("red_rock") == [Taken("blue_bay", 3, 12), Taken("green_hill", 1, 12)]
    assert found.often("red_rock", 1) == [Taken("blue_bay", 3, 12)]
    assert found.often("green_hill") == []  # tested, never confused
    assert found.often("blue_bay") is None  # not tested
    assert found.often("elsewhere") is None
    assert Confused.from_json(found.to_json(), LABELS) == found
    assert Confused.from_json(Confused("nothing").to_json(), LABELS) == Confused("nothing")


def test_a_bundle_carries_it_and_is_what_it_was_without(tmp_path: Path) -> None:
    root = tmp_path / "bundle"
    assert make_bundle(root).confused is None
    found = Confused.of_table(LABELS, TABLE, "drawn")
    (root / CONFUSED_NAME).write_text(found.to_json(), encoding="utf-8")
    assert load(root).confused is None  # not listed: nothing reads it
    assert seal(root, make_manifest()).confused == found
    (root / CONFUSED_NAME).write_text(found.to_json().replace("3", "4"), encoding="utf-8")
    with pytest.raises(BundleError, match="was changed"):
        load(root)


@pytest.mark.parametrize(
    "change",
    [
        {"labels": {"red_rock": {"of": 2, "taken_for": {"blue_bay": 3}}}},
        {"labels": {"red_rock": {"of": 2, "taken_for": {"red_rock": 1}}}},
        {"labels": {"red_rock": {"of": True, "taken_for": {}}}},
        {"labels": {"red_rock": {"of": -1, "taken_for": {}}}},
        {"labels": {"red_rock": {"of": 1.5, "taken_for": {}}}},
        {"labels": {"atlantis": {"of": 2, "taken_for": {}}}},
        {"labels": {"red_rock": {"of": 2, "taken_for": {"atlantis": 1}}}},
        {"labels": {"red_rock": 3}},
        {"labels": []},
        {"measured_on": 7},
    ],
)
def test_what_does_not_add_up_is_refused(tmp_path: Path, change: dict) -> None:
    root = tmp_path / "bundle"
    make_bundle(root)
    data = {"measured_on": "x", "labels": {"red_rock": {"of": 2, "taken_for": {"blue_bay": 1}}}} | change
    (root / CONFUSED_NAME).write_text(json.dumps(data), encoding="utf-8")
    bundle = seal(root, make_manifest())
    with pytest.raises(BundleError, match=r"confused\.json cannot be read"):
        _ = bundle.confused


@pytest.mark.parametrize("content", [b"", b"[" * 100_000, b"\xff\xfe", b"null"])
def test_what_is_no_table(tmp_path: Path, content: bytes) -> None:
    make_bundle(tmp_path)
    (tmp_path / CONFUSED_NAME).write_bytes(content)
    bundle = seal(tmp_path, make_manifest())
    with pytest.raises(BundleError, match="cannot be read"):
        _ = bundle.confused
