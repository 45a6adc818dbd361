"""Which file beside a photo is its sidecar. Apart from photo.sidecar, so that looking for one loads no reader of metadata."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

_SUFFIXES = (".xmp", ".XMP", ".Xmp")


def candidate_names(photo_name: str) -> list[str]:
    """Names a sidecar of this photo may have, best first: IMG.jpg.xmp (digiKam, darktable), then IMG.xmp (Adobe, Apple)."""
    stem = os.path.splitext(photo_name)[0]  # noqa: PTH122  (pathlib refuses some names that exist)
    return [base + suffix for base in dict.fromkeys((photo_name, stem)) for suffix in _SUFFIXES]


def find(photo_path: Path, exists: Callable[[str], bool] | None = None) -> Path | None:
    """The sidecar beside a photo, or None. ``exists`` answers for a name in the photo's folder (default: ask the disk)."""
    if not photo_path.name or photo_path.name.lower().endswith(".xmp"):
        return None
    known = exists or (lambda name: os.path.isfile(photo_path.with_name(name)))  # noqa: PTH113  (Path.is_file raises on EACCES)
    return next((photo_path.with_name(name) for name in candidate_names(photo_path.name) if known(name)), None)
