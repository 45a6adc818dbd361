"""GPS positions in every form that cameras and programs write."""

from __future__ import annotations

import pytest
from tests.photo.exif_blocks import BYTE, SRATIONAL, Value, exif_block, gps_directory, rationals, text

from landsight.photo import gps, xmp
from landsight.photo.bytesource import MemorySource
from landsight.photo.facts import Position
from landsight.photo.gps import GpsReading
from landsight.photo.tiff import read_tags


def read(directory: dict[int, Value], order: str = "<") -> GpsReading:
    return gps.from_exif(read_tags(MemorySource(exif_block({}, gps=directory, order=order))))


@pytest.mark.parametrize(("refs", "signs"), [(("N", "E"), (1, 1)), (("S", "E"), (-1, 1)), (("N", "W"), (1, -1)), (("S", "W"), (-1, -1))])
@pytest.mark.parametrize("order", ["<", ">"])
def test_all_hemispheres_and_byte_orders(refs: tuple[str, str], signs: tuple[int, int], order: str) -> None:
    # 48 deg 51' 30.24" = 48 + 51/60 + 30.24/3600 = 48.8584
    latitude = rationals((48, 1), (51, 1), (3024, 100), order=order)
    longitude = rationals((2, 1), (17, 1), (4020, 100), order=order)
    position = read(gps_directory(latitude, longitude, refs), order).position
    assert position is not None
    assert (position.latitude, position.longitude) == pytest.approx((signs[0] * 48.8584, signs[1] * 2.2945), abs=1e-9)


@pytest.mark.parametrize(
    "latitude",
    [
        rationals((485, 10)),
        rationals((48, 1), (30, 1)),
        rationals((485, 10), (0, 1), (0, 1)),
        rationals((48, 1), (30, 1), (0, 1)),
        rationals((48, 1), (2999, 100), (6, 10)),
        text("48.5"),
        text("48,30"),
        text("48,30,0"),
        text("48,30.0N"),
    ],
    ids=str,
)
def test_degrees_minutes_seconds_and_text(latitude: Value) -> None:
    position = read(gps_directory(latitude, rationals((10, 1)))).position
    assert position is not None
    assert position.latitude == pytest.approx(48.5, abs=1e-9)


@pytest.mark.parametrize(("value", "ref", "expected"), [((-12, 1), "S", -12.0), ((-12, 1), "N", -12.0), ((12, 1), "s", -12.0)])
def test_signed_values_with_references(value: tuple[int, int], ref: str, expected: float) -> None:
    position = read(gps_directory(rationals(value, kind=SRATIONAL), rationals((1, 1)), (ref, "E"))).position
    assert position is not None
    assert position.latitude == expected


GOOD = rationals((10, 1), (0, 1), (0, 1))


@pytest.mark.parametrize(
    ("directory", "part"),
    [
        (gps_directory(GOOD, None), "longitude is missing"),
        (gps_directory(None, GOOD), "latitude is missing"),
        (gps_directory(GOOD, GOOD, ("", "E")), "hemisphere its latitude"),
        (gps_directory(GOOD, GOOD, ("N", "")), "hemisphere its longitude"),
        (gps_directory(GOOD, GOOD, ("E", "N")), "hemisphere"),
        (gps_directory(rationals((0, 0), (0, 0), (0, 0)), GOOD), "divides by zero"),
        (gps_directory(rationals((10, 1), (1, 1), (0, 0)), GOOD), "divides by zero"),
        (gps_directory(rationals((95, 1)), GOOD), "beyond 90"),
        (gps_directory(GOOD, rationals((200, 1))), "beyond 180"),
        (gps_directory(rationals((4294967284, 1)), GOOD), "beyond 90"),
        (gps_directory(rationals((10, 1), (75, 1), (0, 1)), GOOD), "beyond 60"),
        (gps_directory(rationals(), GOOD), "blank"),
        (gps_directory(text(""), GOOD), "blank"),
        (gps_directory(text("somewhere"), GOOD), "not a coordinate"),
        (gps_directory(text("12.5"), GOOD, ("", "E")), "hemisphere"),
    ],
)
def test_malformed_says_why(directory: dict[int, Value], part: str) -> None:
    reading = read(directory)
    assert reading.status == "malformed"
    assert reading.position is None
    assert reading.detail is not None and part in reading.detail


def test_zero_zero_is_no_position_but_one_zero_is() -> None:
    zero = rationals((0, 1), (0, 1), (0, 1))
    assert read(gps_directory(zero, zero)).status == "zeroed"
    assert read(gps_directory(zero, GOOD)).status == "present"
    assert read(gps_directory(GOOD, zero)).status == "present"


