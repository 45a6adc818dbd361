"""Capture times: garbage tolerated, no zone made up."""

from __future__ import annotations

import pytest
from tests.photo.exif_blocks import Value, exif_block, text

from landsight.photo import capture_time, xmp
from landsight.photo.bytesource import MemorySource
from landsight.photo.capture_time import parse
from landsight.photo.facts import CaptureTime
from landsight.photo.tiff import read_tags


def from_exif(**tags: str) -> CaptureTime | None:
    directory: dict[int, Value] = {int(name.removeprefix("tag_"), 16): text(value) for name, value in tags.items()}
    return capture_time.from_exif(read_tags(MemorySource(exif_block({}, exif=directory))))


def test_original_with_fraction_and_offset() -> None:
    found = from_exif(tag_9003="2018:06:26 17:46:33", tag_9291="847", tag_9011="+13:45")
    assert found == CaptureTime("2018-06-26T17:46:33.847+13:45", True)


def test_digitized_steps_in_with_its_own_fraction_and_offset() -> None:
    found = from_exif(tag_9003="0000:00:00 00:00:00", tag_9291="11", tag_9011="+01:00", tag_9004="2018:06:26 17:46:33", tag_9292="5 ")
    assert found == CaptureTime("2018-06-26T17:46:33.5", False)


@pytest.mark.parametrize(
    "garbage", ["", "    :  :     :  :  ", "0000:00:00 00:00:00", "2020:02:30 10:00:00", "2020:01:01 25:61:61", "yesterday", "2020:01:01"]
)
def test_garbage_is_no_time(garbage: str) -> None:
    assert from_exif(tag_9003=garbage) is None


@pytest.mark.parametrize("offset", ["+25:99", "+14:30", "+05:77", "   :  ", "local", "٠٢:٠٠"])
def test_an_impossible_offset_is_no_zone(offset: str) -> None:
    assert from_exif(tag_9003="2018:06:26 17:46:33", tag_9011=offset) == CaptureTime("2018-06-26T17:46:33", False)


@pytest.mark.parametrize(
    ("written", "iso", "has_zone"),
    [
        ("2002-07-13T15:58:28Z", "2002-07-13T15:58:28+00:00", True),
        ("2005:06:09 20:09:27+02:00", "2005-06-09T20:09:27+02:00", True),
        ("2005-06-09T20:09:27-0230", "2005-06-09T20:09:27-02:30", True),
        ("2022-01-10T15:15", "2022-01-10T15:15:00", False),
        ("2016:12:31 23:59:60", "2016-12-31T23:59:59", False),  # a leap second
        ("2022-01-10T15:15:44.310", "2022-01-10T15:15:44.310", False),
        ("2022-01-10T15:15:44.000", "2022-01-10T15:15:44", False),
    ],
)
def test_spellings(written: str, iso: str, has_zone: bool) -> None:
    assert parse(written) == CaptureTime(iso, has_zone)


def test_xmp_in_order_of_trust() -> None:
    properties = {(xmp.XMP, "CreateDate"): "2001-01-01T00:00:00", (xmp.PHOTOSHOP, "DateCreated"): "2002-02-02T00:00:00"}
    assert capture_time.from_xmp(properties) == CaptureTime("2002-02-02T00:00:00", False)
    properties[(xmp.EXIF, "DateTimeOriginal")] = "2003"
    assert capture_time.from_xmp(properties) == CaptureTime("2002-02-02T00:00:00", False)
    assert capture_time.from_xmp({}) is None


def test_to_utc() -> None:
    assert capture_time.iso_to_utc("2022-01-07T00:48:10+02:00") == "2022-01-06T22:48:10Z"
    assert capture_time.iso_to_utc("2022-01-07T00:48:10") is None
    assert capture_time.iso_to_utc("0001-01-01T00:00:00+02:00") is None
