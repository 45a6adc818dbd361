"""``train(recipe, out)``: from a recipe to a run folder. Ties data, network, loop, looks and checkpoints together."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from landsight.bundle.manifest import Metric
from landsight.errors import RecipeError
from landsight.studio import recipe as recipes
from landsight.studio.data.loader import TrainingViews, batches
from landsight.studio.recipe import Recipe
from landsight.studio.train import fit_head, loop
from landsight.studio.train.checkpoint import FILE, Checkpoint, load_checkpoint
from landsight.studio.train.environment import describe
from landsight.studio.train.followers import followers
from landsight.studio.train.interrupt import Interrupt
from landsight.studio.train.keeper import Keeper
from landsight.studio.train.loop import Listener
from landsight.studio.train.prepare import prepare
from landsight.studio.train.progress import Progress


@dataclass(frozen=True, slots=True)
class Run:
    """What training left: its folder, whether it reached the end, and the last look at each subset (subset -> figure -> Metric)."""

    folder: Path
    finished: bool
    step: int
    metrics: dict[str, dict[str, Metric]]


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
    another recipe; DataError for data that cannot be used; DivergedError.
    """
    say = say or _to_stderr
    previous = _previous(recipe, out)
    out.mkdir(parents=True, exist_ok=True)
    prepared = prepare(recipe, out, say)
    describe(prepared.recipe, prepared.checked, out, say)
    trainer, checked = prepared.trainer, prepared.checked
    keeper = Keeper(out, checked, say)
    if previous is not None:
        keeper.restore(trainer, previous)
        say(f"going on from step {trainer.step} of {trainer.plan.steps}")
    elif recipe.train.fit_head:
        fit_head.begin(prepared, say)
        keeper.record(trainer)
    views = TrainingViews(checked.train, checked.cache, prepared.task, recipe.train.seed)
    steps = batches(views, trainer.plan, first=trainer.step, workers=recipe.train.workers)
    with Interrupt() as interrupt:
        finished = loop.run(trainer, steps, (Progress(say), keeper, *followers(out, say, mlflow=mlflow), interrupt, *listeners))
    return Run(out, finished, trainer.step, keeper.latest)


def _previous(recipe: Recipe, out: Path) -> Checkpoint | None:
    if not (out / "last" / FILE).is_file():
        return None
    checkpoint = load_checkpoint(out / "last")
    if recipes.from_dict(checkpoint.state["recipe"]) != recipe:
        raise RecipeError("other_recipe", f"{out} holds a run of another recipe.", "Choose another folder, or give the recipe saved there.")
    return checkpoint


def _to_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
