"""torch.export's ExportedProgram: model.pt2, for torch.export.load, torch.compile and AOTInductor. Any batch from 1 to 4,096."""

from __future__ import annotations

from pathlib import Path

import torch

from landsight.photo.prepare import Preparation
from landsight.runtime.engine import Engine
from landsight.studio.formats.torch_module import ModuleEngine, example, plain
from landsight.studio.nets.net import StagedNet

PACKAGES = ("torch",)
_LARGEST_BATCH = 4096


def write(net: StagedNet, preparation: Preparation, folder: Path, *, opset: int) -> str:
    """See studio.formats; ``opset`` is ONNX's and says nothing here."""
    batch = torch.export.Dim("n", min=1, max=_LARGEST_BATCH)
    # Without gradients all around: the region without gradients that frozen stages run in is then none of its own, which torch 2.13
    # writes but does not read again ("wrap_with_set_grad_enabled is missing val field").
    with torch.no_grad():
        program = torch.export.export(plain(net), (example(preparation),), dynamic_shapes=({0: batch},))
    torch.export.save(program, folder / "model.pt2")
    return "model.pt2"


def engine(path: Path, outputs: tuple[str, ...]) -> Engine:
    """See studio.formats."""
    return ModuleEngine("exported_program fp32", torch.export.load(path).module(), outputs)
