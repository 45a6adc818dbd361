"""Which part of a picture the answer needs: a patch slides over it, and where hiding makes the answer weaker, the map is bright.

Needs no gradients and nothing of the network but its answers, so it works for every bundle; it costs some 170 runs a picture.
Source: Zeiler and Fergus 2014, "Visualizing and Understanding Convolutional Networks" (arXiv 1311.2901), section 4.2, where a grey square
hides and the class's probability is watched; here the fill can be chosen, and what is watched is the task's focus (of a classifier the
logit), so that a sure answer, whose probability hardly moves, can be explained too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice, product
from typing import Final

import numpy as np
from numpy.typing import NDArray

from landsight.answer.road import answer_module, wants
from landsight.bundle.manifest import Manifest
from landsight.errors import UsageError
from landsight.explain.fills import FILLS
from landsight.photo.prepare import ImageU8, normalise
from landsight.runtime.engine import Engine

#: Of the shorter side: the step. A patch is two steps wide, so that each pixel is hidden by four patches.
_STEPS, _PATCH_STEPS = 12, 2
_BATCH: Final = 16

#: (n, h, w, c) uint8 -> (n, m): m numbers that are watched for each picture.
Watched = Callable[[ImageU8], NDArray[np.float32]]


def patch_and_stride(height: int, width: int) -> tuple[int, int]:
    """What suits a picture of this size, in pixels: a patch of about a sixth of the shorter side, in steps of half of it."""
    stride = max(1, round(min(height, width) / _STEPS))
    return _PATCH_STEPS * stride, stride


def occlusion_maps(
    watched: Watched, prepared_hwc_u8: ImageU8, *, patch_px: int | None = None, stride_px: int | None = None, fill: str = "mean",
    batch: int = _BATCH,
) -> NDArray[np.float32]:  # fmt: skip
    """By how much each watched number drops when the place is hidden: the mean over all patches that cover a pixel.

    Shape: (h, w, c) uint8 -> (m, h, w). Patches begin beyond the upper left edge and end beyond the lower right one, so that pixels at
    the rim are covered as often as those in the middle. ``fill``: a name of fills.FILLS. ``batch``: pictures in one call of ``watched``.
    Raises: UsageError bad_patch for a patch or a stride below 1, or a stride that leaves gaps; bad_fill.
    """
    height, width = prepared_hwc_u8.shape[:2]
    default_patch, default_stride = patch_and_stride(height, width)
    patch = default_patch if patch_px is None else patch_px
    stride = min(default_stride, patch) if stride_px is None else stride_px
    if not 1 <= stride <= patch:
        raise UsageError(
            "bad_patch", f"Patches of {patch} px in steps of {stride} px cannot cover a picture.", "Give a stride from 1 to the patch."
        )
    if fill not in FILLS:
        raise UsageError("bad_fill", f"Unknown fill: received {fill!r}.", f"Choose of: {', '.join(FILLS)}.")
    hidden = FILLS[fill](prepared_hwc_u8)
    whole = watched(prepared_hwc_u8[None])[0]
    drops = np.zeros((len(whole), height, width))
    covered = np.zeros((height, width))
    patches = _patches(height, width, patch, stride)
    while group := list(islice(patches, batch)):
        pictures = np.repeat(prepared_hwc_u8[None], len(group), axis=0)
        for picture, where in zip(pictures, group, strict=True):
            picture[where] = hidden[where]
        for (rows, columns), now in zip(group, watched(pictures), strict=True):
            drops[:, rows, columns] += (whole - now)[:, None, None]
            covered[rows, columns] += 1
    return (drops / covered).astype(np.float32)


def _patches(height: int, width: int, patch: int, stride: int) -> Iterator[tuple[slice, slice]]:
    first = stride - patch
    for top, left in product(range(first, height, stride), range(first, width, stride)):
        yield slice(max(0, top), top + patch), slice(max(0, left), left + patch)


class Occlusion:
    """An Explainer for any engine of any task."""

    method = "occlusion"

    def __init__(
        self, engine: Engine, manifest: Manifest, *, patch_px: int | None = None, stride_px: int | None = None, fill: str = "mean"
    ) -> None:
        self._engine, self._manifest = engine, manifest
        self._module, self._wants = answer_module(manifest.task), wants(manifest)
        patch, stride = patch_and_stride(manifest.input.height, manifest.input.width)
        self._patch = patch if patch_px is None else patch_px
        self._stride = min(stride, self._patch) if stride_px is None else stride_px
        self._fill = fill

    @property
    def about(self) -> str:
        """See Explainer."""
        return f"Bright: hiding this place makes the answer weaker. Patches of {self._patch} px, steps of {self._stride} px, fill {self._fill}."

    def maps(self, prepared_hwc_u8: ImageU8, whats: Sequence[int]) -> NDArray[np.float32]:
        """See Explainer; a pixel is the drop of the focus. Cost: one run a patch, however many ``whats``."""

        def watched(pictures: ImageU8) -> NDArray[np.float32]:
            outputs = self._engine.run(normalise(pictures, self._manifest.input), self._wants)
            return np.stack([self._module.focus(outputs, what) for what in whats], axis=1)

        return occlusion_maps(watched, prepared_hwc_u8, patch_px=self._patch, stride_px=self._stride, fill=self._fill)

    def remark(self, signed: NDArray[np.float32]) -> str:
        """See Explainer: nothing."""
        return ""
