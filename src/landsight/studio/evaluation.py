"""What an evaluation found."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landsight.bundle.manifest import Metric


@dataclass(frozen=True, slots=True)
class Evaluation:
    """``answers`` and ``index`` have a row a readable picture (``index``: which of the samples); ``unreadable``: (name, why); ``looks`` so far.

    ``details``: JSON-ready, what the task's report says beyond the metrics.
    """

    engine: str
    metrics: dict[str, Metric]
    answers: Sequence[Any]
    index: NDArray[np.int64]
    unreadable: tuple[tuple[str, str], ...]
    looks: int | None = None
    details: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> str:
        """Metrics and counts, for a file or another program."""
        figures = {name: asdict(metric) for name, metric in self.metrics.items()}
        return (
            json.dumps(
                {"engine": self.engine, "metrics": figures, "unreadable": self.unreadable, "looks": self.looks, **self.details},
                indent=1,
                ensure_ascii=False,
            )
            + "\n"
        )
