"""Lines for programs: JSON Lines, CSV and GeoJSON, each written photo by photo, so that what is done is on disk."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol, TextIO

Line = dict[str, Any]


class Writer(Protocol):
    """Writes one photo after the other; ``close`` ends the document, also after an interruption."""

    def write(self, line: Line) -> None:
        """One photo, as ``to_line`` of the answer gives it."""
        ...

    def close(self) -> None:
        """Finish the document. The stream stays open."""
        ...


class JsonLines:
    """One JSON object a line: the contract's line, unchanged."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, line: Line) -> None:
        """One line, written and flushed in one go."""
        self._stream.write(json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n")
        self._stream.flush()

    def close(self) -> None:
        """Nothing is open."""


class Json:
    """One JSON document: a list with an object a photo, each on a line of its own."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._separator = "\n"
        stream.write("[")

    def write(self, line: Line) -> None:
        """One object, written and flushed in one go."""
        self._stream.write(self._separator + json.dumps(line, ensure_ascii=False, allow_nan=False))
        self._stream.flush()
        self._separator = ",\n"

    def close(self) -> None:
        """End the list."""
        self._stream.write("\n]\n")


#: CSV column -> where it stands in the line. docs/cli.md lists them; a test holds both together.
CSV_COLUMNS: Final[dict[str, tuple[str, ...]]] = {
    "path": ("path",),
    "outcome": ("outcome",),
    "looked": ("looked",),
    "camera_latitude": ("camera", "latitude"),
    "camera_longitude": ("camera", "longitude"),
    "camera_radius_m": ("camera", "radius_m"),
    "camera_source": ("camera", "source"),
    "camera_time": ("camera", "time"),
    "camera_city": ("camera", "place", "city"),
    "camera_region": ("camera", "place", "region"),
    "camera_country": ("camera", "place", "country"),
    "camera_country_code": ("camera", "place", "country_code"),
    "camera_near_border": ("camera", "place", "near_border"),
    "shown_class": ("shown", "class"),
    "shown_name": ("shown", "name"),
    "shown_probability": ("shown", "probability"),
    "shown_latitude": ("shown", "latitude"),
    "shown_longitude": ("shown", "longitude"),
    "shown_radius_m": ("shown", "radius_m"),
    "shown_city": ("shown", "city"),
    "shown_country": ("shown", "country"),
    "shown_country_code": ("shown", "country_code"),
    "known_probability": ("known_probability",),
    "conflict_distance_m": ("conflicts", "distance_m"),
    "warnings": ("warnings", "code"),
    "error_code": ("error", "code"),
    "error_reason": ("error", "reason"),
}


class Csv:
    """RFC 4180 with a header line; an empty cell is null; several warnings are joined with ";". ``columns``: as CSV_COLUMNS."""

    def __init__(self, stream: TextIO, columns: Mapping[str, tuple[str, ...]] = CSV_COLUMNS) -> None:
        self._stream = stream
        self._columns = columns
        self._rows = csv.writer(stream, lineterminator="\r\n")
        self._rows.writerow(columns)

    def write(self, line: Line) -> None:
        """One row."""
        self._rows.writerow([_cell(line, where) for where in self._columns.values()])
        self._stream.flush()

    def close(self) -> None:
        """Nothing is open."""


def _cell(line: Line, where: tuple[str, ...]) -> Any:
    value: Any = line
    for key in where:
        if isinstance(value, list):
            return ";".join(str(item[key]) for item in value)
        value = None if value is None else value[key]
    return "" if value is None else value


class GeoJson:
    """One RFC 7946 FeatureCollection: camera and shown points as features of their own, [longitude, latitude].

    A photo without any position is a feature with the geometry null, so that no photo is lost.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._separator = "\n"
        stream.write('{"type": "FeatureCollection", "features": [')

    def write(self, line: Line) -> None:
        """One or two features."""
        features = [f for f in (_camera_feature(line), _shown_feature(line)) if f is not None] or [_feature(line, None, {})]
        for feature in features:
            self._stream.write(self._separator + json.dumps(feature, ensure_ascii=False, allow_nan=False))
            self._separator = ",\n"
        self._stream.flush()

    def close(self) -> None:
        """End the collection."""
        self._stream.write("\n]}\n")


def _camera_feature(line: Line) -> Line | None:
    camera = line["camera"]
    if camera is None:
        return None
    place = camera["place"] or {}
    return _feature(
        line,
        camera,
        {
            "of": "camera",
            "source": camera["source"],
            "time": camera["time"],
            "city": place.get("city"),
            "country": place.get("country"),
            "country_code": place.get("country_code"),
        },
    )


def _shown_feature(line: Line) -> Line | None:
    shown = line["shown"]
    if shown is None or shown["latitude"] is None:
        return None
    return _feature(
        line, shown, {"of": "shown", **{key: shown[key] for key in ("class", "name", "probability", "city", "country", "country_code")}}
    )


def _feature(line: Line, point: Line | None, properties: Line) -> Line:
    common = {"path": line["path"], "outcome": line["outcome"]}
    if line["error"] is not None:
        common["error"] = line["error"]["code"]
    if point is None:
        return {"type": "Feature", "geometry": None, "properties": common}
    geometry = {"type": "Point", "coordinates": [point["longitude"], point["latitude"]]}
    return {"type": "Feature", "geometry": geometry, "properties": {**common, **properties, "radius_m": point["radius_m"]}}


#: --format -> writer. "table" is for people and lives in cli.table.
WRITERS: Final[dict[str, Callable[[TextIO], Writer]]] = {"jsonl": JsonLines, "csv": Csv, "geojson": GeoJson}
