"""What stays of a run while it goes on: looks at the subsets, metrics.csv, and the checkpoints last/ and best/."""

from __future__ import annotations

import csv
import io
import shlex
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from landsight.bundle.manifest import Metric
from landsight.errors import LandsightError
from landsight.studio.data.check import Checked
from landsight.studio.data.samples import Samples
from landsight.studio.engine import TorchEngine, manifest_of
from landsight.studio.evaluate import evaluate_engine
from landsight.studio.recipe import Recipe
from landsight.studio.tasks.task import Task
from landsight.studio.train.checkpoint import (
    Checkpoint,
    fitting,
    optimiser_tensors,
    require_finite,
    restore_optimiser,
    save_checkpoint,
    write_atomic,
)
from landsight.studio.train.environment import circumstances
from landsight.studio.train.loop import DivergedError, Event, Trainer
from landsight.studio.train.watch import Watch

#: Seconds between checkpoints within an epoch; there is one at the end of each epoch anyway.
SAVE_EVERY_S = 300.0


class NotSaved(LandsightError):  # noqa: N818 (says a state, as the messages do)
    """A checkpoint could not be written; the one before it is whole."""


@dataclass
class Keeper:
    """Listener that looks, writes and saves. ``latest``: the last look at each subset (subset -> figure -> Metric).

    ``asked``: the recipe as it was given, before a batch size or a number of epochs was chosen; ``notes``: what was done to the run since.
    Of several processes the first looks and writes; the others learn what came of it.
    """

    out: Path
    checked: Checked
    say: Callable[[str], None]
    asked: Recipe
    rows: list[dict[str, Any]] = field(default_factory=list)
    latest: dict[str, dict[str, Metric]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    _untold: list[str] = field(default_factory=list)
    _looked_at: int = -1
    _saved: tuple[int, str] = (-1, "")
    _saved_s: float = field(default_factory=time.monotonic)

    def __call__(self, event: Event, trainer: Trainer) -> None:
        if event is Event.START and self._saved[0] < 0:
            self._save(trainer)  # from here on a run can be gone on with
        elif event is Event.STEP and trainer.step % trainer.plan.per_epoch and time.monotonic() - self._saved_s > SAVE_EVERY_S:
            self._save(trainer)
        elif event is Event.EPOCH:
            self.record(trainer, is_look=is_look_at_end_of(trainer.epoch, len(trainer.plan.sides), trainer.recipe.train.evaluate_every))
            self._save(trainer)
        elif event is Event.STOPPED or event is Event.DONE:
            if event is Event.DONE and self._looked_at != trainer.step:
                self.record(trainer)  # time was up within an epoch, or in one without a look
            if self._saved != (trainer.step, trainer.ended):
                self._save(trainer)

    def restore(self, trainer: Trainer, checkpoint: Checkpoint) -> None:
        """Put trainer and keeper where the checkpoint was written. Raises: DataError when it does not fit the run."""
        with fitting(self.out / "last"):
            self._restore(trainer, checkpoint)

    def _restore(self, trainer: Trainer, checkpoint: Checkpoint) -> None:
        require_finite(checkpoint.tensors)
        trainer.net.load_state_dict(checkpoint.part("net."))
        if trainer.average is not None:
            trainer.average.load(checkpoint.part("ema."))
        restore_optimiser(trainer.optimiser, checkpoint.part("optimiser."))
        state = checkpoint.state
        trainer.step, trainer.sums, trainer.counted = state["step"], state["sums"], state["counted"]
        if not isinstance(trainer.step, int) or not 0 <= trainer.step <= trainer.plan.steps:
            raise ValueError(f"step {trainer.step} of {trainer.plan.steps}")
        trainer.watch = Watch.from_state(state["watch"]) if "watch" in state else Watch(best=state["best"])
        trainer.ended = state.get("ended", "")
        trainer.times.before = state.get("seconds", 0.0)
        self.rows, self.notes, self._looked_at = state["rows"], state.get("notes", []), state.get("looked_at", state["step"])
        self._untold = state.get("untold", [])
        self.latest = {subset: {name: Metric(**m) for name, m in figures.items()} for subset, figures in state["looks"].items()}
        self._saved = trainer.step, trainer.ended

    def note(self, notes: Sequence[str]) -> None:
        """What was done to the run: stands in the checkpoint, in environment.json, and in the next row of metrics.csv."""
        self.notes += notes
        self._untold = [*self._untold, *notes]
        self._saved = -1, ""  # saved at once, or a kill would forget it

    def record(self, trainer: Trainer, *, is_look: bool = True) -> None:
        """A row of metrics.csv, with a look or without; before the first step too, when the head was fitted."""
        if self.rows and self.rows[-1]["step"] == trainer.step:
            row = self.rows.pop()  # time was up in an epoch without a look: the look joins its row
        else:
            if self.rows and self.rows[-1]["epoch"] == trainer.epoch_begun:
                self._untold = [*filter(None, [self.rows.pop().get("note")]), *self._untold]  # time was up in it, and the run was extended
            row = {
                "epoch": trainer.epoch_begun, "step": trainer.step, "side_px": trainer.side, "rate": trainer.rate, **trainer.means(),
                "seconds": round(trainer.times.spent, 1),
            }  # fmt: skip
        if is_look:
            row.update(self._look(trainer))
        if self._untold:
            row["note"], self._untold = "; ".join(self._untold), []
        self.rows.append(row)
        if trainer.processes.is_first:
            with saving(self.out, trainer):
                write_csv(self.out / "metrics.csv", self.rows)

    def _look(self, trainer: Trainer) -> dict[str, float]:
        self._looked_at = trainer.step
        began = time.monotonic()
        figures = self._measure(trainer) if trainer.processes.is_first else {}
        trainer.times.looked(time.monotonic() - began)
        trainer.watch = Watch.from_state(trainer.processes.agreed(trainer.watch.state()))
        return figures

    def _measure(self, trainer: Trainer) -> dict[str, float]:
        engine = TorchEngine(trainer.net, trainer.average.tensors if trainer.average else None)
        figures: dict[str, float] = {}
        for name, samples in self.checked.subsets.items():
            self.latest[name] = look(engine, trainer.recipe, trainer.task, samples)
            figures.update({f"{name}_{figure}": m.value for figure, m in self.latest[name].items()})
            when = f"epoch {trainer.epoch_begun}" if trainer.step else "with the head fitted"
            self.say(f"{when}, {name}: " + _line(self.latest[name]))
        is_best = trainer.watch.see(self.latest.get("validation", {}), trainer.task.main_metric, patience=trainer.recipe.schedule.patience)
        if is_best:
            with saving(self.out, trainer):
                save_checkpoint(self.out / "best", Checkpoint(_weights(trainer), self._state(trainer)))
        return figures

    def _save(self, trainer: Trainer) -> None:
        self._saved, self._saved_s = (trainer.step, trainer.ended), time.monotonic()
        if not trainer.processes.is_first:
            return
        tensors = {f"net.{n}": t for n, t in trainer.net.state_dict().items()}
        tensors |= _weights(trainer)
        tensors |= {f"optimiser.{n}": t for n, t in optimiser_tensors(trainer.optimiser).items()}
        _finite(tensors, trainer)
        with saving(self.out, trainer):
            save_checkpoint(self.out / "last", Checkpoint(tensors, self._state(trainer)))

    def _state(self, trainer: Trainer) -> dict[str, Any]:
        looks = {subset: {name: asdict(m) for name, m in figures.items()} for subset, figures in self.latest.items()}
        return {
            "step": trainer.step, "steps": trainer.plan.steps, "best": trainer.watch.best, "rows": self.rows, "looks": looks,
            "recipe": asdict(trainer.recipe), "asked": asdict(self.asked), "task": trainer.task.state(), "sums": trainer.sums,
            "counted": trainer.counted, "watch": trainer.watch.state(), "ended": trainer.ended, "looked_at": self._looked_at,
            "seconds": round(trainer.times.spent, 1), "notes": self.notes, "untold": self._untold, "circumstances": circumstances(trainer), "data": self.checked.cache.digest,
        }  # fmt: skip


def is_look_at_end_of(epoch: int, epochs: int, every: int) -> bool:
    """Are the subsets looked at after epoch 1, 2, ... of so many: each ``every`` (0: none) and the last."""
    return epoch == epochs or bool(every and epoch % every == 0)


@contextmanager
def saving(out: Path, trainer: Trainer) -> Iterator[None]:
    """Say what is still whole when something cannot be written, such as on a full disk."""
    try:
        yield
    except OSError as error:
        raise NotSaved(
            "not_saved", f"Cannot save step {trainer.step} in {out}: {error.strerror or error}. The checkpoint before it is whole.",
            f"Make room, then: landsight resume {shlex.quote(str(out))}",
        ) from error  # fmt: skip


def _finite(tensors: dict[str, torch.Tensor], trainer: Trainer) -> None:
    """Weights that are no numbers must not take the place of good ones. Raises: DivergedError."""
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise DivergedError(
                "diverged", f"{name} is no longer finite after step {trainer.step - 1}. The last good weights are kept.",
                "Lower optimise.rate, or set optimise.clip_norm to 1.",
            )  # fmt: skip


def look(engine: TorchEngine, recipe: Recipe, task: Task, samples: Samples) -> dict[str, Metric]:
    """Score a part of the training folder by the road that evaluation takes. With train.subset_cap: on evenly spaced pictures of it.

    Raises: DivergedError when the network, with weights that are still finite, answers with what is no number.
    """
    cap = recipe.train.subset_cap
    items = samples.items[:: max(1, -(-len(samples) // cap))] if cap else samples.items
    try:
        return evaluate_engine(engine, replace(samples, items=items), manifest_of(recipe, task), {}).metrics
    except FloatingPointError as error:
        raise DivergedError("diverged", f"At a look, {error}.", "Lower optimise.rate, or set optimise.clip_norm to 1.") from None


def _weights(trainer: Trainer) -> dict[str, torch.Tensor]:
    """The weights that are used: the average where there is one."""
    if trainer.average is None:
        return {f"net.{n}": t for n, t in trainer.net.state_dict().items()}
    return {f"ema.{n}": t for n, t in trainer.average.tensors.items()}


def write_csv(path: Path, rows: list[dict[str, Any]]) -> None:
    """All rows anew: a later row may have columns that earlier ones lack."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, restval="")
    writer.writeheader()
    writer.writerows(rows)
    write_atomic(path, text.getvalue().encode())


def _line(figures: dict[str, Metric]) -> str:
    return ", ".join(f"{name} {m.value:.4f} [{m.low:.4f}, {m.high:.4f}]" for name, m in figures.items()) or "no pictures"
