"""Training photos decoded once for all epochs: pixels in one memory-mapped file, for training only (evaluation reads the files).

Photos are hostile. A guarded worker reads each file first, under the limits of use; this process opens only what a worker survived.
So a file is decoded twice when a cache is made: the pool hands back pictures of one size, and the cache keeps small ones as they are.
Pictures that a reader made itself (from an idx file) are nobody's files and are decoded here at once.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from landsight.errors import PhotoError
from landsight.photo.limits import Limits
from landsight.photo.prepare import ImageU8, Preparation
from landsight.runtime.stream import Pool
from landsight.studio.data.samples import Sample

#: Raised with each change of what is stored.
_FORMAT = 2

Decode = Callable[[Path | bytes, int], ImageU8]


@dataclass(frozen=True, slots=True)
class Working:
    """How pictures are stored. Both sides at most ``small_px``: as they are. Larger: "squash" to px x px, or "fit" the shorter side to px.

    Bicubic, antialiased. Nothing is enlarged by "fit", and its longer side is at most four times px (panoramas).
    """

    px: int
    small_px: int
    shape: Literal["squash", "fit"] = "squash"

    def size(self, width: int, height: int) -> tuple[int, int]:
        """Stored (width, height) of a picture."""
        if max(width, height) <= self.small_px:
            return width, height
        if self.shape == "squash":
            return self.px, self.px
        scale = min(1.0, self.px / min(width, height))
        return min(round(width * scale), 4 * self.px), min(round(height * scale), 4 * self.px)


@dataclass(frozen=True, slots=True)
class Entry:
    """One stored picture: where in the file, stored size, and whether it is of the small kind."""

    offset: int
    height: int
    width: int
    small: bool


@dataclass(frozen=True, slots=True)
class Corrupt:
    """A file that gave no picture, and why."""

    name: str
    code: str
    reason: str


class Cache:
    """Decoded pictures by sample key. Pickles by path, so that worker processes map the same pages instead of copying them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        index = json.loads((folder / "index.json").read_text(encoding="utf-8"))
        self.entries = {int(key): Entry(**entry) for key, entry in index["entries"].items()}
        self.corrupt = tuple(Corrupt(**c) for c in index["corrupt"])
        self.digest: str = index["digest"]
        self.seconds: dict[str, float] = index.get("seconds", {})  # what making it took, by kind of work
        path = folder / "pixels.u8"
        # A plain view of the mapped pages: slicing a memmap itself costs more than making a small view.
        self._pixels: NDArray[np.uint8] = np.asarray(np.memmap(path, np.uint8, "r")) if path.stat().st_size else np.zeros(0, np.uint8)

    def __getitem__(self, key: int) -> ImageU8:
        """Shape: (h, w, 3) uint8, read-only. Raises: KeyError for a picture that is corrupt or foreign."""
        e = self.entries[key]
        return self._pixels[e.offset : e.offset + e.height * e.width * 3].reshape(e.height, e.width, 3)

    def __reduce__(self) -> tuple[Any, ...]:
        return Cache, (self.folder,)


def build(
    items: Sequence[Sample],
    *,
    root: Path,
    working: Working,
    decode: Decode | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Cache:
    """Open the cache of exactly these files and settings below ``root``, or make it. A half-made one is never seen: it is renamed when done.

    ``decode`` None: read_pixels, behind the guarded workers.
    """
    settings = {"format": _FORMAT, **asdict(working)}
    began = time.perf_counter()
    digest = _digest(items, settings)
    read = time.perf_counter()
    folder = root / digest[:16]
    if (made := _opened(folder)) is not None:
        return made
    partial = root / f"{digest[:16]}.partial-{os.getpid()}"
    refusals = _refusals(items, working) if decode is None else [None] * len(items)
    partial.mkdir(parents=True)
    try:
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            results = pool.map(lambda s, refused: refused or _decode_one(s, working, decode or read_pixels), items, refusals)
            index = _write(partial / "pixels.u8", zip(items, results, strict=True), len(items), progress)
        seconds = {"read": round(read - began, 2), "decode": round(time.perf_counter() - read, 2)}
        text = json.dumps({**settings, "digest": digest, **index, "seconds": seconds})
        (partial / "index.json").write_text(text, encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return Cache(folder)


def _opened(folder: Path) -> Cache | None:
    """The cache in ``folder``; None when there is none, or one that was cut short or edited: it is then made anew."""
    try:
        found = Cache(folder)
        end = max((e.offset + e.height * e.width * 3 for e in found.entries.values()), default=0)
        return found if (folder / "pixels.u8").stat().st_size == end else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def read_pixels(source: Path | bytes, decode_px: int) -> ImageU8:
    """A picture's pixels through photo.read, both sides at least decode_px where the file has them. Raises: PhotoError."""
    from landsight.photo.read import read

    return read(source, limits=Limits.from_environment(), decode_px=decode_px).pixels_hwc_u8


def _refusals(items: Sequence[Sample], working: Working) -> list[PhotoError | None]:
    """For each picture: why a guarded worker could not decode it as it will be decoded here, or None. Those that a reader made need no guard."""
    refusals: list[PhotoError | None] = [None] * len(items)
    files = [number for number, sample in enumerate(items) if sample.picture is None]
    if files:
        with Pool(Preparation(working.px, working.px), limits=Limits.from_environment()) as pool:
            for number, item in zip(files, pool.map(items[number].path for number in files), strict=True):
                refusals[number] = item.error
    return refusals


def _decode_one(sample: Sample, working: Working, decode: Decode) -> tuple[ImageU8, bool] | PhotoError:
    try:
        pixels = decode(sample.source(), working.px)
    except PhotoError as error:
        return error
    height, width = pixels.shape[:2]
    size = working.size(width, height)
    if size != (width, height):
        pixels = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC))
    return pixels, max(width, height) <= working.small_px


def _write(
    path: Path,
    results: Iterable[tuple[Sample, tuple[ImageU8, bool] | PhotoError]],
    total: int,
    progress: Callable[[int, int], None] | None,
) -> dict[str, Any]:
    entries: dict[str, dict[str, Any]] = {}
    corrupt: list[dict[str, str]] = []
    offset = 0
    with path.open("wb") as file:
        for number, (sample, result) in enumerate(results, 1):
            if isinstance(result, PhotoError):
                corrupt.append(asdict(Corrupt(sample.name, result.code, result.reason)))
            else:
                pixels, small = result
                file.write(np.ascontiguousarray(pixels).data)
                entries[str(sample.key)] = asdict(Entry(offset, pixels.shape[0], pixels.shape[1], small))
                offset += pixels.size
            if progress is not None:
                progress(number, total)
        file.flush()
        os.fsync(file.fileno())
    return {"entries": entries, "corrupt": corrupt}


def _digest(items: Sequence[Sample], settings: dict[str, Any]) -> str:
    """Of every file's name and bytes, and the settings. Reading is a small part of decoding."""
    total = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    for sample in items:
        total.update(sample.name.encode("utf-8", "surrogateescape") + b"\0")
        try:
            total.update(hashlib.sha256(sample.content()).digest())
        except OSError:
            total.update(b"unreadable")
    return total.hexdigest()
