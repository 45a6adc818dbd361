"""A description from a graph of ONNX: shapes by ONNX's own inference, parameters from its stored tensors, steps from its operators."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from landsight.errors import BundleError, RuntimeUnavailable, UsageError
from landsight.runtime.model_file import read_model, refused
from landsight.studio.describe import Description, Layer, Totals, last_map
from landsight.studio.receptive_field import Graph, fields, receptive_field
from landsight.studio.steps import Concatenate, Enlarge, Everything, Join, Mix, Pad, Permute, Reshape, Slice, Step, Window

#: Operators that only look at the same numbers in another way, or that a runtime folds away.
_LAYOUT = frozenset({"Reshape", "Flatten", "Squeeze", "Unsqueeze"})
_SILENT = frozenset({"Constant", "Shape", "Identity", "Cast", "QuantizeLinear", "DequantizeLinear", "Gather", "ConstantOfShape"})
#: Shapes and paddings have two numbers an axis at most.
_LONGEST_ROW = 64
_REDUCTIONS = frozenset({"ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin"})


def describe_onnx(path: Path, image: Sequence[int] | None = None, *, name: str = "") -> Description:
    """A model file with one input of pictures (n, c, h, w). ``image``: (c, h, w); needed where the file leaves height or width open.

    Raises: BundleError for a file that is no such model, UsageError for a size that the file does not take.
    """
    model, shape = _opened(path, image)
    reader = _Reader(model, shape)
    reader.read()
    regions = fields(reader.graph)
    layers = tuple(
        Layer(
            row.name, row.kind, row.shape[1:], row.parameters, row.multiply_adds, 0 if row.kind in _LAYOUT else 4 * _size(row.shape[1:]),
            receptive_field(regions[row.node]), row.node,
        )
        for row in reader.rows
    )  # fmt: skip
    parameters = sum(layer.parameters for layer in layers)
    activations = sum(layer.activation_bytes for layer in layers)
    totals = Totals(parameters, None, 4 * parameters, sum(x.multiply_adds for x in layers), activations, reader.peak())
    outputs = {o.name: reader.shapes[o.name][1:] for o in model.graph.output if o.name in reader.shapes}
    named = reader.nodes.get("feature_map")
    node = named if named is not None else last_map(layers)
    return Description(name or path.stem, shape[1:], 1, layers, outputs, totals, reader.graph, node)


def _opened(path: Path, image: Sequence[int] | None) -> tuple[Any, tuple[int, ...]]:
    """The model with its input set to (1, c, h, w) and all shapes inferred, and that shape."""
    import onnx

    try:
        model = onnx.load_from_string(read_model(path))
    except RuntimeUnavailable:
        raise
    except Exception as error:  # onnx raises errors of protobuf's own, which differ between its two implementations
        raise BundleError("model_refused", f"{path} is no ONNX model: {error}.", "Give an .onnx file or a bundle folder.") from None
    stored = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in stored]
    dims = inputs[0].type.tensor_type.shape.dim if len(inputs) == 1 else ()
    if len(dims) != 4:
        raise BundleError("model_refused", f"{path} does not take one input (n, c, h, w).", "Give a model of pictures.")
    declared = [dim.dim_value or None for dim in dims][1:]
    wanted = tuple(image[-3:]) if image is not None else tuple(n or 0 for n in declared)
    if 0 in wanted:
        raise UsageError("no_input_size", f"{path.name} leaves the size of its input open.", "Give --input, such as 3x224x224.")
    if any(n not in (None, m) for n, m in zip(declared, wanted, strict=True)):
        is_fixed = "x".join(str(n or "any") for n in declared)
        raise UsageError("fixed_net", f"{path.name} takes {is_fixed}: received {'x'.join(map(str, wanted))}.", "Leave --input out.")
    for dim, n in zip(dims, (1, *wanted), strict=True):
        dim.dim_value = n
    for value in (*model.graph.output, *model.graph.value_info):
        value.type.tensor_type.ClearField("shape")
    inferred = onnx.shape_inference.infer_shapes(model, data_prop=True)
    return (_run_for_shapes(model, (1, *wanted)) if _lacks_shapes(inferred) else inferred), (1, *wanted)


def _lacks_shapes(model: Any) -> bool:
    """Some tensor has an axis that inference could not tell, as behind padding that the graph works out itself."""
    graph = model.graph
    known = {
        v.name for v in (*graph.value_info, *graph.output) if all(d.HasField("dim_value") for d in v.type.tensor_type.shape.dim)
    }  # fmt: skip
    return any(name not in known for node in graph.node for name in node.output if name)


def _run_for_shapes(model: Any, shape: tuple[int, ...]) -> Any:
    """The model with the shapes that every tensor has when ONNX Runtime runs it once on a picture of zeros. Raises: RuntimeUnavailable."""
    import onnx
    import onnxruntime

    wide = onnx.ModelProto()
    wide.CopyFrom(model)
    del wide.graph.output[:]
    names = [name for node in model.graph.node for name in node.output if name]
    wide.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(wide.SerializeToString(), options, providers=["CPUExecutionProvider"])
        arrays = session.run(names, {session.get_inputs()[0].name: np.zeros(shape, np.float32)})
    except Exception as error:  # ONNX Runtime raises classes of its own that share no base
        raise refused("ONNX Runtime", error) from None
    del model.graph.value_info[:]
    model.graph.value_info.extend(
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, array.shape) for name, array in zip(names, arrays, strict=True)
    )
    # Short rows of whole numbers are shapes, axes and paddings that the graph works out: from here on they are known.
    rows = {name: a for name, a in zip(names, arrays, strict=True) if a.dtype == np.int64 and a.size <= _LONGEST_ROW}
    model.graph.initializer.extend(onnx.numpy_helper.from_array(array, name) for name, array in rows.items())
    return model


@dataclass(frozen=True, slots=True)
class _Row:
    name: str
    kind: str
    shape: tuple[int, ...]
    parameters: int
    multiply_adds: int
    node: int


@dataclass
class _Reader:
    """Walks the graph once, in the order of its nodes."""

    model: Any
    shape: tuple[int, ...]
    rows: list[_Row] = field(default_factory=list)
    nodes: dict[str, int] = field(default_factory=dict)
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    counted: set[str] = field(default_factory=set)
    seen: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        graph = self.model.graph
        self.graph = Graph.of_picture(self.shape)
        self.constants: dict[str, Any] = {tensor.name: tensor for tensor in graph.initializer}
        #: What a constant was made from, through casts and dequantisation.
        self.origin: dict[str, list[str]] = {name: [name] for name in self.constants}
        for value in (*graph.output, *graph.input, *graph.value_info):
            self.shapes[value.name] = tuple(dim.dim_value for dim in value.type.tensor_type.shape.dim)
        self.shapes |= {name: tuple(tensor.dims) for name, tensor in self.constants.items()}
        given = next(value.name for value in graph.input if value.name not in self.constants)
        self.nodes[given] = 0

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
        if node.op_type in _SILENT and not fresh:
            return
        self.counted.update(fresh)
        own = sum(_size(self.shapes[name]) for name in fresh) if node.op_type not in _LAYOUT | {"Clip", "Pad", "Slice"} else 0
        weight = self.shapes.get(node.input[1], ()) if len(node.input) > 1 else ()
        work = _multiply_adds(node.op_type, weight, shapes[0], shape)
        self.rows.append(_Row(_layer_name(node), node.op_type, shape, own, work, made))

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
        if kind in _LAYOUT:
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
                if name in self.nodes and node.op_type not in _LAYOUT | _SILENT:
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
