"""The numbers of every layer of a model on one picture: what the lens draws from. Runs the model as it is written, nothing folded.

    trace = LayerTrace(bundle.file("trace.onnx"), (3, 224, 224))
    trace.tensors(picture, [trace.layers[1].number])

Needs the packages onnx and onnxruntime; no torch, no gradients.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landsight.answer.road import Ending
from landsight.errors import UsageError
from landsight.explain.arithmetic import Sum, sum_of
from landsight.explain.onnx_file import open_model, session_of
from landsight.explain.onnx_layers import OnnxReader, read_layers
from landsight.explain.receptive_field import ReceptiveField, fields, receptive_field
from landsight.runtime.model_file import refused

#: What the steps of an answer are called.
_STEPS = {"Div": "temperature"}
#: Number of the picture itself.
PICTURE = 0


@dataclass(frozen=True, slots=True)
class TracedLayer:
    """``number``: 0 is the picture. ``shape``: of what it makes, without the batch axis. ``sources``: numbers of the layers it takes from.

    ``sum``: how its numbers are computed. ``field``: what a unit sees of the picture. ``outputs``: the model's names for what it makes.
    """

    number: int
    name: str
    kind: str
    shape: tuple[int, ...]
    parameters: int
    multiply_adds: int
    sources: tuple[int, ...]
    sum: Sum
    field: ReceptiveField
    outputs: tuple[str, ...]


class LayerTrace:
    """A model opened for looking inside. ``image``: (c, h, w). ``endings``: see answer.road.Ending.

    Raises: BundleError for a file that is no model of pictures, UsageError for a size that it does not take, RuntimeUnavailable.
    """

    def __init__(self, model: Path, image: Sequence[int], *, endings: Sequence[Ending] = ()) -> None:
        opened, self.shape = open_model(model, image)
        _add(opened, endings)
        self._reader = read_layers(opened, self.shape)
        self._tensor: list[str] = [self._reader.picture, *(row.operator.output[0] for row in self._reader.rows)]
        self._stored: dict[str, NDArray[Any]] = {}
        self._session = session_of(opened, [*self._tensor[1:], *self._worked_out()])
        self._constants(opened)
        self.layers = _layers(self._reader, opened, self._tensor, self._stored)

    def tensors(self, image_chw: NDArray[np.float32], numbers: Sequence[int]) -> dict[int, NDArray[np.float32]]:
        """What the layers ``numbers`` make of a picture. Shape: image_chw (c, h, w), normalised; each (c, h, w) or (d,).

        Raises: UsageError for a picture of another size, or a layer that is not there.
        """
        if image_chw.shape != self.shape[1:]:
            raise UsageError("bad_picture", f"The network takes {self.shape[1:]}: received {image_chw.shape}.", "Prepare the picture.")
        if wrong := [n for n in numbers if not 0 <= n < len(self._tensor)]:
            raise UsageError("no_layer", f"There is no layer {wrong[0]}.", f"They are numbered from 0 to {len(self._tensor) - 1}.")
        picture = np.ascontiguousarray(image_chw[None], np.float32)
        wanted = sorted({n for n in numbers if n != PICTURE})
        made = self._run([self._tensor[n] for n in wanted], picture) if wanted else []
        found = {n: np.asarray(array[0], np.float32) for n, array in zip(wanted, made, strict=True)}
        return {n: picture[0] if n == PICTURE else found[n] for n in numbers}

    def weights(self, number: int) -> dict[str, NDArray[np.float32]]:
        """The stored tensors that a layer computes with, by role."""
        return {role: np.asarray(self._stored[name], np.float32) for role, name in self.layers[number].sum.weights.items()}

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready: all layers, the picture first. Weights by role and shape; their numbers come from ``weights``."""
        return {"layers": [self._described(layer) for layer in self.layers]}

    def _run(self, names: Sequence[str], picture_nchw: NDArray[np.float32]) -> list[NDArray[Any]]:
        try:
            found: list[NDArray[Any]] = self._session.run(list(names), {self._reader.picture: picture_nchw})
        except Exception as error:  # ONNX Runtime raises classes of its own that share no base
            raise refused("ONNX Runtime", error) from None
        return found

    def _described(self, layer: TracedLayer) -> dict[str, Any]:
        weights = [{"role": role, "shape": list(self._stored[name].shape)} for role, name in layer.sum.weights.items()]
        field = {"size": list(layer.field.size), "stride": list(layer.field.stride), "start": list(layer.field.start)}
        plain = {key: value for key, value in asdict(layer).items() if key not in ("sum", "field")}
        return {**plain, "arithmetic": layer.sum.kind, "settings": layer.sum.settings, "weights": weights, "field": field}

    def _worked_out(self) -> list[str]:
        """Inputs of layers that are no tensor of the file and yet do not depend on the picture: weights kept as halves, sizes."""
        known = self._reader.nodes.keys() | self._reader.constants.keys()
        return sorted({name for row in self._reader.rows for name in row.operator.input if name and name not in known})

    def _constants(self, model: Any) -> None:
        from onnx import numpy_helper

        self._stored |= {tensor.name: numpy_helper.to_array(tensor) for tensor in self._reader.constants.values() if tensor.name}
        self._stored |= {name: numpy_helper.to_array(tensor) for name, tensor in self._reader.constants.items()}
        if names := self._worked_out():
            nothing = np.zeros(self.shape, np.float32)
            self._stored |= dict(zip(names, self._run(names, nothing), strict=True))


def _add(model: Any, endings: Sequence[Ending]) -> None:
    """Write the steps of the answer behind the network, in place."""
    from onnx import TensorProto, helper, numpy_helper

    graph = model.graph
    last = {ending.output: ending.output for ending in endings}
    shapes = {value.name: [d.dim_value for d in value.type.tensor_type.shape.dim] for value in (*graph.output, *graph.value_info)}
    for place, ending in enumerate(endings):
        made = f"answer.{ending.operator.lower()}.{place}"
        inputs = [last[ending.output]]
        if ending.number is not None:
            inputs.append(f"{made}.number")
            graph.initializer.append(numpy_helper.from_array(np.asarray(ending.number, np.float32), inputs[1]))
        graph.node.append(
            helper.make_node(ending.operator, inputs, [made], name=f"/answer/{_STEPS.get(ending.operator, ending.operator.lower())}")
        )
        graph.output.append(helper.make_tensor_value_info(made, TensorProto.FLOAT, shapes[ending.output]))
        last[ending.output] = made


def _layers(reader: OnnxReader, model: Any, tensors: Sequence[str], stored: Mapping[str, NDArray[Any]]) -> tuple[TracedLayer, ...]:
    numbers = {name: number for number, name in enumerate(tensors)}
    outputs = {output.name for output in model.graph.output}
    regions = fields(reader.graph)
    picture = TracedLayer(
        PICTURE, "picture", "Picture", reader.shape[1:], 0, 0, (), Sum("picture"), receptive_field(regions[0]), ()
    )  # fmt: skip
    found = [picture]
    for number, row in enumerate(reader.rows, start=1):
        sources = tuple(numbers[name] for name in row.sources if name in numbers)
        # Another output than the first of an operator (a split) is no layer here: what is made of it is not taken apart.
        is_whole = len(sources) == len(row.sources)
        how = sum_of(row.operator, reader.shapes, stored.get) if is_whole else Sum("other")
        names = tuple(name for name in row.operator.output if name in outputs)
        found.append(
            TracedLayer(
                number, row.name, row.kind, row.shape[1:], row.parameters, row.multiply_adds, sources, how,
                receptive_field(regions[row.node]), names,
            )
        )  # fmt: skip
    return tuple(found)
