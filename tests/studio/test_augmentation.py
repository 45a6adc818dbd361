"""The operations of training views: against Pillow, by hand, and by what must not change."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from landsight.errors import RecipeError
from landsight.photo.prepare import FILTERS, Preparation, prepare
from landsight.studio.data import policies
from landsight.studio.data.autoaugment import CIFAR10, IMAGENET, SVHN
from landsight.studio.data.views import view, view_size
from landsight.studio.data.views_affine import Move, erased, moved
from landsight.studio.data.views_colour import blurred, chroma_matrix, recoloured
from landsight.studio.data.views_resize import SHARP, as_grey, resized, through_jpeg
from landsight.studio.random import generator
from landsight.studio.recipe import ViewsRecipe, from_dict

from .conftest import draw
from .test_views import OFF

GREY = Preparation(28, 28, colour="L", mean=(33.0,), std=(78.0,))
U8 = NDArray[np.uint8]


def _scene(width: int = 72, height: int = 54) -> U8:
    return np.asarray(draw("red", 3, (width, height)))


def _apart(a: U8, b: U8) -> int:
    return int(np.abs(a.astype(int) - b.astype(int)).max())


@pytest.mark.parametrize("name", ["bilinear", "bicubic", "box", "hamming", "lanczos"])
@pytest.mark.parametrize("size", [(90, 130), (31, 20), (100, 24)])
def test_resizing_is_pillows(name: str, size: tuple[int, int]) -> None:
    picture = _scene()
    assert _apart(resized(picture, size, name), np.asarray(Image.fromarray(picture).resize(size, FILTERS[name]))) <= 3
    grey = as_grey(picture)
    assert resized(grey, size, name).shape == (size[1], size[0], 1)


def test_sharp_enlarging_overshoots_more_than_bicubic_and_shrinking_is_bicubic() -> None:
    edge = np.full((16, 16, 3), 60, np.uint8)
    edge[:, 8:] = 180
    peaks = [int(resized(edge, (64, 64), name).max()) for name in ("bilinear", "bicubic", SHARP)]
    assert peaks == sorted(peaks)
    assert len(set(peaks)) == 3
    assert np.array_equal(resized(edge, (8, 8), SHARP), resized(edge, (8, 8), "bicubic"))


def test_grey_is_that_of_the_input() -> None:
    """The training view of a grey input, with nothing asked, is what evaluation prepares."""
    picture = _scene(28, 28)
    made, _ = view(picture, True, 28, OFF, generator(0, "t"), like=GREY)
    assert made.shape == (28, 28, 1)
    assert np.array_equal(made, prepare(picture, GREY))


def test_a_view_has_the_shape_of_its_input() -> None:
    wide = Preparation(96, 64)
    assert view_size(48, wide) == (48, 32)
    assert view_size(48, Preparation(64, 96)) == (32, 48)
    assert view_size(48, None) == (48, 48)
    assert view(_scene(), False, 48, ViewsRecipe(), generator(0, "t"), like=wide)[0].shape == (32, 48, 3)


def test_jpeg_of_poor_quality_loses_more() -> None:
    picture = _scene()
    losses = [np.abs(through_jpeg(picture, q, "444").astype(int) - picture).mean() for q in (95, 60, 20)]
    assert 0 < losses[0] < losses[1] < losses[2]
    assert through_jpeg(as_grey(picture), 80, "420").shape == (54, 72, 1)


@pytest.mark.parametrize(("brightness", "contrast", "saturation"), [(1.3, 0.7, 1.4), (0.7, 1.3, 0.5), (1.3, 1.3, 1.4), (1.0, 1.0, 0.0)])
def test_colours_are_those_of_image_enhance(brightness: float, contrast: float, saturation: float) -> None:
    picture = _scene()
    image = ImageEnhance.Brightness(Image.fromarray(picture)).enhance(brightness)
    image = ImageEnhance.Color(ImageEnhance.Contrast(image).enhance(contrast)).enhance(saturation)
    made = recoloured(picture, brightness=brightness, contrast=contrast, saturation=saturation)
    assert _apart(made, np.asarray(image)) <= 3  # Pillow cuts off each of the three results


def test_hue_turns_the_circle_and_keeps_luma_and_grey() -> None:
    # A third of a turn takes red towards green or blue; a whole turn is none; grey has no hue to turn.
    assert chroma_matrix(1.0, 1.0) == pytest.approx(np.eye(3), abs=1e-4)
    assert chroma_matrix(1.0, 0.3) @ np.ones(3) == pytest.approx(np.ones(3), abs=2e-3)
    luma = np.array([0.299, 0.587, 0.114])
    assert luma @ chroma_matrix(1.3, 0.2) == pytest.approx(luma, abs=1e-4)
    red = np.full((2, 2, 3), (150, 90, 90), np.uint8)
    turned = recoloured(red, hue_turns=0.5)
    # Half a turn: chroma changes sign about luma 90 + 0.299 x 60 = 107.9: 2 x 107.9 - 150 = 66, 2 x 107.9 - 90 = 126.
    assert turned[0, 0].tolist() == [66, 126, 126]
    assert np.array_equal(recoloured(as_grey(red), hue_turns=0.3, saturation=0.2), as_grey(red))


@pytest.mark.parametrize("sigma", [0.4, 0.8, 1.6])
def test_blur_keeps_the_mean_and_is_gaussian(sigma: float) -> None:
    flat = np.full((9, 12, 3), 200, np.uint8)
    assert np.array_equal(blurred(flat, sigma), flat)
    dot = np.zeros((21, 21, 1), np.uint8)
    dot[10, 10] = 255
    made = blurred(dot, sigma)[:, :, 0].astype(float)
    assert np.array_equal(made, made.T)
    offset = np.arange(21) - 10
    expected = np.exp(-0.5 * (offset / sigma) ** 2)
    expected = 255 * np.outer(expected, expected) / expected.sum() ** 2
    assert np.abs(made - expected).max() < 2.5
    soft = np.asarray(Image.fromarray(_scene()).filter(ImageFilter.GaussianBlur(sigma)))
    assert np.abs(blurred(_scene(), sigma).astype(int) - soft).mean() < 2.5


def test_moves_by_hand() -> None:
    # Right by a half, down by a quarter: the point (0, 0) lands on (30, 10) of a 60 x 40 picture.
    assert Move(shift=(0.5, 0.25)).matrix(60, 40) @ (0, 0, 1) == pytest.approx((30, 10))
    # A quarter turn counter-clockwise about (30, 20): the right end (60, 20) goes to the top (30, -10).
    assert Move(rotate_deg=90).matrix(60, 40) @ (60, 20, 1) == pytest.approx((30, -10))
    # Twice as large: (0, 0) is 30 and 20 from the middle, then 60 and 40.
    assert Move(scale=2).matrix(60, 40) @ (0, 0, 1) == pytest.approx((-30, -20))
    # 45 degrees of shear along x: what lies 20 above the middle moves left by 20.
    assert Move(shear_deg=(45, 0)).matrix(60, 40) @ (30, 0, 1) == pytest.approx((10, 0))


def test_moving_is_pillows_rotation_inside_and_fills_outside() -> None:
    picture = _scene()
    made = moved(picture, Move(rotate_deg=10), (9, 8, 7))
    pillow = np.asarray(Image.fromarray(picture).rotate(10, Image.Resampling.BILINEAR))
    assert _apart(made[12:-12, 12:-12], pillow[12:-12, 12:-12]) <= 1
    assert made[0, 0].tolist() == [9, 8, 7]
    assert np.array_equal(moved(picture, Move(), (0, 0, 0)), picture)
    shifted = moved(picture, Move(shift=(1 / 72, 0)), (9, 8, 7))
    assert np.array_equal(shifted[:, 1:], picture[:, :-1])
    assert np.array_equal(shifted[:, 0], np.full((54, 3), (9, 8, 7)))


def test_a_flat_ground_is_continued() -> None:
    digit = np.zeros((28, 28, 1), np.uint8)
    digit[8:20, 12:16] = 255
    made = moved(digit, Move(rotate_deg=30, shift=(0.1, 0.1)), (200,))
    assert made[0].max() == made[-1].max() == 0
    assert made.max() == 255


def test_erasing_hides_a_rectangle_of_the_area_asked_for() -> None:
    picture = np.full((100, 100, 3), 255, np.uint8)
    for item in range(20):
        made = erased(picture, (0.1, 0.2), generator(0, "erase", item=item))
        rows, columns = (made != 255).any(axis=(1, 2)), (made != 255).any(axis=(0, 2))
        share = rows.sum() * columns.sum() / 1e4
        assert 0.09 < share < 0.21
        inside = made[rows][:, columns]
        assert inside.std() > 50
        assert (made == 255).all(axis=2).sum() >= 1e4 * (1 - share) - 1e-6
    assert (picture == 255).all()


def test_new_operations_draw_nothing_at_their_defaults() -> None:
    """So that the address of an old recipe's view means the same view."""
    rngs = [generator(0, "t") for _ in range(2)]
    image, _ = view(_scene(), False, 32, ViewsRecipe(), rngs[0])
    changed = replace(ViewsRecipe(), shift=0.4, scale=(0.5, 2.0), shear_deg=40.0, num_ops=5, magnitude=30, erase_area=(0.5, 0.6))
    again, _ = view(_scene(), False, 32, changed, rngs[1])
    assert np.array_equal(image, again)
    assert rngs[0].random() == rngs[1].random()


