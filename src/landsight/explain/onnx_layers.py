"""The layers of a graph of ONNX: shapes, parameters from its stored tensors, steps from its operators."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from landsight.explain.receptive_field import Graph
from landsight.explain.steps import Concatenate, Enlarge, Everything, Join, Mix, Pad, Permute, Reshape, Slice, Step, Window

#: Operators that only look at the same numbers in another way, or that a runtime folds away.
LAYOUT = frozenset({"Reshape", "Flatten", "Squeeze", "Unsqueeze"})
_SILENT = frozenset({"Constant", "Shape", "Identity", "Cast", "QuantizeLinear", "DequantizeLinear", "Gather", "ConstantOfShape"})
_REDUCTIONS = frozenset({"ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin"})


@dataclass(frozen=True, slots=True)
class OnnxLayer:
    """One operator that does something. ``shape``: of its output, batch axis included. ``parameters``: its own, shared ones at their first use.

    ``node``: its output in the graph of steps. ``operator``: the NodeProto. ``sources``: the tensors made from the picture that it takes, by the
    names under which other layers (or the picture) give them.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    parameters: int
    multiply_adds: int
    node: int
    operator: Any
    sources: tuple[str, ...]


def read_layers(model: Any, shape: tuple[int, ...]) -> OnnxReader:
    """All layers of a model from ``onnx_file.open_model``."""
    reader = OnnxReader(model, shape)
    reader.read()
    return reader


