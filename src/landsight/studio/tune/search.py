"""``tune(plan, out)``: a study from its first trial to its report, on one machine or as one of several on a database."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import optuna
import torch
from optuna.trial import FrozenTrial

from landsight.errors import DataError, LandsightError, RecipeError
from landsight.studio import recipe as recipes
from landsight.studio.data.check import check
from landsight.studio.data.readers import require_outside_data
from landsight.studio.folders import make_folder
from landsight.studio.recipe import Recipe
from landsight.studio.run_file import read_run_file
from landsight.studio.train.checkpoint import write_atomic
from landsight.studio.train.interrupt import Interrupt
from landsight.studio.tune.choose import grid_size
from landsight.studio.tune.plan import StudyPlan, plan_of
from landsight.studio.tune.results import Results, results_of
from landsight.studio.tune.space import Space, default_space
from landsight.studio.tune.storage import bury_dead, default_url, open_storage, open_study, shown, storage_errors
from landsight.studio.tune.worker import EXIT_INTERRUPTED, Orders, finished, quiet_optuna, work

#: Trials of a search that is not told how many, and minutes of each on a folder when nobody says.
TRIALS, TRIAL_MINUTES = 20, 3.0
#: In the study's folder.
BEST_NAME = "best.toml"


@dataclass(frozen=True, slots=True)
class Effort:
    """How much a search may cost. ``trials`` 0: TRIALS, or all of a grid. ``minutes`` 0: no limit."""

    trials: int = 0
    minutes: float = 0.0
    workers: int = 1


_DEFAULT = Effort()


class WorkerError(LandsightError):
    """A worker process ended with an error."""


@dataclass(frozen=True, slots=True)
class Tuned:
    """What a search left. ``what`` was maximised; ``best`` None: no trial came to its end. ``done``: how many did, over all calls.

    ``interrupted``: by a signal.
    """

    folder: Path
    what: str
    best: FrozenTrial | None
    best_recipe: Path | None
    done: int
    goal: int
    interrupted: bool


def starting_point(
    source: Path, out: Path, effort: Effort, settings: Sequence[str] = (), say: Callable[[str], None] | None = None
) -> tuple[Recipe, dict[str, Any]]:
    """The recipe that a search starts from, and the table [tune] of its file.

    Of a folder of pictures: the recipe that train would choose, for the time that one trial has. Raises: RecipeError, DataError.
    """
    if source.is_file():
        tree = recipes.read_tree(source)
        section = tree.pop("tune", {})
        return recipes.from_dict(tree, settings), section
    from landsight.studio.build import CHOSEN_NAME, chosen  # brings export and evaluation along, which a search does not need

    known = out / CHOSEN_NAME
    if known.is_file() and (out / "trials").is_dir():  # begun: with another time limit it goes on as well
        asked = read_run_file(known, "Search in another folder.").get("asked")
        if not isinstance(asked, dict) or not isinstance(minutes := asked.get("minutes"), int | float | None):
            raise DataError("bad_run_file", f"{known} does not say what was asked for.", "Search in another folder.")
    else:
        minutes = effort.minutes * effort.workers / (effort.trials or TRIALS) if effort.minutes else TRIAL_MINUTES
    recipe, _ = chosen(source, out, minutes=minutes, settings=settings, say=say or _to_stderr)
    # Its epochs fit that time already; measuring again would give each trial another number of them.
    return replace(recipe, train=replace(recipe.train, minutes=0.0)), {}


def tune(
    recipe: Recipe,
    out: Path,
    *,
    space: Space = (),
    sampler: str = "tpe",
    pruner: str = "median",
    seed: int | None = None,
    effort: Effort = _DEFAULT,
    url: str = "",
    name: str = "",
    say: Callable[[str], None] | None = None,
) -> Tuned:
    """Search for a better recipe than ``recipe``, judged by validation alone; the study in ``out`` goes on if there is one.

    ``space`` empty: the default one. ``seed`` None: the recipe's. ``url``: a database that several machines share (default: a SQLite file
    in ``out``), ``name`` of the study there (default: that of the folder). The best recipe is written to ``out``/best.toml.
    Raises: RecipeError for a space that cannot be, or when the study is another one; UsageError when the database cannot be reached or no
    trial can be trained; DataError.
    """
    say = say or _to_stderr
    began = time.time()
    base = _prepared(recipe, out, effort.workers, pruner, say)
    space = space or default_space(base)
    plan = plan_of(base, space, sampler=sampler, pruner=pruner, seed=recipe.train.seed if seed is None else seed)
    goal = effort.trials or (grid_size(plan) if sampler == "grid" else TRIALS)
    if sampler == "grid":
        goal = min(goal, grid_size(plan))
    url, name = url or default_url(out), name or out.resolve().name
    orders = Orders(str(out), url, name, plan.to_json(), goal, began + 60 * effort.minutes if effort.minutes else 0.0)
    with storage_errors(url), quiet_optuna():
        storage = open_storage(url)
        study = open_study(storage, name, plan)
        if dead := bury_dead(study, storage):
            say(f"{dead} trials were killed half-way: they go on")
        say(_opening(study, plan, goal, url))
        _check_data(base, say)
        in_time = work(orders, say) if effort.workers == 1 else _crowd(orders, effort.workers)
        return _closed(study, plan, out, goal, interrupted=not in_time)


def _prepared(recipe: Recipe, out: Path, workers: int, pruner: str, say: Callable[[str], None]) -> Recipe:
    """The recipe as trials use it: one cache for all, a fair part of the processors each, looks for the pruner to see.

    Raises: RecipeError for a recipe without epochs.
    """
    if not recipe.epochs:
        raise RecipeError(
            "no_epochs", "The recipe has no epochs: there is nothing to search for.", "Set schedule.stages, or give more --minutes."
        )
    require_outside_data(out, recipe.data)
    make_folder(out)
    data = recipe.data if recipe.data.cache else replace(recipe.data, cache=str(out.resolve() / "cache"))
    train = recipe.train
    if workers > 1:
        threads = train.threads or max(1, (os.cpu_count() or 1) // workers)
        train = replace(train, threads=threads, workers=-(-train.workers // workers))
    if pruner != "none" and train.evaluate_every == 0:
        say("train.evaluate_every is 0: looking after every epoch, so that hopeless trials can be ended (--pruner none: never)")
        train = replace(train, evaluate_every=1)
    return replace(recipe, data=data, train=train)


def _check_data(recipe: Recipe, say: Callable[[str], None]) -> None:
    """Decode once, before any trial. Raises: DataError, also for a study that would have nothing to judge by."""
    checked = check(recipe.data, recipe.train.seed, Path(os.path.expandvars(recipe.data.cache)).expanduser())
    if not len(checked.subsets["validation"]):
        raise DataError("no_validation", "There is no picture to validate with.", "Set data.validation_share above 0, or add pictures.")
    say(f"{len(checked.train)} pictures to train, {len(checked.subsets['validation'])} to judge by")


def _opening(study: optuna.Study, plan: StudyPlan, goal: int, url: str) -> str:
    done = len(finished(study))
    there = f", {done} of them done before" if done else ""
    return f"{goal} trials{there}; {plan.sampler}, pruning {plan.pruner}, seed {plan.seed}; {len(plan.space)} key{'' if len(plan.space) == 1 else 's'}; {shown(url)}"


def _crowd(orders: Orders, workers: int) -> bool:
    """Several worker processes; False when a signal ended them. Each is told to stop by the end of its standard input.

    Raises: WorkerError when one failed; it has said why.
    """
    processes = [_worker(replace(orders, prefix=f"[{number + 1}] "), number) for number in range(workers)]
    with Interrupt() as interrupt:
        try:
            while any(p.poll() is None for p in processes) and not interrupt.asked:
                time.sleep(0.1)
        finally:
            if interrupt.asked:
                for process in processes:
                    _hang_up(process)
            codes = [process.wait() for process in processes]
            for process in processes:
                _hang_up(process)
    if failed := [code for code in codes if code not in (0, EXIT_INTERRUPTED)]:
        raise WorkerError(
            "worker_failed", f"{len(failed)} of {workers} workers failed (exit code {failed[0]}).", "What they said stands above."
        )
    return not interrupt.asked and EXIT_INTERRUPTED not in codes


def _worker(orders: Orders, number: int) -> subprocess.Popen[bytes]:
    """In a session of its own: Ctrl-C reaches this process alone, which passes it on once."""
    cards = torch.cuda.device_count()
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": str(number % cards)} if cards > 1 else None
    command = [sys.executable, "-m", "landsight.studio.tune.worker"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, env=environment, start_new_session=True)
    if process.stdin is not None:
        process.stdin.write(orders.to_line().encode())
        process.stdin.flush()
    return process


def _hang_up(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is not None:
        with suppress(BrokenPipeError):
            process.stdin.close()


def _closed(study: optuna.Study, plan: StudyPlan, out: Path, goal: int, *, interrupted: bool) -> Tuned:
    """Write best.toml and the report of what there is."""
    from landsight.studio.tune import report  # matplotlib and fANOVA's forests: two seconds that workers need not spend

    results = results_of(study, plan, goal)
    path = None
    if results.best is not None:
        path = out / BEST_NAME
        write_atomic(path, best_toml(results, results.best).encode())
    report.write_report(results, out)
    return Tuned(out, results.what, results.best, path, len(finished(study)), goal, interrupted)


def best_toml(results: Results, best: FrozenTrial) -> str:
    """The recipe of the best trial, with where it comes from."""
    done = len(results.complete) + len(results.pruned)
    lines = [f"Trial {best.number} of the study {results.name!r}: {results.what} {best.value:.4f}, the best of {done}."]
    lines += [f"{key} = {_shown(value)}" for key, value in best.params.items()]
    return "".join(f"# {line}\n" for line in lines) + "\n" + recipes.to_toml(results.plan.recipe_of(best.params))


def _shown(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _to_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
