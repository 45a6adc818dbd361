"""Formats for programs: what stands where, and that the document is whole however it ends."""

from __future__ import annotations

import csv
import io
import json

from landsight.cli.formats import CSV_COLUMNS, Csv, GeoJson, JsonLines

from .line_factory import error, landmark, line


def test_json_lines_repeat_the_line_unchanged() -> None:
    stream = io.StringIO()
    writer = JsonLines(stream)
    lines = [line(path="ü .jpg"), landmark(path='new\nline"quote.jpg'), error()]
    for item in lines:
        writer.write(item)
    writer.close()
    assert [json.loads(text) for text in stream.getvalue().splitlines()] == lines


def test_csv_has_one_row_a_photo_and_empty_cells_for_null() -> None:
    stream = io.StringIO()
    writer = Csv(stream)
    writer.write(line(warnings=[{"code": "damaged", "text": "x"}, {"code": "multi_frame", "text": "y"}]))
    writer.write(landmark(path='odd,"name"\n.jpg', conflicts=[{"kind": "camera_shown", "distance_m": 1000.0, "probability": 0.97}]))
    writer.write(error())
    rows = list(csv.DictReader(io.StringIO(stream.getvalue(), newline="")))
    assert len(rows) == 3
    assert list(rows[0]) == list(CSV_COLUMNS)
    assert (rows[0]["camera_latitude"], rows[0]["camera_city"], rows[0]["warnings"]) == ("29.9773", "Al Jīzah", "damaged;multi_frame")
    assert (rows[0]["shown_class"], rows[0]["error_code"], rows[0]["conflict_distance_m"]) == ("", "", "")
    assert rows[1]["path"] == 'odd,"name"\n.jpg'
    assert (rows[1]["shown_probability"], rows[1]["camera_latitude"], rows[1]["conflict_distance_m"]) == ("0.97", "", "1000.0")
    assert (rows[2]["outcome"], rows[2]["error_code"]) == ("error", "damaged")


def test_geojson_keeps_camera_and_shown_apart_and_puts_longitude_first() -> None:
    stream = io.StringIO()
    writer = GeoJson(stream)
    writer.write(landmark(outcome="gps", camera=line()["camera"]))
    writer.write(error(path="b.jpg"))
    writer.close()
    document = json.loads(stream.getvalue())
    assert document["type"] == "FeatureCollection"
    camera, shown, lost = document["features"]
    assert (camera["properties"]["of"], camera["geometry"]["coordinates"]) == ("camera", [31.1325, 29.9773])
    assert (shown["properties"]["of"], shown["geometry"]["coordinates"]) == ("shown", [31.1342, 29.9792])
    assert shown["properties"]["probability"] == 0.97
    assert (lost["geometry"], lost["properties"]) == (None, {"path": "b.jpg", "outcome": "error", "error": "damaged"})


def test_geojson_of_nothing_is_an_empty_collection() -> None:
    stream = io.StringIO()
    GeoJson(stream).close()
    assert json.loads(stream.getvalue()) == {"type": "FeatureCollection", "features": []}
