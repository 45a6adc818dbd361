"""Who follows a run beside its keeper: TensorBoard events and curves always, MLflow where it is asked for."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from landsight.studio.train.curves import Curves
from landsight.studio.train.loop import Listener
from landsight.studio.train.mlflow import VARIABLE, MlflowLog
from landsight.studio.train.tensorboard import Events


def followers(run: Path, say: Callable[[str], None], *, mlflow: bool = False) -> tuple[Listener, ...]:
    """Listeners for after the keeper. ``mlflow``: wanted by name, so that its absence is an error; the environment alone only says so."""
    found: list[Listener] = [Curves(run)]
    if find_spec("tensorboard"):
        found.append(Events(run))
    else:
        say("no TensorBoard events: tensorboard is not installed")
    if mlflow or (os.environ.get(VARIABLE) and find_spec("mlflow")):
        found.append(MlflowLog(run, say))
    elif os.environ.get(VARIABLE):
        say(f"nothing goes to MLflow: {VARIABLE} is set, but mlflow is not installed")
    return tuple(found)
