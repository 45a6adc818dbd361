"""What stays of a run while it goes on: looks at the subsets, metrics.csv, and the checkpoints last/ and best/."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from landsight.bundle.manifest import Metric
from landsight.studio.data.check import Checked
from landsight.studio.data.samples import Samples
from landsight.studio.engine import TorchEngine, manifest_of
from landsight.studio.evaluate import evaluate_engine
from landsight.studio.recipe import Recipe
from landsight.studio.tasks.task import Task
from landsight.studio.train.checkpoint import Checkpoint, optimiser_tensors, restore_optimiser, save_checkpoint, write_atomic
from landsight.studio.train.loop import Event, Trainer


@dataclass
class Keeper:
    """Listener that looks, writes and saves. ``latest``: the last look at each subset (subset -> figure -> Metric)."""

    out: Path
    checked: Checked
    say: Callable[[str], None]
    rows: list[dict[str, Any]] = field(default_factory=list)
    best: float = -1.0
    latest: dict[str, dict[str, Metric]] = field(default_factory=dict)

    def __call__(self, event: Event, trainer: Trainer) -> None:
        if event is Event.EPOCH:
            self.record(trainer)
        elif event is Event.STOPPED and trainer.step % trainer.plan.per_epoch:
            self._save(trainer)

    def restore(self, trainer: Trainer, checkpoint: Checkpoint) -> None:
        """Put trainer and keeper where the checkpoint was written."""
        trainer.net.load_state_dict(checkpoint.part("net."))
        if trainer.average is not None:
            trainer.average.load(checkpoint.part("ema."))
        restore_optimiser(trainer.optimiser, checkpoint.part("optimiser."))
        state = checkpoint.state
        trainer.step, trainer.sums, trainer.counted = state["step"], state["sums"], state["counted"]
        self.rows, self.best = state["rows"], state["best"]
        self.latest = {subset: {name: Metric(**m) for name, m in figures.items()} for subset, figures in state["looks"].items()}

    def record(self, trainer: Trainer) -> None:
        """A row of metrics.csv, a look when one is due, and a checkpoint; before the first step too, when the head was fitted."""
        row: dict[str, Any] = {
            "epoch": trainer.epoch,
            "step": trainer.step,
            "side_px": trainer.side,
            "rate": trainer.rate,
            **trainer.means(),
        }
        row["seconds"] = round(time.monotonic() - trainer.began, 1)
        every = trainer.recipe.train.evaluate_every
        if trainer.step in (0, trainer.plan.steps) or (every and trainer.epoch % every == 0):
            row.update(self._look(trainer))
        self.rows.append(row)
        _write_csv(self.out / "metrics.csv", self.rows)
        self._save(trainer)

    def _look(self, trainer: Trainer) -> dict[str, float]:
        engine = TorchEngine(trainer.net, trainer.average.tensors if trainer.average else None)
        figures: dict[str, float] = {}
        for name, samples in self.checked.subsets.items():
            self.latest[name] = look(engine, trainer.recipe, trainer.task, samples)
            figures.update({f"{name}_{figure}": m.value for figure, m in self.latest[name].items()})
            self.say(f"epoch {trainer.epoch} {name}: " + _line(self.latest[name]))
        main = figures.get(f"validation_{trainer.task.main_metric}", 0.0)
        # At equal score the later weights are taken: they saw more.
        if main >= self.best:
            self.best = main
            save_checkpoint(self.out / "best", Checkpoint(_weights(trainer), self._state(trainer)))
        return figures

    def _save(self, trainer: Trainer) -> None:
        tensors = {f"net.{n}": t for n, t in trainer.net.state_dict().items()}
        tensors |= _weights(trainer)
        tensors |= {f"optimiser.{n}": t for n, t in optimiser_tensors(trainer.optimiser).items()}
        save_checkpoint(self.out / "last", Checkpoint(tensors, self._state(trainer)))

    def _state(self, trainer: Trainer) -> dict[str, Any]:
        looks = {subset: {name: asdict(m) for name, m in figures.items()} for subset, figures in self.latest.items()}
        return {
            "step": trainer.step, "steps": trainer.plan.steps, "best": self.best, "rows": self.rows, "looks": looks, "recipe": asdict(trainer.recipe),
            "task": trainer.task.state(), "sums": trainer.sums, "counted": trainer.counted,
        }  # fmt: skip


def look(engine: TorchEngine, recipe: Recipe, task: Task, samples: Samples) -> dict[str, Metric]:
    """Score a part of the training folder by the road that evaluation takes. With train.subset_cap: on evenly spaced pictures of it."""
    cap = recipe.train.subset_cap
    items = samples.items[:: max(1, -(-len(samples) // cap))] if cap else samples.items
    return evaluate_engine(engine, replace(samples, items=items), manifest_of(recipe, task), {}).metrics


def _weights(trainer: Trainer) -> dict[str, torch.Tensor]:
    """The weights that are used: the average where there is one."""
    if trainer.average is None:
        return {f"net.{n}": t for n, t in trainer.net.state_dict().items()}
    return {f"ema.{n}": t for n, t in trainer.average.tensors.items()}


def _write_csv(path: Path, rows: list[dict[str, Any]]) -> None:
    """All rows anew: a later row may have columns that earlier ones lack."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, restval="")
    writer.writeheader()
    writer.writerows(rows)
    write_atomic(path, text.getvalue().encode())


def _line(figures: dict[str, Metric]) -> str:
    return ", ".join(f"{name} {m.value:.4f} [{m.low:.4f}, {m.high:.4f}]" for name, m in figures.items()) or "no pictures"
