"""The network of a bundle in plain torch: the same weights and sums as its model.onnx, for the straight pipeline.

ONNX Runtime's first level folds constants and batch norms, which favours this side; what is left are a dozen kinds of standard nodes.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import numpy_helper
from torch import Tensor
from torch.nn import functional as F

Step = Callable[..., Tensor]


class TorchTwin:
    """Runs one picture at a time. ``layout``: "contiguous" or "channels_last". Raises: ValueError for a node it does not know."""

    def __init__(self, model: Path, layout: str = "contiguous", output: str = "logits") -> None:
        self._format = torch.channels_last if layout == "channels_last" else torch.contiguous_format
        graph = _simplified(model).graph
        self._input, self._output = graph.input[0].name, output
        self._fixed = {tensor.name: _tensor(tensor, self._format) for tensor in graph.initializer}
        self._nodes = [(_step(node), list(node.input), node.output[0]) for node in graph.node]

    @torch.inference_mode()
    def __call__(self, image_nchw: Tensor) -> Tensor:
        """Shape: (1, c, h, w) float32 -> (1, labels)."""
        values: dict[str, Tensor] = {self._input: image_nchw.contiguous(memory_format=self._format)}
        for step, inputs, output in self._nodes:
            values[output] = step(*(self._fixed[name] if name in self._fixed else values[name] for name in inputs if name))
        return values[self._output]


def _simplified(model: Path) -> Any:
    """Batch size fixed to 1 and everything that does not depend on the picture worked out."""
    proto = onnx.load(model)
    proto.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    with tempfile.TemporaryDirectory() as folder:
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        options.log_severity_level = 3
        options.optimized_model_filepath = str(Path(folder) / "simple.onnx")
        onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
        return onnx.load(options.optimized_model_filepath)


def _tensor(proto: Any, memory_format: torch.memory_format) -> Tensor:
    tensor = torch.from_numpy(np.array(numpy_helper.to_array(proto)))
    return tensor.contiguous(memory_format=memory_format) if tensor.ndim == 4 else tensor


def _step(node: Any) -> Step:
    attributes = {item.name: onnx.helper.get_attribute_value(item) for item in node.attribute}
    try:
        return _STEPS[node.op_type](attributes)
    except KeyError:
        raise ValueError(f"torch_twin does not know the node {node.op_type}; add it") from None


def _conv(a: dict[str, Any]) -> Step:
    top, left, bottom, right = a.get("pads", (0, 0, 0, 0))
    strides, dilations, group = tuple(a.get("strides", (1, 1))), tuple(a.get("dilations", (1, 1))), a.get("group", 1)
    if (top, left) == (bottom, right):
        return lambda x, w, b=None: F.conv2d(x, w, b, strides, (top, left), dilations, group)
    return lambda x, w, b=None: F.conv2d(F.pad(x, (left, right, top, bottom)), w, b, strides, 0, dilations, group)


def _clip(_: dict[str, Any]) -> Step:
    bounds: dict[tuple[int, int], tuple[float, float]] = {}

    def clip(x: Tensor, low: Tensor, high: Tensor) -> Tensor:
        key = (id(low), id(high))
        if key not in bounds:
            bounds[key] = (float(low), float(high))
        return F.hardtanh(x, *bounds[key])

    return clip


def _pad(_: dict[str, Any]) -> Step:
    def pad(x: Tensor, pads: Tensor, value: Tensor | None = None) -> Tensor:
        begin, end = pads.tolist()[: x.ndim], pads.tolist()[x.ndim :]
        pairs = [side for low, high in zip(reversed(begin), reversed(end), strict=True) for side in (low, high)]
        return F.pad(x, pairs, value=0.0 if value is None else float(value))

    return pad


def _gemm(a: dict[str, Any]) -> Step:
    is_turned = bool(a.get("transB", 0))
    return lambda x, w, b=None: F.linear(x, w if is_turned else w.T, b)


def _mean(a: dict[str, Any]) -> Step:
    keep = bool(a.get("keepdims", 1))
    axes = a.get("axes")
    if axes is not None:
        return lambda x: x.mean(tuple(axes), keepdim=keep)
    return lambda x, given: x.mean(tuple(given.tolist()), keepdim=keep)


def _concat(a: dict[str, Any]) -> Step:
    return lambda *parts: torch.cat(parts, a["axis"])


_STEPS: dict[str, Callable[[dict[str, Any]], Step]] = {
    "Conv": _conv,
    "Clip": _clip,
    "Pad": _pad,
    "Gemm": _gemm,
    "ReduceMean": _mean,
    "Concat": _concat,
    "Add": lambda _: torch.add,
    "Mul": lambda _: torch.mul,
    "MatMul": lambda _: torch.matmul,
    "Relu": lambda _: F.relu,
    "Identity": lambda _: lambda x: x,
    "GlobalAveragePool": lambda _: lambda x: x.mean((2, 3), keepdim=True),
    "Flatten": lambda a: lambda x: torch.flatten(x, a.get("axis", 1)),
    "Reshape": lambda _: lambda x, shape: x.reshape(shape.tolist()),
}
