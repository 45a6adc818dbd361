"""The table of a network: textbook examples, each with its arithmetic; every net of the table; ONNX says the same."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from landsight.errors import BundleError, RecipeError, UsageError
from landsight.photo.prepare import Preparation
from landsight.studio.describe import describe
from landsight.studio.describe_onnx import describe_onnx
from landsight.studio.describe_source import open_subject
from landsight.studio.nets import table
from landsight.studio.onnx_export import write_int8
from landsight.studio.onnx_graph import halve_weights
from landsight.studio.recipe import NetRecipe


def shapes(net: nn.Module, image: tuple[int, ...]) -> list[tuple[int, ...]]:
    """With the batch, as people write them."""
    found = describe(net, image)
    return [found.with_batch(layer.output) for layer in found.layers]


def test_parameters_of_one_convolution() -> None:
    """16 filters of 3 x 5 x 5 and 16 biases: 1,200 + 16. Multiply-adds: each of 16 x 32 x 32 outputs sums 75 products."""
    layer = describe(nn.Conv2d(3, 16, 5, padding=2), (3, 32, 32)).layers[0]
    assert layer.parameters == 1_216
    assert layer.output == (16, 32, 32)
    assert layer.multiply_adds == 16 * 32 * 32 * 75
    assert layer.activation_bytes == 16 * 32 * 32 * 4


@pytest.mark.parametrize(
    ("layer", "image", "output"),
    [
        (nn.Conv2d(1, 1, 3), (1, 7, 7), (1, 5, 5)),  # 7 - 3 + 1
        (nn.Conv2d(1, 1, 3, stride=2), (1, 7, 7), (1, 3, 3)),  # (7 - 3) / 2 + 1
        (nn.Conv2d(1, 1, 3), (1, 6, 6), (1, 4, 4)),  # 6 - 3 + 1
        (nn.Conv2d(1, 1, 3, padding=1), (1, 6, 6), (1, 6, 6)),  # 6 + 2 - 3 + 1
        (nn.Conv2d(1, 1, 8, padding=3, stride=2), (1, 32, 32), (1, 16, 16)),  # (32 + 6 - 8) / 2 + 1
        (nn.Conv2d(3, 1, 5), (16, 3, 32, 32), (16, 1, 28, 28)),  # 32 - 5 + 1
        (nn.Conv2d(3, 5, 5, padding=1), (16, 3, 32, 32), (16, 5, 30, 30)),  # 32 + 2 - 5 + 1
        (nn.Conv2d(1, 6, 3, padding=1), (10, 1, 28, 28), (10, 6, 28, 28)),  # 28 + 2 - 3 + 1
    ],
)
def test_sizes_of_one_layer(layer: nn.Module, image: tuple[int, ...], output: tuple[int, ...]) -> None:
    assert shapes(layer, image) == [output]


def test_the_two_block_network() -> None:
    """224 (5x5, padding 2) -> 224, pooled 112, 112 - 3 + 1 = 110, pooled 55; 32 x 55 x 55 = 96,800."""
    net = nn.Sequential(
        nn.Conv2d(3, 16, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()
    )
    found = shapes(net, (3, 224, 224))
    assert found[5] == (32, 55, 55)
    assert found[6] == (96_800,)


def test_the_digits_network() -> None:
    """5x5 with padding 2 keeps 28, pooling halves; 32 x 7 x 7 = 1,568."""
    net = nn.Sequential(
        nn.Conv2d(1, 16, 5, padding=2), nn.MaxPool2d(2), nn.Conv2d(16, 32, 5, padding=2), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(1568, 10)
    )
    expected = [(128, 16, 28, 28), (128, 16, 14, 14), (128, 32, 14, 14), (128, 32, 7, 7), (128, 1568), (128, 10)]
    assert shapes(net, (128, 1, 28, 28)) == expected


def test_figures_are_those_of_one_picture_whatever_the_batch() -> None:
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten(), nn.Linear(4 * 36, 2))
    one, many = describe(net, (1, 8, 8)), describe(net, (32, 1, 8, 8))
    assert one.totals == many.totals
    assert one.layers == many.layers


def test_the_nets_of_the_table_are_the_textbooks() -> None:
    """Three blocks halve 32 to 4: 64 x 4 x 4 = 1,024. 784-400-400-10: 784 x 400 + 400 + 400 x 400 + 400 + 400 x 10 + 10 = 478,410."""
    assert open_subject("cnn", image=(3, 32, 32)).description.outputs["embedding"] == (1024,)
    mlp = open_subject("mlp", image=(1, 28, 28), settings=("net.hidden=[400, 400]", "net.norm=false")).description
    linear = [layer for layer in mlp.layers if layer.kind == "Linear"]
    assert [(layer.output, layer.multiply_adds) for layer in linear] == [((400,), 313_600), ((400,), 160_000), ((10,), 4_000)]
    assert mlp.totals.parameters == 478_410


def test_max_pooling_by_hand() -> None:
    """Largest of [1,0,4,6], [2,3,6,8], [3,1,1,2], [1,0,2,4]."""
    picture = torch.tensor([[1.0, 0, 2, 3], [4, 6, 6, 8], [3, 1, 1, 0], [1, 2, 2, 4]])[None, None]
    pool = nn.MaxPool2d(2, 2)
    assert shapes(pool, (1, 4, 4)) == [(1, 2, 2)]
    assert pool(picture)[0, 0].tolist() == [[6, 8], [3, 4]]


def test_memory_by_hand() -> None:
    """Picture 1 x 4 x 4 x 4 B = 64; conv makes 2 x 4 x 4 x 4 = 128; ReLU in place 0; the sum 128 more while both conv outputs live."""

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.relu, self.b = nn.Conv2d(1, 2, 3, padding=1), nn.ReLU(inplace=True), nn.Conv2d(2, 2, 1)

        def forward(self, x: Tensor) -> Tensor:
            x = self.relu(self.a(x))
            return x + self.b(x)

    found = describe(Net(), (1, 4, 4))
    assert [(layer.name, layer.activation_bytes) for layer in found.layers] == [("a", 128), ("relu", 0), ("b", 128), ("add", 128)]
    assert found.totals.activation_bytes == 384
    # At the sum: the picture, both terms and the result.
    assert found.totals.peak_bytes == 64 + 3 * 128


def test_shared_and_idle_parameters_count_once() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.unused = nn.Conv2d(3, 3, 1), nn.Linear(4, 4)
            self.scale = nn.Parameter(torch.ones(1))

        def forward(self, x: Tensor) -> Tensor:
            return self.conv(self.conv(x)) * self.scale

    found = describe(Net(), (3, 4, 4))
    assert [(x.name, x.parameters, x.output == ()) for x in found.layers] == [
        ("conv", 12, False), ("conv", 0, False), ("mul", 0, False), ("net", 1, True), ("unused", 20, True),
    ]  # fmt: skip
    assert found.totals.parameters == 33 == sum(x.parameters for x in found.layers)


def test_an_impossible_size_names_the_layer_what_reached_it_and_the_smallest_that_works() -> None:
    """Backwards from one pixel: 5x5 needs 5, the pool 10, 3x3 12."""
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.MaxPool2d(2), nn.Conv2d(4, 4, 5))
    with pytest.raises(RecipeError, match=r"Layer 2 cannot take 4 x 4 x 4, .* input of 3 x 10 x 10.*smallest input that works is 3 x 12 x 12") as error:  # fmt: skip
        describe(net, (3, 10, 10))
    assert error.value.code == "impossible_size"
    assert describe(net, (3, 12, 12)).layers[-1].output == (4, 1, 1)
    flat = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(2 * 49, 3))
    with pytest.raises(RecipeError, match=r"Layer 2 .*smallest input that works is 1 x 9 x 9"):
        describe(flat, (1, 10, 10))
    with pytest.raises(RecipeError, match=r"Layer 0 .*4 x 32 x 32.*channels"):
        describe(net, (4, 32, 32))
    with pytest.raises(RecipeError, match=r"Layer .*smallest input that works"):
        open_subject("cnn", image=(3, 5, 5))


@pytest.mark.parametrize("name", table.NETS)
def test_every_net_of_the_table(name: str) -> None:
    """Layers add up to the totals; shapes are those of a real pass; multiply-adds are half of torch's own count of operations."""
    side = 16 if name == "mlp" else 64
    subject = open_subject(name, image=(3, side, side), labels=7)
    found = subject.description
    with torch.device("meta"):
        net = table.build(NetRecipe(name=name, pretrained=False), 7, Preparation(side, side)).eval()
    assert found.totals.parameters == sum(p.numel() for p in net.parameters()) == sum(x.parameters for x in found.layers)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        outputs = net(torch.zeros(1, 3, side, side, device="meta"))
    assert found.outputs == {key: tuple(value.shape[1:]) for key, value in outputs.items()}
    assert 2 * found.totals.multiply_adds == counter.get_total_flops()
    assert found.outputs["logits"] == (7,)
    assert found.map_node is not None
    assert found.graph.nodes[found.map_node].shape[1:] == found.outputs["feature_map"]
    assert all(layer.field is not None for layer in found.layers if layer.output)


