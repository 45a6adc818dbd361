"""The way back: weights of an exported EfficientNet-Lite0 out of its model.onnx, so that a bundle can be the start of another network."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from landsight.errors import DataError
from landsight.studio.nets.efficientnet_lite import ConvNorm, EfficientNetLite

#: The exporter names nodes by the module that made them: "/net/blocks.3/expand/conv/Conv".
_CONV_NODE = re.compile(r"^/net/(?P<module>.+)/conv/Conv$")


@torch.no_grad()
def read_efficientnet_lite0(path: Path) -> EfficientNetLite:
    """The network in an ONNX file that export wrote, batch norms folded: each convolution has its weights, each norm only adds a bias.

    Raises: DataError when the file holds another network, or weights that are not fp32.
    """
    import onnx
    from google.protobuf.message import DecodeError
    from onnx import numpy_helper

    try:
        graph = onnx.load(str(path)).graph
    except (OSError, DecodeError) as error:
        raise _foreign(path, str(error)) from None
    weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    heads = [node for node in graph.node if node.op_type == "Gemm"]
    if len(heads) != 1:
        raise _foreign(path, f"it has {len(heads)} linear layers, not 1")
    try:
        net = EfficientNetLite(len(weights[heads[0].input[2]]), dropout=0.0, norm_momentum=0.05)
        modules = dict(net.named_modules())
        missing = {name for name, module in modules.items() if isinstance(module, ConvNorm)}
        for node in graph.node:
            if found := _CONV_NODE.match(node.name):
                name = found["module"].replace("/", ".")
                _fill(modules[name], weights[node.input[1]], weights[node.input[2]])
                missing.discard(name)
        net.head.weight.copy_(_tensor(weights[heads[0].input[1]]))
        net.head.bias.copy_(_tensor(weights[heads[0].input[2]]))
    except (KeyError, RuntimeError, IndexError, ValueError) as error:
        raise _foreign(path, str(error)) from None
    if missing:
        raise _foreign(path, f"it lacks {sorted(missing)[0]}")
    net.eval()
    return net


def _fill(module: torch.nn.Module, weight: NDArray[Any], bias: NDArray[Any]) -> None:
    if not isinstance(module, ConvNorm):
        raise RuntimeError(f"{type(module).__name__} where a convolution is expected")
    module.set_folded(_tensor(weight), _tensor(bias))


def _tensor(array: NDArray[Any]) -> torch.Tensor:
    if array.dtype != np.float32:
        raise ValueError(f"its weights are {array.dtype}, not float32")
    return torch.from_numpy(array.copy())


def _foreign(path: Path, why: str) -> DataError:
    return DataError(
        "other_network", f"{path} holds no EfficientNet-Lite0 as export writes it: {why}.", "Give a model.onnx of that network."
    )
