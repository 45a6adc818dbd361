"""What tests in a browser share."""

from __future__ import annotations

import importlib.util
from pathlib import Path


def _axe() -> Path:
    spec = importlib.util.find_spec("axe_playwright_python")
    assert spec is not None and spec.origin is not None
    return Path(spec.origin).parent / "axe.min.js"


#: The checker's script.
AXE = _axe()