def test_the_net_given_stays_as_it_was() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).train()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    describe(net, (3, 8, 8))
    assert net.training
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in net.modules())
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())


class Small(nn.Module):
    """What exported graphs are made of."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, 2, 1)
        self.depthwise = nn.Conv2d(8, 8, 5, 1, 2, groups=8)
        self.pool = nn.MaxPool2d(2)
        self.head = nn.Linear(16, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.stem(nn.functional.pad(x, (0, 1, 0, 1))))
        x = self.pool(torch.cat([x, x + self.depthwise(x)], 1))
        return self.head(x.mean((2, 3)))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("onnx") / "small.onnx"
    with pytest.warns():  # the exporter says of itself that it is the older one
        torch.onnx.export(Small().eval(), (torch.zeros(1, 3, 32, 32),), path, input_names=["image_nchw"], output_names=["logits"], dynamic_axes={"image_nchw": {0: "n", 2: "h", 3: "w"}}, dynamo=False)  # fmt: skip
    return path


def test_a_file_of_onnx_says_the_same_as_the_network(model: Path) -> None:
    ours, theirs = describe(Small(), (3, 32, 32)), describe_onnx(model, (3, 32, 32))
    assert theirs.totals.parameters == ours.totals.parameters == 3 * 8 * 9 + 8 + 8 * 25 + 8 + 16 * 4 + 4
    assert theirs.totals.multiply_adds == ours.totals.multiply_adds
    assert theirs.outputs == {"logits": (4,)}
    convolutions = [[x.field for x in found.layers if x.kind in ("Conv", "Conv2d", "Gemm", "Linear", "MaxPool", "MaxPool2d")] for found in (ours, theirs)]  # fmt: skip
    assert convolutions[0] == convolutions[1]
    assert theirs.totals.trainable is None


def test_halves_and_quantised_files_have_the_same_parameters(model: Path, tmp_path: Path) -> None:
    """A weight is one parameter however it is stored; scales and zero points are none."""
    plain = describe_onnx(model, (3, 32, 32)).totals
    batches = iter([np.random.default_rng(0).normal(size=(2, 3, 32, 32)).astype(np.float32)])
    write_int8(model, tmp_path / "int8.onnx", batches)
    (tmp_path / "halves.onnx").write_bytes(model.read_bytes())
    halve_weights(tmp_path / "halves.onnx")
    for name in ("int8", "halves"):
        found = describe_onnx(tmp_path / f"{name}.onnx", (3, 32, 32)).totals
        assert (found.parameters, found.multiply_adds) == (plain.parameters, plain.multiply_adds)


def test_onnx_that_cannot_be_described(model: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--input"):
        describe_onnx(model)
    (tmp_path / "no.onnx").write_bytes(b"\x08no model")
    with pytest.raises(BundleError, match="no ONNX model"):
        describe_onnx(tmp_path / "no.onnx")
    fixed = onnx.load(str(model))
    for axis, side in zip(fixed.graph.input[0].type.tensor_type.shape.dim, (1, 3, 32, 32), strict=True):
        axis.dim_value = side
    onnx.save(fixed, str(tmp_path / "fixed.onnx"))
    assert describe_onnx(tmp_path / "fixed.onnx").input == (3, 32, 32)
    with pytest.raises(UsageError, match="takes 3x32x32: received 3x48x48"):
        describe_onnx(tmp_path / "fixed.onnx", (3, 48, 48))


def test_sources(tmp_path: Path) -> None:
    recipe = tmp_path / "mine.toml"
    recipe.write_text('[net]\nname = "cnn"\nfrozen_blocks = 0\n[input]\nwidth = 40\nheight = 32\n')
    found = open_subject(str(recipe), labels=5).description
    assert (found.model, found.input, found.outputs["logits"]) == ("mine.toml", (3, 32, 40), (5,))
    with pytest.raises(UsageError, match=r"received 'resnett'. Did you mean 'resnet'"):
        open_subject("resnett")
    with pytest.raises(UsageError, match="--set"):
        open_subject(str(tmp_path), settings=("net.width=2",))
    with pytest.raises(UsageError, match="1 or 3 channels"):
        open_subject("cnn", image=(2, 32, 32))


def test_as_json() -> None:
    tree = json.loads(describe(nn.Conv2d(3, 16, 5, padding=2), (3, 32, 32), name="one").to_json())
    assert tree["input"] == [3, 32, 32]
    row = tree["layers"][0]
    assert (row["parameters"], row["receptive_field"], row["stride"], row["start"]) == (1216, [5, 5], [1, 1], [-2, -2])
    assert tree["totals"]["parameters"] == 1216
    assert np.prod(row["output"]) == 16 * 32 * 32
