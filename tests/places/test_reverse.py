"""Coordinates to a place: city within the country, distance, bearing, near border, range, cost."""

from __future__ import annotations

import csv
import json
import math
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from landsight.errors import PlacesError
from landsight.places import Place, read_catalogue, reverse
from landsight.places.country import country_code_at
from landsight.places.reverse import load_cities
from landsight.sphere import EARTH_RADIUS_M

BORDER_POINTS = list(csv.DictReader((Path(__file__).parent / "border_points.csv").read_text(encoding="utf-8").splitlines()))


def test_the_fields_are_those_of_the_contract_in_their_order() -> None:
    line = json.loads(json.dumps(reverse(48.8584, 2.2945).to_dict(), allow_nan=False))
    assert list(line) == ["country", "country_code", "region", "city", "distance_m", "bearing_deg", "near_border"]
    assert (line["country"], line["country_code"], line["region"], line["city"]) == ("France", "FR", "Île-de-France", "Paris")


def test_distance_and_bearing_lead_from_the_city_to_the_point() -> None:
    cities = load_cities()
    row = next(i for i in range(cities.spans["IS"].start, cities.spans["IS"].stop) if cities.name(i) == "Reykjavík")
    lat, lon = cities.latitude_ud[row] * 1e-6, cities.longitude_ud[row] * 1e-6
    # One hundredth of a degree of latitude is pi / 18000 of the radius: 1,111.95 m; the point lies north of the city.
    place = reverse(lat + 0.01, lon)
    assert (place.city, place.country_code, place.bearing_deg) == ("Reykjavík", "IS", 0.0)
    assert place.distance_m == pytest.approx(1_111.95, abs=0.2)
    exact = reverse(float(lat), float(lon))
    assert (exact.city, exact.distance_m) == ("Reykjavík", pytest.approx(0.0, abs=0.2))


@pytest.mark.parametrize(("dlat", "dlon", "bearing"), [(0.004, 0, 0.0), (0, 0.004, 90.0), (-0.004, 0, 180.0), (0, -0.004, 270.0)])
def test_the_four_winds(dlat: float, dlon: float, bearing: float) -> None:
    cities = load_cities()
    row = cities.spans["VA"].start
    place = reverse(float(cities.latitude_ud[row]) * 1e-6 + dlat / 10, float(cities.longitude_ud[row]) * 1e-6 + dlon / 10)
    assert place.city == "Vatican City"
    assert place.bearing_deg == pytest.approx(bearing, abs=0.5)


def test_the_city_lies_in_the_country_of_the_point() -> None:
    cities = load_cities()
    names = {code: {cities.name(i) for i in range(span.start, span.stop)} for code, span in cities.spans.items()}
    for row in BORDER_POINTS:
        place = reverse(float(row["latitude"]), float(row["longitude"]))
        assert place.country_code == row["country_code"]
        assert place.city in names[row["country_code"]], row["name"]


def test_the_nearest_city_is_that_of_an_exhaustive_search() -> None:
    cities = load_cities()
    lats, lons = np.radians(cities.latitude_ud * 1e-6), np.radians(cities.longitude_ud * 1e-6)
    rng = np.random.default_rng(3)
    for lat, lon in zip(np.degrees(np.arcsin(rng.uniform(-1, 1, 60))), rng.uniform(-180, 180, 60), strict=True):
        code = country_code_at(lat, lon)
        cosine = np.sin(np.radians(lat)) * np.sin(lats) + np.cos(np.radians(lat)) * np.cos(lats) * np.cos(lons - np.radians(lon))
        metres = EARTH_RADIUS_M * np.arccos(np.clip(cosine, -1, 1))
        if code is not None:
            span = cities.spans.get(code, slice(0, 0))
            if span.start == span.stop:
                continue
            metres[: span.start] = metres[span.stop :] = np.inf
        row = int(cities.greater_city[int(np.argmin(metres))])
        place = reverse(float(lat), float(lon))
        assert place.city == cities.name(row)
        assert place.distance_m == pytest.approx(metres[row], abs=5.0)


def test_quarters_answer_with_their_city() -> None:
    assert reverse(48.8841, 2.3323).city == "Paris"  # Moulin Rouge
    assert reverse(41.8902, 12.4922).city == "Rome"  # Colosseum; the quarter is Celio
    assert reverse(51.5136, -0.1365).city == "London"  # Soho
    assert reverse(48.8846, 2.2697).city == "Neuilly-sur-Seine"  # a town of its own beside Paris


