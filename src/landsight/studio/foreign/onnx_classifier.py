"""A foreign ONNX classifier, rebuilt so that it takes what landsight prepares and names what landsight reads; the sums in between are untouched."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from landsight.errors import LandsightError, UsageError
from landsight.runtime.model_file import refused
from landsight.runtime.onnxruntime import OnnxRuntimeEngine, session
from landsight.studio.foreign.given import Entrance, Given, Way, unfit, way_in
from landsight.studio.foreign.onnx_walk import Found, walk
from landsight.studio.foreign.scores import Scores, choose_scores, is_probabilities
from landsight.studio.onnx_graph import drop_unused

INPUT: Final = "image_nchw"
#: All names of the foreign graph get this in front, so that none can be one of ours.
_PREFIX: Final = "model/"
#: Below it a probability says nothing; the logarithm stays finite.
_LEAST: Final = 1e-30
_OLDEST_OPSET: Final = 8
_OLDEST_IR: Final = 8
_LARGEST_BATCH: Final = 64


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """``model``: the file; ``outputs``: name -> shape; ``way``: how pictures get in; ``kind``: what the scores were; ``notes``: what was found."""

    model: bytes
    outputs: dict[str, list[int | str]]
    way: Way
    kind: str
    notes: tuple[str, ...]


def rebuild(data: bytes, given: Given, labels: int, pictures: Callable[[Way], NDArray[np.float32]]) -> Rebuilt:
    """``data``: a checked ONNX file. ``pictures``: prepared and normalised drawn pictures (n, c, h, w) of a way in, on which it is tried.

    Raises: UsageError for a model that does not fit or of which something must be said; RuntimeUnavailable when ONNX Runtime refuses it.
    """
    model = _parsed(data)
    entrance = _entrance(model.graph, given)
    way = way_in(entrance, given)
    batch = pictures(way)
    raw = run_raw(data, entrance.name, way, batch)
    scores = choose_scores(raw, labels, given.output_name)
    found = walk(model.graph, scores.name)
    kind = _kind(found, scores, given)
    from onnx import compose

    foreign = _Foreign(compose.add_prefix(model, _PREFIX, rename_functions=False), _PREFIX + entrance.name, way, kind)
    written = _free(foreign, found, labels, batch)
    is_free = written is not None
    written = written or _refusing(lambda: _written(foreign, found, labels, batch[:1], is_free=False))
    engine = OnnxRuntimeEngine(written)
    one = engine.run(batch[:1], engine.output_names)
    outputs: dict[str, list[int | str]] = {name: ["n", *array.shape[1:]] for name, array in one.items()}
    return Rebuilt(written, outputs, way, kind, tuple(_notes(outputs, kind, is_free=is_free)))


@dataclass(frozen=True, slots=True)
class _Foreign:
    """``model``: the foreign ModelProto, every name with _PREFIX; ``input``: its input's name, so prefixed."""

    model: Any
    input: str
    way: Way
    kind: str


def run_raw(data: bytes, name: str, way: Way, batch_nchw: NDArray[np.float32]) -> dict[str, NDArray[Any]]:
    """The model as it came, one picture after the other: output -> (n, ...), sequences and maps left out."""
    opened = session(data)
    size = way.batch or 1
    if size > _LARGEST_BATCH:
        raise unfit(f"it takes {size:,} pictures at a time")
    rows: dict[str, list[NDArray[Any]]] = {}
    for picture in batch_nchw:
        fed = np.repeat(laid_out(picture[None], way), size, axis=0)
        for output, value in zip(opened.get_outputs(), _refusing(lambda fed=fed: opened.run(None, {name: fed})), strict=True):  # type: ignore[misc]
            if isinstance(value, np.ndarray) and value.ndim and value.shape[0] == size:
                rows.setdefault(output.name, []).append(value[:1])
    return {output: np.concatenate(parts) for output, parts in rows.items() if len({part.shape for part in parts}) == 1}


def laid_out(batch_nchw: NDArray[np.float32], way: Way) -> NDArray[Any]:
    """As the foreign model takes it."""
    batch = batch_nchw[:, ::-1] if way.reversed else batch_nchw
    return np.ascontiguousarray(batch if way.layout == "NCHW" else batch.transpose(0, 2, 3, 1)).astype(way.dtype)


