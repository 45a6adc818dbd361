"""Where a study is kept: a SQLite file in its folder, or a database that several machines share. What died half-way is found and retried."""

from __future__ import annotations

import copy
import json
import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.storages import RDBStorage, RetryHeartbeatStaleTrialCallback, fail_stale_trials
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import SQLAlchemyError

from landsight.errors import UsageError
from landsight.studio.tune.choose import Addressed, draw_of, pruner_of, quiet_experimental
from landsight.studio.tune.plan import StudyPlan, require_same

#: In a study's folder, unless --storage names a database.
DATABASE_NAME = "study.db"
#: A worker says so often that it lives; after so long a silence its trial is taken for dead.
HEARTBEAT_S, GRACE_S = 30, 120
#: So often a trial whose worker died is tried again before it is left as failed.
RETRIES = 2
#: Seconds that a process waits for another to finish writing to a SQLite file.
_SQLITE_TIMEOUT_S = 60
#: Study attribute that holds the plan; trial attributes: where and by whom it is trained.
PLAN, FOLDER, WORKER = "landsight_plan", "folder", "worker"


def default_url(folder: Path) -> str:
    """A SQLite file in the study's folder."""
    return f"sqlite:///{folder.resolve() / DATABASE_NAME}"


def open_storage(url: str) -> RDBStorage:
    """Connect, making the tables where there are none. Raises: UsageError when that cannot be done, without the password."""
    address = _address(url)
    arguments: dict[str, Any] = {"pool_pre_ping": True}
    if address.get_backend_name() == "sqlite":
        arguments = {"connect_args": {"timeout": _SQLITE_TIMEOUT_S}}
    with storage_errors(url), quiet_experimental():
        return RDBStorage(
            address.render_as_string(hide_password=False), engine_kwargs=arguments,
            heartbeat_interval=HEARTBEAT_S, grace_period=GRACE_S,
            heartbeat_stale_trial_callback=retry,
        )  # fmt: skip


def open_study(storage: RDBStorage, name: str, plan: StudyPlan) -> optuna.Study:
    """The study of that name, made if there is none. Raises: RecipeError when it is another one."""
    study = optuna.create_study(
        storage=storage, study_name=name, direction="maximize", load_if_exists=True, sampler=Addressed(plan), pruner=pruner_of(plan)
    )
    kept = study.user_attrs.get(PLAN)
    if kept is None:
        study.set_user_attr(PLAN, json.dumps(plan.to_json()))
    else:
        require_same(plan, StudyPlan.from_json(json.loads(kept)), name)
    return study


def shown(url: str) -> str:
    """The address without its password."""
    return _address(url).render_as_string(hide_password=True)


@contextmanager
def storage_errors(url: str) -> Iterator[None]:
    """Turns what databases raise into one line. Raises: UsageError."""
    try:
        yield
    except ImportError as error:
        raise UsageError(
            "storage_driver", f"The database {shown(url)} needs a driver that is not installed: {str(error.name or error).rstrip('.')}.",
            "For PostgreSQL: pip install psycopg2-binary. For MySQL: pip install PyMySQL and mysql+pymysql://...",
        ) from None  # fmt: skip
    except (SQLAlchemyError, optuna.exceptions.StorageInternalError) as error:
        cause = getattr(error.__cause__ or error, "orig", None) or error
        reason = " ".join(str(cause).partition("[SQL:")[0].split()).rstrip(".")
        raise UsageError(
            "storage_unreachable", f"The database {shown(url)} cannot be used: {reason}.",
            "Check that this file is a study and may be written to; give --storage another, or move it away to begin anew." if _address(url).drivername.startswith("sqlite")
            else "Check the address, and that it runs; what was finished is kept, the same command goes on.",
        ) from None  # fmt: skip


def bury_dead(study: optuna.Study, storage: RDBStorage) -> int:
    """Mark trials as failed whose worker is gone, and queue them again: silent ones anywhere, dead processes on this machine at once.

    Returns how many of this machine.
    """
    with quiet_experimental():
        fail_stale_trials(study)
    dead = 0
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        worker = trial.user_attrs.get(WORKER)
        if worker and worker["host"] == socket.gethostname() and not _lives(worker["pid"]):
            # As Optuna does with silent ones.
            with suppress(UpdateFinishedTrialError):
                storage.set_trial_state_values(trial._trial_id, state=TrialState.FAIL)
                retry(study, trial)
                dead += 1
    return dead


def retry(study: optuna.Study, trial: FrozenTrial, *, died: bool = True) -> None:
    """Queue a trial again; it goes on in the folder of the first try. One that ``died`` is given up after RETRIES."""
    again = copy.deepcopy(trial)
    again.user_attrs = {key: value for key, value in trial.user_attrs.items() if key != WORKER}
    with quiet_experimental():
        RetryHeartbeatStaleTrialCallback(max_retry=RETRIES if died else None)(study, again)


def worker_mark() -> dict[str, Any]:
    """Who trains: for ``bury_dead``."""
    return {"host": socket.gethostname(), "pid": os.getpid()}


def folder_of(trial: FrozenTrial, trials: Sequence[FrozenTrial]) -> str:
    """Name of a trial's run folder: the number of its draw, so that a repetition goes on in the folder of the first try."""
    return f"{draw_of(trial, trials):04d}"


def _lives(pid: int) -> bool:
    if pid == os.getpid():
        return False  # asked before this process trains anything: the number was another's
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return not _is_zombie(pid)


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return False


def _address(url: str) -> URL:
    """Raises: UsageError for what is no address of a database."""
    try:
        address = make_url(url)
    except (SQLAlchemyError, ValueError):
        raise UsageError(
            "bad_storage", "The storage is no address of a database.", "For example postgresql://user:password@host/database."
        ) from None
    if address.drivername in ("postgresql", "postgres"):
        # SQLAlchemy 2.1 takes psycopg 3 where nothing is said; most have psycopg2.
        return address.set(drivername="postgresql+psycopg" if find_spec("psycopg") else "postgresql+psycopg2")
    return address
