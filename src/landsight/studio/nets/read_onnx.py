"""The way back: weights of an exported EfficientNet-Lite out of its model.onnx, so that a bundle can be the start of another network."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from landsight.errors import DataError
from landsight.studio.nets.efficientnet_lite import FEATURES, SIZES, ConvNorm, EfficientNetLite

#: The exporter names nodes by the module that made them: "/net/blocks.3/expand/conv/Conv".
_CONV_NODE = re.compile(r"^/net/(?P<module>.+)/conv/Conv$")
#: A folded convolution: weight and bias.
Folded = tuple[NDArray[Any], NDArray[Any]]


@torch.no_grad()
def read_efficientnet_lite(path: Path) -> EfficientNetLite:
    """The network in an ONNX file that export wrote, of two branches the tuned one; its size is found by what fits.

    Batch norms are folded there: each convolution has its weights, each norm only adds a bias. Of two branches the head is the tuned
    branch's part of the joined one: its logits are smaller by the share of the other branch. To train it on, set net.freeze_norm: statistics
    of batches would undo the folding. Raises: DataError for another network.
    """
    convolutions, (weight, bias) = _parts(path)
    why = ""
    for size in SIZES:
        net = EfficientNetLite(len(bias), dropout=0.0, norm_momentum=0.05, size=size)
        try:
            _fill_all(net, convolutions)
            net.head.weight.copy_(_tensor(weight)[:, :FEATURES])
            net.head.bias.copy_(_tensor(bias))
        except (KeyError, RuntimeError, ValueError) as error:
            why = str(error)
            continue
        net.eval()
        return net
    raise _foreign(path, why)


def _parts(path: Path) -> tuple[dict[str, Folded], Folded]:
    """Convolutions by the name of the module in one branch alone, and the linear layer."""
    import onnx
    from google.protobuf.message import DecodeError
    from onnx import numpy_helper

    try:
        graph = onnx.load(str(path)).graph
    except (OSError, DecodeError) as error:
        raise _foreign(path, str(error)) from None
    weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    for node in graph.node:  # halves are widened in the graph
        if node.op_type == "Cast" and node.input[0] in weights:
            weights[node.output[0]] = weights[node.input[0]].astype(np.float32)
    heads = [node for node in graph.node if node.op_type == "Gemm"]
    if len(heads) != 1:
        raise _foreign(path, f"it has {len(heads)} linear layers, not 1")
    try:
        found = {}
        for node in graph.node:
            named = _CONV_NODE.match(node.name)
            if named and "kept" not in (steps := named["module"].split("/")):
                found[".".join(step for step in steps if step != "tuned")] = weights[node.input[1]], weights[node.input[2]]
        return found, (weights[heads[0].input[1]], weights[heads[0].input[2]])
    except (KeyError, IndexError) as error:
        raise _foreign(path, str(error)) from None


def _fill_all(net: EfficientNetLite, convolutions: dict[str, Folded]) -> None:
    modules = {name: module for name, module in net.named_modules() if isinstance(module, ConvNorm)}
    if different := sorted(modules.keys() ^ convolutions.keys()):
        raise ValueError(f"it lacks, or has beside others, {different[0]}")
    for name, (weight, bias) in convolutions.items():
        _fill(modules[name], weight, bias)


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
        "other_network", f"{path} holds no EfficientNet-Lite as export writes it: {why}.", "Give a model.onnx of that network."
    )
