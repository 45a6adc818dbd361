"""What a finished network's outputs mean: the scalars of a bundle's calibration, learnt on validation and kept beside the checkpoint.

Evaluation, export and use all read them from there, so that a probability in a report is the probability a user sees.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from landsight.answer.road import answer_module
from landsight.errors import PhotoError
from landsight.studio.collect import collect_outputs
from landsight.studio.data.samples import Samples
from landsight.studio.engine import CALIBRATION_NAME, open_run
from landsight.studio.train.checkpoint import write_atomic
from landsight.studio.train.fit_head import body_engine

#: Fewer pictures than this say nothing about how sure the network may be.
_LEAST: Final = 20


def calibrate(run: Path, validation: Samples, *, which: str = "best") -> dict[str, Any]:
    """Learn and write RUN/WHICH/calibration.json; empty when validation has too few readable pictures. Returns what was learnt."""
    trained = open_run(run, which)
    found = collect_outputs(
        body_engine(trained.net, trained.recipe.input), validation.items, trained.recipe.input, answer_module(trained.task.name).WANTS,
        on_error=_leave_out,
    )  # fmt: skip
    truths = [validation.items[int(i)].truth for i in found["index"]]
    learnt = trained.task.calibrate({name: found[name] for name in found if name != "index"}, truths) if len(truths) >= _LEAST else {}
    write_atomic(run / which / CALIBRATION_NAME, (json.dumps(learnt, indent=1, allow_nan=False) + "\n").encode())
    return learnt


def _leave_out(number: int, error: PhotoError) -> None:
    """Evaluation names unreadable pictures; here they only teach nothing."""
