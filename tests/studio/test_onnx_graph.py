"""Changes to an exported graph: the numbers stay, padding moves into convolutions, weights take half the room."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from landsight.photo.prepare import Preparation
from landsight.studio.nets.efficientnet_lite import EfficientNetLite
from landsight.studio.onnx_export import round_to_halves, write_fp32
from landsight.studio.onnx_graph import fold_pads, halve_weights


class Padded(nn.Module):
    """Padding of a kind, then a convolution that pads too."""

    def __init__(self, mode: str, value: float) -> None:
        super().__init__()
        self.mode, self.value = mode, value
        self.conv = nn.Conv2d(3, 5, 3, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        padded = F.pad(x, (0, 1, 2, 1), self.mode, self.value) if self.mode == "constant" else F.pad(x, (0, 1, 2, 1), self.mode)
        out: Tensor = self.conv(padded)
        return out


def written(net: nn.Module, path: Path) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(net.eval(), (torch.zeros(1, 3, 9, 8),), path, input_names=["x"], opset_version=18, dynamo=False)
    return path


def run(path: Path, x: np.ndarray) -> list[np.ndarray]:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: x})


@pytest.mark.parametrize(("mode", "value", "folded"), [("constant", 0.0, 1), ("constant", 0.5, 0), ("reflect", 0.0, 0)])
def test_only_zero_padding_is_folded_and_the_numbers_stay(mode: str, value: float, folded: int, tmp_path: Path) -> None:
    torch.manual_seed(0)
    path = written(Padded(mode, value), tmp_path / "model.onnx")
    x = np.random.default_rng(0).normal(size=(1, 3, 9, 8)).astype(np.float32)
    before = run(path, x)[0]
    assert fold_pads(path) == folded
    kinds = [node.op_type for node in onnx.load(str(path)).graph.node]
    assert kinds.count("Pad") == 1 - folded
    np.testing.assert_allclose(run(path, x)[0], before, rtol=1e-6, atol=1e-6)


def test_export_leaves_no_padding_and_nothing_unused(tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = EfficientNetLite(4, dropout=0.0, norm_momentum=0.1)
    write_fp32(net, Preparation(65, 48), tmp_path / "model.onnx", opset=18)
    graph = onnx.load(str(tmp_path / "model.onnx")).graph
    assert "Pad" not in {node.op_type for node in graph.node}
    read = {name for node in graph.node for name in node.input} | {output.name for output in graph.output}
    assert all(read.intersection(node.output) for node in graph.node)
    x = torch.randn(2, 3, 48, 65)
    with torch.inference_mode():
        expected = net.eval()(x)
    for name, output in zip(expected, run(tmp_path / "model.onnx", x.numpy()), strict=True):
        np.testing.assert_allclose(output, expected[name].numpy(), rtol=1e-4, atol=1e-5)


def test_weights_take_half_the_room_and_biases_stay(tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 64, 3), nn.ReLU(), nn.Conv2d(64, 64, 3))
    path = written(net, tmp_path / "model.onnx")
    content = path.read_bytes()
    assert not halve_weights(path)
    assert path.read_bytes() == content  # weights that are no halves stay as they are
    round_to_halves(net)
    path = written(net, tmp_path / "model.onnx")
    x = np.random.default_rng(0).normal(size=(1, 3, 9, 8)).astype(np.float32)
    before, size = run(path, x)[0], path.stat().st_size
    assert halve_weights(path)
    assert path.stat().st_size < 0.55 * size
    np.testing.assert_array_equal(run(path, x)[0], before)
    kept = {tensor.name: onnx.numpy_helper.to_array(tensor).dtype for tensor in onnx.load(str(path)).graph.initializer}
    assert {str(kind) for name, kind in kept.items() if name.endswith("bias")} == {"float32"}
