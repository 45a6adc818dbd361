"""Folders that appear whole or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from landsight.errors import UsageError


@contextmanager
def partial_folder(out: Path) -> Iterator[Path]:
    """A folder that becomes ``out`` when the block ends well, and vanishes otherwise. Raises: UsageError when ``out`` exists."""
    if out.exists():
        raise UsageError("out_exists", f"{out} exists already.", "Give another folder, or remove it.")
    partial = out.with_name(f".{out.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        yield partial
        partial.rename(out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def now() -> str:
    """For ``made``."""
    return datetime.now(UTC).isoformat(timespec="seconds")
