"""Reading a foreign ONNX graph backwards from its scores: what are the logits, what is the embedding, what is the feature map."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

#: Nodes that hand the numbers on as they are, in another shape or type.
_SAME_NUMBERS: Final = frozenset({"Identity", "Flatten", "Reshape", "Squeeze", "Unsqueeze", "Dropout", "Cast"})
_POOLS: Final = frozenset({"GlobalAveragePool", "GlobalMaxPool"})
_REDUCTIONS: Final = frozenset({"ReduceMean", "ReduceMax"})
#: Axes that a reduction takes away -> where the channels stand.
_LAYOUTS: Final = {(2, 3): "NCHW", (1, 2): "NHWC"}
_DENSE: Final = frozenset({"Gemm", "MatMul"})


@dataclass(frozen=True, slots=True)
class Found:
    """Names of tensors. ``logits``: what the last softmax is made of, or the scores themselves; ``last``: the kind of the last node.

    ``embedding``: what the last dense layer sees; ``feature_map``: what the pooling before it sees, and ``layout``: where its channels
    stand. None when the graph has none, or it is not clear which.
    """

    logits: str
    last: str
    embedding: str | None = None
    feature_map: str | None = None
    layout: str | None = None

    @property
    def is_softmax(self) -> bool:
        """The scores are a softmax of ``logits``."""
        return self.last == "Softmax"


def walk(graph: Any, scores: str) -> Found:
    """From the tensor ``scores`` of an onnx GraphProto backwards."""
    maker = {output: node for node in graph.node for output in node.output if output}
    fixed = {tensor.name for tensor in graph.initializer} | {o for node in graph.node if node.op_type == "Constant" for o in node.output}
    top = _behind(scores, maker)
    node = maker.get(top)
    last = node.op_type if node is not None else "input"
    logits = node.input[0] if node is not None and node.op_type == "Softmax" else scores
    dense = _dense(logits, maker, fixed)
    if dense is None:
        return Found(logits, last)
    embedding = dense.input[0]
    pooled = maker.get(_behind(embedding, maker))
    layout = None if pooled is None else _pooled_layout(pooled, graph)
    if pooled is None or layout is None:
        return Found(logits, last, embedding)
    return Found(logits, last, embedding, pooled.input[0], layout)


def _pooled_layout(node: Any, graph: Any) -> str | None:
    """Where the channels stand of what is pooled over a whole picture; None for any other node."""
    if node.op_type in _POOLS:
        return "NCHW"
    if node.op_type not in _REDUCTIONS:
        return None
    axes = [axis for attribute in node.attribute if attribute.name == "axes" for axis in attribute.ints]
    if not axes and len(node.input) > 1:
        axes = _constant(node.input[1], graph)
    return _LAYOUTS.get(tuple(sorted(axis % 4 for axis in axes)))


def _constant(name: str, graph: Any) -> list[int]:
    from onnx import numpy_helper

    tensors = [tensor for tensor in graph.initializer if tensor.name == name]
    tensors += [
        a.t for node in graph.node if node.op_type == "Constant" and name in node.output for a in node.attribute if a.name == "value"
    ]
    return [int(value) for value in numpy_helper.to_array(tensors[0]).ravel()] if tensors else []


def _behind(name: str, maker: Mapping[str, Any]) -> str:
    """The tensor whose numbers ``name`` has, before any reshaping."""
    while (node := maker.get(name)) is not None and node.op_type in _SAME_NUMBERS:
        name = node.input[0]
    return name


def _dense(logits: str, maker: Mapping[str, Any], fixed: set[str]) -> Any | None:
    """The dense layer that gives the logits, a bias after it or not; None when something else does."""
    node = maker.get(_behind(logits, maker))
    if node is not None and node.op_type == "Add":
        moving = [name for name in node.input if name not in fixed]
        node = maker.get(moving[0]) if len(moving) == 1 else None
    if node is None or node.op_type not in _DENSE:
        return None
    weights = maker.get(node.input[1])
    is_fixed = node.input[1] in fixed or (weights is not None and weights.op_type in ("DequantizeLinear", "Transpose", "Cast", "Identity"))
    return node if is_fixed and node.input[0] not in fixed else None
