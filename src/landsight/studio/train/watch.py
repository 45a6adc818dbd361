"""What looks at the validation pictures lead to: the best checkpoint, a lower rate on a plateau, an early end. Its memory is in the checkpoint."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from landsight.bundle.manifest import Metric

#: The figure that a plateau is judged by; a task without it is judged by its main metric.
LOSS = "log_loss"


@dataclass
class Watch:
    """``best`` main metric and ``lowest`` loss so far, and how many looks in a row did not better them; ``drops`` of the rate so far."""

    best: float = -1.0
    looks_since_best: int = 0
    lowest: float = math.inf
    looks_since_lowest: int = 0
    drops: int = 0

    def see(self, figures: Mapping[str, Metric], main_metric: str, *, patience: int) -> bool:
        """Take in a look at validation; True when these weights are the best so far. At equal score the later are taken: they saw more.

        The rate drops when the loss has not fallen for ``patience`` looks in a row.
        Without pictures to look at nothing is counted, and the latest weights are the best.
        """
        if main_metric not in figures:
            return True
        main = figures[main_metric].value
        loss = figures[LOSS].value if LOSS in figures else -main
        is_best = main >= self.best
        self.looks_since_best = 0 if main > self.best else self.looks_since_best + 1
        self.best = max(self.best, main)
        self.looks_since_lowest = 0 if loss < self.lowest else self.looks_since_lowest + 1
        self.lowest = min(self.lowest, loss)
        if self.looks_since_lowest >= max(1, patience):
            self.drops, self.looks_since_lowest = self.drops + 1, 0
        return is_best

    def state(self) -> dict[str, Any]:
        """JSON-ready."""
        return {**asdict(self), "lowest": self.lowest if math.isfinite(self.lowest) else None}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Watch:
        """The inverse of ``state``."""
        return cls(**{**state, "lowest": math.inf if state["lowest"] is None else state["lowest"]})