def _parsed(data: bytes) -> Any:
    import onnx
    from google.protobuf.message import DecodeError

    try:
        model = onnx.load_model_from_string(data)
        onnx.checker.check_model(model)
    except (DecodeError, onnx.checker.ValidationError, ValueError, RuntimeError) as error:
        words = " ".join(str(error).split())[:200]
        raise UsageError("import_unreadable", f"This is no ONNX model: {words}.", "Export it again, in one file.") from None
    opset = next((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), 0)
    if opset < _OLDEST_OPSET:
        raise unfit(f"it has ONNX's operator set {opset}", f"Convert it to {_OLDEST_OPSET} or later (onnx.version_converter).")
    return model


def _entrance(graph: Any, given: Given) -> Entrance:
    from onnx import helper

    constant = {tensor.name for tensor in graph.initializer}
    inputs = {value.name: value for value in graph.input if value.name not in constant}
    if given.input_name is not None and given.input_name not in inputs:
        raise unfit(f"it has no input {given.input_name!r}", f"It has: {', '.join(inputs)}.")
    if len(inputs) != 1:
        raise unfit(f"it has {len(inputs)} inputs ({', '.join(sorted(inputs))}), one is expected")
    (value,) = inputs.values()
    kind = value.type.tensor_type
    shape = tuple(d.dim_value if d.HasField("dim_value") and d.dim_value > 0 else None for d in kind.shape.dim)
    try:
        dtype = str(helper.tensor_dtype_to_np_dtype(kind.elem_type))
    except KeyError:
        raise unfit(f"its input {value.name!r} is no tensor") from None
    return Entrance(value.name, shape, dtype)


def _kind(found: Found, scores: Scores, given: Given) -> str:
    """What the scores are: said, read from the last node, or seen in the numbers."""
    if given.kind is not None:
        return given.kind
    if found.is_softmax:
        return "softmax"
    if found.last == "Sigmoid":
        raise unfit(
            "its last step is a sigmoid, so each label is a question of its own",
            "If exactly one label is right, give --kind probabilities.",
        )
    return "probabilities" if is_probabilities(scores.values) else "logits"


def _free(foreign: _Foreign, found: Found, labels: int, batch: NDArray[np.float32]) -> bytes | None:
    """The model with a free batch axis; None when something inside counts on its own."""
    try:
        written = _written(foreign, found, labels, batch[:1], is_free=True)
        return written if _is_free(written, batch[:3]) else None
    except UsageError:
        raise
    except Exception:  # the package raises a dozen classes without a common base; the model is tried one picture at a time then
        return None


def _written(foreign: _Foreign, found: Found, labels: int, one: NDArray[np.float32], *, is_free: bool) -> bytes:
    """The whole model, with those of embedding and feature map that turn out to be what they should be. ``one``: a picture (1, c, h, w)."""
    wanted = {"logits": found.logits, "embedding": found.embedding, "feature_map": found.feature_map}
    named = {name: _PREFIX + tensor for name, tensor in wanted.items() if tensor is not None}
    shapes = {name: value.shape for name, value in _run(_assembled(foreign, named, is_free=is_free, layouts={}), one).items()}
    if shapes["logits"] != (1, labels):
        raise unfit(f"its scores have the shape {shapes['logits']}, not (1, {labels})")
    kept: dict[str, str] = {"logits": named["logits"]}
    layouts: dict[str, str] = {}
    width = shapes["embedding"][1] if len(shapes.get("embedding", ())) == 2 else 0
    if width > 1:
        kept["embedding"] = named["embedding"]
        side = 3 if found.layout == "NHWC" else 1
        if found.layout is not None and len(shapes["feature_map"]) == 4 and shapes["feature_map"][side] == width:
            kept["feature_map"], layouts["feature_map"] = named["feature_map"], found.layout
    return _assembled(foreign, kept, is_free=is_free, layouts=layouts)


