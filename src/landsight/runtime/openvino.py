"""OpenVINO on the processor: the faster engine, when it is installed (pip install landsight[fast])."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from landsight.errors import RuntimeUnavailable
from landsight.runtime.engine import Outputs
from landsight.runtime.model_file import IR_SUFFIX, WEIGHTS_SUFFIX, read_model, refused
from landsight.runtime.pieces import PIECE_VALUES, check_batch, joined, pieces, usable_cores
from landsight.runtime.signal_stack import signal_stack_kept

#: Precision -> INFERENCE_PRECISION_HINT. Left to itself OpenVINO takes bf16 where the processor has it, and answers change; so it is
#: always said. An int8 file carries its integers itself, what is left in floating point stays fp32.
_HINTS: Final = {"fp32": "f32", "bf16": "bf16", "int8": "f32"}


class OpenVinoEngine:
    """Runs an .onnx file, or OpenVINO's own .xml with its .bin beside it; ``precision`` "bf16" computes an fp32 file in bfloat16, "int8" needs a quantised file.

    ``threads`` pictures are computed side by side, one stream and one thread each. ``name`` says the precision that the compiled model
    reports, so "openvino fp32" when bf16 was asked for and the processor has none.
    Raises: RuntimeUnavailable when the package is missing, the precision unknown or the model refused.
    """

    def __init__(self, model: Path | str | bytes, precision: str = "fp32", threads: int | None = None) -> None:
        if precision not in _HINTS:
            raise RuntimeUnavailable(
                "unknown_precision", f"OpenVINO has no precision {precision!r}.", f"Choose one of: {', '.join(_HINTS)}."
            )
        data, weights = read_model(model), _weights(model)
        self._threads = threads or usable_cores()
        try:
            import openvino
        except ImportError as error:
            raise RuntimeUnavailable(
                "runtime_missing", f"OpenVINO is not installed: {error}.", "Run: pip install 'landsight[fast]'"
            ) from None
        try:
            with signal_stack_kept():
                self._compiled, self.output_names, self._one_by_one = _compiled(openvino, (data, weights), _HINTS[precision], self._threads)
                self._queue = openvino.AsyncInferQueue(self._compiled, self._threads)
            computed = self._compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name()
        except RuntimeUnavailable:
            raise
        except Exception as error:  # RuntimeError mostly, but binding errors have other classes
            raise refused("OpenVINO", error) from None
        self._queue.set_callback(_keep)
        named = precision if precision == "int8" else {"f32": "fp32"}.get(computed, computed)
        self.name = f"openvino {named}"

    def run(self, batch_nchw: NDArray[np.float32], wants: tuple[str, ...]) -> Outputs:
        """See runtime.engine.Engine."""
        parts = pieces(check_batch(batch_nchw, wants, self.output_names), one_by_one=self._one_by_one)
        ports = [self.output_names.index(name) for name in wants]
        rows: list[list[NDArray[np.float32]]] = [[] for _ in parts]
        try:
            for row, part in zip(rows, parts, strict=True):
                self._queue.start_async({0: part}, (row, ports), share_inputs=True)
            self._queue.wait_all()
        except Exception as error:  # RuntimeError mostly, but binding errors have other classes
            raise refused("OpenVINO", error) from None
        return joined(wants, rows)


def _keep(request: Any, wanted: tuple[list[NDArray[np.float32]], list[int]]) -> None:
    row, ports = wanted
    # A copy: the request's own memory is written again by the next picture.
    row.extend(np.array(request.get_output_tensor(port).data, dtype=np.float32) for port in ports)


def _weights(model: Path | str | bytes) -> bytes:
    """The .bin that belongs to an .xml; an .onnx holds its own."""
    if isinstance(model, bytes) or Path(model).suffix != IR_SUFFIX:
        return b""
    return read_model(Path(model).with_suffix(WEIGHTS_SUFFIX))


def _compiled(openvino: Any, data: tuple[bytes, bytes], hint: str, threads: int) -> tuple[Any, tuple[str, ...], bool]:
    """The compiled model, the names of its outputs in order, and whether it takes one picture at a time."""
    core = openvino.Core()
    model = core.read_model(*data)
    if len(model.inputs) != 1:
        raise RuntimeUnavailable("model_refused", f"The model has {len(model.inputs)} inputs, one is expected.", "Export the bundle again.")
    shape = model.input(0).get_partial_shape()
    one_by_one = shape.rank.is_static and len(shape) == 4 and shape[0].is_static and shape[0].get_length() == 1
    if not one_by_one and shape.rank.is_static and len(shape) == 4 and all(shape[i].is_static for i in (1, 2, 3)):
        values = int(np.prod([shape[i].get_length() for i in (1, 2, 3)]))
        # A fixed shape compiles to faster code; possible when pieces always have one picture.
        shape[0] = 1 if PIECE_VALUES // values <= 1 else -1
        model.reshape(shape)
    # Asked before compiling: that drops operations which do nothing, and an output may then go by the name of what stood before them.
    names = tuple(output.get_any_name() for output in model.outputs)
    settings = {"INFERENCE_PRECISION_HINT": hint, "INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": threads}
    return core.compile_model(model, "CPU", settings), names, one_by_one
