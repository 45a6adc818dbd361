"""One guarded look at every picture of a data set: what checking, statistics and splitting need to know of it. Nothing is written."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from landsight.errors import PhotoError
from landsight.photo.limits import Limits
from landsight.photo.prepare import ImageU8, Preparation, prepare
from landsight.photo.read import read_bytes
from landsight.photo.sniff import SNIFF_BYTES, sniff
from landsight.runtime.stream import Pool
from landsight.studio.data.cache import read_pixels
from landsight.studio.data.duplicates import Print, print_of
from landsight.studio.data.samples import Sample, Samples

if TYPE_CHECKING:
    from landsight.studio.data.features import FrozenFeatures

#: Pictures that go through the network together.
_BATCH = 32
#: Progress: pictures done, of how many.
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Seen:
    """What one picture is like. ``file_bytes``, ``file_digest``, ``format``: of the file ("" and 0 when it cannot be opened).

    ``error``: why there are no pixels; then all below is empty. ``pixel_digest``: of the picture at the survey's side, so that the same
    pixels in two formats agree. ``sharpness``: variance of the Laplacian, in squared grey levels, at the survey's side or the picture's own
    if that is less. ``mean``, ``square``: of each channel and of its square, RGB, 0 to 255.
    """

    part: str
    sample: Sample
    file_bytes: int
    file_digest: bytes
    format: str
    error: PhotoError | None = None
    damage: str = ""
    size_px: tuple[int, int] = (0, 0)
    pixel_digest: bytes = b""
    print: Print | None = None
    sharpness: float = 0.0
    contrast: float = 0.0
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    square: tuple[float, float, float] = (0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Survey:
    """All pictures in the order of the parts; ``features`` (n, 1280) float32 has a row for each, zeros for unreadable ones; None: not asked for."""

    labels: tuple[str, ...]
    seen: tuple[Seen, ...]
    side_px: int
    features: NDArray[np.float32] | None = None

    @property
    def good(self) -> list[int]:
        """Numbers of the pictures that could be read."""
        return [i for i, s in enumerate(self.seen) if s.error is None]

    @property
    def prints(self) -> list[Print]:
        """Of the readable pictures, in the order of ``good``."""
        return [s.print for s in self.seen if s.print is not None]

    def labels_of(self, number: int) -> str:
        """A picture's label or labels, for people."""
        return ", ".join(self.labels[i] for i in self.seen[number].sample.label_indices)


def survey(
    parts: Mapping[str, Samples], *, side_px: int = 160, features: FrozenFeatures | None = None, progress: Progress | None = None
) -> Survey:
    """Look at every picture of ``parts``, which share their labels. Shrinks or enlarges to ``side_px`` squared (that of the features, if any)."""
    items = [(part, sample) for part, samples in parts.items() for sample in samples.items]
    seen: list[Seen] = []
    rows = _Rows(features, len(items))
    for (part, sample), pixels in _pictures(items, Preparation(side_px, side_px)):
        seen.append(_seen(part, sample, pixels))
        if isinstance(pixels, _Pixels):
            rows.add(len(seen) - 1, pixels.image_hwc_u8)
        if progress is not None:
            progress(len(seen), len(items))
    labels = next(iter(parts.values())).labels if parts else ()
    return Survey(labels, tuple(seen), side_px, rows.finish())


@dataclass(frozen=True, slots=True)
class _Pixels:
    image_hwc_u8: ImageU8
    size_px: tuple[int, int]
    damage: str = ""


class _Rows:
    """Features as pictures come in, a batch at a time."""

    def __init__(self, features: FrozenFeatures | None, n: int) -> None:
        self._features = features
        self._rows = np.zeros((n, 1280), np.float32) if features is not None else None
        self._waiting: list[tuple[int, ImageU8]] = []

    def add(self, number: int, image: ImageU8) -> None:
        if self._features is not None:
            self._waiting.append((number, image))
            if len(self._waiting) == _BATCH:
                self._flush()

    def finish(self) -> NDArray[np.float32] | None:
        if self._waiting:
            self._flush()
        return self._rows

    def _flush(self) -> None:
        if self._features is not None and self._rows is not None:
            self._rows[[n for n, _ in self._waiting]] = self._features.of([image for _, image in self._waiting])
        self._waiting.clear()


