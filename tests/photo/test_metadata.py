"""Facts put together: every container, what wins, and broken files of every kind."""

from __future__ import annotations

import os
import time
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.photo.exif_blocks import (
    UNDEFINED,
    app1_exif,
    app1_xmp,
    exif_block,
    gif,
    gps_directory,
    heif,
    jpeg,
    packet,
    png,
    rationals,
    short,
    text,
    webp,
)

from landsight.errors import PhotoError
from landsight.photo.facts import CaptureTime, Facts
from landsight.photo.limits import Limits
from landsight.photo.metadata import facts_from_bytes, facts_of_file
from landsight.photo.sniff import FORMATS

CAMERA = {0x010F: text("Canon"), 0x0110: text("Canon EOS 40D"), 0x0112: short(6), 0x0131: text("GIMP 2.4.5")}
TAKEN = {0x9003: text("2008:05:30 15:56:01")}
ROME = gps_directory(rationals((41, 1), (54, 1), (0, 1)), rationals((12, 1), (27, 1), (0, 1)))
BLOCK = exif_block(CAMERA, TAKEN, ROME)
PACKET = packet('exif:GPSLatitude="41,54N" exif:GPSLongitude="12,27E" tiff:Orientation="6"')
ITXT = b"XML:com.adobe.xmp\0\0\0\0\0" + PACKET
ZITXT = b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(PACKET)
RAW_PROFILE = b"\nexif\n%8d\n" % (len(BLOCK) + 6) + (b"Exif\0\0" + BLOCK).hex().encode() + b"\n"


@pytest.mark.parametrize(
    ("data", "picture_format"),
    [
        (jpeg(app1_exif(BLOCK)), "jpeg"),
        (jpeg((0xE0, b"JFIF\0"), (0xE2, b"MPF\0"), app1_xmp(packet()), app1_exif(BLOCK)), "jpeg"),
        (b"\xff\xd8\xff\xff" + jpeg(app1_exif(BLOCK))[2:], "jpeg"),
        (jpeg((0xE0, b"JFIF\0"))[:11] + b"stray" + jpeg(app1_exif(BLOCK))[2:], "jpeg"),
        (png((b"IHDR", b"\0" * 13), (b"eXIf", BLOCK)), "png"),
        (png((b"IHDR", b"\0" * 13), (b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(RAW_PROFILE))), "png"),
        (webp((b"VP8X", b"\0" * 10), (b"EXIF", BLOCK)), "webp"),
        (webp((b"EXIF", b"Exif\0\0" + BLOCK)), "webp"),
        (heif(BLOCK, b""), "heif"),
        (heif(BLOCK, packet()), "avif"),
        (BLOCK, "tiff"),
        (exif_block(CAMERA, {0x9003: text("2008:05:30 15:56:01")}, ROME), "nef"),
    ],
)
def test_exif_of_every_container(data: bytes, picture_format: str) -> None:
    facts = facts_from_bytes(data, picture_format)
    assert facts.position is not None
    assert (facts.position.latitude, facts.position.longitude, facts.position.source) == (41.9, 12.45, "exif")
    assert (facts.gps_status, facts.camera, facts.software, facts.orientation) == ("present", "Canon EOS 40D", "GIMP 2.4.5", 6)
    assert facts.captured == CaptureTime("2008-05-30T15:56:01", False)
    assert facts.warnings == ()


@pytest.mark.parametrize(
    ("data", "picture_format"),
    [
        (jpeg(app1_xmp(PACKET)), "jpeg"),
        (jpeg(app1_exif(exif_block({})), app1_xmp(PACKET + b"\0")), "jpeg"),
        (png((b"iTXt", ITXT)), "png"),
        (png((b"iTXt", ZITXT)), "png"),
        (webp((b"XMP ", PACKET)), "webp"),
        (heif(exif_block({}), PACKET), "heif"),
        (exif_block({0x02BC: (UNDEFINED, len(PACKET), PACKET)}), "dng"),
        (gif(PACKET), "gif"),
    ],
)
def test_xmp_of_every_container(data: bytes, picture_format: str) -> None:
    facts = facts_from_bytes(data, picture_format)
    assert facts.position is not None
    assert (facts.position.latitude, facts.position.longitude, facts.position.source) == (41.9, 12.45, "xmp")
    assert facts.orientation == 6
    assert facts.warnings == ()


def test_extended_xmp_is_joined_in_order() -> None:
    guid = b"0123456789ABCDEF0123456789ABCDEF"
    cut = len(PACKET) // 2
    head = b"http://ns.adobe.com/xmp/extension/\0" + guid + len(PACKET).to_bytes(4, "big")
    parts = [(0xE1, head + at.to_bytes(4, "big") + PACKET[at:end]) for at, end in ((cut, len(PACKET)), (0, cut))]
    main = packet(f'xmlns:note="http://ns.adobe.com/xmp/note/" note:HasExtendedXMP="{guid.decode()}"')
    assert facts_from_bytes(jpeg(app1_xmp(main), *parts), "jpeg").position is not None
    stranger = packet('xmlns:note="http://ns.adobe.com/xmp/note/" note:HasExtendedXMP="FFFF"')
    assert facts_from_bytes(jpeg(app1_xmp(stranger), *parts), "jpeg").position is None


