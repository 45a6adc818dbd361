"""The largest batch that fits, found by doubling: each size is really trained for one step, and its peak of memory foretells the next."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from landsight.studio.data.check import Checked
from landsight.studio.data.loader import Batch, Plan, TrainingViews, collate
from landsight.studio.nets import table
from landsight.studio.nets.fine_tune import frozen_blocks
from landsight.studio.recipe import Recipe
from landsight.studio.tasks.task import Task
from landsight.studio.train.distributed import Processes
from landsight.studio.train.ema import Average
from landsight.studio.train.loop import Trainer, take_step
from landsight.studio.train.memory import OutOfMemory, available_bytes, out_of_memory, peak_bytes, reset_peak
from landsight.studio.train.optimise import optimiser, uses_bf16

#: The first size that is tried, and the least share of an epoch that a step may not exceed: an epoch has so many steps or more.
_SMALLEST, _STEPS_AN_EPOCH = 4, 20
#: Share of the memory available that may be taken: looks, loaders and other programs need some too.
_SHARE = 0.7


def largest_batch(recipe: Recipe, task: Task, checked: Checked, processes: Processes) -> int:
    """train.batch for the whole step of all processes: a power of two, at least 4 (less only where there are fewer pictures).

    Measured on this process alone, with the largest views of the recipe, on throw-away weights; other processes here share the memory.
    """
    share = processes.count if recipe.optimise.accumulate < processes.count else 1
    limit = max(_SMALLEST, len(checked.train) // (_STEPS_AN_EPOCH * recipe.optimise.accumulate)) // share
    device = processes.device()
    cap = _SHARE * available_bytes(device) / (1 if device.type == "cuda" else processes.on_this_machine)
    trial = _Trial(recipe, task, checked, device)
    return share * doubled(max(1, limit), cap, trial.peak)


def doubled(limit: int, cap: float, peak: Callable[[int], float | None]) -> int:
    """The largest power of two up to ``limit`` for which ``peak`` (bytes above the start; None: did not fit) stays below ``cap``.

    A size is tried only when a straight line through the two before it says that it fits. At least the first size is taken.
    """
    size = min(_SMALLEST, limit)
    last = peak(size)
    if last is None:
        return max(1, size // 2)
    growth = last / 2
    while 2 * size <= limit and last + growth * 2 < cap:
        found = peak(2 * size)
        if found is None or found > cap:
            break
        size, growth, last = 2 * size, max(found - last, 0.0), found
    return size


class _Trial:
    """One network that takes steps of any size."""

    def __init__(self, recipe: Recipe, task: Task, checked: Checked, device: torch.device) -> None:
        self.recipe = replace(recipe, optimise=replace(recipe.optimise, accumulate=1), train=replace(recipe.train, batch=1))
        bare = replace(recipe.net, pretrained=False, frozen_blocks=frozen_blocks(recipe.net))
        net = table.build(bare, len(task.labels), recipe.input)
        net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        net.to(device)
        net.train()
        self.side = max((side for side, _ in recipe.schedule.stages), default=recipe.input.width)
        average = Average(net, recipe.optimise.ema) if recipe.optimise.ema else None
        made = optimiser(net, recipe.optimise)
        self.trainer = Trainer(self.recipe, task, net, made, Plan(1, 1, ((self.side, 1),), 0), average, device)
        views = TrainingViews(checked.train, checked.cache, task, recipe.train.seed)
        self.few = collate([views[0, self.side, i] for i in range(min(_SMALLEST, len(checked.train)))])
        self.before: float | None = None

    def peak(self, size: int) -> float | None:
        """Bytes at most in use while a step of ``size`` pictures is taken, above what was in use before the first."""
        trainer = self.trainer
        reset_peak(trainer.device)
        if self.before is None:
            self.before = peak_bytes(trainer.device)
        trainer.plan = Plan(size, size, ((self.side, 1),), 0)
        trainer.step = 0
        try:
            with out_of_memory(self.recipe, self.side):
                take_step(trainer, iter([_repeated(self.few, size)]), uses_bf16(self.recipe.optimise.precision, trainer.device))
        except OutOfMemory:
            return None
        ahead = self.recipe.train.workers * 4 * size * self.side**2 * 3  # what the loader keeps ready, in shared memory
        return peak_bytes(trainer.device) - self.before + (0 if trainer.device.type == "cuda" else ahead)


def _repeated(few: Batch, size: int) -> Batch:
    def rows(tensor: Tensor) -> Tensor:
        return tensor[torch.arange(size) % len(tensor)]

    return Batch(rows(few.image_nhwc_u8), {name: rows(t) for name, t in few.targets.items()})