def test_no_block_and_a_block_without_position_are_absent() -> None:
    assert gps.from_exif(read_tags(MemorySource(exif_block({})))) == GpsReading("absent")
    reading = read({7: rationals((10, 1), (11, 1), (12, 1))})
    assert (reading.status, reading.detail) == ("absent", "There is a GPS block, without a position.")


def test_altitude_accuracy_direction_and_time() -> None:
    extra = {
        "tag_0x05": (BYTE, 1, b"\1"),
        "tag_0x06": rationals((4305, 10)),
        "tag_0x07": rationals((9, 1), (8, 1), (75, 10)),
        "tag_0x10": text("T"),
        "tag_0x11": rationals((3600, 10)),
        "tag_0x1d": text("2020:02:29"),
        "tag_0x1f": rationals((47, 10)),
    }
    expected = Position(10.0, 10.0, "exif", altitude_m=-430.5, accuracy_m=4.7, direction_deg=0.0, time_utc="2020-02-29T09:08:07.5Z")
    assert read(gps_directory(GOOD, GOOD, **extra)).position == expected


def test_a_compass_bearing_is_not_true_north_and_nonsense_is_left_out() -> None:
    extra = {
        "tag_0x06": rationals((1, 0)),
        "tag_0x07": rationals((99, 1), (0, 1), (0, 1)),
        "tag_0x10": text("M"),
        "tag_0x11": rationals((90, 1)),
        "tag_0x1d": text("0000:00:00"),
        "tag_0x1f": rationals((0, 1)),
    }
    assert read(gps_directory(GOOD, GOOD, **extra)).position == Position(10.0, 10.0, "exif")


@pytest.mark.parametrize(
    ("written", "axis", "reference", "degrees"),
    [
        ("48,51.504N", 0, "", 48.8584),
        ("48,51,30.24N", 0, "", 48.8584),
        ("33,27.111348S", 0, "", -33.4518558),
        ("70,39.027966W", 1, "", -70.6504661),
        ("76,17.22849W", 1, "W", -76.2871415),
        ("33.4518558", 0, "S", -33.4518558),
        ("-33.4518558", 0, "S", -33.4518558),
        ("-33.4518558", 0, "", -33.4518558),
        ("+2.5", 1, "", 2.5),
        ("S 12.5", 0, "", -12.5),
        ("-0,30", 0, "N", -0.5),
        ("97/2 N", 0, "", 48.5),
        ("0", 1, "", 0.0),
    ],
)
def test_coordinate_texts(written: str, axis: int, reference: str, degrees: float) -> None:
    assert gps.parse_coordinate(written, axis, reference) == pytest.approx(degrees, abs=1e-9)


@pytest.mark.parametrize("written", ["", "N", "48,8584", "48,30", "91", "nan", "1e5", "48.5E", "1/0", "٤٨", "9" * 400])
def test_texts_that_are_no_latitude(written: str) -> None:
    with pytest.raises(ValueError, match="latitude"):
        gps.parse_coordinate(written, 0)


def properties(**values: str) -> xmp.Properties:
    return {(xmp.EXIF, name): value for name, value in values.items()}


def test_xmp_position_with_everything() -> None:
    found = gps.from_xmp(
        properties(
            GPSLatitude="52,1.2N",
            GPSLongitude="12,1.2W",
            GPSAltitude="12345/100",
            GPSAltitudeRef="1",
            GPSImgDirection="90",
            GPSImgDirectionRef="T",
            GPSHPositioningError="7",
            GPSTimeStamp="2022-01-07T18:48:10.500+02:00",
        ),
        "sidecar",
    )
    assert found.position == Position(52.02, -12.02, "sidecar", -123.45, 7.0, 90.0, "2022-01-07T16:48:10.5Z")


def test_xmp_without_with_half_and_with_zero_position() -> None:
    assert gps.from_xmp({}, "xmp").status == "absent"
    assert gps.from_xmp(properties(GPSLatitude="52,1.2N"), "xmp").status == "malformed"
    assert gps.from_xmp(properties(GPSLatitude="0,0N", GPSLongitude="0,0E"), "xmp").status == "zeroed"


def test_dji_pair_counts_only_without_the_standard_one() -> None:
    drone = {(xmp.DJI, "GpsLatitude"): "+22.5", (xmp.DJI, "GpsLongtitude"): "-113.25"}
    position = gps.from_xmp(drone, "xmp").position
    assert position is not None and (position.latitude, position.longitude) == (22.5, -113.25)
    position = gps.from_xmp(drone | properties(GPSLatitude="1,0N", GPSLongitude="2,0E"), "xmp").position
    assert position is not None and (position.latitude, position.longitude) == (1.0, 2.0)


def test_distance_by_hand() -> None:
    # A quarter of a great circle: 6371 km * pi / 2 = 10007.5 km.
    assert gps.distance_m(Position(0, 0, "exif"), Position(90, 0, "exif")) == pytest.approx(10_007_557, abs=1)
