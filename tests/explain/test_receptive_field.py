"""Receptive fields and usage counts: by hand, against published figures, and against gradients of torch itself."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from landsight.errors import RecipeError
from landsight.explain.receptive_field import Graph, fields, output_size, receptive_field, same_padding_for, usage_counts
from landsight.explain.steps import Bins, Window
from landsight.studio.describe import Description, describe


def seen(net: nn.Module, image: tuple[int, ...]) -> tuple[object, object, object]:
    """(size, stride, start) of the last layer, along the height."""
    field = describe(net, image).layers[-1].field
    assert field is not None
    return field.size[0], field.stride[0], field.start[0]


def test_sizes_by_hand() -> None:
    """7 - 3 + 1 = 5; floor((7 - 3) / 2) + 1 = 3; 6 - 3 + 1 = 4; (6 + 2 - 3) + 1 = 6; floor((32 + 6 - 8) / 2) + 1 = 16."""
    assert output_size(7, 3) == 5
    assert output_size(7, 3, stride=2) == 3
    assert output_size(6, 3) == 4
    assert same_padding_for(3) == 1
    assert output_size(6, 3, padding=same_padding_for(3)) == 6
    assert output_size(32, 8, stride=2, padding=3) == 16
    assert output_size(9, 3, dilation=2) == 5  # spans 2 x 2 + 1 = 5: 9 - 5 + 1
    assert same_padding_for(3, dilation=2) == 2


def test_impossible_windows() -> None:
    with pytest.raises(RecipeError, match=r"5 does not fit into 4 \+ 2 x 0.*smallest size that works is 5"):
        output_size(4, 5)
    with pytest.raises(RecipeError, match="odd kernel"):
        same_padding_for(4)


def test_two_convolutions_and_a_pool_by_hand() -> None:
    """3x3: sees 3. 3x3 again: 3 + 2 x 1 = 5. Pool 2, stride 2: 5 + 1 x 1 = 6, stride 2. 3x3: 6 + 2 x 2 = 10. Starts: -1, -2, -2, -2 - 2 = -4."""
    net = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.Conv2d(2, 2, 3, padding=1), nn.MaxPool2d(2), nn.Conv2d(2, 2, 3, padding=1))
    rows = [layer.field for layer in describe(net, (1, 12, 12)).layers]
    assert [r and (r.size, r.stride, r.start) for r in rows] == [
        ((3, 3), (1, 1), (-1, -1)), ((5, 5), (1, 1), (-2, -2)), ((6, 6), (2, 2), (-2, -2)), ((10, 10), (2, 2), (-4, -4)),
    ]  # fmt: skip


def test_rectangles_are_seen_as_rectangles() -> None:
    field = describe(nn.Conv2d(1, 1, (3, 5), stride=(1, 2), padding=(1, 0)), (1, 9, 9)).layers[-1].field
    assert field is not None
    assert (field.size, field.stride, field.start) == ((3, 5), (1, 2), (-1, 0))


def vgg16() -> nn.Module:
    layers: list[nn.Module] = []
    widths = [3]
    for width, repeats in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        for _ in range(repeats):
            layers += [nn.Conv2d(widths[-1], width, 3, padding=1), nn.ReLU(inplace=True)]
            widths.append(width)
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers)


def mobilenet() -> nn.Module:
    widths = (32, 64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024)
    layers: list[nn.Module] = [nn.Conv2d(3, 32, 3, 2, 1)]
    for (inputs, outputs), stride in zip(pairwise(widths), (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1), strict=True):
        layers += [nn.Conv2d(inputs, inputs, 3, stride, 1, groups=inputs), nn.Conv2d(inputs, outputs, 1)]
    return nn.Sequential(*layers)


@pytest.mark.parametrize(("make", "size"), [(vgg16, 212), (mobilenet, 315)])
def test_published_receptive_fields(make: object, size: int) -> None:
    """Araujo et al. 2019, table of networks: vgg_16 212, mobilenet_v1 315, both with a stride of 32."""
    with torch.device("meta"):
        net = make()  # type: ignore[operator]
    assert seen(net, (3, 224, 224))[:2] == (size, 32)


class Residual(nn.Module):
    """3x3, then two 3x3 added to their input, then a concatenation with a wide branch."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 4, 3, padding=1)
        self.a = nn.Conv2d(4, 4, 3, padding=1)
        self.b = nn.Conv2d(4, 4, 3, padding=1)
        self.wide = nn.Conv2d(4, 4, 9, padding=4)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.first(x))
        return torch.cat([x + self.b(self.a(x)), self.wide(x)], 1)


