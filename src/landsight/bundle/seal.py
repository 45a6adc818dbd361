"""Close a bundle folder: list every file with its sha256 in bundle.json. The last step of an export."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from landsight.bundle.load import MANIFEST_NAME, Bundle, load, sha256_of
from landsight.bundle.manifest import Manifest


def seal(root: Path | str, manifest: Manifest) -> Bundle:
    """Write bundle.json for the files that lie in ``root``; what ``manifest.files`` said before does not matter.

    The file appears at once or not at all. Returns the bundle, loaded. Raises: BundleError when the result cannot be loaded.
    """
    folder = Path(root)
    names = sorted(name for name in files_under(folder) if name != MANIFEST_NAME)
    text = replace(manifest, files={name: sha256_of(folder / name) for name in names}).to_json()
    waiting = folder / f".{MANIFEST_NAME}.new"
    waiting.write_text(text, encoding="utf-8")
    waiting.replace(folder / MANIFEST_NAME)
    return load(folder)


def files_under(root: Path) -> Iterator[str]:
    """Names of all files under a folder, relative, with forward slashes; links are not followed into folders."""
    for folder, _, names in os.walk(root):
        for name in names:
            yield (Path(folder) / name).relative_to(root).as_posix()
