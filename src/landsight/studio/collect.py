"""Files -> network outputs, by the one road: photo.read, photo.prepare, engine.run. For validation, evaluation and calibration."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from landsight.errors import PhotoError
from landsight.photo.prepare import ImageU8, Preparation, normalise, prepare
from landsight.runtime.engine import Engine
from landsight.studio.data.cache import Decode, read_pixels

#: Pictures decoded ahead of the network: enough to keep it busy, few enough to stay small.
_AHEAD = 128


def collect_outputs(
    engine: Engine, paths: Sequence[Path], preparation: Preparation, wants: tuple[str, ...], *,
    batch: int = 32, decode: Decode | None = None, on_error: Callable[[int, PhotoError], None] | None = None,
) -> dict[str, NDArray[np.generic]]:  # fmt: skip
    """Run every file through the network.

    Returns the outputs named in ``wants``, float32, a row a picture, and "index" (n,) int64: which of ``paths`` each row is.
    Raises: PhotoError at the first unreadable file, unless ``on_error`` is given: then it is told, and the row is missing.
    """
    rows: dict[str, list[NDArray[np.float32]]] = {name: [] for name in wants}
    index: list[int] = []
    pending: list[tuple[int, ImageU8]] = []

    def flush() -> None:
        if pending:
            outputs = engine.run(normalise(np.stack([image for _, image in pending]), preparation), wants)
            for name in wants:
                rows[name].append(np.asarray(outputs[name], np.float32))
            index.extend(number for number, _ in pending)
            pending.clear()

    for number, image in prepared_pictures(paths, preparation, decode=decode):
        if isinstance(image, PhotoError):
            if on_error is None:
                raise image
            on_error(number, image)
            continue
        pending.append((number, image))
        if len(pending) == batch:
            flush()
    flush()
    collected: dict[str, NDArray[np.generic]] = {
        name: np.concatenate(parts) if parts else np.zeros((0,), np.float32) for name, parts in rows.items()
    }
    return {**collected, "index": np.array(index, np.int64)}


def prepared_pictures(
    paths: Sequence[Path], preparation: Preparation, *, decode: Decode | None = None
) -> Iterator[tuple[int, ImageU8 | PhotoError]]:
    """Each file's number and prepared pixels (or why there are none), in order; decoded ahead on all processors (decoders release the lock)."""
    read = decode or read_pixels

    def one(path: Path) -> ImageU8 | PhotoError:
        try:
            return prepare(read(path, preparation.decode_px), preparation)
        except PhotoError as error:
            return error

    waiting: deque[tuple[int, Future[ImageU8 | PhotoError]]] = deque()
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for number, path in enumerate(paths):
            waiting.append((number, pool.submit(one, path)))
            if len(waiting) >= _AHEAD:
                first, future = waiting.popleft()
                yield first, future.result()
        while waiting:
            first, future = waiting.popleft()
            yield first, future.result()
