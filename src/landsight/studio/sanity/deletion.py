"""Hide the hottest fifth of a picture, or another fifth, and ask again: an honest map finds what the answer needs.

Source of the idea: Samek et al. 2017, "Evaluating the Visualization of What a Deep Neural Network Has Learned" (arXiv 1509.06321), and
Petsiuk et al. 2018, RISE (arXiv 1806.07421), who delete step by step. One step of 20 % is enough to tell a map from chance, and easy to see.

Chance must be given the same means. Cells of the same size as the map's are hidden, equally many; a map's cells lie together, so chance
is also given the map's own shape, moved elsewhere. Single pixels are told beside them: they spoil every edge of the picture, and so say
less about maps than about networks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from landsight.answer.road import answer_module, wants
from landsight.bundle.manifest import Metric
from landsight.explain.explainer import Explainer
from landsight.explain.fills import FILLS
from landsight.explain.heat import enlarged
from landsight.explain.source import Source
from landsight.photo.prepare import ImageU8, normalise
from landsight.studio.metrics import paired_difference
from landsight.studio.random import generator

#: Of the picture, and what it is hidden by.
SHARE = 0.2
FILLED_WITH = ("mean", "blur")
#: Draws of chance a picture: their mean moves less than one draw would.
DRAWS = 3
#: Maps of pixels are judged in cells, too: so many a side at most.
_CELLS = 14
#: What is hidden, and how it is called; the first is what is tested, the others what it is held against.
KINDS = {
    "hottest": "hottest cells",
    "random": "random cells",
    "moved": "the hottest cells' shape, moved elsewhere",
    "coldest": "coldest cells",
    "pixels": "random single pixels",
}
_HELD_AGAINST = ("random", "moved", "coldest", "pixels")

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Deletion:
    """Over ``n`` pictures, for each fill and kind: ``after``, the mean confidence in what was the answer; ``before`` with nothing hidden.

    ``margin``: by how much more the confidence drops for the hottest cells than for another kind, paired picture by picture.
    """

    n: int
    share: float
    before: float
    after: dict[str, dict[str, float]]
    margin: dict[str, dict[str, Metric]]


@dataclass(frozen=True, slots=True)
class Hidden:
    """One picture: what the network was asked about and what that is called, its map, and confidence before and after, by fill and kind."""

    what: int
    name: str
    signed: NDArray[np.float32]
    before: float
    after: dict[str, dict[str, float]]
    share: float


def cells_of(signed: NDArray[np.float32]) -> NDArray[np.float32]:
    """The map in cells: as it is when it is coarse, else averaged to at most 14 a side."""
    rows, columns = (min(side, _CELLS) for side in signed.shape)
    return signed if (rows, columns) == signed.shape else enlarged(signed, rows, columns)


def masks(signed: NDArray[np.float32], height: int, width: int, rng: np.random.Generator) -> Iterator[tuple[str, Mask]]:
    """(kind, which pixels are hidden) of every kind, (height, width) each; chance several times over. Equal heat is ordered by chance."""
    cells = cells_of(signed)
    count = max(1, round(SHARE * cells.size))
    order = np.lexsort((rng.permutation(cells.size), -cells.ravel()))
    hottest = _chosen(cells.shape, order[:count])
    yield "hottest", _in_pixels(hottest, height, width)
    yield "coldest", _in_pixels(_chosen(cells.shape, order[-count:]), height, width)
    for _ in range(DRAWS):
        yield "random", _in_pixels(_chosen(cells.shape, rng.permutation(cells.size)[:count]), height, width)
        away = int(rng.integers(1, cells.size)) if cells.size > 1 else 0  # around the picture's edge; never where it was
        yield "moved", _in_pixels(np.roll(hottest, divmod(away, cells.shape[1]), (0, 1)), height, width)
    yield "pixels", _chosen((height, width), rng.permutation(height * width)[: round(count / cells.size * height * width)])


def hide(source: Source, explainer: Explainer, prepared_hwc_u8: ImageU8, number: int) -> Hidden:
    """Ask about a picture, explain its likeliest subject, hide, and ask again. ``number``: of the picture, so that its chance is its own.

    Raises: ValueError when the network answers nothing.
    """
    module, manifest = answer_module(source.manifest.task), source.manifest
    whole = source.engine.run(normalise(prepared_hwc_u8[None], manifest.input), wants(manifest))
    subjects = module.subjects(module.decode(whole, manifest, source.arrays)[0], manifest)
    if not subjects:
        raise ValueError("nothing is answered, so nothing can be explained")
    what, name = subjects[0].what, subjects[0].name
    signed = explainer.maps(prepared_hwc_u8, [what])[0]
    height, width = prepared_hwc_u8.shape[:2]
    where = list(masks(signed, height, width, generator(0, "deletion", item=number)))
    pictures = [np.where(mask[:, :, None], FILLS[fill](prepared_hwc_u8), prepared_hwc_u8) for fill in FILLED_WITH for _, mask in where]
    outputs = source.engine.run(normalise(np.stack(pictures), manifest.input), wants(manifest))
    sure = module.confidence(outputs, what, manifest).reshape(len(FILLED_WITH), len(where))
    kinds = np.array([kind for kind, _ in where])
    after = {
        fill: {kind: float(row[kinds == kind].mean()) for kind in KINDS} for fill, row in zip(FILLED_WITH, sure.astype(np.float64), strict=True)
    }  # fmt: skip
    return Hidden(what, name, signed, float(module.confidence(whole, what, manifest)[0]), after, float(where[0][1].mean()))


def deletion(found: Sequence[Hidden]) -> Deletion:
    """All pictures together. Raises: ValueError for none."""
    after = {fill: {kind: np.array([h.after[fill][kind] for h in found]) for kind in KINDS} for fill in FILLED_WITH}
    margin = {
        fill: {
            kind: paired_difference(after[fill]["hottest"], after[fill][kind], f"confidence lost beyond {KINDS[kind]}, paired, bootstrap")
            for kind in _HELD_AGAINST
        }
        for fill in FILLED_WITH
    }
    means = {fill: {kind: float(values.mean()) for kind, values in row.items()} for fill, row in after.items()}
    return Deletion(len(found), float(np.mean([h.share for h in found])), float(np.mean([h.before for h in found])), means, margin)


def _chosen(shape: tuple[int, ...], flat: NDArray[np.int64]) -> Mask:
    mask = np.zeros(int(np.prod(shape)), np.bool_)
    mask[flat] = True
    return mask.reshape(shape)


def _in_pixels(cells: Mask, height: int, width: int) -> Mask:
    """Cells as the picture's pixels; where they do not divide it, some are a pixel wider."""
    rows = np.arange(height) * cells.shape[0] // height
    columns = np.arange(width) * cells.shape[1] // width
    return cells[np.ix_(rows, columns)]
