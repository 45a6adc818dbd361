"""Numbers of every layer: those of torch's own layers, from the file that an export keeps; and what a layer is said to be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from landsight.answer.road import Ending
from landsight.errors import BundleError, RuntimeUnavailable, UsageError
from landsight.explain.layer_trace import LayerTrace
from landsight.explain.overview import overview
from landsight.studio import recipe as recipes
from landsight.studio.nets import table
from landsight.studio.nets.net import StagedNet
from landsight.studio.onnx_export import write_trace

NETS = {
    "resnet": 64,
    "cnn": 32,
    "vgg": 32,
    "inception": 64,
    "fcn": 32,
    "mlp": 28,
    "efficientnet_lite0": 64,
    "efficientnet_lite0_two_branch": 64,
}


def made(name: str, folder: Path) -> tuple[StagedNet, Path, int]:
    """A network with norms that have seen something, and its trace."""
    side = NETS[name]
    recipe = recipes.from_dict({"net": {"name": name, "pretrained": False}, "input": {"width": side, "height": side}}, [])
    torch.manual_seed(0)
    net = table.build(recipe.net, 7, recipe.input)
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d | torch.nn.BatchNorm1d):
            torch.nn.init.normal_(module.running_mean, 0, 0.1)  # type: ignore[arg-type]
            torch.nn.init.uniform_(module.running_var, 0.5, 2)  # type: ignore[arg-type]
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
    path = folder / f"{name}.onnx"
    write_trace(net.eval(), recipe.input, path, opset=18)
    return net, path, side


@pytest.mark.parametrize("name", list(NETS))
def test_every_layer_of_every_network_is_taken_apart_and_gives_the_network_s_numbers(name: str, tmp_path: Path) -> None:
    net, path, side = made(name, tmp_path)
    trace = LayerTrace(path, (3, side, side), endings=[Ending("logits", "Div", 2.0), Ending("logits", "Softmax")])
    assert not [layer.name for layer in trace.layers if layer.sum.kind == "other"]
    image = np.random.default_rng(3).normal(size=(3, side, side)).astype(np.float32)
    found = trace.tensors(image, range(len(trace.layers)))
    assert all(found[layer.number].shape == layer.shape for layer in trace.layers)
    with torch.inference_mode():
        outputs = {key: value[0].numpy() for key, value in net(torch.from_numpy(image[None])).items()}
    for layer in trace.layers:
        for output in set(layer.outputs) & outputs.keys():
            np.testing.assert_allclose(found[layer.number], outputs[output], rtol=1e-3, atol=1e-4 * max(1, np.abs(outputs[output]).max()))
    assert {output for layer in trace.layers for output in layer.outputs} >= set(outputs)
    softmax = np.exp(outputs["logits"] / 2) / np.exp(outputs["logits"] / 2).sum()
    np.testing.assert_allclose(found[len(trace.layers) - 1], softmax, rtol=1e-4)
    # Heads that learn beside the network do not run in use.
    in_use = sum(p.numel() for name, p in net.named_parameters() if not name.startswith("auxiliary"))
    assert sum(layer.parameters for layer in trace.layers) >= in_use


def test_norms_keep_a_step_of_their_own_and_skips_are_told(tmp_path: Path) -> None:
    net, path, side = made("resnet", tmp_path)
    trace = LayerTrace(path, (3, side, side))
    kinds = [layer.sum.kind for layer in trace.layers]
    assert kinds.count("batch_norm") == sum(isinstance(m, torch.nn.BatchNorm2d) for m in net.modules())
    skips = [layer for layer in trace.layers if layer.sum.kind == "add"]
    assert len(skips) == 8 and all(len(layer.sources) == 2 and min(layer.sources) < layer.number - 1 for layer in skips)
    stem = trace.layers[1]
    first = next(m for m in net.modules() if isinstance(m, torch.nn.Conv2d))
    np.testing.assert_array_equal(trace.weights(stem.number)["weight"], first.weight.detach().numpy())
    assert (stem.field.size, stem.field.stride) == (first.kernel_size, first.stride)


def test_a_glance_at_every_layer(tmp_path: Path) -> None:
    _, path, side = made("cnn", tmp_path)
    trace = LayerTrace(path, (3, side, side))
    image = np.random.default_rng(3).normal(size=(3, side, side)).astype(np.float32)
    glances = overview(trace, image)
    assert [glance.number for glance in glances] == list(range(len(trace.layers)))
    assert list(glances[0].maps) == [0, 1, 2]
    relu = next(layer.number for layer in trace.layers if layer.sum.settings.get("name") == "relu")
    assert glances[relu].low == 0 and 0.02 < glances[relu].zeros < 0.8
    assert all(max(m.shape) <= 28 for glance in glances for m in glance.maps.values())


def one_step(path: Path, node: onnx.NodeProto, *stored: onnx.TensorProto) -> Path:
    """A model of one step, from x to y."""
    values = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["n", 3, "h", "w"]) for name in ("x", "y")]
    graph = onnx.helper.make_graph([node], "one", values[:1], values[1:], list(stored))
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def test_models_of_strangers(tmp_path: Path) -> None:
    """A loop need not end, a layer may be larger than the memory, an operator may be unknown."""
    body = onnx.helper.make_graph(
        [onnx.helper.make_node("Identity", ["go"], ["again"]), onnx.helper.make_node("Identity", ["before"], ["after"])], "body",
        [onnx.helper.make_tensor_value_info("i", onnx.TensorProto.INT64, []), onnx.helper.make_tensor_value_info("go", onnx.TensorProto.BOOL, []), onnx.helper.make_tensor_value_info("before", onnx.TensorProto.FLOAT, None)],
        [onnx.helper.make_tensor_value_info("again", onnx.TensorProto.BOOL, []), onnx.helper.make_tensor_value_info("after", onnx.TensorProto.FLOAT, None)],
    )  # fmt: skip
    loop = one_step(tmp_path / "loop.onnx", onnx.helper.make_node("Loop", ["", "", "x"], ["y"], body=body))
    with pytest.raises(BundleError, match="graph of its own"):
        LayerTrace(loop, (3, 8, 8))
    scales = onnx.numpy_helper.from_array(np.asarray([1, 1, 9000, 9000], np.float32), "scales")
    with pytest.raises(BundleError, match="bytes of one picture"):
        LayerTrace(one_step(tmp_path / "huge.onnx", onnx.helper.make_node("Resize", ["x", "", "scales"], ["y"]), scales), (3, 8, 8))
    with pytest.raises(RuntimeUnavailable):
        LayerTrace(one_step(tmp_path / "odd.onnx", onnx.helper.make_node("Unheard", ["x"], ["y"])), (3, 8, 8))


def test_a_network_that_makes_no_numbers_is_shown_all_the_same(tmp_path: Path) -> None:
    trace = LayerTrace(one_step(tmp_path / "log.onnx", onnx.helper.make_node("Log", ["x"], ["y"])), (3, 8, 8))
    image = np.linspace(-1, 1, 192, dtype=np.float32).reshape(3, 8, 8)
    glance = overview(trace, image)[1]
    assert np.isfinite([glance.low, glance.high]).all() and glance.maps


def test_what_cannot_be_looked_into(tmp_path: Path) -> None:
    (tmp_path / "no.onnx").write_bytes(b"\x08no model")
    with pytest.raises(BundleError, match="no ONNX model"):
        LayerTrace(tmp_path / "no.onnx", (3, 8, 8))
    _, path, side = made("cnn", tmp_path)
    trace = LayerTrace(path, (3, side, side))
    with pytest.raises(UsageError, match="takes"):
        trace.tensors(np.zeros((3, 8, 8), np.float32), [1])
    with pytest.raises(UsageError, match="no layer 99"):
        trace.tensors(np.zeros((3, side, side), np.float32), [99])
