"""Formats beside the bundle: one file a format. A module writes a network into a folder, and opens what it wrote as an Engine.

Each has ``write(net, preparation, folder, *, opset) -> str`` (the name of the file to open; the network is a copy that may be changed)
and ``engine(path, outputs) -> Engine`` (whose name is a key of studio.parity.PARITY).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from landsight.photo.prepare import Preparation
from landsight.runtime.engine import Engine
from landsight.studio.nets.net import StagedNet

#: Name of a format -> module.
FORMATS: dict[str, str] = {
    "openvino": "landsight.studio.formats.openvino_ir",
    "torchscript": "landsight.studio.formats.torchscript",
    "exported_program": "landsight.studio.formats.exported_program",
}


class Format(Protocol):
    """What a module of this package offers."""

    #: Packages whose versions the file depends on.
    PACKAGES: Sequence[str]

    def write(self, net: StagedNet, preparation: Preparation, folder: Path, *, opset: int) -> str:
        """Write ``net``, in evaluation mode on the processor, and return the name of the file to open."""
        ...

    def engine(self, path: Path, outputs: tuple[str, ...]) -> Engine:
        """What was written, opened as anybody would; ``outputs``: their names, in order."""
        ...
