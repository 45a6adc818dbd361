"""Layers: worked examples of the textbook, two proofs about convolutions, pooling and averaging by hand, and every name of the tables."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from landsight.errors import RecipeError
from landsight.photo.prepare import Preparation
from landsight.studio.nets import initialise, layers, table
from landsight.studio.nets.layers import Dense, Flatten, MixedPool, convolution, padding_px, pooling, scaled
from landsight.studio.recipe import NetRecipe

_RECIPE = NetRecipe(name="cnn", pretrained=False, frozen_blocks=0, dropout=0.0, norm=False)


def noise(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("shape", "outputs", "kernel", "padding", "stride", "expected"),
    [
        ((1, 1, 7, 7), 1, 3, "valid", 1, (1, 1, 5, 5)),
        ((1, 1, 7, 7), 1, 3, "valid", 2, (1, 1, 3, 3)),
        ((1, 1, 6, 6), 1, 3, "valid", 1, (1, 1, 4, 4)),
        ((1, 1, 6, 6), 1, 3, "1", 1, (1, 1, 6, 6)),
        ((1, 1, 6, 6), 1, 3, "same", 1, (1, 1, 6, 6)),
        ((1, 1, 32, 32), 1, 8, "3", 2, (1, 1, 16, 16)),
        ((16, 3, 32, 32), 1, 5, "valid", 1, (16, 1, 28, 28)),
        ((16, 3, 32, 32), 5, 5, "1", 1, (16, 5, 30, 30)),
        ((10, 1, 28, 28), 6, 3, "1", 1, (10, 6, 28, 28)),
    ],
)
def test_sizes_of_the_textbook(  # noqa: PLR0917 (pytest passes them by name)
    shape: tuple[int, ...], outputs: int, kernel: int, padding: str, stride: int, expected: tuple[int, ...]
) -> None:
    """(size + 2 padding - kernel) // stride + 1."""
    layer = convolution(replace(_RECIPE, padding=padding), shape[1], outputs, kernel, stride=stride)
    assert tuple(layer(noise(*shape)).shape) == expected


def test_weights_of_the_textbook() -> None:
    """16 filters of 3 x 5 x 5 and 16 biases: 1,216."""
    assert sum(p.numel() for p in convolution(replace(_RECIPE, padding="2"), 3, 16, 5).parameters()) == 1216


def test_padding_by_name_by_number_and_by_block() -> None:
    assert [padding_px(_RECIPE, kernel) for kernel in (1, 3, 5, 7)] == [0, 1, 2, 3]
    assert [padding_px(replace(_RECIPE, padding="2,1"), 5, number) for number in range(3)] == [2, 1, 1]
    assert padding_px(replace(_RECIPE, padding="2"), 1) == 0
    for padding in ("half", "-1", "1.5", ""):
        with pytest.raises(RecipeError, match=r"net\.padding"):
            padding_px(replace(_RECIPE, padding=padding), 3)
    with pytest.raises(RecipeError, match="odd"):
        padding_px(_RECIPE, 4)


@pytest.mark.parametrize(
    ("mode", "edge"), [("zeros", [0.0, 1.0]), ("reflect", [2.0, 1.0]), ("replicate", [1.0, 1.0]), ("circular", [3.0, 1.0])]
)
def test_padding_modes_by_hand(mode: str, edge: list[float]) -> None:
    """A filter that hands on its left neighbour, over the row 1 2 3."""
    layer = convolution(replace(_RECIPE, padding_mode=mode), 1, 1, 3, active=False)  # type: ignore[arg-type]
    with torch.no_grad():
        layer[0].weight.zero_()[0, 0, 1, 0] = 1  # type: ignore[operator]
        layer[0].bias.zero_()  # type: ignore[operator]
    row = layer(torch.tensor([1.0, 2.0, 3.0]).expand(1, 1, 3, 3))[0, 0, 1]
    assert row.tolist() == [*edge, 2.0]


def test_a_convolution_as_large_as_its_input_is_a_fully_connected_layer() -> None:
    x, convolved, connected = noise(4, 3, 6, 5), nn.Conv2d(3, 7, (6, 5)), nn.Linear(3 * 6 * 5, 7)
    with torch.no_grad():
        connected.weight.copy_(convolved.weight.flatten(1))
        connected.bias.copy_(convolved.bias)  # type: ignore[arg-type]
    torch.testing.assert_close(convolved(x).flatten(1), connected(x.flatten(1)))


def test_a_patch_moved_to_channels_and_a_1x1_convolution_are_a_2x2_convolution_of_stride_2() -> None:
    x, strided, mixed = noise(2, 3, 8, 6), nn.Conv2d(3, 5, 2, stride=2), nn.Conv2d(12, 5, 1)
    with torch.no_grad():
        # Pixel (row, column) of a patch of channel c goes to channel 4 c + 2 row + column, the order of the weights.
        mixed.weight.copy_(strided.weight.flatten(1)[:, :, None, None])
        mixed.bias.copy_(strided.bias)  # type: ignore[arg-type, union-attr]
    torch.testing.assert_close(mixed(F.pixel_unshuffle(x, 2)), strided(x))