@dataclass
class OnnxReader:
    """Walks the graph once, in the order of its nodes. ``shapes``: of every tensor. ``picture``: the name of the input."""

    model: Any
    shape: tuple[int, ...]
    rows: list[OnnxLayer] = field(default_factory=list)
    nodes: dict[str, int] = field(default_factory=dict)
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    counted: set[str] = field(default_factory=set)
    seen: dict[str, int] = field(default_factory=dict)
    #: Under which name a layer gives a tensor that silent operators only hand on.
    given_as: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        graph = self.model.graph
        self.graph = Graph.of_picture(self.shape)
        self.constants: dict[str, Any] = {tensor.name: tensor for tensor in graph.initializer}
        #: What a constant was made from, through casts and dequantisation.
        self.origin: dict[str, list[str]] = {name: [name] for name in self.constants}
        for value in (*graph.output, *graph.input, *graph.value_info):
            self.shapes[value.name] = tuple(dim.dim_value for dim in value.type.tensor_type.shape.dim)
        self.shapes |= {name: tuple(tensor.dims) for name, tensor in self.constants.items()}
        self.picture: str = next(value.name for value in graph.input if value.name not in self.constants)
        self.nodes[self.picture] = 0

    def read(self) -> None:
        """Rows and steps of all nodes."""
        for number, node in enumerate(self.model.graph.node):
            for name in node.input:
                self.seen[name] = number
            known = [name for name in node.input if name in self.nodes]
            # Scales and zero points of quantisation are no weights.
            told = node.input[:1] if node.op_type in ("QuantizeLinear", "DequantizeLinear") else node.input
            stored = [origin for name in told for origin in self.origin.get(name, ())]
            if not known:
                for name in node.output:
                    self.origin[name] = stored
                    self._remember_constant(name, node)
                continue
            if node.op_type == "Shape":
                continue
            self._row(node, known, stored)

    def _remember_constant(self, name: str, node: Any) -> None:
        if node.op_type == "Constant":
            value = next((a.t for a in node.attribute if a.name == "value"), None)
            if value is not None:
                self.constants[name] = value
                self.shapes[name] = tuple(value.dims)
                self.origin[name] = [name]

    def _row(self, node: Any, known: list[str], stored: list[str]) -> None:
        attributes = {a.name: a for a in node.attribute}
        shape = self.shapes.get(node.output[0], ())
        shapes = [self.shapes[name] for name in known]
        made = self._made(node, attributes, known, shapes, shape)
        self.nodes.update(dict.fromkeys(node.output, made))
        fresh = [name for name in dict.fromkeys(stored) if name not in self.counted and self._is_weight(name)]
        sources = tuple(self.given_as.get(name, name) for name in known)
        if node.op_type in _SILENT and not fresh:
            self.given_as[node.output[0]] = sources[0]
            return
        self.counted.update(fresh)
        own = sum(_size(self.shapes[name]) for name in fresh) if node.op_type not in LAYOUT | {"Clip", "Pad", "Slice"} else 0
        weight = self.shapes.get(node.input[1], ()) if len(node.input) > 1 else ()
        work = _multiply_adds(node.op_type, weight, shapes[0], shape)
        self.rows.append(OnnxLayer(_layer_name(node), node.op_type, shape, own, work, made, node, sources))

    def _is_weight(self, name: str) -> bool:
        """A stored tensor of learnt numbers, quantised ones too: not a shape, an axis or the bound of a clip."""
        import onnx

        tensor = self.constants.get(name)
        kinds = onnx.TensorProto
        learnt = (kinds.FLOAT, kinds.FLOAT16, kinds.BFLOAT16, kinds.DOUBLE, kinds.INT8, kinds.UINT8, kinds.INT32)
        return tensor is not None and bool(tensor.dims) and tensor.data_type in learnt

    def _made(
        self, node: Any, attributes: Mapping[str, Any], known: list[str], shapes: list[tuple[int, ...]], shape: tuple[int, ...]
    ) -> int:
        sources = [self.nodes[name] for name in known]
        if node.op_type in _REDUCTIONS | {"GlobalAveragePool", "GlobalMaxPool"}:
            dims = self._axes(node, attributes, len(shapes[0]))
            kept = tuple(1 if d in dims else n for d, n in enumerate(shapes[0]))
            mixed = self.graph.add(Mix(dims), sources, kept)
            return mixed if kept == shape else self.graph.add(Reshape(), (mixed,), shape)
        step = self._step(node, attributes, known, shapes, shape)
        return self.graph.add(step, sources, shape)

    def _axes(self, node: Any, attributes: Mapping[str, Any], rank: int) -> tuple[int, ...]:
        if node.op_type.startswith("Global"):
            return tuple(range(2, rank))
        given = _ints(attributes, "axes", ()) or self._numbers(node, 1)
        return tuple(sorted(d % rank for d in given)) or tuple(range(rank))

    def _numbers(self, node: Any, position: int) -> tuple[int, ...]:
        """A stored input of whole numbers; empty when there is none."""
        from onnx import numpy_helper

        name = node.input[position] if len(node.input) > position else ""
        if name not in self.constants:
            return ()
        return tuple(int(v) for v in np.atleast_1d(numpy_helper.to_array(self.constants[name])))

    def _step(
        self, node: Any, attributes: Mapping[str, Any], known: list[str], shapes: list[tuple[int, ...]], shape: tuple[int, ...]
    ) -> Step:
        kind, before = node.op_type, shapes[0]
        if kind in ("Conv", "MaxPool", "AveragePool", "ConvTranspose"):
            return _window(kind, attributes, before, self.shapes.get(node.input[1], ()) if "Conv" in kind else ())
        if kind == "Concat":
            return self._concatenated(node, attributes, len(shape))
        if kind == "Pad":
            flat = _ints(attributes, "pads", ()) or self._numbers(node, 1)
            mode = attributes["mode"].s.decode() if "mode" in attributes else "constant"
            pairs = tuple(zip(flat[: len(flat) // 2], flat[len(flat) // 2 :], strict=True))
            return Pad(pairs, mode) if len(pairs) == len(shape) else Everything()
        if kind == "Slice":
            axes, steps = self._numbers(node, 3), self._numbers(node, 4) or (1,)
            starts = self._numbers(node, 1)
            if len(axes) == 1 and starts and steps[0] > 0:
                n = before[axes[0]]
                return Slice(axes[0] % len(before), min(max(starts[0] + n, 0) if starts[0] < 0 else starts[0], n), steps[0])
            return Everything()
        if kind == "Transpose":
            return Permute(_ints(attributes, "perm", tuple(reversed(range(len(before))))))
        if kind in ("Gemm", "MatMul") and len(known) == 1 and known[0] == node.input[0]:
            return Mix((len(before) - 1,))
        if kind in LAYOUT:
            return Reshape()
        if kind in ("Resize", "Upsample") and len(before) == 4:
            factors = tuple(max(1, b // a) for a, b in zip(before[2:], shape[2:], strict=True))
            return Enlarge(factors, factors, (0, 0))
        fits = all(len(s) <= len(shape) and all(n in (1, m) for n, m in zip(s, shape[len(shape) - len(s) :], strict=True)) for s in shapes)
        return Join() if fits else Everything()

    def _concatenated(self, node: Any, attributes: Mapping[str, Any], rank: int) -> Step:
        dim = attributes["axis"].i % rank
        offset, offsets = 0, []
        for name in node.input:
            if name in self.nodes:
                offsets.append(offset)
            offset += self.shapes[name][dim]
        return Concatenate(dim, tuple(offsets))

    def peak(self) -> int:
        """Bytes alive at most, each tensor dropped after its last use; what a runtime folds into its neighbours still counts."""
        change: dict[int, int] = {0: 0}
        ends = {o.name for o in self.model.graph.output}
        last = len(self.model.graph.node)
        for number, node in enumerate(self.model.graph.node):
            for name in node.output:
                if name in self.nodes and node.op_type not in LAYOUT | _SILENT:
                    size = 4 * _size(self.shapes.get(name, ())[1:])
                    change[number] = change.get(number, 0) + size
                    end = last if name in ends else self.seen.get(name, number)
                    change[end + 1] = change.get(end + 1, 0) - size
        alive = most = 0
        for moment in sorted(change):
            alive += change[moment]
            most = max(most, alive)
        return most + 4 * _size(self.shape[1:])


def _layer_name(node: Any) -> str:
    """/net/stem/conv/Conv -> net.stem.conv: the operator is told beside it."""
    path = str(node.name or node.output[0]).strip("/")
    return path.removesuffix(f"/{node.op_type}").replace("/", ".")


def _window(kind: str, attributes: Mapping[str, Any], before: tuple[int, ...], weight: tuple[int, ...]) -> Step:
    kernel = _ints(attributes, "kernel_shape", weight[2:])
    n = len(kernel)
    stride, dilation = _ints(attributes, "strides", (1,) * n), _ints(attributes, "dilations", (1,) * n)
    padding = _ints(attributes, "pads", (0,) * 2 * n)[:n]
    automatic = attributes["auto_pad"].s.decode() if "auto_pad" in attributes else "NOTSET"
    if automatic.startswith("SAME"):
        totals = [
            max((-(-m // t) - 1) * t + (k - 1) * q + 1 - m, 0) for m, t, k, q in zip(before[2:], stride, kernel, dilation, strict=True)
        ]
        padding = tuple(total // 2 if automatic == "SAME_UPPER" else -(-total // 2) for total in totals)
    if kind == "ConvTranspose":
        return Enlarge(kernel, stride, padding)
    return Window(kernel, stride, padding, dilation, mixes=kind == "Conv" and (weight[1] > 1 or before[1] == 1))


def _ints(attributes: Mapping[str, Any], name: str, otherwise: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(attributes[name].ints) if name in attributes else otherwise


def _multiply_adds(kind: str, weight: tuple[int, ...], before: tuple[int, ...], shape: tuple[int, ...]) -> int:
    if kind == "Conv":
        return _size(shape[1:]) * _size(weight[1:])
    if kind == "ConvTranspose":
        return _size(before[1:]) * _size(weight[1:])
    return _size(shape[1:]) * before[-1] if kind in ("Gemm", "MatMul") else 0


def _size(shape: Sequence[int]) -> int:
    return int(np.prod(shape, dtype=np.int64)) if shape else 1
