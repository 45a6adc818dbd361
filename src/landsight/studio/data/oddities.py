"""Pictures unlike the rest: blurred, empty, of an odd size or aspect. By medians and median deviations, which a few odd ones do not move.

Source of the scale and the bound: B. Iglewicz, D. Hoaglin, "How to Detect and Handle Outliers" (1993): modified z-score above 3.5.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from landsight.studio.data.survey import Seen

_BOUND = 3.5
#: Deviations are never taken for smaller than this: where nearly all pictures are of one size, the next size is not odd by that alone; and a
#: blurred picture has at most a third of the usual variance.
_LEAST_DEVIATION, _LEAST_OF_SHARPNESS = 0.12, 0.35
#: Grey levels of contrast below which a picture shows nothing.
_EMPTY_CONTRAST = 6.0
#: A size is odd only when fewer than this share of all pictures have about the same (logarithms within so much): a second common size is not.
_RARE, _ABOUT = 0.02, 0.3
#: Shorter side below which little can be seen, and the ratio of sides of a strip.
_SMALL_PX, _STRIP = 32, 3.0


def modified_z(values: NDArray[np.float64], least: float = _LEAST_DEVIATION) -> NDArray[np.float64]:
    """(x - median) / (1.4826 * median absolute deviation), the deviation at least ``least``. Shape: (n,) -> (n,)."""
    middle = np.median(values)
    deviation = 1.4826 * np.median(np.abs(values - middle))
    result: NDArray[np.float64] = (values - middle) / max(float(deviation), least)
    return result


def blurred(seen: Sequence[Seen], side_px: int) -> list[tuple[int, float]]:
    """(index, z) of pictures far less sharp than others of their kind (large or small), most blurred first; empty ones aside."""
    found: list[tuple[int, float]] = []
    for small in (False, True):
        kind = [i for i, s in enumerate(seen) if s.contrast >= _EMPTY_CONTRAST and (max(s.size_px) < side_px) == small]
        if len(kind) >= 8:
            z = modified_z(np.log([seen[i].sharpness + 1.0 for i in kind]), _LEAST_OF_SHARPNESS)
            found += [(i, float(v)) for i, v in zip(kind, z, strict=True) if v < -_BOUND]
    return sorted(found, key=lambda row: (row[1], row[0]))


def empty(seen: Sequence[Seen]) -> list[int]:
    """Pictures of nearly one colour."""
    return [i for i, s in enumerate(seen) if s.contrast < _EMPTY_CONTRAST]


def odd_sizes(seen: Sequence[Seen]) -> list[tuple[int, str]]:
    """(index, why) of pictures with an area or aspect far from the rest, a very short side, or the shape of a strip."""
    if not seen:
        return []
    width, height = np.array([s.size_px for s in seen], np.float64).T
    area = _rare(np.log(width * height))
    aspect = _rare(np.log(width / height))
    found = []
    for i in range(len(seen)):
        size = f"{int(width[i])} x {int(height[i])}"
        ratio = max(width[i], height[i]) / min(width[i], height[i])
        if min(width[i], height[i]) < _SMALL_PX and area[i] < 0:
            found.append((i, f"{size}: very small"))
        elif ratio >= _STRIP and abs(aspect[i]) > _BOUND:
            found.append((i, f"{size}: a strip, {ratio:.1f} to 1"))
        elif abs(area[i]) > 2 * _BOUND:
            found.append((i, f"{size}: far {'larger' if area[i] > 0 else 'smaller'} than the rest"))
        elif abs(aspect[i]) > 2 * _BOUND:
            found.append((i, f"{size}: far {'wider' if aspect[i] > 0 else 'taller'} than the rest"))
    return found


def _rare(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The modified z of values that few others are near to; 0 for the rest."""
    ordered = np.sort(values)
    near = np.searchsorted(ordered, values + _ABOUT, "right") - np.searchsorted(ordered, values - _ABOUT, "left")
    result: NDArray[np.float64] = np.where(near <= max(1.0, _RARE * len(values)), modified_z(values), 0.0)
    return result