def test_a_linear_head_on_the_mean_is_the_mean_of_a_1x1_convolution() -> None:
    """What network in network does at its end, in the other order."""
    net = table.build(replace(_RECIPE, name="fcn", width=0.25), 4, Preparation(24, 20)).eval()
    outputs = net(noise(2, 3, 20, 24))
    maps = F.conv2d(outputs["feature_map"], net.head.weight[:, :, None, None], net.head.bias)
    torch.testing.assert_close(maps.mean((2, 3)), outputs["logits"])


def test_pooling_by_hand() -> None:
    x = torch.tensor([[1.0, 0, 2, 3], [4, 6, 6, 8], [3, 1, 1, 0], [1, 2, 2, 4]])[None, None]
    assert pooling(_RECIPE, 2, 2)(x)[0, 0].tolist() == [[6, 8], [3, 4]]
    # (1 + 0 + 4 + 6) / 4 = 2.75, (2 + 3 + 6 + 8) / 4 = 4.75, 7 / 4, 7 / 4
    assert pooling(replace(_RECIPE, pool="average"), 2, 2)(x)[0, 0].tolist() == [[2.75, 4.75], [1.75, 1.75]]
    mixed = pooling(replace(_RECIPE, pool="mixed"), 2, 2)
    assert isinstance(mixed, MixedPool)
    # Half of each at the start: (6 + 2.75) / 2 = 4.375, 6.375, 2.375, 2.875.
    assert mixed(x)[0, 0].tolist() == [[4.375, 6.375], [2.375, 2.875]]
    with torch.no_grad():
        mixed.mix.fill_(math.log(3))  # sigmoid: 3/4 of the largest: 2.75 + 0.75 * 3.25 = 5.1875
    y = mixed(x)
    assert y[0, 0, 0, 0].item() == pytest.approx(5.1875)
    y.sum().backward()
    # d/dmix = a (1 - a) * sum(largest - mean) = 3/16 * (3.25 + 3.25 + 1.25 + 2.25) = 1.875
    assert mixed.mix.grad.item() == pytest.approx(1.875)  # type: ignore[union-attr]


def test_padding_is_in_no_mean() -> None:
    ones = torch.ones(1, 1, 4, 4)
    assert torch.equal(pooling(replace(_RECIPE, pool="average"), 3, 2, 1)(ones), torch.ones(1, 1, 2, 2))


@pytest.mark.parametrize("size", [(4, 6), (5, 7), (12, 9), (2, 3), (1, 1)])
def test_a_map_of_another_size_is_averaged_as_adaptive_pooling_does(size: tuple[int, int]) -> None:
    x = noise(2, 3, *size)
    torch.testing.assert_close(Flatten(4, 6)(x), F.adaptive_avg_pool2d(x, (4, 6)).flatten(1))


def test_hidden_layers_are_maps_of_one_pixel() -> None:
    dense = Dense(replace(_RECIPE, dropout=0.5), 2, (3, 3), 8).eval()
    assert dense(noise(5, 2, 3, 3)).shape == (5, 8, 1, 1)
    assert 0.3 < (dense.train()(noise(64, 2, 3, 3).abs()) == 0).float().mean() < 0.9


def test_widths_are_multiples_of_eight() -> None:
    assert [scaled(c, w) for c, w in ((64, 1.0), (3, 1.0), (64, 0.25), (96, 0.3), (16, 0.1))] == [64, 3, 16, 32, 8]


@pytest.mark.parametrize("name", layers.ACTIVATIONS)
def test_every_activation_leaves_its_input_alone(name: str) -> None:
    x = noise(3, 4)
    kept = x.clone()
    y = layers.activation(replace(_RECIPE, activation=name))(x)
    assert torch.equal(x, kept)
    assert torch.isfinite(y).all()
    assert not torch.equal(y, x)


@pytest.mark.parametrize("name", initialise.INITS)
def test_every_start_fills_convolutions_and_linear_layers(name: str) -> None:
    torch.manual_seed(0)
    conv, linear = nn.Conv2d(32, 64, 3), nn.Linear(400, 200)
    initialise.initialise(nn.Sequential(conv, linear), name)
    # Spread: sqrt(2 / inputs) for kaiming, sqrt(2 / (inputs + outputs)) for xavier, sqrt(1 / inputs) for lecun; 64 rows of 288 numbers
    # at right angles and of length sqrt(2); 0.02, and 0.88 of it where two spreads are the limit.
    start = name.removesuffix("_uniform")
    spread = {
        "kaiming": (2 / 288, 2 / 400), "xavier": (2 / (288 + 576), 2 / 600), "lecun": (1 / 288, 1 / 400), "orthogonal": (2 / 288, 2 / 400),
        "truncated_normal": ((0.88 * 0.02) ** 2,) * 2, "normal": (0.02**2,) * 2,
    }[start]  # fmt: skip
    for layer, variance in zip((conv, linear), spread, strict=True):
        assert layer.weight.var().item() == pytest.approx(variance, rel=0.06)
        assert layer.bias is not None
        assert not layer.bias.any()
    if name == "orthogonal":
        torch.testing.assert_close(linear.weight @ linear.weight.T, 2 * torch.eye(200), atol=1e-4, rtol=0)


def test_unknown_names_are_refused() -> None:
    with pytest.raises(RecipeError, match="'hardswish'"):
        layers.activation(replace(_RECIPE, activation="hard_swish"))
    with pytest.raises(RecipeError, match="'kaiming'"):
        initialise.initialise(nn.Linear(1, 1), "kaimin")
