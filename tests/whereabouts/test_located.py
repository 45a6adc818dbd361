"""The line is JSON that any reader takes: finite numbers, valid UTF-8, whatever was in the photo."""

from __future__ import annotations

import json
import math
import os
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from landsight.photo.facts import PhotoWarning
from landsight.places.place import Place
from landsight.whereabouts.evidence import Evidence
from landsight.whereabouts.located import Camera, Candidate, Conflict, Located, Problem, Shown

NUMBERS = st.floats(allow_nan=True, allow_infinity=True)
# Any text at all, with the lone surrogates that undecodable file names and broken XMP bring.
TEXTS = st.text(st.characters(), max_size=20)
MAYBE_NUMBERS, MAYBE_TEXTS = st.none() | NUMBERS, st.none() | TEXTS

CAMERAS = st.builds(
    Camera,
    NUMBERS,
    NUMBERS,
    NUMBERS,
    st.sampled_from(["exif", "xmp", "sidecar", "track", "neighbour"]),
    MAYBE_TEXTS,
    st.none() | st.builds(Place, MAYBE_TEXTS, MAYBE_TEXTS, MAYBE_TEXTS, MAYBE_TEXTS, MAYBE_NUMBERS, MAYBE_NUMBERS, MAYBE_TEXTS),
)
SHOWN = st.builds(Shown, TEXTS, TEXTS, NUMBERS, MAYBE_NUMBERS, MAYBE_NUMBERS, MAYBE_NUMBERS, MAYBE_TEXTS, MAYBE_TEXTS, MAYBE_TEXTS)
CANDIDATES = st.builds(Candidate, st.integers(1, 9), TEXTS, TEXTS, NUMBERS, MAYBE_NUMBERS, MAYBE_NUMBERS, MAYBE_TEXTS, MAYBE_TEXTS)
EVIDENCE = st.builds(Evidence, st.just("gps"), st.just("camera"), NUMBERS, NUMBERS, NUMBERS, NUMBERS, TEXTS, TEXTS, MAYBE_TEXTS)
LOCATED = st.builds(
    Located,
    TEXTS,
    st.sampled_from(["gps", "landmark", "unknown_place", "not_a_place", "error"]),
    st.sampled_from(["landmark", "unknown_place", "not_a_place", None]),
    st.none() | CAMERAS,
    st.none() | SHOWN,
    MAYBE_NUMBERS,
    st.lists(CANDIDATES, max_size=2).map(tuple),
    st.lists(EVIDENCE, max_size=2).map(tuple),
    st.lists(st.builds(Conflict, TEXTS, NUMBERS, NUMBERS), max_size=2).map(tuple),
    st.lists(st.builds(PhotoWarning, TEXTS, TEXTS), max_size=2).map(tuple),
    st.none() | st.builds(Problem, TEXTS, TEXTS, TEXTS),
)


def numbers(value: Any) -> list[float]:
    if isinstance(value, dict):
        return [n for item in value.values() for n in numbers(item)]
    if isinstance(value, list):
        return [n for item in value for n in numbers(item)]
    return [value] if isinstance(value, int | float) else []


@given(LOCATED)
def test_any_line_is_finite_valid_json(located: Located) -> None:
    line = located.to_line()
    text = json.dumps(line, allow_nan=False, ensure_ascii=False)
    assert json.loads(text.encode("utf-8")) == line
    assert all(math.isfinite(number) for number in numbers(line))
    assert "\n" not in text


def test_a_name_that_is_not_utf8_is_shown_and_kept() -> None:
    name = os.fsdecode(b"holiday-\xff\xfe.jpg")
    located = Located(name, "error", error=Problem("not_a_photo", "Text.", ""))
    assert located.path == name  # the file can still be found
    assert located.to_line()["path"] == "holiday-\ufffd\ufffd.jpg"


def test_ordinary_names_are_unchanged() -> None:
    for name in ("été.jpg", "写真 1.jpg", "a\tb\n.jpg", "🗿.jpg", "plain.jpg"):
        assert Located(name, "unknown_place", "unknown_place").to_line()["path"] == name


def test_the_keys_are_those_of_the_contract_in_its_order() -> None:
    line = Located("a.jpg", "unknown_place", "unknown_place").to_line()
    assert list(line) == [
        "schema_version", "path", "outcome", "looked", "camera", "shown", "known_probability",
        "candidates", "evidence", "conflicts", "warnings", "error",
    ]  # fmt: skip
    assert line["schema_version"] == 1
