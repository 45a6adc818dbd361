"""The shipped tables: unchanged since they were built, small, attributed; damage is named."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import pytest

from landsight.errors import PlacesError
from landsight.places import country
from landsight.places.country import Outline, read_data
from landsight.places.reverse import load_cities

DATA = Path(country.__file__).parent / "data"


def test_every_table_is_the_one_that_was_built() -> None:
    hashes = json.loads((DATA / "MANIFEST.json").read_text(encoding="utf-8"))["sha256"]
    shipped = {path.name for path in DATA.iterdir() if path.is_file()} - {"MANIFEST.json"}
    assert shipped == set(hashes)
    assert {name: hashlib.sha256((DATA / name).read_bytes()).hexdigest() for name in hashes} == hashes


def test_the_tables_stay_under_six_megabytes() -> None:
    assert sum(path.stat().st_size for path in DATA.iterdir()) <= 6_000_000


def test_every_source_is_attributed() -> None:
    text = (DATA / "ATTRIBUTION.txt").read_text(encoding="utf-8")
    for words in (
        "GeoNames",
        "Creative Commons Attribution 4.0",
        "OpenStreetMap contributors",
        "Open Database License",
        "Natural Earth",
        "tz database",
    ):
        assert words in text


def test_no_quarter_belongs_to_another_quarter_or_country() -> None:
    cities = load_cities()
    assert (cities.greater_city[cities.greater_city] == cities.greater_city).all()
    for span in cities.spans.values():
        parents = cities.greater_city[span]
        assert parents.min() >= span.start
        assert parents.max() < span.stop


def test_a_missing_table_is_a_clear_error() -> None:
    with pytest.raises(PlacesError, match=r"nothing\.tsv") as caught:
        read_data("nothing.tsv")
    assert caught.value.code == "places_damaged"


def test_damaged_cities_are_a_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data").mkdir()
    for content in (b"", b"not a zip", (DATA / "cities.npz").read_bytes()[:100_000]):
        (tmp_path / "data" / "cities.npz").write_bytes(content)
        load_cities.cache_clear()
        monkeypatch.setattr(sys.modules[load_cities.__module__], "files", lambda _: tmp_path)
        with pytest.raises(PlacesError, match="cities"):
            load_cities()
    monkeypatch.undo()
    load_cities.cache_clear()


def test_an_outline_holds_what_is_inside_it() -> None:
    # A square with a bite taken out of its north side.
    ring = ((0.0, 0.0), (0.0, 4.0), (4.0, 4.0), (4.0, 3.0), (2.0, 2.0), (4.0, 1.0), (4.0, 0.0))
    outline = Outline("bite", frozenset({"Etc/UTC"}), None, ring, (0.0, 0.0, 4.0, 4.0))
    assert outline.holds(1.0, 2.0)
    assert outline.holds(3.0, 0.5)
    assert not outline.holds(3.5, 2.0)
    assert not outline.holds(5.0, 2.0)
