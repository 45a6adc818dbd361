"""Folders for results: where they may lie, and how they appear whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from landsight.errors import UsageError

_ELSEWHERE = "Give a place that you may write to (--out)."


def require_writable(out: Path) -> None:
    """Ask before hours of work whether ``out`` can be made or written to. Raises: UsageError when it cannot."""
    there = next(p for p in (out, *out.parents, Path("/")) if p.exists())
    if not there.is_dir():
        raise UsageError("bad_output", f"{out} cannot be written: {there} is no folder.", _ELSEWHERE)
    if not os.access(there, os.W_OK | os.X_OK):
        raise UsageError("bad_output", f"{out} cannot be written: {there} may not be written to.", _ELSEWHERE)


def make_folder(out: Path) -> None:
    """Make ``out`` unless it is there. Raises: UsageError when it cannot be written to."""
    require_writable(out)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError("bad_output", f"{out} cannot be made: {error.strerror}.", _ELSEWHERE) from None


def is_inside(out: Path, folder: Path) -> bool:
    """Whether ``out`` lies in ``folder``, or is it; links are followed."""
    return out.resolve().is_relative_to(folder.resolve())


def require_outside(out: Path, pictures: Path) -> None:
    """Results in the folder of pictures would be taken for pictures the next time. Raises: UsageError."""
    if is_inside(out, pictures):
        raise UsageError(
            "out_inside", f"Results would lie inside the pictures' folder: received {out}.",
            f"Give --out another folder: {pictures} is not touched.",
        )  # fmt: skip


@contextmanager
def partial_folder(out: Path) -> Iterator[Path]:
    """A folder that becomes ``out`` when the block ends well, and vanishes otherwise. Raises: UsageError when ``out`` exists."""
    if out.exists():
        raise UsageError("out_exists", f"{out} exists already.", "Give another folder, or remove it.")
    partial = out.with_name(f".{out.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    require_writable(out)
    make_folder(partial)
    try:
        yield partial
        partial.rename(out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def now() -> str:
    """For ``made``."""
    return datetime.now(UTC).isoformat(timespec="seconds")