def test_exif_position_wins_and_a_far_xmp_one_is_reported() -> None:
    far = packet('exif:GPSLatitude="51,30N" exif:GPSLongitude="0,7W"')
    facts = facts_from_bytes(jpeg(app1_exif(BLOCK), app1_xmp(far)), "jpeg")
    assert facts.position is not None and facts.position.source == "exif"
    assert [w.code for w in facts.warnings] == ["gps_disagree"]
    near = packet('exif:GPSLatitude="41,54.01N" exif:GPSLongitude="12,27E"')
    assert facts_from_bytes(jpeg(app1_exif(BLOCK), app1_xmp(near)), "jpeg").warnings == ()


def test_xmp_steps_in_for_an_unusable_exif_position_which_is_still_reported() -> None:
    zero = rationals((0, 1), (0, 1), (0, 1))
    facts = facts_from_bytes(jpeg(app1_exif(exif_block({}, gps=gps_directory(zero, zero))), app1_xmp(PACKET)), "jpeg")
    assert facts.position is not None and facts.position.source == "xmp"
    assert [w.code for w in facts.warnings] == ["gps_zero"]


def test_gps_time_is_the_last_resort_for_the_capture_time() -> None:
    stamp = {7: rationals((10, 1), (11, 1), (12, 1)), 0x1D: text("2019:05:06")}
    assert facts_from_bytes(jpeg(app1_exif(exif_block({}, gps=stamp))), "jpeg").captured == CaptureTime("2019-05-06T10:11:12+00:00", True)


@pytest.mark.parametrize(
    ("make", "model", "camera"),
    [
        ("NIKON CORPORATION", "NIKON D300", "NIKON D300"),
        ("EASTMAN KODAK COMPANY", "KODAK CX7530 ZOOM", "KODAK CX7530 ZOOM"),
        ("samsung", "SM-G930F", "samsung SM-G930F"),
        ("", "Caplio RR330", "Caplio RR330"),
        ("Apple\0junk", "iPhone 7  ", "Apple iPhone 7"),
        ("", "", None),
    ],
)
def test_camera_names(make: str, model: str, camera: str | None) -> None:
    assert facts_from_bytes(exif_block({0x010F: text(make), 0x0110: text(model)}), "tiff").camera == camera


def comment(value: bytes) -> Facts:
    return facts_from_bytes(exif_block({}, {0x9286: (UNDEFINED, len(value), value)}), "tiff")


def test_screenshots_only_by_their_own_account() -> None:
    assert comment(b"ASCII\0\0\0Screenshot").is_screenshot
    assert comment(b"UNICODE\0" + "Screenshot".encode("utf-16-le")).is_screenshot
    assert not comment(b"ASCII\0\0\0not a Screenshot of mine").is_screenshot
    assert facts_from_bytes(png((b"tEXt", b"Software\0gnome-screenshot")), "png").is_screenshot
    assert not facts_from_bytes(exif_block({0x0110: text("EOS 40D"), 0x0131: text("screenshot tool")}), "tiff").is_screenshot
    assert not facts_from_bytes(png((b"tEXt", b"Software\0Adobe ImageReady")), "png").is_screenshot


def test_scans_only_by_their_own_account() -> None:
    assert facts_from_bytes(exif_block({0x0131: text("VueScan 9")}), "tiff").is_scan
    assert facts_from_bytes(exif_block({}, {0xA300: (UNDEFINED, 1, b"\2")}), "tiff").is_scan
    assert not facts_from_bytes(exif_block(CAMERA, {0xA300: (UNDEFINED, 1, b"\3")}), "tiff").is_scan


@pytest.mark.parametrize(
    ("block", "code"),
    [
        (b"", "metadata_damaged"),
        (b"XX" + BLOCK[2:], "metadata_damaged"),
        (BLOCK[:4] + b"\0\0\0\0" + BLOCK[8:], "metadata_damaged"),
        (BLOCK[:4] + b"\xff\xff\xff\xff" + BLOCK[8:], "metadata_damaged"),
        (BLOCK[:8] + b"\xff\xff" + BLOCK[10:], "metadata_damaged"),
        (BLOCK[:40], "metadata_damaged"),
        (exif_block({0x8825: (4, 1, b"\xff\xff\xff\x7f")}), "gps_malformed"),
        (exif_block({0x8825: text("abc")}), "metadata_damaged"),
        (exif_block({0x0112: (99, 1, b"\1\0\0\0")}), "metadata_damaged"),
        (exif_block({0x0112: short(0)}), "orientation_illegal"),
    ],
)
def test_broken_blocks_become_warnings(block: bytes, code: str) -> None:
    facts = facts_from_bytes(jpeg(app1_exif(block + b"\0")), "jpeg")
    assert code in {w.code for w in facts.warnings}


