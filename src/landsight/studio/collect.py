"""Files -> network outputs, by the one road: photo.read and photo.prepare in guarded workers, then engine.run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from landsight.errors import BundleError, PhotoError
from landsight.photo.limits import Limits
from landsight.photo.prepare import ImageU8, Preparation, normalise
from landsight.runtime.engine import Engine
from landsight.runtime.stream import Pool
from landsight.studio.data.samples import Sample

Arrays = dict[str, NDArray[np.generic]]


def collect_outputs(
    engine: Engine, sources: Sequence[Path | Sample], preparation: Preparation, wants: tuple[str, ...], *,
    batch: int = 32, on_error: Callable[[int, PhotoError], None] | None = None, pool: Pool | None = None,
) -> Arrays:  # fmt: skip
    """Run every file through the network.

    Returns the outputs named in ``wants``, float32, a row a picture, and "index" (n,) int64: which of ``sources`` each row is.
    ``pool``: one made with this preparation, to save starting its workers again.
    Raises: PhotoError at the first unreadable file, unless ``on_error`` is given: then it is told, and the row is missing.
    """
    rows: dict[str, list[NDArray[np.float32]]] = {name: [] for name in wants}
    index: list[int] = []
    pending: list[tuple[int, ImageU8]] = []

    def flush() -> None:
        outputs = engine.run(normalise(np.stack([image for _, image in pending]), preparation), wants)
        for name in wants:
            rows[name].append(np.asarray(outputs[name], np.float32))
        index.extend(number for number, _ in pending)
        pending.clear()

    for number, image in prepared_pictures(sources, preparation, pool=pool):
        if not isinstance(image, PhotoError):
            pending.append((number, image))
        elif on_error is None:
            raise image
        else:
            on_error(number, image)
        if len(pending) == batch:
            flush()
    if pending:
        flush()
    collected: Arrays = {name: np.concatenate(parts) if parts else np.zeros((0, 0), np.float32) for name, parts in rows.items()}
    return {**collected, "index": np.array(index, np.int64)}


def prepared_pictures(
    sources: Sequence[Path | Sample], preparation: Preparation, *, pool: Pool | None = None
) -> Iterator[tuple[int, ImageU8 | PhotoError]]:
    """Each file's number and prepared pixels, or why there are none, in order; read ahead by guarded workers on all processors."""
    if pool is not None and pool.preparation != preparation:
        raise BundleError("bad_preparation", "The pool prepares pictures in another way.", "Give the preparation it was made with.")
    with ExitStack() as stack:
        workers = pool or stack.enter_context(Pool(preparation, limits=Limits.from_environment()))
        for number, item in enumerate(workers.map(s if isinstance(s, Path) else s.source() for s in sources)):
            if item.prepared is not None:
                yield number, item.prepared
            else:
                yield number, item.error or PhotoError("damaged", f"{item.name} gave no picture.")
