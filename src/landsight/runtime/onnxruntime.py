"""ONNX Runtime on the processor: the engine that is always there."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landsight.errors import RuntimeUnavailable
from landsight.runtime.engine import Outputs
from landsight.runtime.model_file import read_model, refused
from landsight.runtime.pieces import check_batch, is_single, joined, pieces, usable_cores

_QUIET = 3  # errors only


class OnnxRuntimeEngine:
    """Runs an .onnx file as it is: the precision is that of the file, fp32 or int8.

    ``threads`` pictures are computed side by side, each by one thread (see runtime.pieces for why). ``precision`` only names what the
    file holds. Raises: RuntimeUnavailable when the package is missing or the model is refused.
    """

    def __init__(self, model: Path | str | bytes, precision: str = "fp32", threads: int | None = None) -> None:
        data = read_model(model)
        self._session = session(data)
        self._threads = threads or usable_cores()
        self._pool: ThreadPoolExecutor | None = None
        self.name = f"onnxruntime {precision}"
        self.output_names: tuple[str, ...] = tuple(output.name for output in self._session.get_outputs())
        inputs = self._session.get_inputs()
        if len(inputs) != 1:
            raise RuntimeUnavailable("model_refused", f"The model has {len(inputs)} inputs, one is expected.", "Export the bundle again.")
        self._input = inputs[0].name
        self._one_by_one = is_single(inputs[0].shape)

    def run(self, batch_nchw: NDArray[np.float32], wants: tuple[str, ...]) -> Outputs:
        """See runtime.engine.Engine."""
        parts = pieces(check_batch(batch_nchw, wants, self.output_names), one_by_one=self._one_by_one)
        names = list(wants)

        def one(part: NDArray[np.float32]) -> list[NDArray[np.float32]]:
            return self._session.run(names, {self._input: part})  # type: ignore[no-any-return]

        try:
            if len(parts) == 1 or self._threads == 1:
                rows = [one(part) for part in parts]
            else:
                self._pool = self._pool or ThreadPoolExecutor(self._threads, thread_name_prefix="landsight-onnxruntime")
                rows = list(self._pool.map(one, parts))
        except Exception as error:  # the package raises a dozen classes without a common base
            raise refused("ONNX Runtime", error) from None
        return joined(names, rows)


def session(data: bytes) -> Any:
    """An InferenceSession on one thread, quiet, offline. ``data``: from model_file.read_model. Raises: RuntimeUnavailable."""
    try:
        import onnxruntime
    except ImportError as error:
        raise RuntimeUnavailable(
            "runtime_missing", f"ONNX Runtime does not load: {error}.", "Run: pip install --force-reinstall onnxruntime"
        ) from None
    onnxruntime.disable_telemetry_events()
    onnxruntime.set_default_logger_severity(_QUIET)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = _QUIET
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the package raises a dozen classes without a common base
        raise refused("ONNX Runtime", error) from None
