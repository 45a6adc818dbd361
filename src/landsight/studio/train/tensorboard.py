"""TensorBoard events of a run: losses, rate and looks, an epoch a step. ``tensorboard --logdir runs`` shows and compares them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from landsight.studio.train.history import Row, figures, read_rows
from landsight.studio.train.loop import Event, Trainer

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

#: In the run folder.
EVENTS_NAME = "events"


class Events:
    """Listener that writes RUN/events. It comes after the keeper, whose metrics.csv it follows.

    A resumed run begins a new file: it first takes back whatever earlier files say (purge_step 0) and tells all epochs again, so that
    none is there twice, and none is missing when the process died between the table and the events.
    """

    def __init__(self, run: Path) -> None:
        self._run = run
        self._writer: SummaryWriter | None = None
        self._told = 0

    def __call__(self, event: Event, trainer: Trainer) -> None:
        if event in (Event.START, Event.EPOCH):
            self._tell([row for row in read_rows(self._run)[self._told :] if row["step"] <= trainer.step])
        elif event in (Event.STOPPED, Event.DONE) and self._writer is not None:
            self._writer.close()
            self._writer = None

    def _tell(self, rows: list[Row]) -> None:
        if not rows:
            return
        if self._writer is None:
            from torch.utils.tensorboard import SummaryWriter

            self._writer = SummaryWriter(self._run / EVENTS_NAME, purge_step=0)
        for row in rows:
            for name, value in figures(row).items():
                self._writer.add_scalar(tag_of(name), value, int(row["epoch"]))
        self._told += len(rows)
        self._writer.flush()


def tag_of(name: str) -> str:
    """Grouped as TensorBoard shows groups: "validation_top1" -> "validation/top1", "loss" -> "training/loss"."""
    for part in ("validation", "held_out"):
        if name.startswith(f"{part}_"):
            return f"{part}/{name.removeprefix(f'{part}_')}"
    return f"training/{name}"
