"""HEIC and HEIF on real files (nothing here can write HEVC), and refusals on made ones."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pi_heif
import pytest
from PIL import Image

from landsight.errors import PhotoError
from landsight.photo import heif
from landsight.photo.limits import Limits

LIMITS = Limits()
HEAD = struct.pack(">I", 20) + b"ftypheic\0\0\0\0mif1"


@pytest.mark.parametrize("data", [HEAD, HEAD + b"\0\0\0\x08meta", HEAD + bytes(200)])
def test_heads_without_a_picture_are_refused(data: bytes) -> None:
    with pytest.raises(PhotoError) as caught:
        heif.decode(data, limits=LIMITS, decode_px=None)
    assert caught.value.code in ("damaged", "unsupported")
    assert "\n" not in caught.value.reason


def test_one_thread_a_process() -> None:
    pi_heif.options.DECODE_THREADS = 4
    with pytest.raises(PhotoError):
        heif.decode(HEAD, limits=LIMITS, decode_px=None)
    assert pi_heif.options.DECODE_THREADS == 1


@pytest.mark.data
def test_real_files_at_full_and_small_size(data_dir: Path) -> None:
    folder = data_dir / "photos_exif"
    # Sizes as an HEIF viewer shows them: the container's rotation applied (the Sony picture was taken upright).
    upright = {
        "exiv2__Stonehenge.heic": (300, 200),
        "exif-samples__IMG_5195.HEIC": (2566, 3313),
        "exiv2__issue_9292_sony_8_left-bottom.HIF": (4672, 7008),
    }
    for name, size in upright.items():
        found = heif.decode((folder / name).read_bytes(), limits=LIMITS, decode_px=200)
        assert found.size_px == size
        assert found.applied == 1
        assert 200 <= min(found.image_hwc_u8.shape[:2]) < 400
        assert found.image_hwc_u8.dtype == np.uint8
        assert found.image_hwc_u8.std() > 10


@pytest.mark.data
def test_shrinking_is_averaging(data_dir: Path) -> None:
    data = (data_dir / "photos_exif" / "exiv2__Stonehenge.heic").read_bytes()
    full = heif.decode(data, limits=LIMITS, decode_px=None)
    small = heif.decode(data, limits=LIMITS, decode_px=50)
    assert np.array_equal(small.image_hwc_u8, np.asarray(Image.fromarray(full.image_hwc_u8).reduce(4)))


@pytest.mark.data
def test_declared_pixels_are_checked(data_dir: Path) -> None:
    data = (data_dir / "photos_exif" / "exiv2__Stonehenge.heic").read_bytes()
    with pytest.raises(PhotoError) as caught:
        heif.decode(data, limits=Limits(max_pixels=59_999), decode_px=None)
    assert caught.value.code == "too_many_pixels"


@pytest.mark.data
def test_display_p3_is_converted(data_dir: Path) -> None:
    data = (data_dir / "photos_exif" / "immich-test-assets__IMG_2682.heic").read_bytes()
    as_stored = np.asarray(pi_heif.open_heif(data).to_pillow().reduce(13))
    found = heif.decode(data, limits=LIMITS, decode_px=224)
    assert found.warnings == ()
    assert found.image_hwc_u8.shape == as_stored.shape
    assert 0 < np.abs(found.image_hwc_u8.astype(int) - as_stored).mean() < 20
