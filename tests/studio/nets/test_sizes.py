"""Which sizes go through: the layer that cannot, what reached it, the smallest input that works."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from landsight.errors import RecipeError
from landsight.photo.prepare import Preparation
from landsight.studio.nets import table
from landsight.studio.nets.sizes import check_input, output_shape, smallest_side
from landsight.studio.recipe import NetRecipe
from landsight.studio.train.run import train

from ..conftest import tiny_recipe

_CNN = NetRecipe(name="cnn", pretrained=False, frozen_blocks=0)


def test_a_picture_too_small_names_layer_size_and_smallest() -> None:
    """7 -> 3 -> 1 -> nothing to pool."""
    with pytest.raises(RecipeError) as caught:
        table.build(_CNN, 2, Preparation(40, 7))
    assert caught.value.code == "impossible_size"
    assert str(caught.value) == (
        "Layer blocks.2.pool cannot take 64 x 1 x 10, which is what is left of an input of 3 x 7 x 40. "
        "The smallest input that works is 3 x 8 x 8."
    )
    table.build(_CNN, 2, Preparation(8, 8))


def test_the_smallest_input_with_unpadded_filters() -> None:
    """Backwards through three blocks of 3x3 and halving: 1 <- 2 <- 4 <- 8 <- 10 <- 20 <- 22."""
    with pytest.raises(RecipeError, match=r"blocks\.2\.pool cannot take 64 x 1 x 1.*The smallest input that works is 1 x 22 x 22"):
        table.build(replace(_CNN, padding="valid"), 2, Preparation(20, 20, colour="L", mean=(0.0,), std=(1.0,)))
    table.build(replace(_CNN, padding="valid"), 2, Preparation(22, 22))


def test_a_mirror_cannot_be_wider_than_the_picture() -> None:
    """Reflecting one pixel of a map of one is impossible; the error is of the convolution itself."""
    with pytest.raises(RecipeError, match=r"blocks\.\d\.conv cannot take"):
        table.build(replace(_CNN, padding_mode="reflect", padding="5"), 2, Preparation(4, 4))


def test_sizes_are_found_without_touching_the_network() -> None:
    net = table.build(replace(_CNN, name="resnet", width=0.25), 2, Preparation(32, 32)).train()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    assert output_shape(net, (3, 32, 48)) == (128, 4, 6)
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())
    assert all(module.training for module in net.modules())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in net.modules())


def test_any_module_can_be_asked() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 5), nn.MaxPool2d(2))
    assert output_shape(net, (3, 12, 14)) == (4, 4, 5)
    assert smallest_side(net, 3) == 6
    with pytest.raises(RecipeError, match=r"Layer 0 cannot take 3 x 4 x 9.*3 x 6 x 6"):
        check_input(net, (3, 4, 9))


def test_channels_that_do_not_fit_are_not_blamed_on_the_size() -> None:
    with pytest.raises(RecipeError, match=r"Layer 0 cannot take 1 x 9 x 9: it wants 3 channels"):
        check_input(nn.Sequential(nn.Conv2d(3, 4, 3)), (1, 9, 9))


def test_views_of_a_stage_are_checked_before_training(folder: Path, tmp_path: Path) -> None:
    """Pictures are judged at 32 px, but training would begin at 6."""
    with pytest.raises(RecipeError, match=r"blocks\.2\.pool cannot take 64 x 1 x 1, which is what is left of an input of 3 x 6 x 6"):
        train(tiny_recipe(folder, "schedule.stages=[[6,1],[32,1]]"), tmp_path / "run", say=lambda _: None)