@pytest.mark.parametrize(
    "changes", [{"affine": 1.0}, {"erase": 1.0}, {"flip_vertical": 1.0}, {"policy": "randaugment"}, {"hue": 0.3, "colour": 1.0}]
)
def test_what_is_asked_for_happens_and_is_addressed(changes: dict[str, object]) -> None:
    recipe = from_dict({"views": changes}).views
    recipe = replace(OFF, **{name: getattr(recipe, name) for name in changes})
    views = [view(_scene(54, 54), False, 54, recipe, generator(1, "t", item=i))[0] for i in (0, 1, 2, 0)]
    assert np.array_equal(views[0], views[3])
    assert any(not np.array_equal(v, _scene(54, 54)) for v in views)


def test_policies_have_the_tables_of_the_paper() -> None:
    for table in (CIFAR10, SVHN, IMAGENET):
        assert len(table) == 25
        for step in (s for pair in table for s in pair):
            assert step.name in policies.OPERATIONS
            assert 0 <= step.chance <= 1
            assert 0 <= step.magnitude <= 9
    # Spot checks: first and last pairs.
    assert [tuple(s) for s in IMAGENET[0]] == [("posterize", 0.4, 8), ("rotate", 0.6, 9)]
    assert [tuple(s) for s in CIFAR10[-1]] == [("translate_y", 0.7, 9), ("autocontrast", 0.9, 0)]
    assert [tuple(s) for s in SVHN[6]] == [("shear_y", 0.9, 8), ("invert", 0.4, 0)]
    assert policies.autoaugment_table(small=False, grey=False) is IMAGENET
    assert policies.autoaugment_table(small=True, grey=False) is CIFAR10
    assert policies.autoaugment_table(small=True, grey=True) is SVHN


