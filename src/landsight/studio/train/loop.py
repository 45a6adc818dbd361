"""The training loop: steps, nothing else. Who wants to log, look, save or stop listens to its named events."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import torch
from torch import Tensor

from landsight.errors import LandsightError
from landsight.studio.data.loader import Batch, Plan
from landsight.studio.nets.fine_tune import unfreeze
from landsight.studio.nets.net import StagedNet
from landsight.studio.random import torch_seed
from landsight.studio.recipe import Recipe
from landsight.studio.resolve import resolve
from landsight.studio.tasks.task import Task
from landsight.studio.train.ema import Average
from landsight.studio.train.mix import mix
from landsight.studio.train.optimise import clip, set_rate, uses_bf16
from landsight.studio.train.schedule import SCHEDULES, Schedule


class Event(StrEnum):
    """When a listener is called. An epoch's figures are complete at EPOCH; DONE comes once, after the last."""

    START = "start"
    STEP = "step"
    EPOCH = "epoch"
    STOPPED = "stopped"
    DONE = "done"


class StopTraining(Exception):  # noqa: N818 (a signal, not an error)
    """Raised by a listener: end after this step, state as it is."""


class DivergedError(LandsightError):
    """The loss is no longer a number."""


@dataclass
class Trainer:
    """Everything that changes while training, and what it is made of. ``step`` counts optimiser steps done, over all epochs."""

    recipe: Recipe
    task: Task
    net: StagedNet
    optimiser: torch.optim.Optimizer
    plan: Plan
    average: Average | None
    device: torch.device
    step: int = 0
    rate: float = 0.0
    sums: dict[str, float] = field(default_factory=dict)
    counted: int = 0
    began: float = field(default_factory=time.monotonic)
    done_before: int = 0

    @property
    def epoch(self) -> int:
        """Epochs that are complete."""
        return self.step // self.plan.per_epoch

    @property
    def side(self) -> int:
        """Side, in pixels, of the views of the latest step; that of the input when there are none."""
        if not self.plan.sides:
            return self.recipe.input.width
        return self.plan.sides[max(0, self.step - 1) // self.plan.per_epoch]

    def means(self) -> dict[str, float]:
        """Mean of each loss since the epoch began (since the start, after a resume in the middle)."""
        return {name: total / max(1, self.counted) for name, total in self.sums.items()}


Listener = Callable[[Event, Trainer], None]


def run(trainer: Trainer, batches: Iterable[Batch], listeners: Sequence[Listener]) -> bool:
    """Train from trainer.step to the end of the plan; True when it got there, False when a listener stopped it.

    Raises: DivergedError.
    """
    schedule: Schedule = resolve(SCHEDULES, trainer.recipe.schedule.name, "schedule")
    bf16 = uses_bf16(trainer.recipe.optimise.precision, trainer.device)
    trainer.began, trainer.done_before = time.monotonic(), trainer.step
    trainer.net.train()
    _tell(listeners, Event.START, trainer)
    try:
        for batch in batches:
            if trainer.step % trainer.plan.per_epoch == 0:
                trainer.sums, trainer.counted = {}, 0
            _step(trainer, batch, schedule, bf16)
            _tell(listeners, Event.STEP, trainer)
            if trainer.step % trainer.plan.per_epoch == 0:
                _tell(listeners, Event.EPOCH, trainer)
                trainer.net.train()
    except StopTraining:
        _tell(listeners, Event.STOPPED, trainer)
        return False
    _tell(listeners, Event.DONE, trainer)
    return True


def _step(trainer: Trainer, batch: Batch, schedule: Schedule, bf16: bool) -> None:
    """One optimiser step, exactly: rate, what learns, seed, forward, loss, backward, update, average."""
    recipe, plan = trainer.recipe, trainer.plan
    factor = schedule(trainer.step, plan.steps, recipe.schedule.warmup_epochs * plan.per_epoch, recipe.schedule.floor)
    trainer.rate = set_rate(trainer.optimiser, factor)
    unfreeze(trainer.net, recipe.net, trainer.step / plan.per_epoch)
    torch.manual_seed(torch_seed(recipe.train.seed, "step", *divmod(trainer.step, plan.per_epoch)))
    image_nchw = normalised(batch.image_nhwc_u8.to(trainer.device), recipe.input.mean, recipe.input.std)
    targets = {name: t.to(trainer.device) for name, t in batch.targets.items()}
    mixed = mix(image_nchw, targets, cutmix=recipe.train.cutmix, mixup=recipe.train.mixup)
    with torch.autocast(trainer.device.type, torch.bfloat16, enabled=bf16):
        outputs = trainer.net(mixed.image)
    terms = trainer.task.losses(outputs, targets)
    if mixed.other is not None:
        others = trainer.task.losses(outputs, mixed.other)
        terms = {name: mixed.share * term + (1 - mixed.share) * others[name] for name, term in terms.items()}
    loss = torch.stack([recipe.train.losses[name] * term for name, term in terms.items()]).sum()
    value = float(loss.detach())
    if not math.isfinite(value):
        raise DivergedError(
            "diverged", f"The loss is {value} at step {trainer.step}.", "Lower optimise.rate, or set optimise.clip_norm to 1."
        )
    loss.backward()  # type: ignore[no-untyped-call]
    clip(trainer.net, recipe.optimise.clip_norm)
    trainer.optimiser.step()
    trainer.optimiser.zero_grad(set_to_none=True)
    trainer.step += 1
    if trainer.average is not None:
        trainer.average.update(trainer.net, trainer.step)
    _count(trainer, value, terms)


def normalised(image_nhwc_u8: Tensor, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """(n, h, w, c) uint8 -> (n, c, h, w) float32, (value - mean) / std; channels last in memory, which the pictures already are."""
    image = image_nhwc_u8.float()
    image -= torch.tensor(mean, device=image.device)
    image *= 1 / torch.tensor(std, device=image.device)
    return image.permute(0, 3, 1, 2)


def _count(trainer: Trainer, loss: float, terms: dict[str, Tensor]) -> None:
    trainer.counted += 1
    for name, value in {"loss": loss, **{n: float(t.detach()) for n, t in terms.items()}}.items():
        trainer.sums[name] = trainer.sums.get(name, 0.0) + value


def _tell(listeners: Sequence[Listener], event: Event, trainer: Trainer) -> None:
    for listener in listeners:
        listener(event, trainer)