def test_branches_see_their_union() -> None:
    """The sum sees 3 + 2 + 2 = 7 from -3 on; the wide branch 3 + 8 = 11 from -5 on; together -5 to 5."""
    found = describe(Residual(), (3, 20, 20))
    by_name = {layer.name: layer.field for layer in found.layers}
    assert by_name["add"] is not None
    assert by_name["add"].size == (7, 7)
    assert by_name["cat"] is not None
    assert (by_name["cat"].size, by_name["cat"].start) == ((11, 11), (-5, -5))


class Gate(nn.Module):
    """Squeeze and excite."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, stride=2, padding=1)
        self.gate = nn.Conv2d(4, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        return x * torch.sigmoid(self.gate(x.mean((2, 3), keepdim=True)))


def test_behind_a_gate_of_the_whole_picture_all_is_seen_and_the_stride_stays() -> None:
    assert seen(Gate(), (3, 16, 16)) == (None, 2, None)


class Patches(nn.Module):
    """A 2x2 patch moved to channels, by reshaping; then 1x1: the same as 2x2 with stride 2."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(12, 5, 1)

    def forward(self, x: Tensor) -> Tensor:
        n, c, h, w = x.shape
        x = x.reshape(n, c, h // 2, 2, w // 2, 2).permute(0, 1, 3, 5, 2, 4).reshape(n, 4 * c, h // 2, w // 2)
        return self.conv(x)


@pytest.mark.parametrize("net", [Patches(), nn.Sequential(nn.PixelUnshuffle(2), nn.Conv2d(12, 5, 1)), nn.Conv2d(3, 5, 2, stride=2)])
def test_patches_moved_to_channels_see_what_a_strided_convolution_sees(net: nn.Module) -> None:
    found = describe(net, (3, 8, 8))
    assert seen(net, (3, 8, 8)) == (2, 2, 0)
    counts = usage_counts(found.graph, found.layers[-1].node or 0, (1, 2))
    assert counts.sum() == 4
    assert (counts[2:4, 4:6] == 1).all()


def test_usage_counts_by_hand() -> None:
    """Two 3x3: along an axis [1,1,1] * [1,1,1] = [1,2,3,2,1] ways, so the middle pixel is used 9 times. An added input is one more way."""
    two = describe(nn.Sequential(nn.Conv2d(1, 8, 3), nn.Conv2d(8, 1, 3)), (1, 5, 5))
    ways = np.array([1, 2, 3, 2, 1])
    assert np.array_equal(usage_counts(two.graph, two.layers[-1].node or 0), np.outer(ways, ways))
    kept = describe(nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.MaxPool2d(2, 1)), (1, 4, 4))
    # Unit (0, 0) of the pool: four windows of 3x3, around pixels (0..1, 0..1); what lies outside the picture is not counted.
    row = np.array([2, 2, 1, 0])  # pixel 0: from windows 0 and 1; pixel 1: both; pixel 2: window 1
    assert np.array_equal(usage_counts(kept.graph, kept.layers[-1].node or 0, (0, 0)), np.outer(row, row))


