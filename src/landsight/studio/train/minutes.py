"""As many epochs as fit into a time: a few steps of each size of view are really taken, on throw-away weights, and timed."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import replace

from landsight.errors import RecipeError
from landsight.studio.data.loader import Batch, TrainingViews, batches
from landsight.studio.data.samples import Samples
from landsight.studio.engine import TorchEngine
from landsight.studio.recipe import Recipe
from landsight.studio.train.keeper import is_look_at_end_of, look
from landsight.studio.train.loop import Trainer, take_step
from landsight.studio.train.optimise import uses_bf16
from landsight.studio.train.prepare import Prepared, Say, make_trainer
from landsight.studio.train.schedule import stages_of
from landsight.studio.train.times import Times, readable

#: Share of the time for measuring, and steps of each size of view at least and at most; the first two are not counted.
_SHARE, _LEAST, _MOST = 0.02, 4, 10
#: Pictures that the cost of a look is measured on.
_LOOK_PICTURES = 32
#: Share of what is left that is not planned with: no two minutes of a machine are the same.
_MARGIN = 0.05
_MOST_EPOCHS = 10_000


def with_epochs_for(prepared: Prepared, seconds_left: float, say: Say) -> Recipe:
    """The prepared recipe with as many epochs as fit into ``seconds_left``, its stages in the same proportions. At least one, and says so."""
    recipe, trainer = prepared.recipe, prepared.trainer
    if not recipe.schedule.stages:
        raise RecipeError("bad_value", "train.minutes: received a recipe without schedule.stages.", "Give at least one stage.")
    began = time.monotonic()
    say("measuring how long a step takes, on weights that are thrown away ...")
    times = _measured(prepared, _SHARE * seconds_left)
    step_s = {side: times.step_s(side) or 0.0 for side, _ in recipe.schedule.stages}
    budget = (1 - _MARGIN) * (seconds_left - (time.monotonic() - began))
    epochs = trainer.processes.agreed(epochs_that_fit(budget, recipe, trainer.plan.per_epoch, step_s=step_s, look_s=times.look_s()))
    stages = stages_of(recipe.schedule.stages, max(1, epochs))
    say(
        f"epochs that fit into {readable(seconds_left)}: {max(1, epochs)}, as stages {list(map(list, stages))}; "
        + ", ".join(f"{1000 * s:.0f} ms a step at {side} px" for side, s in step_s.items())
    )
    if epochs == 0:
        say("not even one epoch fits: the run will end within it, before its rate has come down")
    return replace(recipe, schedule=replace(recipe.schedule, stages=stages))


def more_epochs_for(prepared: Prepared, recipe: Recipe, say: Say) -> Recipe:
    """A run that goes on, given more time in ``recipe``: as many epochs more, at its last size of view, as fit beside those to come."""
    trainer = prepared.trainer
    left_s = 60 * recipe.train.minutes - trainer.times.spent
    times = _measured(prepared, _SHARE * max(0.0, left_s))
    plan, every, epochs = trainer.plan, recipe.train.evaluate_every, recipe.epochs
    looks = sum(is_look_at_end_of(epoch, epochs, every) for epoch in range(trainer.epoch + 1, epochs + 1))
    to_come_s = times.left_s(plan, trainer.step, looks) or 0.0
    *stages, (side, last) = recipe.schedule.stages
    epoch_s = plan.per_epoch * (times.step_s(side) or 0.0) + (times.look_s() / every if every else 0.0)
    more = trainer.processes.agreed(max(0, int(((1 - _MARGIN) * left_s - to_come_s) / epoch_s)))
    say(f"{more} more epochs fit into {readable(max(0.0, left_s))}")
    return replace(recipe, schedule=replace(recipe.schedule, stages=(*stages, (side, last + more))))


def epochs_that_fit(budget_s: float, recipe: Recipe, per_epoch: int, *, step_s: Mapping[int, float], look_s: float) -> int:
    """The largest number of epochs whose steps and looks take at most ``budget_s``; ``step_s``: seconds by side of the view."""
    every = recipe.train.evaluate_every
    for epochs in range(1, _MOST_EPOCHS + 1):
        stages = stages_of(recipe.schedule.stages, epochs)
        looks = sum(is_look_at_end_of(epoch, epochs, every) for epoch in range(1, epochs + 1))
        if per_epoch * sum(count * step_s[side] for side, count in stages) + looks * look_s > budget_s:
            return epochs - 1
    return _MOST_EPOCHS


def _measured(prepared: Prepared, seconds: float) -> Times:
    """Steps of each size of view and one look, all on weights of their own."""
    recipe, checked = prepared.recipe, prepared.checked
    trial = make_trainer(recipe, prepared.task, checked, lambda _: None, processes=prepared.trainer.processes, is_new=False)
    sides = sorted({side for side, _ in recipe.schedule.stages})
    samples = min(trial.plan.samples, _MOST * trial.plan.batch * trial.plan.accumulate)
    trial.plan = replace(trial.plan, samples=samples, stages=tuple((side, 1) for side in sides))
    views = TrainingViews(checked.train, checked.cache, prepared.task, recipe.train.seed)
    feed = iter(batches(views, trial.plan, workers=recipe.train.workers, rank=trial.processes.rank))
    trial.net.train()
    for _ in sides:
        _time_epoch(trial, feed, seconds / len(sides))
    trial.times.looked(_time_look(trial, checked.subsets) if trial.processes.is_first else 0.0)
    return trial.times


def _time_epoch(trial: Trainer, feed: Iterator[Batch], seconds: float) -> None:
    """The trial's next, short epoch; what does not fit into ``seconds`` is made but not used."""
    began = time.monotonic()
    end = trial.step + trial.plan.per_epoch
    least = trial.step + _LEAST
    bf16 = uses_bf16(trial.recipe.optimise.precision, trial.device)
    while trial.step < end and trial.processes.agreed(trial.step < least or time.monotonic() - began < seconds):
        at = time.perf_counter()
        take_step(trial, feed, bf16)
        trial.times.stepped(trial.side, time.perf_counter() - at)
    for _ in range((end - trial.step) * trial.plan.parts):
        next(feed)
    trial.step = end


def _time_look(trial: Trainer, subsets: Mapping[str, Samples]) -> float:
    """Seconds of a look at all subsets, from a few pictures of each."""
    engine = TorchEngine(trial.net, trial.average.tensors if trial.average else None)
    total = 0.0
    for samples in subsets.values():
        few = replace(samples, items=samples.items[:: max(1, len(samples) // _LOOK_PICTURES)])
        began = time.monotonic()
        look(engine, trial.recipe, trial.task, few)
        cap = trial.recipe.train.subset_cap or len(samples)
        total += (time.monotonic() - began) * min(len(samples), cap) / max(1, len(few))
    return total
