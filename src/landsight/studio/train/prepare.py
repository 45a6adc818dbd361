"""From a recipe to all that training needs: checked data, task, network, optimiser, plan. Shared by training and by what only looks first."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from landsight.errors import RecipeError
from landsight.studio.data.check import Checked, check
from landsight.studio.data.loader import Plan
from landsight.studio.engine import open_run
from landsight.studio.nets import table
from landsight.studio.random import torch_seed
from landsight.studio.recipe import Recipe
from landsight.studio.resolve import resolve
from landsight.studio.tasks import TASKS
from landsight.studio.tasks.task import Task
from landsight.studio.train.ema import Average
from landsight.studio.train.loop import Trainer
from landsight.studio.train.optimise import optimiser

#: What a line for people is given to.
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Prepared:
    """``recipe``: resolved, nothing left to choose. ``trainer``: at step 0, with the weights that training starts from."""

    recipe: Recipe
    task: Task
    checked: Checked
    trainer: Trainer


def prepare(recipe: Recipe, out: Path, say: Say) -> Prepared:
    """Check the data (its cache lies in ``out`` unless the recipe names one), make task, network, optimiser and plan; nothing is trained.

    Sets the number of torch's threads for this process. Raises: RecipeError; DataError for data that cannot be used.
    """
    torch.set_num_threads(recipe.train.threads or os.cpu_count() or 1)
    cache_root = Path(os.path.expandvars(recipe.data.cache)).expanduser() if recipe.data.cache else out / "cache"
    checked = check(recipe.data, recipe.train.seed, cache_root)
    for item in checked.corrupt:
        say(f"dropped {item.name}: {item.reason}")
    for note in checked.notes:
        say(note)
    task: Task = resolve(TASKS, recipe.task, "task").from_data(recipe, checked)
    return Prepared(recipe, task, checked, make_trainer(recipe, task, len(checked.train)))


def make_trainer(recipe: Recipe, task: Task, samples: int) -> Trainer:
    """A trainer at step 0 for ``samples`` training pictures: the same weights for the same seed, whatever was drawn before."""
    torch.manual_seed(torch_seed(recipe.train.seed, "weights"))
    net = table.build(recipe.net, len(task.labels), recipe.input)
    if recipe.net.start:
        _start_from(net, Path(os.path.expandvars(recipe.net.start)), task)
    net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    net.to(device)
    plan = Plan(samples, recipe.train.batch, recipe.schedule.stages, recipe.train.seed)
    average = Average(net, recipe.optimise.ema) if recipe.optimise.ema else None
    return Trainer(recipe, task, net, optimiser(net, recipe.optimise), plan, average, device)


def _start_from(net: torch.nn.Module, run: Path, task: Task) -> None:
    """Take the averaged weights of another run's last step. Raises: RecipeError when that network has other labels."""
    earlier = open_run(run, "last")
    if earlier.task.labels != task.labels:
        raise RecipeError("bad_value", f"net.start: {run} has other labels than this data.", "Start from a run on the same classes.")
    net.load_state_dict(earlier.net.state_dict())
