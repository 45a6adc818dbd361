"""The one door: bytes under limits, identification, orientation once, facts kept when pixels fail."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from landsight.errors import PHOTO_CODES, PhotoError
from landsight.photo.facts import Facts, PhotoWarning
from landsight.photo.limits import Limits
from landsight.photo.pixels import as_photo_error, damage_warning, plain
from landsight.photo.read import decode, facts_of, identify, read, read_bytes
from picture_factory import QUARTERS, corners, encode, near, quarter_colours, stored, with_orientation, xmp_orientation

LIMITS = Limits()


def refused(source: Path | str | bytes, limits: Limits = LIMITS) -> PhotoError:
    with pytest.raises(PhotoError) as caught:
        read(source, limits=limits)
    return caught.value


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    ("name", "options"), [("JPEG", {"quality": 95}), ("PNG", {}), ("WEBP", {"quality": 95}), ("TIFF", {}), ("AVIF", {"quality": 95})]
)
@pytest.mark.parametrize("decode_px", [None, 16])
def test_every_orientation_is_applied_once(name: str, options: dict[str, object], orientation: int, decode_px: int | None) -> None:
    data = encode(stored(corners(192, 128), orientation), name, exif=with_orientation(orientation), **options)
    photo = read(data, limits=LIMITS, decode_px=decode_px)
    assert photo.orientation == orientation
    assert photo.size_px == (192, 128)
    height, width = photo.pixels_hwc_u8.shape[:2]
    assert width * 2 == height * 3
    assert near(quarter_colours(photo.pixels_hwc_u8), QUARTERS, 8)
    assert photo.pixels_hwc_u8.flags["C_CONTIGUOUS"]
    assert photo.warnings == ()


@pytest.mark.parametrize("decode_px", [None, 16])
def test_the_first_picture_of_an_mpo(decode_px: int | None) -> None:
    second = corners(96, 64).rotate(180)
    data = encode(corners(192, 128), "MPO", save_all=True, append_images=[second], quality=95, exif=with_orientation(1))
    photo = read(data, limits=LIMITS, decode_px=decode_px)
    assert photo.size_px == (192, 128)
    assert near(quarter_colours(photo.pixels_hwc_u8), QUARTERS, 8)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP"])
def test_orientation_in_xmp_alone(name: str, orientation: int) -> None:
    options: dict[str, object] = {"xmp": xmp_orientation(orientation)}
    if name == "PNG":
        from PIL.PngImagePlugin import PngInfo

        info = PngInfo()
        info.add_itxt("XML:com.adobe.xmp", xmp_orientation(orientation).decode())
        options = {"pnginfo": info}
    photo = read(encode(stored(corners(192, 128), orientation), name, **options), limits=LIMITS)
    assert photo.orientation == orientation
    assert near(quarter_colours(photo.pixels_hwc_u8), QUARTERS, 30)


@pytest.mark.parametrize("value", [0, 9, 255])
def test_an_illegal_orientation_turns_nothing_and_warns(value: int) -> None:
    photo = read(encode(corners(), "JPEG", quality=95, exif=with_orientation(value)), limits=LIMITS)
    assert photo.orientation == 1
    assert photo.size_px == (96, 64)
    assert "orientation_illegal" in [warning.code for warning in photo.warnings]


def test_warnings_of_facts_and_pixels_come_together() -> None:
    facts = Facts(warnings=(PhotoWarning("gps_zero", "zero"),))
    data = encode(corners(), "PNG", icc_profile=b"broken")
    photo = decode(data, "png", facts, limits=LIMITS)
    assert [warning.code for warning in photo.warnings] == ["gps_zero", "colour_profile_broken"]
    assert photo.facts is facts


def test_facts_survive_pixels_that_do_not() -> None:
    exif = with_orientation(6)
    exif[271], exif[272] = "Maker", "Model"
    whole = encode(corners(192, 128), "JPEG", quality=95, exif=exif)
    data = whole[: whole.index(b"\xff\xda") + 20]
    kind = identify(data)
    facts = facts_of(data, kind)
    assert facts.orientation == 6
    assert facts.camera is not None
    with pytest.raises(PhotoError) as caught:
        decode(data, kind, facts, limits=LIMITS)
    assert caught.value.code == "damaged"


def test_path_text_and_bytes_give_the_same(tmp_path: Path) -> None:
    path = tmp_path / "a picture.txt"
    path.write_bytes(encode(corners(), "PNG"))
    found = [read(source, limits=LIMITS).pixels_hwc_u8 for source in (path, str(path), path.read_bytes())]
    assert np.array_equal(found[0], found[1])
    assert np.array_equal(found[0], found[2])


def test_a_link_to_a_photo_is_followed(tmp_path: Path) -> None:
    (tmp_path / "photo").write_bytes(encode(corners(), "PNG"))
    (tmp_path / "link").symlink_to("photo")
    assert read(tmp_path / "link", limits=LIMITS).size_px == (96, 64)


def test_what_is_not_a_file_is_unreadable_and_never_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "to_device").symlink_to("/dev/zero")
    for source in (
        tmp_path / "pipe",
        tmp_path / "loop",
        tmp_path / "to_device",
        tmp_path,
        tmp_path / "missing",
        "/dev/zero",
        "nul\0name",
        "",
    ):
        error = refused(source)
        assert error.code == "unreadable"
        assert error.reason.isprintable()


def test_too_many_bytes_before_reading(tmp_path: Path) -> None:
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        # Holes: nothing on disk, and nothing may be read of it.
        file.truncate(50_000_000_000)
    assert refused(path).code == "too_many_bytes"
    data = encode(corners(), "PNG")
    assert refused(data, Limits(max_bytes=len(data) - 1)).code == "too_many_bytes"
    assert read_bytes(data, Limits(max_bytes=len(data))) is data


def test_pseudo_files_that_declare_no_size_are_still_read_within_the_limit() -> None:
    # /proc files say 0 bytes and hold more.
    assert len(read_bytes("/proc/self/status", LIMITS)) > 100
    with pytest.raises(PhotoError) as caught:
        read_bytes("/proc/self/status", Limits(max_bytes=100))
    assert caught.value.code == "too_many_bytes"


@pytest.mark.parametrize(("data", "words"), [(b"", "empty"), (b"hello", "text"), (b"PK\x03\x04", "ZIP"), (b"<?xpacket begin=''?>", "XMP")])
def test_not_a_photo_says_what_it_is(data: bytes, words: str) -> None:
    error = refused(data)
    assert error.code == "not_a_photo"
    assert words in error.reason


def test_a_raw_file_is_its_preview_turned_by_the_raw_files_orientation() -> None:
    jpeg = encode(stored(corners(192, 128), 6), "JPEG", quality=95)
    tags = [(274, 3, 1, struct.pack("<HH", 6, 0)), (513, 4, 1, struct.pack("<I", 100)), (514, 4, 1, struct.pack("<I", len(jpeg)))]
    tags.append((50706, 1, 4, b"\x01\x04\0\0"))
    head = b"II*\0" + struct.pack("<IH", 8, len(tags)) + b"".join(struct.pack("<HHI", *tag[:3]) + tag[3] for tag in tags)
    data = head.ljust(100, b"\0") + jpeg
    assert identify(data) == "dng"
    photo = read(data, limits=LIMITS)
    assert photo.orientation == 6
    assert photo.size_px == (192, 128)
    assert near(quarter_colours(photo.pixels_hwc_u8), QUARTERS, 8)
    assert refused(data[:90]).code == "damaged"


@pytest.mark.data
def test_facts_of_a_raw_file_cut_short_are_kept(data_dir: Path) -> None:
    data = (data_dir / "photos_exif" / "exiv2__IMG_1361.dng").read_bytes()
    assert identify(data) == "dng"
    facts = facts_of(data, "dng")
    assert facts.orientation == 6
    assert facts.position is not None
    with pytest.raises(PhotoError) as caught:
        decode(data, "dng", facts, limits=LIMITS)
    assert caught.value.code == "damaged"


@pytest.mark.data
def test_avif_is_turned_by_its_container_and_not_by_xmp(data_dir: Path) -> None:
    # Its XMP says 3, its container nothing, and the flowers stand upright as stored.
    photo = read(data_dir / "photos_exif" / "Pillow__xmp_tags_orientation.avif", limits=LIMITS)
    assert photo.facts.orientation == 3
    assert photo.orientation == 1


def test_decoders_are_loaded_by_need() -> None:
    code = (
        "import sys, landsight.photo.read; print([m for m in sys.modules if m.split('.')[0] in ('pi_heif', 'torch') or 'TiffImage' in m])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_nothing_is_written(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(encode(corners(), "JPEG"))
    path.chmod(0o444)
    before = path.read_bytes(), path.stat().st_mtime_ns
    read(path, limits=LIMITS)
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["photo.jpg"]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (MemoryError(), "too_much_memory"),
        (OSError("out of memory when reading image file"), "too_much_memory"),
        (NotImplementedError("x"), "unsupported"),
        (SyntaxError("unknown pixel mode"), "unsupported"),
        (RecursionError("deep"), "damaged"),
        (KeyError(-1), "damaged"),
        (ValueError(), "damaged"),
    ],
)
def test_any_exception_becomes_one_of_ours(error: Exception, code: str) -> None:
    found = as_photo_error(error, "PNG")
    assert found.code == code
    assert found.code in PHOTO_CODES
    assert found.reason.isprintable()


def test_words_from_files_are_made_plain() -> None:
    assert plain("a\nb\t\x1b[31m c\u202e.") == "a b [31m c"
    assert len(plain("x" * 1000)) == 160


def test_half_is_enough() -> None:
    assert damage_warning(0.5, "cut").code == "damaged"
    with pytest.raises(PhotoError):
        damage_warning(0.499, "cut")
