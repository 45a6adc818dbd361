"""Facts of real photos, checked against ExifTool's reading in photos_exif/INDEX.csv, row by row."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from landsight.errors import PhotoError
from landsight.photo.facts import Facts
from landsight.photo.limits import Limits
from landsight.photo.metadata import facts_from_bytes, facts_of_file
from landsight.photo.sidecar import read_sidecar
from landsight.photo.sniff import sniff

pytestmark = pytest.mark.data

STATUS = {"yes": "present", "no": "absent", "zero": "zeroed", "malformed": "malformed"}
#: Apple's sidecar with the hemisphere in separate tags, which ExifTool leaves unsigned; the note in INDEX.csv gives the true place.
SIGN = {"exiftool-vendored__iphone-export-2.xmp": -1.0}
#: ExifTool stops at a block as long as the file ("JPEG format error") and reads nothing; block and position are whole.
READ_BY_US_ONLY = "imagemeta__2012-12-19-21-38-40-sep-temple_square1.jpg"
#: The row has EXIF's impossible 2020:02:30; the time given is CreateDate's.
IMPOSSIBLE_DATE = "made__offset_bad.jpg"
#: Their only offset is OffsetTime, the zone of a later edit (ModifyDate is years after); a capture zone would be made up.
OFFSET_OF_AN_EDIT = {
    "imagemeta__canon_cr2_fraction.jpg",
    "imagemeta__dji_dng_fraction.jpg",
    "imagemeta__sunrise.avif",
    "imagemeta__sunrise.jpg",
    "imagemeta__sunrise.webp",
}
#: The offset in the row is IPTC's, which is not read.
OFFSET_OF_IPTC = "immich-test-assets__thompson-springs.jpg"

Row = dict[str, str]


@pytest.fixture(scope="module")
def readings(data_dir: Path) -> list[tuple[Row, Facts]]:
    folder, limits = data_dir / "photos_exif", Limits()
    with (folder / "INDEX.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    readings = []
    for row in rows:
        path = folder / row["file"]
        readings.append((row, read_sidecar(path, limits) if path.suffix == ".xmp" else facts_of_file(path, limits)))
    assert len(readings) == 166
    return readings


def test_gps_status_agrees(readings: list[tuple[Row, Facts]]) -> None:
    differing = {row["file"]: facts.gps_status for row, facts in readings if facts.gps_status != STATUS[row["has_gps"]]}
    assert differing == {READ_BY_US_ONLY: "present"}


def test_positions_agree(readings: list[tuple[Row, Facts]]) -> None:
    seen = 0
    for row, facts in readings:
        if row["has_gps"] != "yes":
            assert facts.position is None or row["file"] == READ_BY_US_ONLY, row["file"]
            continue
        assert facts.position is not None, row["file"]
        sign = SIGN.get(row["file"], 1.0)
        assert facts.position.latitude == pytest.approx(sign * float(row["latitude"]), abs=1e-5), row["file"]
        assert facts.position.longitude == pytest.approx(sign * float(row["longitude"]), abs=1e-5), row["file"]
        if row["altitude_m"]:
            assert facts.position.altitude_m == pytest.approx(float(row["altitude_m"]), abs=1e-3), row["file"]
        seen += 1
    assert seen == sum(row["has_gps"] == "yes" for row, _ in readings) > 50


def test_position_sources_agree(readings: list[tuple[Row, Facts]]) -> None:
    for row, facts in readings:
        if facts.position is not None and row["gps_source"]:
            expected = "sidecar" if row["file_type"] == "XMP" else row["gps_source"]
            assert facts.position.source == expected, row["file"]


def test_no_position_says_why(readings: list[tuple[Row, Facts]]) -> None:
    for row, facts in readings:
        codes = {warning.code for warning in facts.warnings}
        assert ("gps_zero" in codes) == (row["has_gps"] == "zero"), row["file"]
        assert ("gps_malformed" in codes) == (row["has_gps"] == "malformed"), row["file"]
        if row["has_gps"] in ("zero", "malformed"):
            assert facts.gps_detail and facts.gps_detail.endswith("."), row["file"]


def test_orientation_agrees(readings: list[tuple[Row, Facts]]) -> None:
    for row, facts in readings:
        stated = int(row["orientation"] or 1)
        assert facts.orientation == (stated if 1 <= stated <= 8 else 1), row["file"]
        assert ("orientation_illegal" in {w.code for w in facts.warnings}) == (not 1 <= stated <= 8), row["file"]


def test_capture_times_agree(readings: list[tuple[Row, Facts]]) -> None:
    for row, facts in readings:
        stated = row["datetime_original"]
        if not stated or row["file"] == IMPOSSIBLE_DATE:
            continue
        if stated.startswith("0000"):
            assert facts.captured is None, row["file"]
            continue
        assert facts.captured is not None, row["file"]
        assert facts.captured.iso[:19] == f"{stated[:10].replace(':', '-')}T{stated[11:19]}", row["file"]


def test_zones_agree_and_none_is_made_up(readings: list[tuple[Row, Facts]]) -> None:
    for row, facts in readings:
        stated = row["offset_time"] or (row["datetime_original"][19:] if row["datetime_original"][19:20] in "+-Z" else "")
        if facts.captured is None or not row["datetime_original"] or row["file"] == IMPOSSIBLE_DATE:
            continue
        if row["file"] in OFFSET_OF_AN_EDIT or row["file"] == OFFSET_OF_IPTC:
            assert not facts.captured.has_zone, row["file"]
            continue
        assert facts.captured.has_zone == bool(stated), row["file"]
        if stated:
            assert facts.captured.iso.endswith("+00:00" if stated == "Z" else stated), row["file"]


def test_gps_times_agree(readings: list[tuple[Row, Facts]]) -> None:
    compared = 0
    for row, facts in readings:
        if facts.position is not None and facts.position.time_utc and row["gps_utc"]:
            assert facts.position.time_utc[:10].replace("-", ":") == row["gps_utc"][:10], row["file"]
            assert facts.position.time_utc[11:] == row["gps_utc"].rsplit(" ", 1)[1], row["file"]
            compared += 1
    assert compared > 15


def test_cameras_agree(readings: list[tuple[Row, Facts]]) -> None:
    for row, facts in readings:
        if row["camera"]:
            assert facts.camera is not None, row["file"]
            assert " ".join(row["camera"].split()).endswith(facts.camera), row["file"]


def test_a_file_and_its_bytes_give_the_same_facts(data_dir: Path, readings: list[tuple[Row, Facts]]) -> None:
    for row, facts in readings:
        if row["file"].endswith(".xmp"):
            continue
        data = (data_dir / "photos_exif" / row["file"]).read_bytes()
        assert facts_from_bytes(data, sniff(data) or "") == facts, row["file"]
        assert Facts.from_dict(facts.to_dict()) == facts


def test_no_hostile_file_raises_anything_but_a_photo_error(data_dir: Path) -> None:
    codes: set[str] = set()
    answered = 0
    for path in sorted((data_dir / "hostile").iterdir()):
        try:
            facts_of_file(path, Limits())
            answered += 1
        except PhotoError as error:
            codes.add(error.code)
        if path.stat().st_size < 1_000_000:
            read_sidecar(path, Limits())
    assert codes == {"not_a_photo"}
    assert answered > 300
