"""A foreign TFLite classifier, by way of OpenVINO, which reads the format: kept in OpenVINO's own form, and run by it alone."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from landsight.errors import RuntimeUnavailable, UsageError
from landsight.studio.foreign.given import Entrance, Given, Way, unfit, way_in
from landsight.studio.foreign.onnx_classifier import INPUT, laid_out
from landsight.studio.foreign.scores import choose_scores, is_probabilities

#: Bytes 4 to 8 of every TFLite file.
MAGIC: Final = b"TFL3"
_LEAST: Final = 1e-30


@dataclass(frozen=True, slots=True)
class Converted:
    """``graph`` and ``weights``: model.xml and model.bin; the rest as in onnx_classifier.Rebuilt. ``raw``: the model's own scores (n, k)."""

    graph: bytes
    weights: bytes
    outputs: dict[str, list[int | str]]
    way: Way
    kind: str
    raw: NDArray[np.float32]
    notes: tuple[str, ...]


def is_tflite(data: bytes) -> bool:
    """Told by its content."""
    return data[4:8] == MAGIC


def convert(data: bytes, given: Given, labels: int, pictures: Callable[[Way], NDArray[np.float32]]) -> Converted:
    """``data``: a TFLite file. Raises: UsageError as onnx_classifier.rebuild; RuntimeUnavailable without OpenVINO."""
    openvino = _openvino()
    with tempfile.TemporaryDirectory(prefix="landsight-") as folder:
        path = Path(folder) / "model.tflite"  # OpenVINO reads this format from a file alone
        path.write_bytes(data)
        try:
            model = openvino.Core().read_model(str(path))
        except RuntimeError as error:
            words = " ".join(str(error).split())[:200]
            raise UsageError(
                "import_unreadable", f"OpenVINO cannot read this TFLite model: {words}.", "Convert it to ONNX (tf2onnx)."
            ) from None
    entrance = _entrance(model, given)
    way = way_in(entrance, given)
    if way.batch != 1:
        raise unfit(f"its batch is {way.batch or 'free'}", "Convert it with a batch of 1.")
    batch = pictures(way)
    compiled = openvino.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    raw = _raw(compiled, way, batch)
    scores = choose_scores(raw, labels, given.output_name)
    source = model.output(list(raw).index(scores.name)).get_node().input(0).get_source_output()
    last = source.get_node().get_type_name()
    kind = given.kind or ("softmax" if last == "Softmax" else "probabilities" if is_probabilities(scores.values) else "logits")
    rebuilt = _rebuilt(openvino, model, source, way, kind)
    notes = [
        "it runs in OpenVINO alone",
        "only its scores are used, so there is no embedding and no feature map",
        "it takes one picture at a time",
    ]
    if kind != "logits":
        notes.insert(0, "its scores are probabilities")
    return Converted(*rebuilt, {"logits": ["n", labels]}, way, kind, scores.values, tuple(notes))


def _openvino() -> Any:
    try:
        import openvino
    except ImportError as error:
        raise RuntimeUnavailable(
            "runtime_missing", f"TFLite models are read by OpenVINO, which is not installed: {error}.", "Run: pip install 'landsight[fast]'"
        ) from None
    return openvino


def _entrance(model: Any, given: Given) -> Entrance:
    names = [port.get_any_name() for port in model.inputs]
    if given.input_name is not None and given.input_name not in names:
        raise unfit(f"it has no input {given.input_name!r}", f"It has: {', '.join(names)}.")
    if len(names) != 1:
        raise unfit(f"it has {len(names)} inputs ({', '.join(names)}), one is expected")
    port = model.input(0)
    shape = tuple(side.get_length() if side.is_static else None for side in port.get_partial_shape())
    return Entrance(names[0], shape, np.dtype(port.get_element_type().to_dtype()).name)


def _raw(compiled: Any, way: Way, batch: NDArray[np.float32]) -> dict[str, NDArray[Any]]:
    rows: dict[str, list[NDArray[Any]]] = {output.get_any_name(): [] for output in compiled.outputs}
    for picture in batch:
        for name, value in zip(rows, compiled([laid_out(picture[None], way)]).values(), strict=True):
            rows[name].append(np.array(value))
    return {name: np.concatenate(parts) for name, parts in rows.items()}


def _rebuilt(openvino: Any, model: Any, source: Any, way: Way, kind: str) -> tuple[bytes, bytes]:
    """Takes image_nchw, float, in the order of RGB; gives logits."""
    from openvino import opset13 as ops
    from openvino.preprocess import PrePostProcessor

    if kind == "softmax":
        source = source.get_node().input(0).get_source_output()
    logits = ops.convert(source, "f32").output(0)
    logits = ops.reshape(logits, ops.constant(np.array([1, -1], np.int64)), special_zero=False).output(0)
    if kind == "probabilities":
        logits = ops.log(ops.maximum(logits, ops.constant(np.float32(_LEAST)))).output(0)
    whole = openvino.Model([ops.result(logits, name="logits")], model.get_parameters(), "foreign")
    steps = PrePostProcessor(whole)
    steps.input().tensor().set_element_type(openvino.Type.f32).set_layout(openvino.Layout("NCHW"))
    if way.reversed:
        steps.input().preprocess().reverse_channels()
    steps.input().model().set_layout(openvino.Layout(way.layout))
    whole = steps.build()
    whole.input(0).get_tensor().set_names({INPUT})
    whole.output(0).get_tensor().set_names({"logits"})
    with tempfile.TemporaryDirectory(prefix="landsight-") as folder:
        paths = [Path(folder) / name for name in ("model.xml", "model.bin")]
        openvino.serialize(whole, *map(str, paths))
        graph, weights = (path.read_bytes() for path in paths)
    return graph, weights