class Odd(nn.Module):
    """Everything at once, one channel, so that gradients of a network of ones are the counts."""

    def __init__(self, padding_mode: str) -> None:
        super().__init__()
        self.a = nn.Conv2d(1, 1, 3, 2, 1, bias=False, padding_mode=padding_mode)
        self.b = nn.Conv2d(1, 1, 3, 1, 2, dilation=2, bias=False)
        self.up = nn.ConvTranspose2d(1, 1, 4, 2, 1, bias=False)
        self.c = nn.Conv2d(1, 1, (1, 4), bias=False)
        for p in self.parameters():
            nn.init.ones_(p)

    def forward(self, x: Tensor) -> Tensor:
        x = F.pad(self.a(x), (1, 0, 0, 1))
        x = x + self.b(x)
        x = self.up(x)[:, :, 1:, ::2]
        x = self.c(x)
        return x + F.interpolate(F.avg_pool2d(x, 2, divisor_override=1), size=x.shape[2:], mode="nearest")


@pytest.mark.parametrize("padding_mode", ["zeros", "reflect", "replicate", "circular"])
def test_usage_counts_are_gradients_of_a_network_of_ones(padding_mode: str) -> None:
    net = Odd(padding_mode)
    found = describe(net, (1, 13, 17))
    picture = torch.zeros(1, 1, 13, 17, dtype=torch.float64, requires_grad=True)
    output = net.double()(picture)
    unit = (output.shape[2] // 2, output.shape[3] // 2)
    output[0, 0, unit[0], unit[1]].backward()
    assert picture.grad is not None
    counts = usage_counts(found.graph, found.layers[-1].node or 0)
    assert np.array_equal(counts, picture.grad[0, 0].numpy())
    assert counts.max() > 3


def test_the_field_is_the_hull_of_the_pixels_used() -> None:
    """For each unit of a strided, dilated, padded network."""
    net = nn.Sequential(nn.Conv2d(1, 1, 3, 2, 1), nn.Conv2d(1, 1, 3, 1, 1, dilation=2), nn.MaxPool2d(3, 2, 1))
    found = describe(net, (1, 31, 31))
    field, node = found.layers[-1].field, found.layers[-1].node or 0
    assert field is not None
    size, stride, start = (int(pair[0] or 0) for pair in (field.size, field.stride, field.start))
    for unit in range(found.graph.nodes[node].shape[2]):
        rows = np.flatnonzero(usage_counts(found.graph, node, (unit, 3)).any(axis=1))
        first = start + unit * stride
        # With dilation and stride the outermost pixels are still used; only the picture's edge cuts.
        assert rows[0] >= max(0, first)
        assert rows[-1] == min(30, first + size - 1)


def test_adaptive_bins_by_hand() -> None:
    """7 into 3: floor(7 i / 3) to ceil(7 (i + 1) / 3): [0, 3), [2, 5), [4, 7); each pixel of bin 1 once. Bin 2 starts 4 - 14 / 3 before its line."""
    graph = Graph.of_picture((1, 1, 7, 7))
    node = graph.add(Bins(2), [0], (1, 1, 3, 3))
    assert np.flatnonzero(usage_counts(graph, node, (1, 1))[3]).tolist() == [2, 3, 4]
    field = receptive_field(fields(graph)[node])
    assert field.start == (pytest.approx(-2 / 3, abs=1e-3), pytest.approx(-2 / 3, abs=1e-3))


def test_a_mean_sees_from_the_first_pixel_of_the_first_unit_to_the_last_of_the_last() -> None:
    """Eight units, stride 2, each 3 wide from -1 on: 7 x 2 + 3 = 17 pixels."""
    assert seen(nn.Sequential(nn.Conv2d(3, 4, 3, 2, 1), nn.AdaptiveAvgPool2d(1)), (3, 16, 16)) == (17, None, -1)


def test_a_node_without_a_step_is_refused() -> None:
    graph = Graph.of_picture((1, 1, 4, 4))
    graph.add(Window((3, 3), (1, 1), (0, 0), (1, 1)), [0], (1, 1, 2, 2))
    graph.nodes.append(graph.nodes[0])
    with pytest.raises(ValueError, match="not the picture"):
        fields(graph)


def test_layers_are_found_by_name() -> None:
    found: Description = describe(Residual(), (3, 20, 20))
    assert found.layer("wide").parameters == 4 * 4 * 81 + 4
    with pytest.raises(KeyError):
        found.layer("narrow")