def test_bigtiff_is_neither_read_nor_called_damaged() -> None:
    assert facts_from_bytes(b"II+\0\x08\0\0\0\x10\0\0\0\0\0\0\0" + b"\0" * 16, "tiff") == Facts()


def test_a_directory_that_points_at_itself_ends() -> None:
    facts = facts_from_bytes(exif_block({0x8769: (4, 1, b"\x08\0\0\0"), 0x8825: (4, 1, b"\x08\0\0\0")}), "tiff")
    assert facts.position is None


@settings(deadline=5000, max_examples=300)
@given(st.data())
def test_mutated_files_never_raise(data: st.DataObject) -> None:
    samples = {
        "jpeg": jpeg(app1_exif(BLOCK), app1_xmp(PACKET)),
        "png": png((b"eXIf", BLOCK), (b"iTXt", ZITXT)),
        "webp": webp((b"EXIF", BLOCK), (b"XMP ", PACKET)),
        "heif": heif(BLOCK, PACKET),
        "tiff": BLOCK,
        "gif": gif(PACKET),
    }
    picture_format = data.draw(st.sampled_from(sorted(samples)))
    sample = bytearray(samples[picture_format])
    for _ in range(data.draw(st.integers(1, 8))):
        sample[data.draw(st.integers(0, len(sample) - 1))] = data.draw(st.sampled_from([0, 1, 4, 127, 128, 255]))
    facts = facts_from_bytes(bytes(sample[: data.draw(st.integers(0, len(sample)))]), picture_format)
    assert Facts.from_dict(facts.to_dict()) == facts
    assert (facts.position is not None) == (facts.gps_status == "present")


@settings(deadline=5000, max_examples=200)
@given(st.binary(max_size=300), st.sampled_from(FORMATS))
def test_random_bytes_never_raise(data: bytes, picture_format: str) -> None:
    assert facts_from_bytes(data, picture_format).position is None


@settings(deadline=5000, max_examples=200)
@given(st.binary(max_size=300), st.booleans())
def test_random_directories_never_raise(data: bytes, little: bool) -> None:
    block = (b"II*\0\x08\0\0\0" if little else b"MM\0*\0\0\0\x08") + data
    assert 1 <= facts_from_bytes(jpeg(app1_exif(block)), "jpeg").orientation <= 8


@pytest.mark.parametrize(
    ("data", "picture_format"),
    [
        (b"\xff\xd8" + b"\xff\xe1\x00\x02" * 500_000, "jpeg"),
        (b"\xff\xd8" + b"\xff" * 2_000_000, "jpeg"),
        (png(*[(b"IDAT", b"")] * 100_000), "png"),
        (webp(*[(b"XXXX", b"")] * 100_000), "webp"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\0\0\0\x08free" * 100_000, "heif"),
        (b"II*\0\x08\0\0\0\xff\xff" + b"\x12\x01\x03\0\1\0\0\0\1\0\0\0" * 65535, "tiff"),
        (png((b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(b"0" * 50_000_000))), "png"),
    ],
    ids=["segments", "fill", "chunks", "riff", "boxes", "entries", "inflate"],
)
def test_long_chains_take_bounded_time(data: bytes, picture_format: str) -> None:
    started = time.process_time()
    assert facts_from_bytes(data, picture_format).position is None
    assert time.process_time() - started < 1


def test_a_file_is_read_without_its_pixels(tmp_path: Path) -> None:
    path = tmp_path / "sparse.jpg"
    path.write_bytes(jpeg((0xE0, b"\0" * 65000), (0xE2, b"\0" * 65000), app1_exif(BLOCK), app1_xmp(PACKET)))
    os.truncate(path, 150_000_000)
    started = time.process_time()
    assert facts_of_file(path, Limits()).camera == "Canon EOS 40D"
    assert time.process_time() - started < 0.2


def test_what_is_no_readable_photo(tmp_path: Path) -> None:
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "large.jpg").write_bytes(jpeg(app1_exif(BLOCK)))
    os.mkfifo(tmp_path / "pipe.jpg")
    cases = {
        "empty": "not_a_photo",
        "large.jpg": "too_many_bytes",
        "pipe.jpg": "unreadable",
        "missing": "unreadable",
        "a\0b": "unreadable",
        ".": "unreadable",
    }
    for name, code in cases.items():
        with pytest.raises(PhotoError) as caught:
            facts_of_file(tmp_path / name, Limits(max_bytes=100))
        assert caught.value.code == code, name