@pytest.mark.parametrize("name", policies.OPERATIONS)
def test_every_operation_keeps_shape_in_colour_and_grey(name: str) -> None:
    for picture in (_scene(), as_grey(_scene())):
        strength = {"posterize": 4.0, "solarize": 128.0, "rotate": 30.0}.get(name, 0.25)
        made = policies.operate(picture, name, strength)
        assert (made.shape, made.dtype) == (picture.shape, np.uint8)
        unchanged = name == "identity" or (name == "colour" and picture.shape[2] == 1)
        assert np.array_equal(made, picture) == unchanged


def test_operations_by_hand() -> None:
    picture = np.array([[[10, 100, 200]]], np.uint8)
    assert policies.operate(picture, "invert", 0)[0, 0].tolist() == [245, 155, 55]
    # Above the threshold of 128 a value is inverted.
    assert policies.operate(picture, "solarize", 128)[0, 0].tolist() == [10, 100, 55]
    # 4 bits stay: 10 = 0000_1010 -> 0, 100 = 0110_0100 -> 96, 200 = 1100_1000 -> 192.
    assert policies.operate(picture, "posterize", 4)[0, 0].tolist() == [0, 96, 192]
    assert policies.operate(picture, "brightness", -0.5)[0, 0].tolist() == [5, 50, 100]
    assert np.array_equal(policies.operate(_scene(), "equalize", 0), np.asarray(ImageOps.equalize(Image.fromarray(_scene()))))
    # A shear is a slope: 0.5 moves the row one above the middle of two left by half a pixel.
    assert policies.operate(np.tile(np.uint8([[[0], [200]]]), (2, 1, 1)), "translate_x", 0.5)[:, 1].ravel().tolist() == [0, 0]


def test_magnitude_is_the_strength() -> None:
    """RandAugment at 0 leaves a picture nearly as it is (equalize and autocontrast have no strength), at 30 it does not."""

    def mean_change(magnitude: int) -> float:
        recipe = replace(OFF, policy="randaugment", num_ops=1, magnitude=magnitude)
        return float(np.mean([np.abs(view(p, False, 54, recipe, generator(0, "t", item=i))[0].astype(int) - p).mean() for i in range(60)]))

    p = _scene(54, 54)
    assert mean_change(0) < 0.5 * mean_change(30)
    with pytest.raises(RecipeError, match=r"\[0, 30\]"):
        from_dict({"views": {"magnitude": 31}})


def test_trivialaugment_draws_all_operations_at_all_strengths() -> None:
    recipe = replace(OFF, policy="trivialaugment")
    picture = _scene(54, 54)
    unlike = {view(picture, False, 54, recipe, generator(0, "t", item=i))[0].tobytes() for i in range(60)}
    assert len(unlike) > 35
