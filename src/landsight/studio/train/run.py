"""``train(recipe, out)`` and ``resume(out)``: from a recipe to a run folder. Ties data, network, loop, looks and checkpoints together."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from landsight.bundle.manifest import Metric
from landsight.studio import recipe as recipes
from landsight.studio.data.loader import TrainingViews, batches
from landsight.studio.data.readers import require_outside_data
from landsight.studio.folders import make_folder, require_writable
from landsight.studio.recipe import Recipe
from landsight.studio.train import first_batches, fit_head, loop
from landsight.studio.train.allocator import kept_memory
from landsight.studio.train.checkpoint import write_atomic
from landsight.studio.train.distributed import Processes, joined
from landsight.studio.train.environment import circumstances, describe
from landsight.studio.train.first_batches import write_first_batches
from landsight.studio.train.followers import followers
from landsight.studio.train.held import held
from landsight.studio.train.interrupt import Interrupt
from landsight.studio.train.keeper import Keeper
from landsight.studio.train.loop import Listener
from landsight.studio.train.minutes import more_epochs_for, with_epochs_for
from landsight.studio.train.prepare import Prepared, Say, make_trainer, prepare
from landsight.studio.train.progress import Progress, to_stderr
from landsight.studio.train.reproducible import reproducible
from landsight.studio.train.resume import (
    Previous,
    clean,
    extended,
    previous_run,
    refuse_changes,
    run_to_resume,
    same_data,
    with_free_of,
)
from landsight.studio.train.stops import EARLY_STOP, TIME_UP, Stops


@dataclass(frozen=True, slots=True)
class Run:
    """What training left: its folder, whether it reached the end, and the last look at each subset (subset -> figure -> Metric).

    ``ended``: what ended it ("epochs", "early stop", "time"), empty when it was interrupted. ``recipe``: resolved, nothing left to choose.
    """

    folder: Path
    finished: bool
    step: int
    metrics: dict[str, dict[str, Metric]]
    ended: str = ""
    recipe: Recipe | None = None


@dataclass(frozen=True, slots=True)
class _Order:
    """What is to be done: a recipe, the recipe as it was asked for, what is there already, and how it is to be extended."""

    recipe: Recipe
    asked: Recipe
    previous: Previous | None
    epochs: int | None = None
    minutes: float | None = None


def train(
    recipe: Recipe,
    out: Path,
    *,
    listeners: tuple[Listener, ...] = (),
    say: Callable[[str], None] | None = None,
    mlflow: bool = False,
) -> Run:
    """Train as the recipe says into the folder ``out``; a run that was interrupted there goes on from its last checkpoint.

    ``mlflow``: log to MLflow, wherever it keeps its runs; without it that happens when MLFLOW_TRACKING_URI is set.

    Ctrl-C or SIGTERM end it after the current step, saved (Run.finished is False). Raises: RecipeError when ``out`` holds a run of
    another recipe; DataError for data that cannot be used; DivergedError, OutOfMemory, NotSaved, each with the last checkpoint whole.
    """

    def order() -> _Order:
        previous = previous_run(out)
        if previous is None:
            return _Order(recipe, recipe, None)
        refuse_changes(previous.asked, recipe, out)
        return _Order(with_free_of(previous.recipe, recipe), previous.asked, previous)

    return _go(order, out, listeners=listeners, say=say, mlflow=mlflow)


def resume(
    out: Path,
    *,
    epochs: int | None = None,
    minutes: float | None = None,
    settings: Iterable[str] = (),
    listeners: tuple[Listener, ...] = (),
    say: Callable[[str], None] | None = None,
    mlflow: bool = False,
) -> Run:
    """Go on with the run in ``out``, however it ended, to the same weights as if it had never been interrupted, to the bit.

    ``epochs``, ``minutes``: of the whole run; may be more than it began with, and the run then says so. ``settings``: as ``--set``; only
    what changes no weights may differ (resume.FREE). Raises: as ``train``; RecipeError names what differs.
    """

    def order() -> _Order:
        previous = run_to_resume(out)
        wanted = recipes.from_dict(asdict(previous.recipe), settings)
        refuse_changes(previous.recipe, wanted, out)
        return _Order(with_free_of(previous.recipe, wanted), previous.asked, previous, epochs, minutes)

    return _go(order, out, listeners=listeners, say=say, mlflow=mlflow)


def _go(order_of: Callable[[], _Order], out: Path, *, listeners: tuple[Listener, ...], say: Say | None, mlflow: bool) -> Run:
    began = time.monotonic()
    with joined() as processes, ExitStack() as stack:
        require_writable(out)
        order = order_of()
        if order.previous is None:
            require_outside_data(out, order.recipe.data)
        if processes.is_first:
            stack.enter_context(held(out))
            order = order_of()  # as it is now that nobody else can change it
        order = _agreed(order, processes)
        voice = (say or to_stderr) if processes.is_first else _silent
        if processes.is_first:
            _open(order, out, voice)
        with reproducible(order.recipe.train.deterministic), kept_memory():
            prepared, keeper = _made(order, out, voice, processes, began)
            trainer, checked = prepared.trainer, prepared.checked
            views = TrainingViews(checked.train, checked.cache, prepared.task, prepared.recipe.train.seed)
            workers = prepared.recipe.train.workers
            if processes.is_first and order.previous is None:
                write_first_batches(views, trainer, out / first_batches.NAME)
            steps = batches(views, trainer.plan, first=trainer.step, workers=workers, rank=processes.rank)
            ours = (*followers(out, voice, mlflow=mlflow), *listeners) if processes.is_first else ()
            with Interrupt() as interrupt, Progress(say if processes.is_first else _silent, checked.cache.seconds) as progress:
                finished = loop.run(trainer, steps, (progress, keeper, *ours, Stops(), interrupt))
    return Run(out, finished, trainer.step, keeper.latest, trainer.ended, prepared.recipe)


def _agreed(order: _Order, processes: Processes) -> _Order:
    """The first process's recipe in all of them: what was measured for it may differ between them."""
    if processes.count == 1:
        return order
    recipe = recipes.from_dict(processes.agreed(asdict(order.recipe)))
    return replace(order, recipe=recipe)


