"""A TFLite file written by hand, without TensorFlow: mean over the picture, a dense layer, softmax. Field numbers are those of TFLite's schema."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import flatbuffers
import numpy as np

MEAN, FULLY_CONNECTED, SOFTMAX = 40, 9, 25
_REDUCER_OPTIONS, _FULLY_CONNECTED_OPTIONS, _SOFTMAX_OPTIONS = 27, 8, 9
_FLOAT32, _INT32 = 0, 2

Fields = dict[int, tuple[str, object]]


def _table(builder: flatbuffers.Builder, fields: Fields, slots: int) -> int:
    """Field number -> (kind, value); kinds: offset, uint8, int8, int32, uint32, float32, bool."""
    builder.StartObject(slots)
    add: dict[str, Callable[[int, object], None]] = {
        "offset": lambda n, v: builder.PrependUOffsetTRelativeSlot(n, v, 0),
        "uint8": lambda n, v: builder.PrependUint8Slot(n, v, 0),
        "int8": lambda n, v: builder.PrependInt8Slot(n, v, 0),
        "int32": lambda n, v: builder.PrependInt32Slot(n, v, 0),
        "uint32": lambda n, v: builder.PrependUint32Slot(n, v, 0),
        "float32": lambda n, v: builder.PrependFloat32Slot(n, v, 0.0),
        "bool": lambda n, v: builder.PrependBoolSlot(n, v, False),
    }
    for number, (kind, value) in fields.items():
        add[kind](number, value)
    return builder.EndObject()


def _offsets(builder: flatbuffers.Builder, items: Sequence[int]) -> int:
    builder.StartVector(4, len(items), 4)
    for item in reversed(items):
        builder.PrependUOffsetTRelative(item)
    return builder.EndVector()


def _ints(builder: flatbuffers.Builder, values: Sequence[int]) -> int:
    return builder.CreateNumpyVector(np.asarray(values, np.int32))


def tflite_classifier(weights: np.ndarray, *, side: int = 32, softmax: bool = True) -> bytes:
    """``weights`` (k, 3): logits are weights @ mean of the three channels of a (1, side, side, 3) float picture."""
    classes = len(weights)
    b = flatbuffers.Builder(1024)
    arrays = [b"", np.array([1, 2], np.int32).tobytes(), weights.astype(np.float32).tobytes()]
    buffers = []
    for data in arrays:
        vector = b.CreateByteVector(data) if data else None
        buffers.append(_table(b, {} if vector is None else {0: ("offset", vector)}, 1))
    shapes = [((1, side, side, 3), _FLOAT32, 0), ((2,), _INT32, 1), ((1, 3), _FLOAT32, 0), ((classes, 3), _FLOAT32, 2), ((1, classes), _FLOAT32, 0), ((1, classes), _FLOAT32, 0)]  # fmt: skip
    names = ("image", "axes", "mean", "weights", "logits", "scores")
    tensors = []
    for name, (shape, kind, buffer) in zip(names, shapes, strict=True):
        text, dims = b.CreateString(name), _ints(b, shape)
        tensors.append(_table(b, {0: ("offset", dims), 1: ("int8", kind), 2: ("uint32", buffer), 3: ("offset", text)}, 8))
    steps = [
        (0, (0, 1), (2,), _REDUCER_OPTIONS, {0: ("bool", False)}),
        (1, (2, 3, -1), (4,), _FULLY_CONNECTED_OPTIONS, {0: ("int8", 0)}),
        (2, (4,), (5,), _SOFTMAX_OPTIONS, {0: ("float32", 1.0)}),
    ][: 3 if softmax else 2]
    operators = []
    for code, inputs, outputs, kind, options in steps:
        made, ins, outs = _table(b, options, 4), _ints(b, inputs), _ints(b, outputs)
        fields: Fields = {0: ("uint32", code), 1: ("offset", ins), 2: ("offset", outs), 3: ("uint8", kind), 4: ("offset", made)}
        operators.append(_table(b, fields, 9))
    lists = [_offsets(b, tensors), _ints(b, [0]), _ints(b, [5 if softmax else 4]), _offsets(b, operators)]
    graph = _table(b, {number: ("offset", offset) for number, offset in enumerate(lists)}, 5)
    codes = [_table(b, {0: ("int8", code), 2: ("int32", 1), 3: ("int32", code)}, 4) for code in (MEAN, FULLY_CONNECTED, SOFTMAX)]
    vectors = {1: _offsets(b, codes), 2: _offsets(b, [graph]), 4: _offsets(b, buffers)}
    model = _table(b, {0: ("uint32", 3), **{number: ("offset", offset) for number, offset in vectors.items()}}, 5)
    b.Finish(model, file_identifier=b"TFL3")
    return bytes(b.Output())
