"""TorchScript: model.pt, for C++ programs and services that load it with torch.jit.load. Traced, so it holds no Python."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from landsight.photo.prepare import Preparation
from landsight.runtime.engine import Engine
from landsight.studio.formats.torch_module import ModuleEngine, example, plain
from landsight.studio.nets.net import StagedNet

PACKAGES = ("torch",)


def write(net: StagedNet, preparation: Preparation, folder: Path, *, opset: int) -> str:
    """See studio.formats; ``opset`` is ONNX's and says nothing here."""
    with _deprecation_left_unsaid(), torch.no_grad():
        # What tracing would check once more is checked afterwards, from the bytes of files.
        torch.jit.trace(plain(net), (example(preparation),), check_trace=False).save(str(folder / "model.pt"))  # type: ignore[no-untyped-call]
    return "model.pt"


def engine(path: Path, outputs: tuple[str, ...]) -> Engine:
    """See studio.formats."""
    with _deprecation_left_unsaid():
        return ModuleEngine("torchscript fp32", torch.jit.load(str(path), map_location="cpu"), outputs)  # type: ignore[no-untyped-call]


@contextmanager
def _deprecation_left_unsaid() -> Iterator[None]:
    """torch 2.13 writes and reads this format but wishes it away; and tracing takes sizes of pictures for constants, which they are here."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"`torch\.jit\.\w+` is deprecated", DeprecationWarning)
        warnings.filterwarnings("ignore", category=torch.jit.TracerWarning)  # type: ignore[attr-defined]
        yield