def _open(order: _Order, out: Path, say: Say) -> None:
    """The run folder, rid of what a killed process left; with the recipe from the start, so that a run can be gone on with at any moment."""
    make_folder(out)
    for name in clean(out):
        say(f"removed {name}, which was being written when the run was killed")
    if order.previous is None:
        write_atomic(out / "recipe.toml", recipes.to_toml(order.recipe).encode())


def _made(order: _Order, out: Path, say: Say, processes: Processes, began: float) -> tuple[Prepared, Keeper]:
    """All that training needs, at the step where it is to begin, and the run folder's account of it."""
    checkpoint = order.previous.checkpoint if order.previous else None
    prepared = prepare(order.recipe, out, say, processes=processes, is_new=checkpoint is None)
    if checkpoint is not None:
        same_data(checkpoint.state, prepared.checked.cache.digest, out)
    elif prepared.recipe.train.minutes:
        left_s = 60 * prepared.recipe.train.minutes - (time.monotonic() - began)
        prepared = _again(prepared, with_epochs_for(prepared, left_s, say))
    prepared.trainer.times.began = began
    keeper = Keeper(out, prepared.checked, say, order.asked)
    if checkpoint is not None:
        keeper.restore(prepared.trainer, checkpoint)
        prepared = _extended(order, prepared, keeper, say)
        trainer = prepared.trainer
        say(f"going on from step {trainer.step} of {trainer.plan.steps}" if not trainer.ended else f"the run has ended ({trainer.ended})")
        _tell_changes(checkpoint.state.get("circumstances", {}), circumstances(trainer), say)
    if processes.is_first:
        describe(prepared.recipe, prepared.checked, out, say, beside=circumstances(prepared.trainer), notes=keeper.notes)
    if checkpoint is None and prepared.recipe.train.fit_head:
        if processes.is_first:
            fit_head.begin(prepared, say)
        keeper.record(prepared.trainer)
    if checkpoint is None:
        processes.share_weights(prepared.trainer.net, prepared.trainer.average.tensors.values() if prepared.trainer.average else ())
    return prepared, keeper


def _extended(order: _Order, prepared: Prepared, keeper: Keeper, say: Say) -> Prepared:
    """The restored run with more epochs or more time, when that is asked for; its schedule is then that of the longer run, from here on."""
    if order.epochs is None and order.minutes is None:
        return prepared
    trainer = prepared.trainer
    recipe, notes = extended(prepared.recipe, epochs=order.epochs, minutes=order.minutes, step=trainer.step)
    more_time = recipe.train.minutes != prepared.recipe.train.minutes
    if more_time and order.epochs is None:
        recipe = more_epochs_for(prepared, recipe, say)
    if not notes:
        return prepared
    if trainer.ended == EARLY_STOP:
        trainer.watch.looks_since_best = 0
    if trainer.ended != TIME_UP or more_time:
        trainer.ended = ""
    for note in notes:
        say(note)
    keeper.note(notes)
    trainer.recipe, trainer.plan = recipe, replace(trainer.plan, stages=recipe.schedule.stages)
    return replace(prepared, recipe=recipe)


def _again(prepared: Prepared, recipe: Recipe) -> Prepared:
    """The same with another recipe, of the same data."""
    trainer = make_trainer(recipe, prepared.task, prepared.checked, _silent, processes=prepared.trainer.processes)
    return replace(prepared, recipe=recipe, trainer=trainer)


def _tell_changes(before: dict[str, Any], now: dict[str, Any], say: Say) -> None:
    changed = [f"{name}: {before[name]} before, {value} now" for name, value in now.items() if name in before and before[name] != value]
    if changed:
        say(f"not as before: {'; '.join(changed)}. The last bits of the weights may differ from those of an uninterrupted run")


def _silent(_: str) -> None:
    """What the other processes say."""