@pytest.mark.parametrize(
    ("latitude", "longitude", "code"),
    [
        (41.9022, 12.4533, "IT"),  # inside the Vatican
        (41.9031, 12.4663, "VA"),  # Castel Sant'Angelo
        (42.3289, -83.0398, "CA"),  # Detroit
        (47.6970, 8.6900, "CH"),  # Büsingen
        (52.5200, 13.4050, None),  # Berlin
        (41.8902, 12.4922, "VA"),  # Colosseum, 3 km from the Vatican
        (65.7580, -168.9530, "RU"),  # across the date line
        (0.0, 0.0, None),
    ],
)
def test_near_border_names_another_country_within_five_kilometres(latitude: float, longitude: float, code: str | None) -> None:
    assert reverse(latitude, longitude).near_border == code


def test_the_open_sea_has_the_nearest_city_and_nothing_else() -> None:
    place = reverse(0.0, 0.0)
    assert (place.country, place.country_code, place.region, place.near_border) == (None, None, None, None)
    # Cape Three Points, the nearest coast of Ghana, lies at 4.74 N 2.09 W: 5.18 degrees or 576 km away.
    assert place.city is not None
    assert place.distance_m == pytest.approx(576_000, rel=0.05)


def test_jerusalem_has_a_city_and_no_country() -> None:
    place = reverse(31.7767, 35.2345)
    assert (place.country, place.country_code, place.region) == (None, None, None)
    assert "Jerusalem" in (place.city or "")


def test_a_country_without_cities_says_so() -> None:
    place = reverse(-90.0, 0.0)
    assert place == Place("Antarctica", "AQ", None, None, None, None, None)


@given(st.floats(-90, 90), st.floats(-180, 180))
@settings(max_examples=150, deadline=None)
def test_every_point_of_the_earth_has_an_answer_in_range(latitude: float, longitude: float) -> None:
    place = reverse(latitude, longitude)
    assert (place.country is None) == (place.country_code is None)
    assert place.near_border is None or place.near_border != place.country_code
    if place.city is not None:
        assert place.distance_m is not None and place.bearing_deg is not None
        assert 0 <= place.distance_m <= math.pi * EARTH_RADIUS_M + 1
        assert 0 <= place.bearing_deg < 360


def test_both_sides_of_the_date_line_agree() -> None:
    for latitude in (-16.8, 0.0, 65.0, 70.0, 90.0, -90.0):
        east, west = reverse(latitude, 180.0), reverse(latitude, -180.0)
        assert (east.city, east.distance_m) == (west.city, west.distance_m)


@pytest.mark.parametrize(
    ("latitude", "longitude", "word"),
    [
        (90.001, 0, "latitude"),
        (-91, 0, "latitude"),
        (0, 180.5, "longitude"),
        (0, -181, "longitude"),
        (math.nan, 0, "latitude"),
        (0, math.inf, "longitude"),
    ],
)
def test_coordinates_out_of_range_are_refused_by_name(latitude: float, longitude: float, word: str) -> None:
    with pytest.raises(PlacesError, match=word) as caught:
        reverse(latitude, longitude)
    assert caught.value.code == "coordinates_out_of_range"
    assert caught.value.exit_code == 2


def test_loading_and_looking_up_are_quick() -> None:
    load_cities.cache_clear()
    start = time.process_time()
    load_cities()
    loading_s = time.process_time() - start
    points = [(float(row["latitude"]), float(row["longitude"])) for row in BORDER_POINTS]
    reverse(*points[0])
    start = time.process_time()
    for point in points:
        reverse(*point)
    each_s = (time.process_time() - start) / len(points)
    assert loading_s < 0.060
    assert each_s < 0.001


def test_importing_reads_no_table() -> None:
    code = "import sys, landsight.places; print('tzfpy' in sys.modules, landsight.places.country.country_names.cache_info().currsize)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "0"]


@pytest.mark.data
def test_every_landmark_with_a_country_gets_it_right(data_dir: Path) -> None:
    catalogue = read_catalogue(data_dir / "landmarks" / "places.csv")
    wrong = {}
    for label, place in catalogue.items():
        found = reverse(place.latitude, place.longitude)
        if (found.country_code, found.country) != (place.country_code, place.country):
            wrong[label] = found.country_code
    assert wrong == {}
    assert sum(place.country_code is not None for place in catalogue.values()) == 109
