"""Does an exported model answer as the trained network does? Compared from the bytes of JPEG files, in every orientation and batch."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from landsight.bundle.load import Bundle
from landsight.errors import RuntimeUnavailable, VerificationError
from landsight.photo.limits import Limits
from landsight.photo.prepare import Preparation
from landsight.runtime.choose import candidates, make
from landsight.runtime.engine import Engine
from landsight.runtime.stream import Pool
from landsight.studio.collect import collect_outputs
from landsight.studio.random import generator

#: Runtime and precision -> how far an output may be from the trained network's, relative to the largest value of that output.
#: fp32 differs by the order of sums; OpenVINO also reorders and fuses. Lower precisions are judged by their answers (answer.replay).
PARITY: Final[dict[str, float]] = {"onnxruntime fp32": 1e-4, "openvino fp32": 5e-3, "torchscript fp32": 1e-4, "exported_program fp32": 1e-4}
#: Pictures that are given at once: alone, and a number that no runtime has a reason to expect.
BATCHES: Final = (1, 3)
#: Width and height of the turned pictures, orientations 1 to 8: wide, high, slim, odd, and one that is decoded at a smaller scale.
_SIZES: Final = ((320, 200), (200, 320), (97, 31), (64, 64), (1200, 900), (641, 480), (33, 200), (128, 127))
_EXIF_ORIENTATION: Final = 274


@dataclass(frozen=True, slots=True)
class Parity:
    """Largest difference of each output from the trained network, relative to that output's largest value."""

    engine: str
    worst: dict[str, float]
    tolerance: float


def parity(bundle: Bundle, engine: Engine, photos: Sequence[Path], *, batches: Iterable[int] = BATCHES) -> list[Parity]:
    """Outputs of each fp32 runtime that is installed against those of ``engine``, from files, for each size of batch the worst."""
    rows = []
    for runtime, precision in candidates(bundle):
        if f"{runtime} {precision}" not in PARITY:
            continue
        try:
            other = make(bundle, runtime, precision)
        except RuntimeUnavailable as error:
            if error.code == "runtime_missing":
                continue
            raise
        rows.append(compare(engine, other, photos, bundle.manifest.input, batches=batches))
    return rows


def compare(engine: Engine, other: Engine, photos: Sequence[Path], preparation: Preparation, *, batches: Iterable[int] = BATCHES) -> Parity:
    """Outputs of ``other``, whose name is a key of PARITY, against those of ``engine``. Raises: PhotoError for a file that cannot be read."""
    names = engine.output_names
    worst = dict.fromkeys(names, 0.0)
    with Pool(preparation, limits=Limits.from_environment()) as pool:
        for batch in batches:
            expected, got = (collect_outputs(one, photos, preparation, names, batch=batch, pool=pool) for one in (engine, other))
            worst = {name: max(value, _relative(expected[name], got[name])) for name, value in worst.items()}
    return Parity(other.name, worst, PARITY[other.name])


def require_equal(rows: Iterable[Parity]) -> None:
    """Raises: VerificationError for the first that differs by more than is allowed, or by something that is no number."""
    for row in rows:
        if bad := {output: value for output, value in row.worst.items() if not value <= row.tolerance}:
            worst = max(bad, key=lambda o: bad[o])
            raise VerificationError(
                "not_equal", f"{row.engine} differs from the trained network: {worst} by {bad[worst]:.2g}, allowed {row.tolerance:g}.",
                "Nothing was exported. Report this with the versions of torch and of the runtime.",
            )  # fmt: skip


def turned_pictures(folder: Path) -> list[Path]:
    """Eight drawn JPEG files in ``folder``, one for each EXIF orientation, of different shapes."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"turned_{orientation}.jpg" for orientation in range(1, 9)]
    for orientation, (path, size) in enumerate(zip(paths, _SIZES, strict=True), 1):
        path.write_bytes(drawn(100 + orientation, size, orientation))
    return paths


def drawn(number: int, size: tuple[int, int], orientation: int = 1) -> bytes:
    """A JPEG of smooth coloured shapes: nobody's photo, so any bundle may carry it. ``number`` makes each another."""
    rng = generator(0, "drawn photo", item=number)
    coarse = Image.fromarray(rng.integers(0, 256, (5 + number % 4, 7, 3), np.uint8))
    exif = Image.Exif()
    exif[_EXIF_ORIENTATION] = orientation
    buffer = io.BytesIO()
    coarse.resize(size, Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=88, exif=exif)
    return buffer.getvalue()


def drawn_photos() -> list[bytes]:
    """Four JPEG files that any bundle may carry, not square, the last one stored on its side."""
    return [drawn(number, (320, 200 + 20 * number), 6 if number == 3 else 1) for number in range(4)]


def worst_of(row: Parity) -> Mapping[str, float]:
    """Rounded for a manifest."""
    return {name: float(f"{value:.2g}") for name, value in row.worst.items()}


def _relative(expected: NDArray[Any], got: NDArray[Any]) -> float:
    scale = max(float(np.abs(expected).max(initial=0.0)), 1e-6)
    return float(np.abs(expected - got).max(initial=0.0)) / scale
