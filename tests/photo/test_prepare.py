"""Preparation: hand-worked numbers for each rule, and what it refuses."""

from __future__ import annotations

import json

import numpy as np
import pytest

from landsight.errors import BundleError
from landsight.photo.prepare import Preparation, normalise, prepare, seen_part

# A picture of 2 rows and 4 columns: columns 0, 60, 120, 180 in every channel.
STRIPES = np.broadcast_to(np.array([0, 60, 120, 180], np.uint8)[None, :, None], (2, 4, 3)).copy()


def test_squash_averages_with_a_box() -> None:
    # 4 columns to 2: (0 + 60) / 2 = 30 and (120 + 180) / 2 = 150; 2 rows to 2 as they are.
    found = prepare(STRIPES, Preparation(2, 2, "squash", "box"))
    assert found[:, :, 0].tolist() == [[30, 150], [30, 150]]


def test_crop_takes_the_middle() -> None:
    # Height 2 to 2 is scale 1, so of 4 columns the middle 2 stay: 60 and 120.
    found = prepare(STRIPES, Preparation(2, 2, "crop", "box"))
    assert found[:, :, 2].tolist() == [[60, 120], [60, 120]]


def test_letterbox_keeps_the_aspect_and_fills() -> None:
    # 4 x 2 into 4 x 4 is scale 1: one row of fill above, one below.
    found = prepare(STRIPES, Preparation(4, 4, "letterbox", "box", fill=9))
    assert found[:, :, 1].tolist() == [[9] * 4, [0, 60, 120, 180], [0, 60, 120, 180], [9] * 4]


def test_hiding_comes_before_the_resize() -> None:
    # Squashed to 2 x 2 first (30, 150 as above), then grown to 4 columns: nothing of the four stripes is left.
    hidden = prepare(STRIPES, Preparation(4, 2, "squash", "box", hide_px=2))
    assert hidden[0, :, 0].tolist() == [30, 30, 150, 150]
    assert prepare(STRIPES, Preparation(4, 2, "squash", "box"))[0, :, 0].tolist() == [0, 60, 120, 180]


def test_hiding_never_grows_a_picture() -> None:
    # Only the longer side is above hide_px: 4 columns to 3, the 2 rows stay 2.
    wide = prepare(STRIPES, Preparation(3, 2, "squash", "box", hide_px=3))
    assert wide.shape == (2, 3, 3)
    assert wide[0, :, 0].tolist() == prepare(STRIPES, Preparation(3, 2, "squash", "box"))[0, :, 0].tolist()


def test_grey_has_one_channel_and_weighs_colours() -> None:
    red = np.zeros((3, 3, 3), np.uint8)
    red[:, :, 0] = 255
    found = prepare(red, Preparation(3, 3, colour="L", mean=(0.0,), std=(1.0,)))
    # ITU-R 601: 0.299 * 255 = 76.2
    assert found.shape == (3, 3, 1)
    assert int(found[1, 1, 0]) == 76


def test_normalise_in_units_of_255() -> None:
    batch = np.array([[[[127, 255, 0]]]], np.uint8)
    found = normalise(batch, Preparation(1, 1, mean=(127.0, 127.0, 0.0), std=(128.0, 64.0, 2.0)))
    # (127 - 127) / 128 = 0; (255 - 127) / 64 = 2; (0 - 0) / 2 = 0
    assert found.shape == (1, 3, 1, 1)
    assert found.dtype == np.float32
    assert found.ravel().tolist() == [0.0, 2.0, 0.0]
    assert found.flags["C_CONTIGUOUS"]


def test_it_is_pure_and_repeatable() -> None:
    before = STRIPES.copy()
    preparation = Preparation(3, 3, "letterbox", "lanczos")
    assert np.array_equal(prepare(STRIPES, preparation), prepare(STRIPES, preparation))
    assert np.array_equal(before, STRIPES)


def test_round_trip_through_json() -> None:
    preparation = Preparation(224, 192, "letterbox", "bicubic", hide_px=96, mean=(1.0, 2.0, 3.0))
    assert Preparation.from_dict(json.loads(json.dumps(preparation.to_dict()))) == preparation
    assert preparation.decode_px == 224


@pytest.mark.parametrize(
    "wrong",
    [
        {"filter": "nearest"},
        {"resize": "stretch"},
        {"colour": "BGR"},
        {"mean": (1.0,)},
        {"std": (1.0, 0.0, 1.0)},
        {"width": 0},
        {"height": 5000},
    ],
)
def test_impossible_preparations_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(BundleError):
        Preparation.from_dict({**Preparation(8, 8).to_dict(), **wrong})


def test_an_unknown_field_is_refused() -> None:
    with pytest.raises(TypeError):
        Preparation.from_dict({**Preparation(8, 8).to_dict(), "sharpen": 1})


def test_the_part_that_is_seen() -> None:
    # 4 x 2 pixels. Crop to a square: the middle half of the width. Letterbox into a square: half the height of fill above and below.
    assert seen_part(Preparation(2, 2, "squash"), (4, 2)) == (0, 0, 1, 1)
    assert seen_part(Preparation(2, 2, "crop"), (4, 2)) == (0.25, 0, 0.75, 1)
    assert seen_part(Preparation(2, 2, "crop"), (2, 4)) == (0, 0.25, 1, 0.75)
    assert seen_part(Preparation(2, 2, "letterbox"), (4, 2)) == (0, -0.5, 1, 1.5)
    # Squashed to 2 x 2 first, a square: nothing is left to crop.
    assert seen_part(Preparation(2, 2, "crop", hide_px=2), (4, 2)) == (0, 0, 1, 1)


@pytest.mark.parametrize("rule", ["squash", "crop", "letterbox"])
@pytest.mark.parametrize("size", [(90, 30), (30, 90), (60, 60)])
def test_a_mark_stands_in_the_prepared_picture_where_the_part_says(rule: str, size: tuple[int, int]) -> None:
    width, height = size
    picture = np.zeros((height, width, 3), np.uint8)
    picture[height * 5 // 10 : height * 6 // 10, width * 4 // 10 : width * 5 // 10] = 255  # its middle: 0.45, 0.55
    preparation = Preparation(60, 60, rule, "box", fill=0)  # type: ignore[arg-type]
    left, top, right, bottom = seen_part(preparation, size)
    rows, columns = np.nonzero(prepare(picture, preparation)[:, :, 0] > 128)
    assert left + (right - left) * (columns.mean() + 0.5) / 60 == pytest.approx(0.45, abs=0.01)
    assert top + (bottom - top) * (rows.mean() + 0.5) / 60 == pytest.approx(0.55, abs=0.01)
