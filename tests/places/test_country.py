"""The country of a point: hard border points, bulk agreement with GeoNames, ground left open."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import tzfpy

from landsight.places.country import country_code_at, country_names, read_data
from landsight.places.reverse import load_cities

ROWS = list(csv.DictReader((Path(__file__).parent / "border_points.csv").read_text(encoding="utf-8").splitlines()))
#: Points of border_points.csv that cannot be won; each must be named in docs/places.md. None so far.
KNOWN_WRONG: dict[str, str] = {}


def test_the_list_of_border_points_is_long_and_well_formed() -> None:
    assert len(ROWS) >= 300
    assert len({row["name"] for row in ROWS}) == len(ROWS)
    assert all(row["why"] and row["country_code"] in country_names() for row in ROWS)


def test_every_border_point_is_right() -> None:
    answers = {row["name"]: country_code_at(float(row["latitude"]), float(row["longitude"])) for row in ROWS}
    wrong = {row["name"]: answers[row["name"]] for row in ROWS if answers[row["name"]] != row["country_code"]}
    assert wrong == KNOWN_WRONG


def test_the_polygons_agree_with_geonames_on_random_cities() -> None:
    cities = load_cities()
    truth = np.concatenate([np.full(span.stop - span.start, code) for code, span in cities.spans.items()])
    rows = np.random.default_rng(8).choice(len(truth), 5_000, replace=False)
    answers = [country_code_at(cities.latitude_ud[i] * 1e-6, cities.longitude_ud[i] * 1e-6) for i in rows]
    right = np.mean([answer == truth[i] for answer, i in zip(answers, rows, strict=True)])
    assert right >= 0.995


def test_every_zone_of_the_installed_polygons_has_a_country() -> None:
    text = (Path(__file__).parents[2] / "src/landsight/places/data/zones.tsv").read_text(encoding="utf-8")
    known = {line.split("\t")[0] for line in text.splitlines()}
    assert {zone for zone in tzfpy.timezonenames() if not zone.startswith("Etc/")} == known


@pytest.mark.parametrize(
    ("latitude", "longitude", "where"),
    [
        (31.7767, 35.2345, "Jerusalem, old city"),
        (31.7850, 35.2000, "Jerusalem, west"),
        (31.7175, 35.2423, "Jerusalem, its southern edge"),
        (33.2703, 35.7716, "Golan Heights, Majdal Shams"),
        (9.5953, 28.4349, "Abyei, claimed by two zones"),
        (-49.5, -73.3, "ice field without an agreed line"),
    ],
)
def test_ground_is_left_open(latitude: float, longitude: float, where: str) -> None:
    assert country_code_at(latitude, longitude) is None, where


@pytest.mark.parametrize(
    ("latitude", "longitude", "code"),
    [
        (32.0853, 34.7818, "IL"),  # Tel Aviv: the outline of Jerusalem does not reach it
        (32.7940, 34.9896, "IL"),
        (33.2070, 35.5700, "IL"),  # Kiryat Shmona, west of the Golan
        (31.7054, 35.2024, "PS"),  # Bethlehem: zones of two countries overlap
        (31.5017, 34.4668, "PS"),  # Gaza
        (43.0015, 41.0234, "GE"),  # Sukhumi
        (27.1500, -13.2000, "EH"),
        (44.9521, 34.1024, "UA"),
        (21.0285, 105.8542, "VN"),  # Hanoi keeps the zone of Bangkok
        (13.7563, 100.5018, "TH"),
        (17.4100, 104.7800, "TH"),  # Nakhon Phanom, the part of Thailand nearest to northern Vietnam
        (19.9158, -75.1439, "CU"),  # Guantánamo Bay keeps the zone of New York
        (70.9221, -8.7187, "SJ"),
        (22.2819, 114.1582, "HK"),
    ],
)
def test_zones_that_span_countries_are_parted(latitude: float, longitude: float, code: str) -> None:
    assert country_code_at(latitude, longitude) == code


def test_every_outline_and_open_ground_is_documented() -> None:
    text = (Path(__file__).parents[2] / "docs" / "places.md").read_text(encoding="utf-8")
    outlines = json.loads(read_data("outlines.json"))
    assert [row["name"] for row in outlines if row["name"] not in text] == []
    assert [name for name in KNOWN_WRONG if name not in text] == []


@pytest.mark.parametrize(("latitude", "longitude"), [(0, 0), (90, 0), (90, 180), (0, 180), (0, -180), (30, -40), (54.0, 4.0)])
def test_the_open_sea_has_no_country(latitude: float, longitude: float) -> None:
    assert country_code_at(latitude, longitude) is None


def test_waters_near_the_coast_belong_to_the_country() -> None:
    assert country_code_at(43.55, 7.05) == "FR"  # a kilometre off Cannes
    assert country_code_at(36.90, -8.20) == "PT"  # 20 km off the Algarve


def test_the_south_pole_is_antarctica_on_every_meridian() -> None:
    assert {country_code_at(-90.0, lon) for lon in (-180.0, -90.0, 0.0, 90.0, 180.0)} == {"AQ"}
