"""k-fold cross-validation: every picture is answered by a network that has not learnt from it, nor from its near-duplicates."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from landsight.bundle.manifest import Metric
from landsight.errors import UsageError
from landsight.studio import resplit
from landsight.studio.data.folds import folds as in_folds
from landsight.studio.data.samples import Samples
from landsight.studio.data.split import carve
from landsight.studio.evaluate_page import predictions_csv, task_report
from landsight.studio.evaluation import Evaluation
from landsight.studio.report.page import Column, Entry, Section, Table, Text, Tile, Tiles, render
from landsight.studio.report.words import interval, made_by, percent, share_cell
from landsight.studio.resolve import resolve
from landsight.studio.tasks import TASKS
from landsight.studio.train.checkpoint import write_atomic


@dataclass(frozen=True, slots=True)
class Folds:
    """``scores``: figures of each fold; ``pooled``: of all pictures together, each answered by the network of the fold it was kept from."""

    main_metric: str
    scores: tuple[dict[str, Metric], ...]
    pooled: Evaluation

    @property
    def mean(self) -> float:
        """Of the main metric over the folds."""
        return float(np.mean([s[self.main_metric].value for s in self.scores]))

    @property
    def spread(self) -> float:
        """Standard deviation of the main metric over the folds."""
        return float(np.std([s[self.main_metric].value for s in self.scores], ddof=1))

    def to_json(self) -> str:
        """For a file or another program."""
        folds = [{name: asdict(m) for name, m in score.items()} for score in self.scores]
        found: dict[str, Any] = {"main_metric": self.main_metric, "mean": self.mean, "standard_deviation": self.spread, "folds": folds}
        return json.dumps({**found, "pooled": json.loads(self.pooled.to_json())}, indent=1, ensure_ascii=False) + "\n"


def cross_validate(source: Path, k: int, *, out: Path | None = None, say: Callable[[str], None] = lambda _: None) -> Folds | None:
    """Train the recipe of ``source`` (a run folder or a recipe file) ``k`` times, each on all folds of the training part but one.

    The folds hold each label in its share and near-duplicates together; a validation part is carved out of what is learnt from, unless the
    data has one. The test part is not looked at. What is done is kept: calling again goes on. Leaves OUT/folds.html, folds.json and
    folds-predictions.csv. None: interrupted. Raises: UsageError; as train does.
    """
    if k < 2:
        raise UsageError("bad_folds", f"Cross-validation needs at least 2 folds: received {k}.", "Give 5 or 10.")
    again = resplit.begin(source, out, f"folds-{k}", say)
    recipe, checked = again.recipe, again.checked
    is_carved = again.validation_is_carved
    pool = _joined((checked.train, checked.subsets["validation"])) if is_carved else checked.train
    kept = in_folds(pool, k, recipe.train.seed)
    found: list[Evaluation] = []
    for i, fold in enumerate(kept):
        keys = {s.key for s in fold.items}
        rest = pool.where(lambda s, keys=keys: s.key not in keys)  # type: ignore[misc]
        train, validation = carve(rest, recipe.data.validation_share, recipe.train.seed) if is_carved else (rest, replace(rest, items=()))
        folder = again.run(f"fold-{i + 1}", {"train": train, "validation": validation})
        if folder is None:
            return None
        found.append(resplit.measured(folder, "best", fold))
        say(f"fold-{i + 1}: " + ", ".join(f"{name} {m.value:.4f}" for name, m in found[-1].metrics.items()))
    return _written(again, kept, found, source)


def _written(again: resplit.Again, kept: list[Samples], found: list[Evaluation], source: Path) -> Folds:
    task = again.recipe.task
    kind = resolve(TASKS, task, "task")
    everything, pooled = _pooled(kept, found)
    shown = [everything.items[int(i)] for i in pooled.index]
    metrics = kind.score(pooled.answers, [s.truth for s in shown], [s.values for s in shown])
    report = task_report(task, replace(pooled, metrics=metrics), everything)
    result = Folds(kind.main_metric, tuple(f.metrics for f in found), replace(pooled, metrics=metrics, details=report.figures))
    subtitle = f"{len(pooled.index):,} pictures, each answered by a network that learnt from the other {len(kept) - 1} of {len(kept)} folds"
    html = render(
        f"{len(kept)}-fold cross-validation of {source}", [_section(result, kept), *report.sections], subtitle=subtitle, foot=made_by()
    )
    write_atomic(again.out / "folds.html", html.encode())
    write_atomic(again.out / "folds.json", result.to_json().encode("utf-8", "surrogateescape"))
    write_atomic(again.out / "folds-predictions.csv", predictions_csv(task, result.pooled, everything))
    return result


def _section(found: Folds, kept: list[Samples]) -> Section:
    name = found.main_metric
    values = [s[name].value for s in found.scores]
    pooled = found.pooled.metrics[name]
    tiles = Tiles([
        Tile(f"mean of the folds' {name}", percent(found.mean), f"standard deviation {percent(found.spread)}"),
        Tile("lowest and highest fold", f"{100 * min(values):.1f} to {100 * max(values):.1f} %"),
        Tile("all pictures together", percent(pooled.value), interval(pooled), pooled.what),
    ])  # fmt: skip
    figures = [figure for figure in found.scores[0] if all(figure in score for score in found.scores)]
    columns = [Column("fold", True), Column("pictures", True), *(Column(figure, True) for figure in figures)]
    rows: list[list[Entry]] = [
        [i, len(fold), *(share_cell(score[figure], bar=figure == name) for figure in figures)]
        for i, (fold, score) in enumerate(zip(kept, found.scores, strict=True), 1)
    ]
    note = (
        "The spread over folds holds both the choice of pictures and the luck of a training. Folds share most of their training pictures, "
        "so it cannot be turned into an interval for another data set; the interval of all pictures together holds for the choice of pictures alone."
    )
    return Section("Folds", [tiles, Table(columns, rows), Text(note, "note")])


def _pooled(kept: list[Samples], found: list[Evaluation]) -> tuple[Samples, Evaluation]:
    """All folds one after the other: their pictures, and their answers as of one evaluation."""
    starts = np.cumsum([0, *map(len, kept)])
    index = np.concatenate([f.index + start for f, start in zip(found, starts, strict=False)])
    answers = [answer for f in found for answer in f.answers]
    unreadable = tuple(line for f in found for line in f.unreadable)
    everything = Samples(kept[0].labels, tuple(s for fold in kept for s in fold.items))
    return everything, Evaluation(found[0].engine, {}, answers, index, unreadable)


def _joined(parts: tuple[Samples, ...]) -> Samples:
    return Samples(parts[0].labels, tuple(sorted((s for part in parts for s in part.items), key=lambda s: s.name)))
