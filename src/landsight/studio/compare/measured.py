"""What is known of each run that is compared: its answer to every picture, its recipe, its epochs, what it costs."""

from __future__ import annotations

import csv
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from landsight.errors import DataError, UsageError
from landsight.photo.prepare import Preparation
from landsight.studio import recipe as recipes
from landsight.studio.data.samples import Sample
from landsight.studio.describe import describe
from landsight.studio.engine import open_run
from landsight.studio.evaluate import evaluate, read_part
from landsight.studio.recipe import Recipe
from landsight.studio.train.checkpoint import FILE
from landsight.studio.train.history import Row, elapsed, read_rows


@dataclass(frozen=True, slots=True)
class Said:
    """An answer as the table of predictions has it. ``mark`` in [0, 1]: how right; ``guess`` empty where the task has no single one."""

    truth: str
    guess: str
    mark: float


@dataclass(frozen=True, slots=True)
class Cost:
    """``multiply_adds`` for one picture; ``seconds`` of training, over all interruptions."""

    parameters: int
    multiply_adds: int
    input: str
    epochs: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Measured:
    """A run, or any folder that holds predictions: then recipe, cost and epochs are missing. ``unreadable``: pictures without an answer."""

    name: str
    folder: Path
    said: dict[str, Said]
    unreadable: int
    recipe: Recipe | None
    cost: Cost | None
    rows: tuple[Row, ...]


def measure(folders: Sequence[Path], part: str, say: Callable[[str], None]) -> list[Measured]:
    """Read what is stored of each run; missing or outdated answers for "validation" are made, those for other parts never.

    Raises: DataError when there are no answers for this part.
    """
    found = []
    for folder, name in zip(folders, names(folders), strict=True):
        is_run = (folder / "best" / FILE).is_file()
        said, unreadable = read_predictions(_predictions(folder, part, name, say, is_run=is_run))
        recipe = recipes.load(folder / "recipe.toml") if is_run and (folder / "recipe.toml").is_file() else None
        rows = tuple(read_rows(folder))
        found.append(Measured(name, folder, said, unreadable, recipe, _cost(folder, rows) if is_run else None, rows))
    return found


def names(folders: Sequence[Path]) -> list[str]:
    """The shortest ends of the paths that tell them apart: runs/a and runs/b are "a" and "b". Raises: DataError for the same one twice."""
    parts = [folder.resolve().parts for folder in folders]
    if len(set(parts)) < len(parts):
        raise DataError("same_run", "A run is compared with itself.", "Name different run folders.")
    for length in range(1, max(map(len, parts)) + 1):
        ends = ["/".join(p[-length:]) for p in parts]
        if len(set(ends)) == len(ends):
            return ends
    return ["/".join(p) for p in parts]


def read_predictions(path: Path) -> tuple[dict[str, Said], int]:
    """Answers by picture, and how many pictures have none. Raises: DataError when the table is of another kind or version."""
    with path.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
        try:
            rows = list(csv.DictReader(file))
        except csv.Error:
            rows = []
    if not rows or not {"file", "mark", "error"} <= set(rows[0]):
        raise DataError("bad_predictions", f"{path} is no table of predictions with marks.", "Measure again: landsight evaluate.")
    good = [row for row in rows if not row["error"]]
    try:
        said = {r["file"]: Said(r.get("truth") or "", r.get("guess") or "", float(r["mark"])) for r in good}
    except (TypeError, ValueError):
        raise DataError("bad_predictions", f"{path} has a mark that is no number.", "Measure again: landsight evaluate.") from None
    return said, len(rows) - len(good)


def pictures(run: Measured, part: str) -> dict[str, Sample]:
    """The pictures of a part by name, where the run still finds its data; empty otherwise."""
    if run.recipe is None:
        return {}
    try:
        samples = read_part(run.recipe.data, part, open_run(run.folder).task.labels, run=run.folder)
    except DataError:
        return {}
    return {sample.name: sample for sample in samples.items}


def _predictions(folder: Path, part: str, name: str, say: Callable[[str], None], *, is_run: bool) -> Path:
    path = folder / f"predictions-{part}.csv"
    is_old = is_run and path.is_file() and path.stat().st_mtime < (folder / "best" / FILE).stat().st_mtime
    if path.is_file() and not is_old:
        return path
    if part == "validation" and is_run:
        say(f"{name}: asking the network about its validation pictures")
        evaluate(folder, split=part)
        return path
    if is_old:
        raise DataError(
            "old_predictions", f"The answers of {name} for {part!r} are older than its weights.",
            f"Measure again: landsight evaluate {shlex.quote(str(folder))} --part {part} (a look that is counted).",
        )  # fmt: skip
    if not is_run:
        raise UsageError(
            "no_run", f"{folder} is no trained run, and holds no {path.name}.",
            "Name run folders, or folders that `landsight evaluate --out` wrote into.",
        )  # fmt: skip
    raise DataError(
        "no_predictions", f"There are no answers of {name} for the part {part!r}.",
        f"Comparing makes no look at a test part of its own. Run: landsight evaluate {shlex.quote(str(folder))} --part {part}",
    )  # fmt: skip


def _cost(folder: Path, rows: tuple[Row, ...]) -> Cost:
    trained = open_run(folder)
    size = trained.recipe.input
    totals = describe(trained.net, _shape(size)).totals
    epochs = int(rows[-1]["epoch"]) if rows else 0
    return Cost(totals.parameters, totals.multiply_adds, f"{size.width} x {size.height}", epochs, elapsed(rows)[-1] if rows else 0.0)


def _shape(size: Preparation) -> tuple[int, int, int]:
    return (1 if size.colour == "L" else 3), size.height, size.width
