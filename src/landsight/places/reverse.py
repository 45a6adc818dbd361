"""Coordinates to a place, offline: country from polygons, the nearest populated place within it, and how near another country is."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import as_file, files
from typing import Final
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from landsight.errors import PlacesError
from landsight.places.country import country_code_at, country_names
from landsight.places.place import Place
from landsight.sphere import EARTH_RADIUS_M, distance_m

#: How far another country may be to be named in ``near_border``.
BORDER_M: Final = 5_000.0
#: Rings on which the country is asked around a point, inner first, each with its number of directions: 1 km apart on the outermost.
_RINGS: Final = ((150.0, 8), (500.0, 8), (1_000.0, 16), (1_750.0, 16), (2_500.0, 32), (3_750.0, 32), (BORDER_M, 32))
#: Beyond it rings of metres lose their meaning on a grid of degrees, and there is no border.
_POLAR_DEG: Final = 89.5
_METRES_PER_DEGREE: Final = math.radians(1) * EARTH_RADIUS_M
_FIRST_BAND_DEG: Final = 0.5


@dataclass(frozen=True, slots=True)
class Cities:
    """The shipped table of populated places, ordered by country, then latitude.

    ``latitude_ud`` and ``longitude_ud`` (n,) int32 millionths of a degree; ``region`` (n,) uint16 index into ``regions``, 0 for none;
    ``greater_city`` (n,) int32 the row of the city that the place is a quarter of, else its own;
    ``name_start`` (n + 1,) offsets into ``names`` (UTF-8). ``spans``: country code -> its slice. ``by_latitude`` (n,) puts all in order of latitude.
    """

    latitude_ud: NDArray[np.int32]
    longitude_ud: NDArray[np.int32]
    region: NDArray[np.uint16]
    greater_city: NDArray[np.int32]
    names: bytes
    name_start: NDArray[np.int64]
    regions: tuple[str, ...]
    spans: dict[str, slice]
    by_latitude: NDArray[np.int64]
    latitude_sorted_ud: NDArray[np.int32]

    def name(self, row: int) -> str:
        """Name of one row, in GeoNames' own spelling."""
        return self.names[self.name_start[row] : self.name_start[row + 1]].decode("utf-8")


@cache
def load_cities() -> Cities:
    """Read the table once; about 10 ms and 7 MB. Raises: PlacesError when it is missing or damaged."""
    try:
        with (
            as_file(files("landsight.places") / "data" / "cities.npz") as path,
            path.open("rb") as stream,
            np.load(stream, allow_pickle=False) as table,
        ):
            lat, lon, region, greater = (table[name] for name in ("latitude_ud", "longitude_ud", "region", "greater_city"))
            lengths, counts = table["name_bytes"], table["country_rows"]
            names = table["names"].tobytes()
            codes = table["country_codes"].tobytes().decode("ascii").split()
            regions = tuple(table["regions"].tobytes().decode("utf-8").split("\n"))
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise PlacesError("places_damaged", f"The table of cities cannot be read: {error}.", "Install landsight again.") from None
    stops = np.cumsum(counts, dtype=np.int64)
    starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths, dtype=np.int64)])
    if (
        not (len(lat) == len(lon) == len(region) == len(greater) == len(lengths) == stops[-1])
        or starts[-1] != len(names)
        or len(codes) != len(counts)
    ):
        raise PlacesError("places_damaged", "The table of cities does not add up.", "Install landsight again.")
    spans = {code: slice(int(stop - count), int(stop)) for code, stop, count in zip(codes, stops, counts, strict=True)}
    order = np.argsort(lat, kind="stable")
    return Cities(lat, lon, region, greater, names, starts, regions, spans, order, lat[order])


def _distances_m(latitude: float, longitude: float, lats_ud: NDArray[np.int32], lons_ud: NDArray[np.int32]) -> NDArray[np.float64]:
    """landsight.sphere.distance_m from one point (degrees) to many (millionths of a degree) at once; a test holds both together."""
    lat, lon = math.radians(latitude), math.radians(longitude)
    lats, lons = np.radians(lats_ud * 1e-6), np.radians(lons_ud * 1e-6)
    half = np.sin((lats - lat) / 2) ** 2 + math.cos(lat) * np.cos(lats) * np.sin((lons - lon) / 2) ** 2
    return np.asarray(2 * EARTH_RADIUS_M * np.arcsin(np.sqrt(np.clip(half, 0.0, 1.0))), dtype=np.float64)