def _pictures(items: Sequence[tuple[str, Sample]], preparation: Preparation) -> Iterator[tuple[tuple[str, Sample], _Pixels | PhotoError]]:
    """Files through guarded workers; pictures that a reader made are nobody's files and are decoded here."""
    with ExitStack() as stack:
        files = [sample.path for _, sample in items if sample.picture is None]
        pool = stack.enter_context(Pool(preparation, limits=Limits.from_environment())) if files else None
        read = pool.map(files) if pool is not None else iter(())
        for item in items:
            if item[1].picture is not None:
                pixels = read_pixels(item[1].source(), 1)
                yield item, _Pixels(prepare(pixels, preparation), (pixels.shape[1], pixels.shape[0]))
                continue
            found = next(read)
            if found.prepared is None or found.size_px is None:
                yield item, found.error or PhotoError("damaged", f"{found.name} gave no picture.")
            else:
                damage = "; ".join(w.text for w in found.warnings if w.code == "damaged")
                yield item, _Pixels(found.prepared, found.size_px, damage)


def _seen(part: str, sample: Sample, pixels: _Pixels | PhotoError) -> Seen:
    content = _content(sample)
    kind = "idx" if sample.picture is not None else sniff(content[:SNIFF_BYTES]) or ""
    digest = hashlib.blake2b(content, digest_size=16).digest() if content else b""
    if isinstance(pixels, PhotoError):
        return Seen(part, sample, len(content), digest, kind, error=pixels)
    image = pixels.image_hwc_u8
    picture = Image.fromarray(image)
    grey = np.asarray(picture.convert("L"))
    # Moments from the counts of the 256 values: exact, and five times as fast as from the pixels.
    counts = np.array(picture.histogram(), np.float64).reshape(3, 256) / (image.size / 3)
    values = np.arange(256)
    mean, square = counts @ values, counts @ values**2
    return Seen(
        part, sample, len(content), digest, kind, None, pixels.damage, pixels.size_px,
        hashlib.blake2b(image.tobytes() + repr(pixels.size_px).encode(), digest_size=16).digest(), print_of(image, pixels.size_px),
        _sharpness(grey, pixels.size_px), float(grey.std()), _three(mean), _three(square),
    )  # fmt: skip


def _content(sample: Sample) -> bytes:
    """The file's bytes; none when it cannot be opened, which the photo's own error has said already."""
    try:
        return sample.content() if sample.picture is not None else read_bytes(sample.path, Limits.from_environment())
    except PhotoError:
        return b""


def _sharpness(grey: NDArray[np.uint8], size_px: tuple[int, int]) -> float:
    """Variance of the Laplacian (4 neighbours). A picture that was enlarged is shrunk back first: else it would always seem blurred.

    Source: J. L. Pech-Pacheco et al., "Diatom autofocusing in brightfield microscopy" (2000).
    """
    width, height = min(grey.shape[1], size_px[0]), min(grey.shape[0], size_px[1])
    if width < 3 or height < 3:
        return 0.0
    if (height, width) != grey.shape:
        grey = np.asarray(Image.fromarray(grey).resize((width, height), Image.Resampling.BOX))
    g = grey.astype(np.float32)
    laplacian = g[:-2, 1:-1] + g[2:, 1:-1] + g[1:-1, :-2] + g[1:-1, 2:] - 4 * g[1:-1, 1:-1]
    return float(laplacian.var())


def _three(values: NDArray[np.float64]) -> tuple[float, float, float]:
    red, green, blue = values.tolist()
    return red, green, blue
