"""OpenVINO's own form: model.xml and model.bin, weights in fp32. OpenVINO opens it without converting anything."""

from __future__ import annotations

import tempfile
from pathlib import Path

from landsight.errors import RuntimeUnavailable
from landsight.photo.prepare import Preparation
from landsight.runtime.engine import Engine
from landsight.runtime.openvino import OpenVinoEngine
from landsight.studio.nets.net import StagedNet
from landsight.studio.onnx_export import write_fp32

PACKAGES = ("openvino", "onnx", "torch")


def write(net: StagedNet, preparation: Preparation, folder: Path, *, opset: int) -> str:
    """See studio.formats. By way of ONNX, whose graph has batch norms and padding folded already."""
    try:
        import openvino
    except ImportError as error:
        raise RuntimeUnavailable("runtime_missing", f"OpenVINO is not installed: {error}.", "Run: pip install 'landsight[fast]'") from None
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        path = Path(temporary) / "model.onnx"
        write_fp32(net, preparation, path, opset=opset)
        model = openvino.Core().read_model(path.read_bytes(), b"")
    openvino.serialize(model, str(folder / "model.xml"), str(folder / "model.bin"))
    return "model.xml"


def engine(path: Path, outputs: tuple[str, ...]) -> Engine:
    """See studio.formats; the file itself names its outputs."""
    return OpenVinoEngine(path)
