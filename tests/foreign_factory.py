"""ONNX classifiers as other people make them: any layout, order of channels, element type and kind of scores. All tell red, green and blue apart.

The scores of a picture are 4 times its mean channel values after (value - 127.5) / 127.5, in the order of tests' LABELS.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SIDE = 24
GIVEN = ("--colour", "RGB", "--mean", "127.5", "--std", "127.5", "--resize", "squash", "--filter", "bilinear")


@dataclass(frozen=True)
class Foreign:
    """``end``: logits, softmax, hand_made (a softmax without its node), sigmoid, shares (0 to 1, any sum). ``reshape``: a fixed (1, 3) inside."""

    layout: str = "NCHW"
    bgr: bool = False
    dtype: type = np.float32
    batch: int | str = "n"
    end: str = "logits"
    reshape: bool = False
    names: tuple[str, str] = ("x", "y")
    twice: bool = False
    size: tuple[int | str, int | str] = (SIDE, SIDE)


def foreign(spec: Foreign = Foreign()) -> bytes:
    """The file."""
    name, scores = spec.names
    dtype = spec.dtype
    floats = np.float32 if dtype == np.uint8 else dtype
    weight = 4 * np.eye(3)
    constants: dict[str, Any] = {"weight": (weight[::-1] if spec.bgr else weight).astype(floats)}
    nodes: list[Any] = []
    picture = name
    if dtype == np.uint8:
        constants |= {"half": np.array(127.5, floats)}
        nodes += [helper.make_node("Cast", [name], ["float"], to=TensorProto.FLOAT), helper.make_node("Sub", ["float", "half"], ["centred"]), helper.make_node("Div", ["centred", "half"], ["scaled"])]  # fmt: skip
        picture = "scaled"
    axes = [2, 3] if spec.layout == "NCHW" else [1, 2]
    nodes += [
        helper.make_node("Identity", [picture], ["map"]),
        helper.make_node("ReduceMean", ["map"], ["mean"], axes=axes, keepdims=0),
        helper.make_node("MatMul", ["mean", "weight"], ["dense"]),
    ]
    last = "dense"
    if spec.reshape:
        constants["fixed"] = np.array([1, 3])
        nodes.append(helper.make_node("Reshape", ["dense", "fixed"], ["flat"]))
        last = "flat"
    nodes += _end(spec.end, last, scores)
    h, w = spec.size
    shape = [spec.batch, 3, h, w] if spec.layout == "NCHW" else [spec.batch, h, w, 3]
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    outputs = [helper.make_tensor_value_info(scores, helper.np_dtype_to_tensor_dtype(np.dtype(floats)), [spec.batch, 3])]
    if spec.twice:
        nodes.append(helper.make_node("Neg", [scores], ["auxiliary"]))
        outputs.append(helper.make_tensor_value_info("auxiliary", TensorProto.FLOAT, [spec.batch, 3]))
    initializers = [numpy_helper.from_array(np.asarray(value), key) for key, value in constants.items()]
    graph = helper.make_graph(nodes, "foreign", [helper.make_tensor_value_info(name, kind, shape)], outputs, initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    data: bytes = model.SerializeToString()
    return data


def _end(kind: str, last: str, scores: str) -> list[Any]:
    if kind == "softmax":
        return [helper.make_node("Softmax", [last], [scores], axis=1)]
    if kind in ("sigmoid", "shares"):
        return [
            helper.make_node("Sigmoid", [last], ["each"]),
            helper.make_node("Identity" if kind == "sigmoid" else "Sqrt", ["each"], [scores]),
        ]
    if kind == "hand_made":
        return [
            helper.make_node("Exp", [last], ["exp"]),
            helper.make_node("ReduceL1", ["exp"], ["sum"], axes=[1], keepdims=1),
            helper.make_node("Div", ["exp", "sum"], [scores]),
        ]
    return [helper.make_node("Identity", [last], [scores])]


def with_two_inputs() -> bytes:
    """The scores of one picture less those of another."""
    model = onnx.load_model_from_string(foreign())
    model.graph.input.append(helper.make_tensor_value_info("other", TensorProto.FLOAT, [1]))
    model.graph.node.append(helper.make_node("Add", ["y", "other"], ["z"]))
    model.graph.output[0].name = "z"
    data: bytes = model.SerializeToString()
    return data
