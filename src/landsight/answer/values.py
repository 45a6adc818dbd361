"""Numbers that a network predicts beside its labels: standardised by the network, in their own units in an answer. NumPy only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landsight.answer.calibration import foreign, is_number
from landsight.answer.stored import UNSQUASHED
from landsight.bundle.manifest import Manifest

#: Name of the network's output, and of the scalars in manifest.calibration: {"names": [...], "mean": [...], "scale": [...]}.
OUTPUT = "values"


def decode_values(outputs: Mapping[str, NDArray[np.float32]], manifest: Manifest) -> list[dict[str, float]] | None:
    """Shape: outputs["values"] (n, v) standardised -> n times name -> number in its own unit; None when the bundle predicts none.

    Raises: BundleError when the scalars do not fit the output.
    """
    scalars = manifest.calibration.get(OUTPUT)
    if scalars is None or OUTPUT not in outputs:
        return None
    names, mean, scale = _checked(scalars, outputs[OUTPUT].shape[1])
    numbers = outputs[OUTPUT].astype(np.float64) * scale + mean
    if not np.isfinite(numbers).all():
        raise foreign("predicts values that are no numbers")
    return [dict(zip(names, row, strict=True)) for row in numbers.tolist()]


def value_differences(then: Mapping[str, Any], now: Mapping[str, Any], manifest: Manifest, tolerance: float) -> Iterator[str]:
    """Of two stored answers, in words: each value against its own spread in training."""
    before, after = then.get(OUTPUT), now.get(OUTPUT)
    if before is None and after is None:
        return
    if before is None or after is None or before.keys() != after.keys():
        yield "the values predicted are others"
        return
    names, _, scale = _checked(manifest.calibration[OUTPUT], len(after))
    for name, spread in zip(names, scale, strict=True):
        if not abs(before[name] - after[name]) <= tolerance * UNSQUASHED * spread:
            yield f"{name} is {after[name]:.6g}, recorded was {before[name]:.6g}"


def read_values(record: Mapping[str, Any]) -> dict[str, float] | None:
    """From JSON. Raises: ValueError, TypeError or AttributeError for another form."""
    values = record.get(OUTPUT)
    return None if values is None else {str(name): float(value) for name, value in dict(values).items()}


def _checked(scalars: Any, width: int) -> tuple[list[str], NDArray[np.float64], NDArray[np.float64]]:
    """Names, means and scales, one for each of ``width`` values."""
    if not isinstance(scalars, Mapping):
        raise foreign("has 'values' that are no table")
    columns = [scalars.get(key) for key in ("names", "mean", "scale")]
    if not all(isinstance(column, list) and len(column) == width for column in columns):
        raise foreign(f"does not name, centre and scale its {width} values")
    names, mean, scale = (list(column or ()) for column in columns)
    if len(set(map(str, names))) != width or not all(isinstance(name, str) for name in names):
        raise foreign("has names of values that repeat or are not text")
    if not all(is_number(v) for v in (*mean, *scale)) or min(scale) <= 0:
        raise foreign("has a mean or scale of a value that is no number above 0")
    return names, np.asarray(mean, np.float64), np.asarray(scale, np.float64)
