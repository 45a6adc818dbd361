"""Maps on photos: the preparation itself is the oracle of where a prepared pixel came from."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from landsight.explain.colours import bar, laid_over, ramp
from landsight.explain.heat import enlarged, on_photo, positive
from landsight.photo.prepare import Preparation, prepare, seen_part


def test_positive_keeps_what_speaks_for_it() -> None:
    assert positive(np.array([[2, -1, 4]])).tolist() == [[0.5, 0, 1]]
    assert positive(np.array([[-2, -1]])).tolist() == [[0, 0]]
    assert positive(np.array([[np.nan, 1]])).tolist() == [[0, 0]]
    assert positive(np.array([[np.inf, 1]])).tolist() == [[0, 0]]


def test_enlarging_keeps_the_middles_of_cells() -> None:
    assert enlarged(np.array([[0.0, 1.0]]), 2, 4).tolist() == [[0, 0.25, 0.75, 1]] * 2


@pytest.mark.parametrize("rule", ["squash", "crop", "letterbox"])
@pytest.mark.parametrize("size", [(120, 80), (60, 90), (64, 64)])
def test_a_map_comes_back_to_where_the_picture_was(rule: str, size: tuple[int, int]) -> None:
    """The prepared picture's own brightness as a map: laid back on the photo it must be the photo's."""
    width, height = size
    y, x = np.mgrid[0:height, 0:width]
    smooth = 127 + 100 * np.sin(x / width * 5 + 1) * np.cos(y / height * 4)
    photo = np.repeat(smooth.round().astype(np.uint8)[:, :, None], 3, axis=2)
    p = Preparation(width=64, height=48, resize=rule, filter="bilinear")
    back = on_photo(prepare(photo, p)[:, :, 0], seen_part(p, size), width, height)
    seen = ~np.isnan(back)
    assert back.shape == (height, width)
    assert seen.mean() == 1 if rule != "crop" else 0.3 < seen.mean() <= 1
    inner = seen.copy()
    inner[:3], inner[-3:], inner[:, :3], inner[:, -3:] = False, False, False, False  # the rim meets the filling of a letterbox
    assert np.abs(back - photo[:, :, 0])[inner].max() < 9


def test_what_was_not_looked_at_is_no_number() -> None:
    left = on_photo(np.ones((7, 7)), seen_part(Preparation(width=100, height=100, resize="crop"), (300, 100)), 300, 100)
    assert np.isnan(left[:, :100]).all()
    assert (left[:, 100:200] == 1).all()


def test_colours_grow_lighter_all_the_way() -> None:
    lightness = ramp(np.linspace(0, 1, 50, dtype=np.float32)) @ np.array([0.299, 0.587, 0.114])
    assert (np.diff(lightness) > 0).all()
    assert bar(100, 8).size == (100, 8)


def test_nothing_leaves_the_photo_grey_and_the_unseen_is_veiled() -> None:
    photo = Image.new("RGB", (30, 20), (200, 40, 40))
    heat = np.zeros((20, 30), np.float32)
    heat[5:10, 5:10], heat[:, 25:] = 1, np.nan
    over = np.asarray(laid_over(photo, heat), np.int64)
    assert np.ptp(over[15, 15]) < 60 < np.ptp(np.array(photo.getpixel((0, 0))))
    assert (over[7, 7] > (210, 190, 120)).all()
    assert over[10, 27].min() > 170
