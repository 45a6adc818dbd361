"""One step through everything that a run does, on a few pictures of every class: what would fail after hours fails now. Nothing is left."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

from landsight.studio.export import export
from landsight.studio.recipe import Recipe
from landsight.studio.train.loop import Event, StopTraining, Trainer
from landsight.studio.train.memory import peak_bytes, reset_peak
from landsight.studio.train.run import train

#: Pictures that calibrate INT8 and that are looked at, pictures of a step at least: enough to see that it works.
_CALIBRATION, _LOOK, _LEAST = 8, 32, 16
#: Why the run ends.
_ENDED = "dry run"


@dataclass(frozen=True, slots=True)
class DryRun:
    """Seconds of each stage, in order, pictures of the step, and the most memory that was in use (bytes)."""

    seconds: dict[str, float]
    pictures: int
    peak: int

    def lines(self) -> list[str]:
        """For people."""
        rows = [f"  {name:<42}{value:>8.2f} s" for name, value in self.seconds.items()]
        total = sum(self.seconds.values())
        return [
            "dry run passed: every stage once, on a few pictures",
            *rows,
            f"  {'all':<42}{total:>8.2f} s, {self.peak / 2**30:.2f} GiB of memory at most",
        ]


def dry_run(recipe: Recipe, say: Callable[[str], None]) -> DryRun:
    """Read, view, forward, loss, backward, step, look, checkpoint and export once, in a temporary folder that is removed.

    Raises: whatever the run would.
    """
    clock = _Clock()
    reset_peak(torch.device("cuda" if torch.cuda.is_available() else "cpu"))
    with tempfile.TemporaryDirectory(prefix="landsight-dry-run-") as folder:
        run = train(_shortened(recipe), Path(folder) / "run", listeners=(clock,), say=say)
        clock.mark("look at validation, write checkpoints")
        export(run.folder, Path(folder) / "bundle", which="last")
        clock.mark("export, and check of the bundle")
    device = clock.device or torch.device("cpu")
    return DryRun(clock.seconds, clock.pictures, peak_bytes(device))


def _shortened(recipe: Recipe) -> Recipe:
    """One step at the largest view, of a batch as asked for; a third of few pictures validates, so that every class is looked at."""
    side = max((side for side, _ in recipe.schedule.stages), default=max(recipe.input.width, recipe.input.height))
    wanted = max(_LEAST, recipe.train.batch * recipe.optimise.accumulate)
    return replace(
        recipe,
        data=replace(recipe.data, most=2 * wanted, validation_share=1 / 3, test_share=0.0, cache=""),
        schedule=replace(recipe.schedule, stages=((side, 1),)),
        train=replace(recipe.train, minutes=0.0, subset_cap=_LOOK),
        export=replace(recipe.export, calibration_pictures=_CALIBRATION),
    )


@dataclass
class _Clock:
    """Listener: what each stage took; ends the run after its first step."""

    last: float = field(default_factory=time.perf_counter)
    seconds: dict[str, float] = field(default_factory=dict)
    pictures: int = 0
    device: torch.device | None = None

    def __call__(self, event: Event, trainer: Trainer) -> None:
        if event is Event.START:
            self.device, self.pictures = trainer.device, trainer.plan.pictures
            self.mark("read, decode, make the network")
        elif event is Event.STEP and trainer.step == 1:
            self.mark(f"first step of {trainer.plan.pictures} pictures of {trainer.side} px")
            raise StopTraining(_ENDED)

    def mark(self, stage: str) -> None:
        now = time.perf_counter()
        self.seconds[stage] = now - self.last
        self.last = now


def trial(recipe: Recipe, out: Path, say: Callable[[str], None]) -> tuple[bool, list[str]]:
    """``dry_run`` in lines; it passed if it came back at all. ``out`` is not touched."""
    return True, dry_run(recipe, say).lines()
