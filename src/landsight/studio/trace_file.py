"""``trace.onnx``: the network as it was trained, nothing folded, kept in a bundle for those who look inside it (explain.layer_trace)."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np

from landsight.bundle.load import TRACE_NAME
from landsight.errors import VerificationError
from landsight.photo.prepare import normalise
from landsight.runtime.onnxruntime import OnnxRuntimeEngine
from landsight.studio.engine import Trained
from landsight.studio.onnx_export import write_trace
from landsight.studio.random import generator

#: The same sums in another order: so far apart at most, as a share of the largest number of an output.
_TOLERANCE = 1e-4


def add_trace(trained: Trained, folder: Path) -> Path | None:
    """Write trace.onnx beside model.onnx in ``folder``, and check that both answer alike. None, and no file, when the model has folded nothing.

    Raises: VerificationError.
    """
    path = folder / TRACE_NAME
    write_trace(trained.net, trained.recipe.input, path, opset=trained.recipe.export.opset)
    if _operators(path) == _operators(folder / "model.onnx"):
        path.unlink()
        return None
    p = trained.recipe.input
    pictures = generator(0, "trace").integers(0, 256, (2, p.height, p.width, 3 if p.colour == "RGB" else 1), np.uint8)
    given = normalise(pictures, p)
    model, trace = (OnnxRuntimeEngine(file) for file in (folder / "model.onnx", path))
    ours, theirs = (engine.run(given, model.output_names) for engine in (model, trace))
    for name in model.output_names:
        apart = float(np.abs(ours[name] - theirs[name]).max(initial=0.0))
        if not apart <= _TOLERANCE * max(1.0, float(np.abs(ours[name]).max(initial=0.0))):
            raise VerificationError(
                "not_equal", f"The network with nothing folded gives another {name} (by {apart:.2g}).",
                "Export with --set export.trace=false, and report it with the recipe.",
            )  # fmt: skip
    return path


def _operators(path: Path) -> Counter[str]:
    import onnx

    return Counter(node.op_type for node in onnx.load(str(path)).graph.node)
