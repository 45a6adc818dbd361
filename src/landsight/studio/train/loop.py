"""The training loop: steps, nothing else. Who wants to log, look, save or stop listens to its named events."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import torch
from torch import Tensor

from landsight.errors import LandsightError, RecipeError
from landsight.studio.data.loader import Batch, Plan
from landsight.studio.nets.fine_tune import unfreeze
from landsight.studio.nets.net import StagedNet
from landsight.studio.random import torch_seed
from landsight.studio.recipe import Recipe
from landsight.studio.tasks.task import Task
from landsight.studio.train.distributed import Processes
from landsight.studio.train.ema import Average
from landsight.studio.train.memory import out_of_memory
from landsight.studio.train.mix import mix
from landsight.studio.train.optimise import clip, set_rate, uses_bf16
from landsight.studio.train.schedule import factor_at
from landsight.studio.train.times import Times
from landsight.studio.train.watch import Watch

#: Pictures that an error names.
_NAMED = 5


class Event(StrEnum):
    """When a listener is called. An epoch's figures are complete at EPOCH; DONE comes once, at the end of a run, whatever ended it."""

    START = "start"
    STEP = "step"
    EPOCH = "epoch"
    STOPPED = "stopped"
    DONE = "done"


class StopTraining(Exception):  # noqa: N818 (a signal, not an error)
    """Raised by a listener at STEP or EPOCH: go no further. ``reason`` empty: interrupted, to be gone on with; else the run has ended by it."""

    def __init__(self, reason: str = "") -> None:
        super().__init__(reason)
        self.reason = reason


class DivergedError(LandsightError):
    """A loss or a weight is no longer a number."""


