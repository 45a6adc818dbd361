"""From a recipe to all that training needs: checked data, task, network, optimiser, plan. Shared by training and by what only looks first."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import torch

from landsight.errors import RecipeError
from landsight.studio.data.balance import Balance
from landsight.studio.data.check import Checked, check
from landsight.studio.data.loader import Plan
from landsight.studio.nets import table
from landsight.studio.nets.fine_tune import frozen_blocks
from landsight.studio.nets.initialise import INITS
from landsight.studio.nets.layers import ACTIVATIONS
from landsight.studio.places import places_of
from landsight.studio.random import torch_seed
from landsight.studio.recipe import Recipe
from landsight.studio.resolve import resolve
from landsight.studio.tasks import TASKS
from landsight.studio.tasks.task import Task
from landsight.studio.train.batch_size import largest_batch
from landsight.studio.train.distributed import Processes
from landsight.studio.train.ema import Average
from landsight.studio.train.loop import Trainer
from landsight.studio.train.optimise import OPTIMISERS, optimiser
from landsight.studio.train.schedule import SCHEDULES
from landsight.studio.train.start import start_from

#: What a line for people is given to.
Say = Callable[[str], None]
#: Seconds between lines while pictures are decoded.
_DECODE_LINE_S = 10.0


@dataclass(frozen=True, slots=True)
class Prepared:
    """``recipe``: with train.batch chosen. ``trainer``: at step 0, with the weights that training starts from."""

    recipe: Recipe
    task: Task
    checked: Checked
    trainer: Trainer


#: So many dropped files are named on the spot.
_NAMED: Final = 10


def prepare(recipe: Recipe, out: Path, say: Say, *, processes: Processes | None = None, is_new: bool = True) -> Prepared:
    """Check the data (its cache lies in ``out`` unless the recipe names one), make task, network, optimiser and plan; nothing is trained.

    Sets the number of torch's threads for this process. ``is_new`` False: weights come from a checkpoint, so none are read for a start.
    Raises: RecipeError; DataError for data that cannot be used, PlacesError for a places.csv that does not fit.
    """
    _known_names(recipe)
    processes = processes or Processes()
    torch.set_num_threads(recipe.train.threads or processes.threads())
    cache_root = Path(os.path.expandvars(recipe.data.cache)).expanduser() if recipe.data.cache else out / "cache"
    progress = _DecodeLines(say)
    checked = processes.first_then_all(lambda: check(recipe.data, recipe.train.seed, cache_root, progress=progress))
    for item in checked.corrupt[:_NAMED]:
        say(f"dropped {item.name}: {item.reason}")
    if len(checked.corrupt) > _NAMED:
        say(f"dropped {len(checked.corrupt) - _NAMED} more; all are in environment.json, and on the page when it is done")
    for note in checked.notes:
        say(note)
    task: Task = resolve(TASKS, recipe.task, "task").from_data(recipe, checked)
    places_of(recipe.data, task.labels)  # a table that does not fit is told now, not by export after hours
    if recipe.train.batch == 0:
        batch = processes.agreed(largest_batch(recipe, task, checked, processes) if processes.is_first else 0)
        recipe = replace(recipe, train=replace(recipe.train, batch=batch))
        say(f"batch size: {batch}, the largest that fits")
    return Prepared(recipe, task, checked, make_trainer(recipe, task, checked, say, processes=processes, is_new=is_new))


def _known_names(recipe: Recipe) -> None:
    """Names in tables, before hours of decoding rather than after. Raises: RecipeError with the nearest known one."""
    resolve(TASKS, recipe.task, "task")
    resolve(OPTIMISERS, recipe.optimise.name, "optimiser")
    resolve(SCHEDULES, recipe.schedule.name, "schedule")
    resolve(ACTIVATIONS, recipe.net.activation, "activation")
    resolve(INITS, recipe.net.init, "initialisation")
    if not recipe.net.name.startswith("timm:"):
        resolve(table.NETS, recipe.net.name, "network")


def make_trainer(
    recipe: Recipe, task: Task, checked: Checked, say: Say, *, processes: Processes | None = None, is_new: bool = True
) -> Trainer:
    """A trainer at step 0: the same weights for the same seed, whatever was drawn before. Raises: RecipeError."""
    processes = processes or Processes()
    torch.manual_seed(torch_seed(recipe.train.seed, "weights"))
    resolved = replace(recipe.net, pretrained=False, frozen_blocks=frozen_blocks(recipe.net))
    net = table.build(recipe.net if is_new else resolved, len(task.labels), recipe.input)
    table.check_views(recipe.net, net, recipe.input, (side for side, _ in recipe.schedule.stages))
    if recipe.net.start and is_new:
        say(start_from(net, recipe.net.name, Path(os.path.expandvars(recipe.net.start)).expanduser(), task))
    net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    device = processes.device()
    net.to(device)
    balance = Balance.of([s.truth for s in checked.train.items], len(checked.labels)) if recipe.train.balanced else None
    plan = Plan(
        len(checked.train),
        recipe.train.batch,
        recipe.schedule.stages,
        recipe.train.seed,
        recipe.optimise.accumulate,
        processes.count,
        balance,
    )
    _enough(plan)
    average = Average(net, recipe.optimise.ema) if recipe.optimise.ema else None
    names = [sample.name for sample in checked.train.items]
    return Trainer(recipe, task, net, optimiser(net, recipe.optimise), plan, average, device, names=names, processes=processes)


def _enough(plan: Plan) -> None:
    if plan.pictures < plan.parts * plan.processes:
        raise RecipeError(
            "bad_value", f"A step has {plan.pictures} pictures for {plan.parts * plan.processes} parts (train.batch, optimise.accumulate, processes).",
            "Take a larger batch, or fewer parts.",
        )  # fmt: skip


class _DecodeLines:
    """Says how far decoding is, now and then."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._last = time.monotonic()

    def __call__(self, done: int, total: int) -> None:
        if time.monotonic() - self._last >= _DECODE_LINE_S:
            self._last = time.monotonic()
            self._say(f"decoding pictures, once: {done} of {total}")
