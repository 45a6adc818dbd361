"""What a study leaves for people and programs: tune.html, its plots as files, trials.csv."""

from __future__ import annotations

import base64
import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from optuna.trial import FrozenTrial, TrialState

from landsight.studio.report import page
from landsight.studio.report.page import Block, Cell, Column, Pairs, Plot, Pre, Section, Table, Text, Tile, Tiles
from landsight.studio.report.plots import Look, plot
from landsight.studio.train.checkpoint import write_atomic
from landsight.studio.tune import plots
from landsight.studio.tune.importance import FEWEST, Importance, importances
from landsight.studio.tune.plan import StudyPlan, recipe_differences
from landsight.studio.tune.results import Results, figure_of
from landsight.studio.tune.storage import FOLDER
from landsight.studio.tune.trial import REASON, SECONDS
from landsight.studio.typed_toml import toml_value

#: In the study's folder.
PAGE_NAME, TABLE_NAME = "tune.html", "trials.csv"


@dataclass(frozen=True, slots=True)
class _Drawing:
    name: str
    alt: str
    size: tuple[float, float]
    draw: Callable[[Figure, Look], object]


def write_report(results: Results, out: Path) -> None:
    """Write the page, the plots and the table; without a finished trial only the table."""
    write_atomic(out / TABLE_NAME, trials_csv(results).encode())
    best = results.best
    if best is None:
        return
    found = importances(results.complete)
    drawn = {d.name: plot(d.draw, alt=d.alt, size=d.size) for d in _drawings(results, found)}
    for name, picture in drawn.items():
        write_atomic(out / f"{name}.png", base64.b64decode(picture.light.partition(",")[2]))
    html = page.render(
        f"Search {results.name}", _sections(results, best, drawn),
        subtitle=f"{len(results.complete)} trials finished; best {results.what} {best.value:.4f}", foot=f"landsight tune, {_now()}",
    )  # fmt: skip
    write_atomic(out / PAGE_NAME, html.encode())


def trials_csv(results: Results) -> str:
    """A line a trial in the order of their numbers; "value" of one that was ended early is its last look."""
    keys = [d.key for d in results.space]
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(["trial", "state", "value", "epochs", "seconds", "folder", *keys, "reason"])
    for trial in results.trials:
        looks = trial.intermediate_values
        attributes = trial.user_attrs
        writer.writerow([
            trial.number, trial.state.name.lower(), "" if figure_of(trial) is None else figure_of(trial), max(looks, default=""),
            attributes.get(SECONDS, ""), attributes.get(FOLDER, ""), *(trial.params.get(key, "") for key in keys), attributes.get(REASON, ""),
        ])  # fmt: skip
    return text.getvalue()


def _drawings(results: Results, found: Sequence[Importance]) -> list[_Drawing]:
    what, keys = results.what, len(results.space)
    drawings = [
        _Drawing("history", f"{what} of each trial", (7.4, 3.6), lambda f, k: plots.draw_history(f, k, results)),
        _Drawing("looks", f"{what} by epoch", (7.4, 3.6), lambda f, k: plots.draw_looks(f, k, results)),
    ]
    if found:
        size = (7.4, 1.4 + 0.42 * len(found))
        drawings.append(_Drawing("importance", "share of the spread by key", size, lambda f, k: plots.draw_importances(f, k, found)))
    if len(results.complete) > 1:
        wide, high = (max(7.4, 1.5 * keys + 1), 4.4), (8.6, 2.5 * -(-keys // plots.PER_ROW))
        if keys > 1:  # one axis alone has no lines
            drawings.append(
                _Drawing("parallel", "trials as lines through their values", wide, lambda f, k: plots.draw_parallel(f, k, results))
            )
        drawings.append(_Drawing("slices", f"{what} over each key", high, lambda f, k: plots.draw_slices(f, k, results)))
    return drawings


def _sections(results: Results, best: FrozenTrial, drawn: Mapping[str, Plot]) -> list[Section]:
    def some(*names: str) -> list[Block]:
        return [drawn[name] for name in names if name in drawn]

    too_few = f"With fewer than {FEWEST} finished trials, or all alike, nothing can be said about what mattered."
    mattered: list[Block] = [*some("importance")] or [Text(too_few)]
    return [
        Section("Best", _best(results, best), f"Trial {best.number}, as best.toml beside this page."),
        Section("How it went", some("history", "looks")),
        Section("What mattered", mattered, "Shares that a key alone explains, where each may vary as the space says."),
        Section("Values", some("parallel", "slices")),
        Section(
            "Trials",
            [_table(results)],
            "Each is a run folder below trials/, which landsight compare takes. Early: ended by the pruner, or impossible (see the note). Cut: interrupted, and queued again under another number.",
        ),
        Section("The search", _search(results.plan)),
    ]


def _best(results: Results, best: FrozenTrial) -> list[Block]:
    complete, early = len(results.complete), len(results.pruned)
    seconds = sum(t.user_attrs.get(SECONDS, 0.0) for t in (*results.complete, *results.pruned))
    changed = recipe_differences(results.plan.recipe, results.plan.recipe_of(best.params))
    rows: list[list[str | int | float | Cell | None]] = [[key, _toml(old), _toml(new)] for key, (old, new) in changed.items()]
    return [
        Tiles([
            Tile(f"best {results.what}", f"{best.value:.4f}", f"trial {best.number}"),
            Tile("finished", str(complete), f"{early} ended early, of {results.goal}"),
            Tile("time", _duration(seconds), "all trials together"),
        ]),
        Table([Column("key"), Column("before"), Column("best")], rows),
        Text(
            f"The best of {complete + early} trials on the same validation pictures flatters itself: its figure was chosen for being high. "
            "No trial saw the test part; measure the finished network there once, with landsight evaluate.", "note",
        ),
        Text("Train it: landsight train best.toml"),
    ]  # fmt: skip


def _table(results: Results) -> Table:
    columns = [Column("trial", True), Column("state"), Column("value", True), Column("epochs", True), Column("seconds", True), *(Column(d.key, not d.choices) for d in results.space), Column("note")]  # fmt: skip
    rows = []
    for t in results.trials:
        value = figure_of(t)
        values = [_cell(t.params.get(d.key)) for d in results.space]
        state = {TrialState.COMPLETE: "done", TrialState.PRUNED: "early", TrialState.FAIL: "cut"}.get(t.state, t.state.name.lower())
        shown = None if value is None else Cell(f"{value:.4f}", value, share=value if 0 <= value <= 1 else None)
        rows.append([t.number, state, shown, max(t.intermediate_values, default=None), t.user_attrs.get(SECONDS), *values, t.user_attrs.get(REASON, "")])  # fmt: skip
    return Table(columns, rows)


def _search(plan: StudyPlan) -> list[Block]:
    settings = {"sampler": plan.sampler, "pruner": plan.pruner, "seed": str(plan.seed), "data": plan.recipe.data.root}
    space = Table([Column("key"), Column("values")], [[d.key, d.text()] for d in plan.space], "The space")
    base = "\n".join(f"{section} = {toml_value(value)}" for section, value in plan.base.items())
    return [Pairs(settings), space, Pre(base, "The recipe it started from", folded=True)]


def _cell(value: Any) -> str | int | float | Cell | None:
    return value if value is None or (isinstance(value, int | float | str) and not isinstance(value, bool)) else str(value)


def _toml(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else toml_value(value)


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _now() -> str:
    return datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z")
