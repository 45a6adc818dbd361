"""MLflow: a run's parameters, figures, curves, page and bundle on a tracking server, for whoever keeps one. Never needed.

Only MLflow's client is used, never its "active run": nothing here is global. What was logged so far stands in RUN/mlflow.json, so a
resumed run goes on under the same id, and epochs that the server missed are told later.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from landsight.errors import UsageError
from landsight.studio.recipe import Recipe, flat
from landsight.studio.train.checkpoint import write_atomic
from landsight.studio.train.history import Row, figures, read_rows
from landsight.studio.train.loop import Event, Trainer
from landsight.studio.typed_toml import toml_value

#: Where MLflow itself looks for its server; set, it switches logging on.
VARIABLE = "MLFLOW_TRACKING_URI"
#: In the run folder: which MLflow run this is, and up to which epoch it was told.
LINK_NAME = "mlflow.json"
#: Files and folders of a run that are logged where they exist.
ARTEFACTS = ("report.html", "curves.png", "recipe.toml", "environment.json", "metrics.csv", "evaluation-test.json", "bundle")
#: MLflow's own limits: characters of a parameter's value, parameters a call.
_VALUE_LENGTH, _AT_ONCE = 500, 100


class MlflowLog:
    """Listener. A server that cannot be reached at the start is an error; one that goes away later is said, and told the rest when it is back.

    Raises, on START: UsageError when mlflow is not installed, or its server does not answer.
    """

    def __init__(self, run: Path, say: Callable[[str], None]) -> None:
        self._run, self._say = run, say

    def __call__(self, event: Event, trainer: Trainer) -> None:
        if event is Event.START:
            start(self._run, trainer.recipe)
        elif event is Event.STEP:
            return
        try:
            self._catch_up(trainer.step)
            if event in (Event.STOPPED, Event.DONE):
                _finish(self._run, "FINISHED" if event is Event.DONE else "KILLED")
        except _failures() as error:
            self._say(f"MLflow did not take this: {_first_line(error)}. {self._run / 'metrics.csv'} has it; the next epoch tries again.")

    def _catch_up(self, step: int) -> None:
        link = _link(self._run)
        rows = [row for row in read_rows(self._run) if link["epoch"] < row["epoch"] and row["step"] <= step]
        for row in rows:
            _log_row(link, row)
            link["epoch"] = int(row["epoch"])
            _save(self._run, link)


def start(run: Path, recipe: Recipe) -> None:
    """Make the MLflow run of this run folder, or open the one it had. Raises: UsageError."""
    mlflow = _mlflow()
    try:
        if (run / LINK_NAME).is_file():
            link = _link(run)
            _client(link).update_run(link["run_id"], "RUNNING")
            return
        uri = os.environ.get(VARIABLE) or mlflow.get_tracking_uri()
        client = mlflow.MlflowClient(tracking_uri=uri)
        made = client.create_run(_experiment(client), tags=_tags(run), run_name=run.resolve().name)
        link = {"tracking_uri": uri, "run_id": made.info.run_id, "epoch": 0}
        parameters = [mlflow.entities.Param(key, value) for key, value in parameters_of(recipe)]
        for first in range(0, len(parameters), _AT_ONCE):
            client.log_batch(link["run_id"], params=parameters[first : first + _AT_ONCE])
        _save(run, link)
    except _failures() as error:
        raise UsageError(
            "mlflow_failed", f"MLflow does not answer: {_first_line(error)}.", f"Correct {VARIABLE}, or leave it and --mlflow out."
        ) from None


def add_artefacts(run: Path) -> bool:
    """Log the page, the bundle and what else a finished run folder holds; False when the run is not on MLflow.

    Raises: UsageError when MLflow is not installed or does not take them.
    """
    if not (run / LINK_NAME).is_file():
        return False
    link = _link(run)
    client = _client(link)
    try:
        for name in ARTEFACTS:
            if (run / name).is_dir():
                client.log_artifacts(link["run_id"], str(run / name), name)
            elif (run / name).is_file():
                client.log_artifact(link["run_id"], str(run / name))
    except _failures() as error:
        raise UsageError(
            "mlflow_failed", f"MLflow did not take the artefacts: {_first_line(error)}.", "They are in the run folder."
        ) from None
    return True


def parameters_of(recipe: Recipe) -> Iterator[tuple[str, str]]:
    """Every field of a recipe as ("section.key", its TOML text), cut to the length that MLflow takes."""
    for key, value in flat(recipe).items():
        text = value if isinstance(value, str) else "" if value is None else toml_value(value)
        yield key, text[:_VALUE_LENGTH]


def _log_row(link: dict[str, Any], row: Row) -> None:
    entities = _mlflow().entities
    now = int(time.time() * 1000)
    metrics = [entities.Metric(name, value, now, int(row["epoch"])) for name, value in figures(row).items()]
    _client(link).log_batch(link["run_id"], metrics=metrics)


def _finish(run: Path, status: str) -> None:
    link = _link(run)
    _client(link).set_terminated(link["run_id"], status)
    if status == "FINISHED":
        add_artefacts(run)


def _experiment(client: Any) -> str:
    """Id of the experiment that the environment names, or of our own."""
    name = os.environ.get("MLFLOW_EXPERIMENT_NAME", "landsight")
    found = client.get_experiment_by_name(name)
    return str(found.experiment_id if found is not None else client.create_experiment(name))


def _tags(run: Path) -> dict[str, str]:
    """What the figures depend on beside the recipe."""
    try:
        environment = json.loads((run / "environment.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return {"commit": str(environment.get("commit")), "data": str(environment.get("data", {}).get("digest")), "folder": str(run.resolve())}


def _link(run: Path) -> dict[str, Any]:
    link: dict[str, Any] = json.loads((run / LINK_NAME).read_text(encoding="utf-8"))
    return link


def _save(run: Path, link: dict[str, Any]) -> None:
    write_atomic(run / LINK_NAME, (json.dumps(link) + "\n").encode())


def _client(link: dict[str, Any]) -> Any:
    return _mlflow().MlflowClient(tracking_uri=link["tracking_uri"])


def _mlflow() -> ModuleType:
    try:
        return import_module("mlflow")
    except ImportError:
        raise UsageError("mlflow_missing", "Logging to MLflow needs mlflow, which is not installed.", "Run: pip install mlflow") from None


def _failures() -> tuple[type[Exception], ...]:
    """What MLflow raises when its server or its files fail."""
    return _mlflow().exceptions.MlflowException, OSError


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
