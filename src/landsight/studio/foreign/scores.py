"""Which output of a foreign model are the scores, and are they probabilities? Told by shapes and by numbers, never by names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from landsight.errors import UsageError
from landsight.studio.foreign.given import unfit

#: Rounding of half precision and of whole-number models.
_SUM_TOLERANCE: Final = 5e-3


@dataclass(frozen=True, slots=True)
class Scores:
    """``values`` (n, k): what an output gave for n pictures, flat."""

    name: str
    values: NDArray[np.float32]


def choose_scores(outputs: Mapping[str, NDArray[Any]], labels: int, name: str | None) -> Scores:
    """The output with one number a label. Raises: UsageError when there is none, or several and ``name`` does not say which."""
    numeric = {one: value for one, value in outputs.items() if value.dtype.kind in "fiu" and value.dtype != np.int64}
    if name is not None and name not in numeric:
        raise unfit(f"it has no output {name!r} of numbers", f"It has: {', '.join(numeric) or 'none'}.")
    sizes = {one: value[0].size for one, value in numeric.items()}
    fitting = [one for one, size in sizes.items() if size == labels and _is_row(numeric[one])]
    if name is not None:
        fitting = [one for one in fitting if one == name]
    if not fitting:
        shapes = ", ".join(f"{one} {value.shape[1:]}" for one, value in numeric.items() if name in (None, one))
        raise unfit(f"{labels} labels were given, and no output has as many scores (outputs: {shapes or 'none'})", "Give one label for each score, in order.")  # fmt: skip
    if len(fitting) > 1:
        raise UsageError("import_unsaid", f"Several outputs have {labels} scores: {', '.join(fitting)}.", "Say which with --output-name.")
    values = numeric[fitting[0]].astype(np.float32).reshape(len(numeric[fitting[0]]), -1)
    if not np.isfinite(values).all():
        raise unfit(f"its output {fitting[0]!r} holds what is no finite number")
    return Scores(fitting[0], values)


def is_probabilities(values: NDArray[np.float32]) -> bool:
    """(n, k): each row between 0 and 1 with sum 1. Raises: UsageError for numbers of 0 to 1 that do not add up to 1: they may be either."""
    if not bool((values >= -_SUM_TOLERANCE).all() and (values <= 1 + _SUM_TOLERANCE).all()):
        return False
    if bool((np.abs(values.sum(axis=1) - 1) <= _SUM_TOLERANCE).all()):
        return True
    raise UsageError(
        "import_unsaid", "The scores lie between 0 and 1 and do not add up to 1.", "Say what they are: --kind logits or --kind probabilities."
    )  # fmt: skip


def _is_row(value: NDArray[Any]) -> bool:
    """(n, k), or with axes of 1 beside it."""
    return bool(max(value.shape[1:], default=1) == value[0].size)
