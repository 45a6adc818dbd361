"""What train, evaluate and export share: they need the studio extra, and say so in one line when it is absent."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from types import ModuleType
from typing import Final

from landsight.errors import UsageError

#: Modules without which the studio cannot start.
_NEEDED: Final = ("torch", "safetensors", "sklearn", "onnx")


def has_studio() -> bool:
    """The studio can start here."""
    return all(map(_is_installed, _NEEDED))


def studio_module(name: str, *, needed: Sequence[str] = _NEEDED) -> ModuleType:
    """Import ``landsight.studio.NAME``. Raises: UsageError with what to install when something ``needed`` is absent."""
    missing = [package for package in needed if not _is_installed(package)]
    if missing:
        extra = "import" if needed != _NEEDED else "studio"
        raise UsageError(
            "studio_missing", f"This needs {', '.join(missing)}, which is not installed.", f"Run: pip install 'landsight[{extra}]'"
        )
    from importlib import import_module

    return import_module(f"landsight.studio.{name}")


def _is_installed(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except (ImportError, ValueError):
        return False
