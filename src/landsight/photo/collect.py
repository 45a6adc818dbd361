"""Which files a run is about: named files as they are, folders walked in sorted order, sidecars kept with their photos."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from landsight.photo.beside import candidate_names, find


@dataclass(frozen=True, slots=True)
class Found:
    """One file. ``named``: given on the command line rather than met in a folder, so a failure counts there."""

    path: Path
    named: bool
    sidecar: Path | None = None


def collect(paths: Sequence[Path], recursive: bool) -> Iterator[Found]:
    """The files of ``paths``, in their order; one folder's names are in memory at a time, no file is opened.

    A folder yields each of its regular files by sorted name, then (``recursive``) its sub-folders' files. What a file is, its content
    decides later, not its name. Sub-folders whose name starts with "." (thumbnails, version control) are skipped, and so is a folder
    that was walked already, which ends loops of links. An .xmp beside its photo is that photo's sidecar and no row of its own. A
    missing named path, and a folder that cannot be listed, are yielded, for the reader to say so.
    """
    for path in paths:
        if os.path.isdir(path):  # noqa: PTH112  (Path.is_dir raises where a parent folder may not be entered)
            yield from _walk(path, recursive)
        else:
            yield Found(path, True, find(path))


def _walk(top: Path, recursive: bool) -> Iterator[Found]:
    seen: set[tuple[int, int]] = set()
    waiting = [top]
    while waiting:
        folder = waiting.pop()
        try:
            status = folder.stat()
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            files, folders = _list(folder)
        except OSError:
            yield Found(folder, folder is top)
            continue
        yield from _rows(folder, files)
        if recursive:
            waiting += [folder / name for name in sorted(folders, reverse=True)]


def _rows(folder: Path, files: list[str]) -> Iterator[Found]:
    names = set(files)
    bases = set[str]()
    if any(_is_xmp(name) for name in files):
        for name in files:
            if not _is_xmp(name):
                bases.update((name, os.path.splitext(name)[0]))  # noqa: PTH122  (no Path per file)
    for name in sorted(files):
        if _is_xmp(name):
            if name[:-4] not in bases:
                yield Found(folder / name, False)
        else:
            beside = next((other for other in candidate_names(name) if other in names), None) if bases else None
            yield Found(folder / name, False, folder / beside if beside else None)


def _is_xmp(name: str) -> bool:
    return name[-4:].lower() == ".xmp"


def _list(folder: Path) -> tuple[list[str], list[str]]:
    """Names of regular files (links to them included) and of folders, hidden folders left out."""
    files: list[str] = []
    folders: list[str] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            try:
                if entry.is_file():
                    files.append(entry.name)
                elif entry.is_dir() and not entry.name.startswith("."):
                    folders.append(entry.name)
            except OSError:  # a link that leads to itself is neither
                continue
    return files, folders
