"""Training views are addressed, and hide what they should."""

from __future__ import annotations

import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from landsight.studio.data.check import check
from landsight.studio.data.loader import Plan, TrainingViews, batches
from landsight.studio.data.views import view
from landsight.studio.random import generator, number_of, torch_seed
from landsight.studio.recipe import ViewsRecipe
from landsight.studio.tasks.classify import Classify

from .conftest import tiny_recipe

OFF = ViewsRecipe(
    min_area=1.0, max_aspect=1.0, degrade_large=0.0, degrade_small=0.0, jpeg_plain=0.0, flip=0.0, rotate=0.0, blur=0.0, colour=0.0, grey=0.0
)


def _picture(width: int = 60, height: int = 40) -> np.ndarray:
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([x * 255 // width, y * 255 // height, (x + y) * 2], axis=2).astype(np.uint8)


def test_the_same_address_gives_the_same_numbers_and_others_do_not() -> None:
    addresses = [(0, "view", 0, 1), (0, "view", 1, 1), (0, "view", 0, 2), (1, "view", 0, 1), (0, "order", 0, 1)]
    draws = [generator(*a).random(4).tolist() for a in addresses]
    assert draws == [generator(*a).random(4).tolist() for a in addresses]
    assert len({tuple(d) for d in draws}) == len(addresses)
    assert len({torch_seed(*a) for a in addresses}) == len(addresses)
    # Pinned: a new version must not silently change what an address means.
    assert number_of("train/a/1.jpg") == 4811895558565054836


def test_nothing_switched_on_gives_the_whole_picture() -> None:
    plain, sharp = view(_picture(64, 64), False, 64, OFF, generator(0, "t"))
    assert np.array_equal(plain, _picture(64, 64))
    assert sharp


def test_a_view_has_its_size_and_type_for_any_picture() -> None:
    for number, (width, height) in enumerate([(1, 1), (3, 200), (96, 96), (400, 30)]):
        for small in (False, True):
            image, _ = view(_picture(width, height), small, 32, ViewsRecipe(), generator(0, "t", item=number))
            assert image.shape == (32, 32, 3)
            assert image.dtype == np.uint8


def test_sharp_means_large_and_not_shrunk() -> None:
    always = replace(OFF, degrade_large=1.0, degrade_small=1.0)
    assert view(_picture(), False, 32, OFF, generator(0, "t"))[1]
    assert not view(_picture(), True, 32, OFF, generator(0, "t"))[1]
    assert not view(_picture(), False, 32, always, generator(0, "t"))[1]


def test_a_degraded_view_has_lost_its_detail() -> None:
    stripes = np.zeros((256, 256, 3), np.uint8)
    stripes[:, ::4] = stripes[:, 1::4] = 255
    recipe = replace(OFF, degrade_large=1.0, degrade_large_px=(40.0, 40.0), jpeg_degraded=0.0)
    sharp, _ = view(stripes, False, 256, OFF, generator(0, "t"))
    blurred = [view(stripes, False, 256, recipe, generator(0, "t", item=i))[0] for i in range(5)]
    assert sharp.std() > 100
    assert max(v.std() for v in blurred) < 40


def test_crops_keep_at_least_the_area_asked_for() -> None:
    """Left-right and top-bottom ramps tell where the crop lay: its extent in each is the spread of the channel."""
    recipe = replace(OFF, min_area=0.3, max_aspect=1.4286)
    areas = []
    for item in range(200):
        image, _ = view(_picture(200, 200), False, 50, recipe, generator(0, "t", item=item))
        spread = [(int(image[:, :, c].max()) - int(image[:, :, c].min())) / 255 for c in (0, 1)]
        areas.append(spread[0] * spread[1])
    assert 0.22 < min(areas) < 0.4
    assert 0.85 < max(areas) <= 1.0


def test_square_crops_keep_the_aspect_of_the_picture() -> None:
    """A disc in a picture twice as wide as high stays a disc."""
    y, x = np.mgrid[0:200, 0:400]
    disc = np.repeat((((x - 200) ** 2 + (y - 100) ** 2 < 30**2) * 255).astype(np.uint8)[:, :, None], 3, axis=2)
    recipe = replace(OFF, min_area=0.99, square_crop=1.0)
    found = 0
    for item in range(40):
        image, _ = view(disc, False, 100, recipe, generator(0, "t", item=item))
        rows, columns = (image[:, :, 0] > 128).any(axis=1), (image[:, :, 0] > 128).any(axis=0)
        if columns[0] or columns[-1] or not columns.any():
            continue
        found += 1
        assert abs(int(rows.sum()) - int(columns.sum())) <= 2
    assert found > 5


def test_plan_visits_every_picture_once_an_epoch_and_sizes_follow_the_stages() -> None:
    plan = Plan(samples=20, batch=5, stages=((32, 2), (48, 1)), seed=3)
    assert (plan.per_epoch, plan.steps, plan.sides) == (4, 12, [32, 32, 48])
    for epoch in range(3):
        addresses = [a for step in range(4) for a in plan.addresses(epoch * 4 + step)]
        assert sorted(i for _, _, i in addresses) == list(range(20))
        assert {(e, s) for e, s, _ in addresses} == {(epoch, plan.sides[epoch])}
    assert plan.addresses(0) != [(0, s, i) for (_, s, i) in plan.addresses(4)]
    assert Plan(samples=3, batch=5, stages=((32, 1),), seed=0).steps == 1


@pytest.mark.slow
def test_workers_change_nothing_and_a_later_start_goes_on_the_same(folder: Path, tmp_path: Path) -> None:
    recipe = tiny_recipe(folder)
    checked = check(recipe.data, 0, tmp_path)
    task = Classify.from_data(recipe, checked)
    views = TrainingViews(checked.train, checked.cache, task, seed=5)
    plan = Plan(len(checked.train), 8, recipe.schedule.stages, 5)
    alone = list(batches(views, plan))
    at_the_end_of_a_child = signal.getsignal(signal.SIGCHLD)
    helped = list(batches(views, plan, workers=2))
    later = list(batches(views, plan, first=2))
    assert signal.getsignal(signal.SIGCHLD) == at_the_end_of_a_child
    assert len(alone) == len(helped) == plan.steps == len(later) + 2
    for a, b in [*zip(alone, helped, strict=True), *zip(alone[2:], later, strict=True)]:
        assert torch.equal(a.image_nhwc_u8, b.image_nhwc_u8)
        assert all(torch.equal(a.targets[name], b.targets[name]) for name in ("label", "sharp", "small"))
    first = checked.train.items[plan.addresses(0)[0][2]]
    again, _ = task.view(checked.cache[first.key], first, 32, generator(5, "view", 0, first.key))
    assert np.array_equal(alone[0].image_nhwc_u8[0].numpy(), again)
    assert Image.fromarray(again).size == (32, 32)
