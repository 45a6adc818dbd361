"""Can the network learn one batch by heart? If not, nothing it does on more pictures means anything. Nothing is left of the attempt."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from landsight.studio.data.loader import TrainingViews, collate
from landsight.studio.recipe import Recipe
from landsight.studio.train.loop import take_step
from landsight.studio.train.memory import out_of_memory
from landsight.studio.train.optimise import uses_bf16
from landsight.studio.train.prepare import prepare

#: Passed when the loss has fallen to this share of the first; given up after so many steps.
SHARE, STEPS = 0.05, 200
_BATCH = 32
_SAY_EVERY = 20


@dataclass(frozen=True, slots=True)
class Overfit:
    """Loss of the first step and of the last, and how many steps there were."""

    first: float
    last: float
    steps: int

    @property
    def passed(self) -> bool:
        """Has the loss fallen far enough."""
        return self.last <= SHARE * self.first

    def lines(self) -> list[str]:
        """For people: what was found and what it means."""
        what = f"loss {self.first:.4f} -> {self.last:.4f} in {self.steps} steps on one batch"
        if self.passed:
            return [
                f"passed: {what}",
                "The network, its loss and its gradients work together. It says nothing about pictures it has not seen.",
            ]
        return [
            f"failed: {what}; {SHARE:.0%} of the first was to be reached",
            "A network that cannot learn one batch by heart learns nothing else. In this order: is optimise.rate right (--find-rate)? are the "
            "labels those of the pictures (views.png)? do enough layers learn (net.head_only, last_blocks, frozen_blocks)? is the net wide enough?",
        ]


def overfit(recipe: Recipe, say: Callable[[str], None], *, steps: int = STEPS) -> Overfit:
    """Take steps on the first batch alone, without anything that keeps from learning by heart: dropout, smoothing, mixing, decay, warm-up.

    Raises: as ``prepare``; DivergedError.
    """
    with tempfile.TemporaryDirectory(prefix="landsight-overfit-") as folder:
        prepared = prepare(_bare(recipe, steps), Path(folder), say)
        trainer = prepared.trainer
        views = TrainingViews(prepared.checked.train, prepared.checked.cache, prepared.task, recipe.train.seed)
        batch = collate([views[address] for address in trainer.plan.addresses(0)])
        bf16 = uses_bf16(recipe.optimise.precision, trainer.device)
        trainer.net.train()
        losses: list[float] = []
        while len(losses) < steps and (not losses or losses[-1] > SHARE * losses[0]):
            trainer.sums, trainer.counted = {}, 0
            with out_of_memory(trainer.recipe, trainer.side):
                take_step(trainer, iter([batch]), bf16)
            losses.append(trainer.means()["loss"])
            if len(losses) % _SAY_EVERY == 0:
                say(f"step {len(losses)}: loss {losses[-1]:.4f}")
        return Overfit(losses[0], losses[-1], len(losses))


def _bare(recipe: Recipe, steps: int) -> Recipe:
    """As many epochs as steps, so that the plan never ends first."""
    batch = min(recipe.train.batch or _BATCH, _BATCH)
    side = recipe.schedule.stages[0][0] if recipe.schedule.stages else max(recipe.input.width, recipe.input.height)
    return replace(
        recipe,
        data=replace(recipe.data, most=4 * batch, cache=""),
        net=replace(recipe.net, dropout=0.0, mix_style=0.0, unfreeze_epochs=0.0),
        optimise=replace(recipe.optimise, weight_decay=0.0, ema=0.0, accumulate=1),
        schedule=replace(recipe.schedule, name="constant", stages=((side, steps),), warmup_epochs=0.0),
        train=replace(recipe.train, batch=batch, label_smoothing=0.0, cutmix=0.0, mixup=0.0, minutes=0.0, workers=0, fit_head=False),
    )


def trial(recipe: Recipe, out: Path, say: Callable[[str], None]) -> tuple[bool, list[str]]:
    """``overfit``, whether it passed, and lines that say what that means. ``out`` is not touched."""
    found = overfit(recipe, say)
    return found.passed, found.lines()