@dataclass
class Trainer:
    """Everything that changes while training, and what it is made of. ``step`` counts optimiser steps done, over all epochs.

    ``names``: of the training pictures, for messages. ``ended``: what ended the run ("epochs", "early stop", "time"); empty: not ended yet.
    """

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
    names: Sequence[str] = ()
    processes: Processes = field(default_factory=Processes)
    watch: Watch = field(default_factory=Watch)
    times: Times = field(default_factory=Times)
    ended: str = ""

    @property
    def epoch(self) -> int:
        """Epochs that are complete."""
        return self.step // self.plan.per_epoch

    @property
    def epoch_begun(self) -> int:
        """Number, from 1, of the epoch that the latest step belongs to, complete or not; 0 before the first step."""
        return -(-self.step // self.plan.per_epoch)

    @property
    def side(self) -> int:
        """Side, in pixels, of the views of the latest step; that of the input when there are none."""
        if not self.plan.sides:
            return self.recipe.input.width
        return self.plan.sides[max(0, self.step - 1) // self.plan.per_epoch]

    def means(self) -> dict[str, float]:
        """Mean of each loss since the epoch began."""
        return {name: total / max(1, self.counted) for name, total in self.sums.items()}


Listener = Callable[[Event, Trainer], None]


def run(trainer: Trainer, batches: Iterable[Batch], listeners: Sequence[Listener]) -> bool:
    """Train from trainer.step to the end of the plan; True when the run has ended, False when it was interrupted.

    Raises: DivergedError; OutOfMemory, with a batch size that would do.
    """
    bf16 = uses_bf16(trainer.recipe.optimise.precision, trainer.device)
    trainer.times.began = time.monotonic()
    trainer.times.synchronise = torch.cuda.synchronize if trainer.device.type == "cuda" else None
    trainer.net.train()
    feed = iter(batches)
    reason = _heard(listeners, Event.START, trainer)
    while reason is None and trainer.step < trainer.plan.steps:
        began = time.perf_counter()
        if trainer.step % trainer.plan.per_epoch == 0:
            trainer.sums, trainer.counted = {}, 0
        with out_of_memory(trainer.recipe, trainer.side):
            take_step(trainer, feed, bf16)
        trainer.times.stepped(trainer.side, time.perf_counter() - began)
        reason = _heard(listeners, Event.STEP, trainer)
        if reason is None and trainer.step % trainer.plan.per_epoch == 0:
            reason = _heard(listeners, Event.EPOCH, trainer)
            trainer.net.train()
    if reason == "":
        _tell(listeners, Event.STOPPED, trainer)
        return False
    trainer.ended = reason or "epochs"
    _tell(listeners, Event.DONE, trainer)
    return True


def take_step(trainer: Trainer, feed: Iterator[Batch], bf16: bool, *, factor: float | None = None) -> None:
    """One optimiser step, exactly: rate, what learns; forward, loss and backward of each part; gradients of all processes; update; average.

    ``factor``: on the highest rate, in place of the schedule's.
    """
    recipe, plan, times = trainer.recipe, trainer.plan, trainer.times
    if factor is None:
        factor = factor_at(recipe.schedule, trainer.step, steps=plan.steps, per_epoch=plan.per_epoch, drops=trainer.watch.drops)
    trainer.rate = set_rate(trainer.optimiser, factor)
    unfreeze(trainer.net, recipe.net, trainer.step / plan.per_epoch)
    terms: dict[str, float] = {}
    first = trainer.processes.rank * plan.parts
    fault: DivergedError | None = None
    for number in range(first, first + plan.parts):
        with times.measured("wait"):
            batch = next(feed)
        times.add(batch.seconds)
        if not recipe.train.workers:  # then they were part of the waiting
            times.add({"wait": -sum(batch.seconds.values())})
        share = len(batch.image_nhwc_u8) / plan.pictures
        with times.measured("forward"):
            loss, here = _forward(trainer, batch, number, bf16)
        fault = fault or _fault(trainer, here, number)
        if fault is None:
            with times.measured("backward"):
                (loss * share).backward()  # type: ignore[no-untyped-call]
        for name, value in here.items():
            terms[name] = terms.get(name, 0.0) + share * value
    with times.measured("step"):
        _update(trainer, terms, fault)


def _forward(trainer: Trainer, batch: Batch, number: int, bf16: bool) -> tuple[Tensor, dict[str, float]]:
    """The weighted loss of part ``number`` of the step, with its graph, and the value of each term, "loss" last. Draws follow the address."""
    recipe = trainer.recipe
    purpose = f"step part {number}" if number else "step"
    torch.manual_seed(torch_seed(recipe.train.seed, purpose, *divmod(trainer.step, trainer.plan.per_epoch)))
    image_nchw = normalised(batch.image_nhwc_u8.to(trainer.device), recipe.input.mean, recipe.input.std)
    targets = {name: t.to(trainer.device) for name, t in batch.targets.items()}
    mixed = mix(image_nchw, targets, cutmix=recipe.train.cutmix, mixup=recipe.train.mixup)
    with torch.autocast(trainer.device.type, torch.bfloat16, enabled=bf16):
        try:
            outputs = trainer.net(mixed.image)
        except ValueError as error:
            if "more than 1 value per channel" not in str(error):
                raise
            raise RecipeError(
                "bad_value", f"A batch norm learns nothing from {len(mixed.image)} picture: received train.batch = {recipe.train.batch}.",
                "Raise train.batch, or set net.norm = false or net.freeze_norm = true.",
            ) from None  # fmt: skip
    terms = trainer.task.losses(outputs, targets)
    if mixed.other is not None:
        others = trainer.task.losses(outputs, mixed.other)
        terms = {name: mixed.share * term + (1 - mixed.share) * others[name] for name, term in terms.items()}
    loss = torch.stack([recipe.train.losses[name] * term for name, term in terms.items()]).sum()
    values = torch.stack([*terms.values(), loss]).detach().tolist()  # one wait for the device, not one a term
    return loss, dict(zip((*terms, "loss"), values, strict=True))


def _fault(trainer: Trainer, terms: dict[str, float], number: int) -> DivergedError | None:
    """What to raise when a term is no number: its name and the pictures that gave it."""
    bad = next((name for name, value in terms.items() if not math.isfinite(value)), None)
    if bad is None:
        return None
    indices = [index for *_, index in trainer.plan.part(trainer.step, number)]
    names = [trainer.names[i] for i in indices[:_NAMED]] if trainer.names else []
    more = f" and {len(indices) - len(names)} more" if len(indices) > len(names) else ""
    return DivergedError(
        "diverged", f"{bad} is {terms[bad]} at step {trainer.step}, on {', '.join(names)}{more}. The last good weights are kept.",
        "Lower optimise.rate, or set optimise.clip_norm to 1.",
    )  # fmt: skip


def _update(trainer: Trainer, terms: dict[str, float], fault: DivergedError | None) -> None:
    """Gradients and terms of all processes together, then the optimiser and the average. No process goes on when one has a fault."""
    parameters = [p for group in trainer.optimiser.param_groups for p in group["params"]]
    faults, *totals = trainer.processes.add_gradients(parameters, (float(fault is not None), *terms.values()))
    if faults > 0:
        raise fault or DivergedError("diverged", f"A loss of another process is no number at step {trainer.step}.")
    clip(trainer.net, trainer.recipe.optimise.clip_norm)
    trainer.optimiser.step()
    trainer.optimiser.zero_grad(set_to_none=True)
    trainer.step += 1
    if trainer.average is not None:
        trainer.average.update(trainer.net, trainer.step)
    trainer.counted += 1
    for name, value in zip(terms, totals, strict=True):
        trainer.sums[name] = trainer.sums.get(name, 0.0) + value


def normalised(image_nhwc_u8: Tensor, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """(n, h, w, c) uint8 -> (n, c, h, w) float32, (value - mean) / std; channels last in memory, which the pictures already are."""
    image = image_nhwc_u8.float()
    image -= torch.tensor(mean, device=image.device)
    image *= 1 / torch.tensor(std, device=image.device)
    return image.permute(0, 3, 1, 2)


def _heard(listeners: Sequence[Listener], event: Event, trainer: Trainer) -> str | None:
    """Tell all listeners; why to stop ("": interrupted), or None to go on. Processes stop together, for the reason of any of them."""
    reason: str | None = None
    try:
        _tell(listeners, event, trainer)
    except StopTraining as stop:
        reason = stop.reason
    return trainer.processes.any_of(reason)


def _tell(listeners: Sequence[Listener], event: Event, trainer: Trainer) -> None:
    for listener in listeners:
        listener(event, trainer)
