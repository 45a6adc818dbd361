"""Cuts a batch into the pieces that run fastest on a processor, and checks what goes in and comes out.

Measured (EfficientNet-Lite0, 224 px, pictures per second of one core): ONNX Runtime 153 one at a time, 113 in batches of 8 or 16;
OpenVINO 170 and 150. Activations of one picture stay in the cache, those of sixteen do not. So a batch is run one picture at a time,
each thread its own; small inputs (28 x 28) are taken many at a time, because there the call itself costs more than the sums.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from landsight.errors import RuntimeUnavailable

#: Input values in one piece: one picture of 224 x 224 x 3.
PIECE_VALUES = 150_528


def pieces(batch_nchw: NDArray[np.float32], *, one_by_one: bool = False) -> list[NDArray[np.float32]]:
    """Views of the batch, in order. Shape: (n, c, h, w) -> pieces of (k, c, h, w), k >= 1; ``one_by_one``: k is 1."""
    n = len(batch_nchw)
    size = 1 if one_by_one else max(1, PIECE_VALUES // max(1, batch_nchw[0].size))
    return [batch_nchw[start : start + size] for start in range(0, n, size)]


def is_single(shape: Sequence[object]) -> bool:
    """A model's input shape that allows one picture alone. Ours have a free batch axis; somebody else's may not."""
    return len(shape) > 0 and shape[0] == 1


def joined(names: Sequence[str], rows: Sequence[Sequence[NDArray[np.float32]]]) -> Mapping[str, NDArray[np.float32]]:
    """Outputs of the pieces, put together by name: rows[piece][name] -> one array a name."""
    if len(rows) == 1:
        return dict(zip(names, rows[0], strict=True))
    return {name: np.concatenate([row[i] for row in rows]) for i, name in enumerate(names)}


def check_batch(batch_nchw: NDArray[np.float32], wants: Sequence[str], known: Sequence[str]) -> NDArray[np.float32]:
    """The batch, contiguous float32. Raises: RuntimeUnavailable for an unknown output or a batch that is no (n, c, h, w) float32."""
    if unknown := [name for name in wants if name not in known]:
        raise RuntimeUnavailable("unknown_output", f"The model has no output {', '.join(unknown)}.", f"It has: {', '.join(known)}.")
    if batch_nchw.ndim != 4 or len(batch_nchw) == 0 or batch_nchw.dtype != np.float32:
        raise RuntimeUnavailable(
            "bad_batch",
            f"A batch is (n, c, h, w) float32 with n >= 1: received {batch_nchw.shape} {batch_nchw.dtype}.",
            "Use photo.prepare.normalise.",
        )
    return np.ascontiguousarray(batch_nchw)


def usable_cores() -> int:
    """Cores this process may use; a container or taskset may give fewer than the machine has."""
    return max(1, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