def _assembled(foreign: _Foreign, outputs: dict[str, str], *, is_free: bool, layouts: dict[str, str]) -> bytes:
    """Nodes before and after the foreign graph. ``is_free``: any batch; else one picture at a time."""
    import onnx
    from onnx import TensorProto, helper

    model = onnx.ModelProto()
    model.CopyFrom(foreign.model)
    model.ir_version = max(model.ir_version, _OLDEST_IR)
    graph, p = model.graph, foreign.way.preparation
    shape = ["n" if is_free else 1, 1 if p.colour == "L" else 3, p.height, p.width]
    nodes = [*_entry(graph, foreign), *graph.node]
    for name, tensor in outputs.items():
        nodes.extend(_exit(graph, name, tensor, foreign.kind, layouts.get(name)))
    del graph.node[:], graph.input[:], graph.output[:], graph.value_info[:]
    graph.node.extend(nodes)
    graph.input.append(helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, shape))
    graph.output.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs)
    drop_unused(graph)
    written: bytes = model.SerializeToString()
    return written


def _entry(graph: Any, foreign: _Foreign) -> list[Any]:
    """From image_nchw to the foreign input: the order of channels, the layout, the element type."""
    from onnx import helper, numpy_helper

    steps: list[tuple[str, list[str], dict[str, Any]]] = []
    if foreign.way.reversed:
        graph.initializer.append(numpy_helper.from_array(np.array([2, 1, 0]), "reversed_channels"))
        steps.append(("Gather", ["reversed_channels"], {"axis": 1}))
    if foreign.way.layout == "NHWC":
        steps.append(("Transpose", [], {"perm": [0, 2, 3, 1]}))
    steps.append(("Cast", [], {"to": helper.np_dtype_to_tensor_dtype(np.dtype(foreign.way.dtype))}))
    names = [INPUT, *(f"prepared_{number}" for number in range(1, len(steps))), foreign.input]
    return [
        helper.make_node(operator, [before, *more], [after], **attributes)
        for (operator, more, attributes), before, after in zip(steps, names, names[1:], strict=False)
    ]


def _exit(graph: Any, name: str, tensor: str, kind: str, layout: str | None) -> Iterable[Any]:
    """Cast to float; the logits flat, and out of probabilities by their logarithm; a map with its channels first."""
    from onnx import TensorProto, helper, numpy_helper

    is_map = name == "feature_map"
    is_log = name == "logits" and kind == "probabilities"
    yield helper.make_node("Cast", [tensor], [f"{name}_float"], to=TensorProto.FLOAT)
    if is_map:
        perm = [0, 3, 1, 2] if layout == "NHWC" else [0, 1, 2, 3]
        yield helper.make_node("Transpose", [f"{name}_float"], [name], perm=perm)
        return
    yield helper.make_node("Flatten", [f"{name}_float"], [f"{name}_flat" if is_log else name], axis=1)
    if is_log:
        graph.initializer.append(numpy_helper.from_array(np.array(_LEAST, np.float32), "least_probability"))
        yield helper.make_node("Max", [f"{name}_flat", "least_probability"], [f"{name}_above"])
        yield helper.make_node("Log", [f"{name}_above"], [name])


def _run(data: bytes, batch: NDArray[np.float32]) -> dict[str, NDArray[Any]]:
    opened = session(data)
    return dict(zip([o.name for o in opened.get_outputs()], opened.run(None, {INPUT: batch}), strict=True))


def _is_free(data: bytes, three: NDArray[np.float32]) -> bool:
    """Three pictures at once give what each gives alone: nothing inside has a batch of its own."""
    together = _run(data, three)
    alone = [_run(data, three[i : i + 1]) for i in range(len(three))]
    return all(
        value.shape[:1] == (len(three),) and np.allclose(value, np.concatenate([one[name] for one in alone]), rtol=1e-3, atol=1e-4)
        for name, value in together.items()
    )


def _refusing(call: Callable[[], Any]) -> Any:
    """What it gives; an error of the runtime in our words."""
    try:
        return call()
    except LandsightError:
        raise
    except Exception as error:  # the package raises a dozen classes without a common base
        raise refused("ONNX Runtime", error) from None


def _notes(outputs: dict[str, list[int | str]], kind: str, *, is_free: bool) -> Iterable[str]:
    if kind != "logits":
        yield "its scores are probabilities, " + (
            "the numbers before its softmax are used" if kind == "softmax" else "their logarithm is used"
        )
    for name in ("embedding", "feature_map"):
        if name not in outputs:
            yield f"no {name} was found"
    if not is_free:
        yield "it takes one picture at a time"


def input_name(data: bytes) -> str:
    """Of the one input that is fed. Raises: RuntimeUnavailable."""
    name: str = session(data).get_inputs()[0].name
    return name
