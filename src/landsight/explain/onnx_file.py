"""A model file of ONNX, opened on pictures of one size, with the shape of every tensor."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from landsight.errors import BundleError, RuntimeUnavailable, UsageError
from landsight.runtime.model_file import read_model, refused
from landsight.runtime.pieces import usable_cores

#: Shapes and paddings have two numbers an axis at most.
_LONGEST_ROW = 64
#: Of all layers' numbers on one picture. ResNet-152 at 224 px makes a fifth of it.
_MOST_BYTES = 2_000_000_000


def open_model(path: Path, image: Sequence[int] | None) -> tuple[Any, tuple[int, ...]]:
    """The model with its one input set to (1, c, h, w) and all shapes inferred, and that shape. ``image``: (c, h, w), None: as the file says.

    Raises: BundleError for a file that is no model of pictures, UsageError for a size that it does not take or does not tell,
    RuntimeUnavailable.
    """
    try:
        import onnx
    except ImportError:
        raise RuntimeUnavailable("onnx_missing", "Looking inside a model needs the package onnx.", "Run: pip install onnx.") from None
    try:
        model = onnx.load_from_string(read_model(path))
    except RuntimeUnavailable:
        raise
    except Exception as error:  # onnx raises errors of protobuf's own, which differ between its two implementations
        raise BundleError("model_refused", f"{path} is no ONNX model: {error}.", "Give an .onnx file or a bundle folder.") from None
    if inner := next((n for n in model.graph.node if any(a.HasField("g") or a.graphs for a in n.attribute)), None):
        # Also because a loop of a stranger need not end.
        raise BundleError(
            "model_refused", f"{path} has a step with a graph of its own ({inner.op_type}).", "Give a model without loops and branches."
        )
    stored = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in stored]
    dims = inputs[0].type.tensor_type.shape.dim if len(inputs) == 1 else ()
    if len(dims) != 4:
        raise BundleError("model_refused", f"{path} does not take one input (n, c, h, w).", "Give a model of pictures.")
    declared = [dim.dim_value or None for dim in dims][1:]
    wanted = tuple(image[-3:]) if image is not None else tuple(n or 0 for n in declared)
    if 0 in wanted:
        raise UsageError(
            "no_input_size",
            f"{path.name} leaves the size of its input open.",
            "Say it, such as --input 3x224x224, or give a model of fixed size.",
        )
    if any(n not in (None, m) for n, m in zip(declared, wanted, strict=True)):
        is_fixed = "x".join(str(n or "any") for n in declared)
        raise UsageError(
            "fixed_net", f"{path.name} takes {is_fixed}: received {'x'.join(map(str, wanted))}.", "Ask for the size that it takes."
        )
    for dim, n in zip(dims, (1, *wanted), strict=True):
        dim.dim_value = n
    for value in (*model.graph.output, *model.graph.value_info):
        value.type.tensor_type.ClearField("shape")
    try:
        inferred = onnx.shape_inference.infer_shapes(model, data_prop=True)
    except Exception as error:  # see above
        raise refused("ONNX", error) from None
    _check_size(path, inferred)
    return (_run_for_shapes(model, (1, *wanted)) if _lacks_shapes(inferred) else inferred), (1, *wanted)


def _check_size(path: Path, model: Any) -> None:
    """Raises: BundleError for a model that makes more of one picture than fits into memory, as far as its shapes are known."""
    shapes = [[d.dim_value for d in v.type.tensor_type.shape.dim] for v in (*model.graph.value_info, *model.graph.output)]
    size = 4 * sum(prod(shape) for shape in shapes)
    if size > _MOST_BYTES:
        raise BundleError(
            "model_refused", f"The layers of {path} make {size:,} bytes of one picture.", f"At most {_MOST_BYTES:,} are looked into."
        )


def _lacks_shapes(model: Any) -> bool:
    """Some tensor has an axis that inference could not tell, as behind padding that the graph works out itself."""
    graph = model.graph
    known = {
        v.name for v in (*graph.value_info, *graph.output) if all(d.HasField("dim_value") for d in v.type.tensor_type.shape.dim)
    }  # fmt: skip
    return any(name not in known for node in graph.node for name in node.output if name)


def session_of(model: Any, names: Sequence[str]) -> Any:
    """An ONNX Runtime session that gives the tensors ``names`` of a model, computed as the file says: nothing folded, nothing left out.

    Raises: RuntimeUnavailable when the model is refused.
    """
    import onnx
    import onnxruntime

    wide = onnx.ModelProto()
    wide.CopyFrom(model)
    del wide.graph.output[:]
    wide.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = usable_cores()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(wide.SerializeToString(), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime raises classes of its own that share no base
        raise refused("ONNX Runtime", error) from None


def _run_for_shapes(model: Any, shape: tuple[int, ...]) -> Any:
    """The model with the shapes that every tensor has when ONNX Runtime runs it once on a picture of zeros. Raises: RuntimeUnavailable."""
    import onnx

    names = [name for node in model.graph.node for name in node.output if name]
    session = session_of(model, names)
    try:
        arrays = session.run(names, {session.get_inputs()[0].name: np.zeros(shape, np.float32)})
    except Exception as error:  # see session_of
        raise refused("ONNX Runtime", error) from None
    del model.graph.value_info[:]
    model.graph.value_info.extend(
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, array.shape) for name, array in zip(names, arrays, strict=True)
    )
    # Short rows of whole numbers are shapes, axes and paddings that the graph works out: from here on they are known.
    rows = {name: a for name, a in zip(names, arrays, strict=True) if a.dtype == np.int64 and a.size <= _LONGEST_ROW}
    model.graph.initializer.extend(onnx.numpy_helper.from_array(array, name) for name, array in rows.items())
    needed = [node for node in model.graph.node if not all(name in rows for name in node.output)]
    del model.graph.node[:]
    model.graph.node.extend(needed)
    return model
