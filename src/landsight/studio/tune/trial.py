"""One trial: an ordinary run below trials/, told to the study look by look."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna

from landsight.errors import LandsightError, RecipeError
from landsight.studio.train.history import read_rows
from landsight.studio.train.loop import DivergedError, Event, StopTraining, Trainer
from landsight.studio.train.memory import OutOfMemory
from landsight.studio.train.run import train
from landsight.studio.tune.plan import StudyPlan
from landsight.studio.tune.space import Dimension
from landsight.studio.tune.storage import FOLDER, WORKER, folder_of, worker_mark

#: Trial attributes: why a trial that could not be trained was left; the column that was maximised; time over all tries.
REASON, COLUMN, SECONDS = "reason", "column", "seconds"
#: In a trial's folder: what training said.
LOG_NAME = "log.txt"


class CutError(Exception):
    """The trial was interrupted (Ctrl-C, time limit, one worker too many); it is saved and will go on later."""


@dataclass
class Reporter:
    """Listener that reports each look, and ends the run when the pruner, the clock or a signal says so."""

    trial: optuna.Trial
    run: Path
    is_over: Callable[[], bool]
    pruned: bool = False
    reported: int = -1

    def __call__(self, event: Event, trainer: Trainer) -> None:
        column = f"validation_{trainer.task.main_metric}"
        if event is Event.START:
            self.trial.set_user_attr(COLUMN, column)
            self._report(column)  # what a first try had seen already
        elif event is Event.EPOCH:
            self._report(column)
            if self.reported >= 0 and trainer.step < trainer.plan.steps and self.trial.should_prune():
                self.pruned = True
                raise StopTraining
        elif event is Event.STEP and self.is_over():
            raise StopTraining

    def _report(self, column: str) -> None:
        for row in read_rows(self.run):
            epoch = int(row["epoch"])
            if column in row and epoch > self.reported:
                self.trial.report(row[column], step=epoch)
                self.reported = epoch


def run_trial(trial: optuna.Trial, plan: StudyPlan, folder: Path, is_over: Callable[[], bool], say: Callable[[str], None]) -> float:
    """Train one trial; returns its best look at validation.

    Raises: optuna.TrialPruned when it is ended early, or cannot be trained at all (user attribute "reason"); CutError when it was interrupted; what
    else goes wrong (data that cannot be used) as it is.
    """
    trial.set_user_attr(WORKER, worker_mark())
    sampled = {dimension.key: suggest(trial, dimension) for dimension in plan.space}
    trials = trial.study.get_trials(deepcopy=False)
    run = folder / "trials" / folder_of(trials[trial.number], trials)
    trial.set_user_attr(FOLDER, run.name)
    say(f"trial {trial.number}: " + ", ".join(f"{key} {_short(value)}" for key, value in sampled.items()))
    reporter = Reporter(trial, run, is_over)
    began = time.monotonic() - trial.user_attrs.get(SECONDS, 0.0)
    try:
        recipe = plan.recipe_of(sampled)
        run.mkdir(parents=True, exist_ok=True)
        with (run / LOG_NAME).open("a", encoding="utf-8") as log:
            done = train(recipe, run, listeners=(reporter,), say=lambda line: print(line, file=log, flush=True))
    except (DivergedError, OutOfMemory, RecipeError) as error:
        trial.set_user_attr(REASON, str(error))
        raise optuna.TrialPruned(str(error)) from None
    finally:
        trial.set_user_attr(SECONDS, round(time.monotonic() - began, 1))
    if reporter.pruned:
        raise optuna.TrialPruned(f"below the others after epoch {reporter.reported}")
    if not done.finished:
        raise CutError
    return best_look(run, trial.user_attrs[COLUMN])


def suggest(trial: optuna.Trial, dimension: Dimension) -> Any:
    """The trial's value of one key, as Optuna keeps it."""
    if dimension.choices:
        return trial.suggest_categorical(dimension.key, dimension.names())
    if dimension.whole:
        return trial.suggest_int(dimension.key, int(dimension.low), int(dimension.high), log=dimension.log, step=int(dimension.step) or 1)
    return trial.suggest_float(dimension.key, dimension.low, dimension.high, log=dimension.log, step=dimension.step or None)


def best_look(run: Path, column: str) -> float:
    """The highest value of a column of metrics.csv: what best/ holds. Raises: LandsightError when there was no look."""
    values = [row[column] for row in read_rows(run) if column in row]
    if not values:
        raise LandsightError(
            "no_look", f"{run} has no look at validation.", "A search needs validation pictures: set data.validation_share."
        )
    return max(values)


def _short(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
