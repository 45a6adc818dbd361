"""A worker takes trials from a study until there are enough. The search itself is one; more are processes that run this file.

python -m landsight.studio.tune.worker      orders as one line of JSON on standard input; its end means: stop
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from landsight.errors import LandsightError, UsageError
from landsight.studio.train.interrupt import Interrupt
from landsight.studio.tune.plan import StudyPlan
from landsight.studio.tune.storage import bury_dead, open_storage, open_study, retry, storage_errors
from landsight.studio.tune.trial import REASON, CutError, run_trial

#: Exit code of an interrupted worker, as of the command line.
EXIT_INTERRUPTED = 130
#: So many trials that cannot be trained, and none that could: the search is wrong, not the trials.
_HOPELESS = 3


@dataclass(frozen=True, slots=True)
class Orders:
    """What a worker needs to know. ``ends_at``: time (seconds since 1970) after which no step is begun; 0: never."""

    folder: str
    url: str
    name: str
    plan: dict[str, Any]
    trials: int
    ends_at: float = 0.0
    prefix: str = ""

    def to_line(self) -> str:
        """For a worker's standard input: the address may hold a password, which others could read among a command's arguments."""
        return json.dumps(asdict(self)) + "\n"


def work(orders: Orders, say: Callable[[str], None]) -> bool:
    """Run trials until the study has enough, the time is over or a signal came; False when it was a signal.

    Raises: UsageError when the database is lost, or nothing can be trained; DataError.
    """
    plan = StudyPlan.from_json(orders.plan)
    with storage_errors(orders.url), quiet_optuna(), Interrupt() as interrupt:
        storage = open_storage(orders.url)
        study = open_study(storage, orders.name, plan)
        trainee = _Trainee(orders, plan, study, lambda: interrupt.asked, say)
        while not trainee.is_over():
            bury_dead(study, storage)
            if _taken(study) >= orders.trials:
                break
            study.optimize(trainee, n_trials=1, catch=(CutError,), callbacks=[trainee.told])
            _require_hope(study)
        return not (interrupt.asked or trainee.was_signalled)


class _Trainee:
    """The objective, and what is known after it."""

    def __init__(self, orders: Orders, plan: StudyPlan, study: optuna.Study, asked: Callable[[], bool], say: Callable[[str], None]) -> None:
        self._orders, self._plan, self._study, self._asked = orders, plan, study, asked
        self._say: Callable[[str], None] = lambda line: say(orders.prefix + line)
        self.was_signalled = self._is_enough = False

    def is_over(self) -> bool:
        """Whether no further step may be made."""
        return self._asked() or self.was_signalled or self._is_enough or self._is_late()

    def __call__(self, trial: optuna.Trial) -> float:
        if _rank(self._study, trial.number) >= self._orders.trials:
            self._is_enough = True  # another worker took the last one in the same moment
            raise CutError
        try:
            return run_trial(trial, self._plan, Path(self._orders.folder), self.is_over, self._say)
        except KeyboardInterrupt:  # asked twice: what the last checkpoint holds goes on later
            self.was_signalled = True
            raise CutError from None

    def told(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """Callback of Optuna: the trial has its state."""
        if trial.state is TrialState.FAIL:
            retry(study, trial, died=False)
        elif trial.state is TrialState.PRUNED:
            self._say(f"trial {trial.number}: {trial.user_attrs.get(REASON) or f'ended early, {_look(trial)}'}")
        else:
            best = study.best_trial
            self._say(
                f"trial {trial.number}: {trial.value:.4f}"
                + (", the best so far" if best.number == trial.number else f" (best: {best.value:.4f}, trial {best.number})")
            )

    def _is_late(self) -> bool:
        return 0 < self._orders.ends_at <= time.time()


def finished(study: optuna.Study) -> list[FrozenTrial]:
    """Trials that came to an end of their own, pruned ones among them."""
    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))


def _taken(study: optuna.Study) -> int:
    return len(study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED, TrialState.RUNNING)))


def _rank(study: optuna.Study, number: int) -> int:
    """How many trials before this one count."""
    counted = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.RUNNING)
    return sum(t.number < number for t in study.get_trials(deepcopy=False, states=counted))


def _require_hope(study: optuna.Study) -> None:
    """Raises: UsageError when the first trials could all not be trained."""
    ended = finished(study)
    reasons = [t.user_attrs[REASON] for t in ended if REASON in t.user_attrs]
    if len(ended) == len(reasons) >= _HOPELESS:
        raise UsageError(
            "no_trial", f"None of the first {len(reasons)} trials could be trained. The last one: {reasons[-1]}", "Correct the space."
        )


def _look(trial: FrozenTrial) -> str:
    if not trial.intermediate_values:
        return "before a look"
    epoch = max(trial.intermediate_values)
    return f"{trial.intermediate_values[epoch]:.4f} after epoch {epoch}"


@contextmanager
def quiet_optuna() -> Iterator[None]:
    """We say what happens; Optuna's own log of it is off meanwhile."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)


def main() -> int:
    """Run as a process of its own: orders in, lines for people out on stderr, an exit code."""
    orders = Orders(**json.loads(sys.stdin.readline()))
    threading.Thread(target=_stop_when_alone, daemon=True).start()
    try:
        return 0 if work(orders, _to_stderr) else EXIT_INTERRUPTED
    except LandsightError as error:
        _to_stderr(f"{orders.prefix}{error}")
        return error.exit_code


def _stop_when_alone() -> None:
    """The end of standard input: whoever gave the orders is gone, or wants an end. As politely as Ctrl-C."""
    with contextlib.suppress(OSError):
        while os.read(0, 1):  # not through sys.stdin: a thread that waits in it cannot be left at exit
            pass
    os.kill(os.getpid(), signal.SIGTERM)


def _to_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