def _nearest(cities: Cities, latitude: float, longitude: float, span: slice | None) -> int:
    """Row of the nearest city of a span, or of all. The band of latitude is widened until none outside can be nearer."""
    sorted_ud = cities.latitude_sorted_ud if span is None else cities.latitude_ud[span]
    band_deg = _FIRST_BAND_DEG
    while True:
        low = int(np.searchsorted(sorted_ud, (latitude - band_deg) * 1e6, side="left"))
        high = int(np.searchsorted(sorted_ud, (latitude + band_deg) * 1e6, side="right"))
        rows = cities.by_latitude[low:high] if span is None else np.arange(span.start + low, span.start + high)
        if len(rows):
            metres = _distances_m(latitude, longitude, cities.latitude_ud[rows], cities.longitude_ud[rows])
            best = int(np.argmin(metres))
            if metres[best] <= band_deg * _METRES_PER_DEGREE or high - low == len(sorted_ud):
                return int(rows[best])
            band_deg = float(metres[best]) / _METRES_PER_DEGREE + 1e-5
        else:
            band_deg *= 3


def _bearing_deg(from_lat: float, from_lon: float, to_lat: float, to_lon: float) -> float:
    """Initial great-circle bearing in [0, 360)."""
    a, b, d = math.radians(from_lat), math.radians(to_lat), math.radians(to_lon - from_lon)
    angle = math.atan2(math.sin(d) * math.cos(b), math.cos(a) * math.sin(b) - math.sin(a) * math.cos(b) * math.cos(d))
    return round(math.degrees(angle), 1) % 360.0


def _ring(latitude: float, longitude: float, metres: float, directions: int) -> Iterator[tuple[float, float]]:
    """Points around one; the plane is exact enough at 5 km (within 1 % up to 87 degrees). Longitudes stay in [-180, 180)."""
    reach = metres / _METRES_PER_DEGREE
    stretch = reach / math.cos(math.radians(latitude))
    for step in range(directions):
        angle = math.tau * step / directions
        yield latitude + reach * math.cos(angle), (longitude + stretch * math.sin(angle) + 180.0) % 360.0 - 180.0


def _near_border(cities: Cities, latitude: float, longitude: float, own: str | None) -> str | None:
    """Another country within BORDER_M, the nearest first: asked on rings around the point, then of the cities (a ring may step over a small state)."""
    if abs(latitude) > _POLAR_DEG:
        return None
    for metres, directions in _RINGS:
        around = Counter(country_code_at(lat, lon) for lat, lon in _ring(latitude, longitude, metres, directions))
        others = {code: seen for code, seen in around.items() if code is not None and code != own}
        if others:
            return max(sorted(others), key=lambda code: others[code])
    reach = BORDER_M / _METRES_PER_DEGREE
    low, high = np.searchsorted(cities.latitude_sorted_ud, [(latitude - reach) * 1e6, (latitude + reach) * 1e6])
    rows = cities.by_latitude[low:high]
    metres_to = _distances_m(latitude, longitude, cities.latitude_ud[rows], cities.longitude_ud[rows])
    for index in np.argsort(metres_to, kind="stable"):
        if metres_to[index] > BORDER_M:
            return None
        # The city's country comes from the same polygons: a point of GeoNames set on the wrong bank must not make a border.
        row = int(rows[index])
        code = country_code_at(float(cities.latitude_ud[row]) * 1e-6, float(cities.longitude_ud[row]) * 1e-6)
        if code is not None and code != own:
            return code
    return None


def _checked(value: float, name: str, limit: float) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not (math.isfinite(number) and -limit <= number <= limit):
        advice = "Give decimal degrees, latitude first, south and west negative."
        raise PlacesError("coordinates_out_of_range", f"The {name} must lie between -{limit:g} and {limit:g}, received {value!r}.", advice)
    return number


def reverse(latitude: float, longitude: float) -> Place:
    """What lies at a point: country, nearest city within it, distance and bearing from that city, and another country within 5 km.

    Degrees WGS 84. On the open sea, and where the country is left open, the nearest city of all is given, without region.
    Raises: PlacesError for coordinates out of range or not finite, and for damaged tables. Cost: half a millisecond once loaded, up to two on the open sea.
    """
    lat, lon = _checked(latitude, "latitude", 90.0), _checked(longitude, "longitude", 180.0)
    cities = load_cities()
    code = country_code_at(lat, lon)
    border = _near_border(cities, lat, lon, code)
    country = country_names().get(code) if code is not None else None
    span = cities.spans.get(code) if code is not None else None
    if code is not None and span is None:
        return Place(country, code, None, None, None, None, border)
    row = int(cities.greater_city[_nearest(cities, lat, lon, span)])
    city_lat, city_lon = float(cities.latitude_ud[row]) * 1e-6, float(cities.longitude_ud[row]) * 1e-6
    metres = round(distance_m(city_lat, city_lon, lat, lon), 1)
    region = cities.regions[int(cities.region[row])] if code is not None else ""
    return Place(country, code, region or None, cities.name(row), metres, _bearing_deg(city_lat, city_lon, lat, lon), border)
