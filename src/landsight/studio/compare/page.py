"""compare.html: who is better and how sure that is, picture by picture, class by class, epoch by epoch, field by field."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure

from landsight.studio.compare.compare import LEVEL, Comparison, Pair
from landsight.studio.compare.measured import Measured, pictures
from landsight.studio.report.page import Block, Cell, Column, Gallery, Picture, Section, Table, Text, Tiles, render
from landsight.studio.report.plots import Look, plot
from landsight.studio.report.thumbnails import thumbnails
from landsight.studio.report.words import difference_cell, made_by, percent, share_cell, tile
from landsight.studio.train.curves import look_names
from landsight.studio.train.history import elapsed
from landsight.studio.typed_toml import toml_value

#: Pictures shown of each side of a pair, and rows of a table of classes before it is folded.
SHOWN, CLASSES = 12, 40


def page(made: Comparison) -> str:
    """The whole page as text."""
    names = ", ".join(run.name for run in made.runs)
    sections = [
        Section("Who is better", _verdict(made), "The same pictures, answered by each; differences are paired, picture by picture."),
        Section("Won and lost", _pictures(made), "Pictures that one of two answered better than the other."),
        Section("Classes", _classes(made)),
        Section("Learning curves", _curves(made)),
        Section("Recipes", [_recipes(made)]),
        Section("Cost", [_costs(made)]),
    ]
    return render(
        f"Compared: {names}", [s for s in sections if s.blocks], subtitle=f"{len(made.files):,} pictures of {made.part!r}", foot=made_by()
    )


def _verdict(made: Comparison) -> list[Block]:
    columns = [Column("pair"), Column("difference in points", True), Column("p, exact", True), Column("p, Holm", True), Column("won", True), Column("lost", True), Column("verdict")]  # fmt: skip
    rows: list[list[str | int | float | Cell | None]] = [
        [f"{p.second} less {p.first}", difference_cell(p.difference), _p(p.p), _p(p.p_holm), len(p.won), len(p.lost), p.verdict]
        for p in made.pairs
    ]
    blocks: list[Block] = [Tiles([tile(run.name, made.scores[run.name]) for run in made.runs]), Table(columns, rows)]
    several = f" Of {len(made.pairs)} pairs at once, Holm's p counts." if len(made.pairs) > 1 else ""
    blocks.append(
        Text(
            f"p: how often pictures on which two runs differ would be divided so unevenly by chance. Below {LEVEL} a difference counts as "
            f"shown; above it, it is not shown that they are equal.{several}"
        )
    )
    if made.left_out:
        blocks.append(
            Text("Not compared: " + ", ".join(f"{count} pictures {reason}" for reason, count in made.left_out.items()) + ".", "note")
        )
    if made.part == "validation":
        blocks.append(Text("These runs may have been chosen by the very same pictures. The test part, looked at once, decides.", "note"))
    return blocks


def _pictures(made: Comparison) -> list[Block]:
    samples = next((found for run in made.runs if (found := pictures(run, made.part))), {})
    by_name = {run.name: run for run in made.runs}
    blocks: list[Block] = []
    for pair in made.pairs:
        first, second = by_name[pair.first], by_name[pair.second]
        for files, better, worse in ((pair.won, second, first), (pair.lost, first, second)):
            if files:
                caption = f"{better.name} better than {worse.name}: {len(files):,} pictures" + (
                    f", {SHOWN} of them" if len(files) > SHOWN else ""
                )
                blocks.append(Gallery(_gallery(files[:SHOWN], better, worse, samples), caption, folded=len(made.pairs) > 1))
    return blocks or [Text("All answer all pictures equally well.")]


def _gallery(files: Sequence[str], better: Measured, worse: Measured, samples: dict[str, Any]) -> list[Picture]:
    there = [name for name in files if name in samples]
    images = dict(zip(there, thumbnails([samples[name].source() for name in there]) if there else [], strict=True))
    shown = []
    for name in files:
        right, wrong = better.said[name], worse.said[name]
        lines = [f"{better.name}: {right.guess or percent(right.mark)}", f"{worse.name}: {wrong.guess or percent(wrong.mark)}", name]
        shown.append(Picture(images.get(name, ""), right.truth, lines))
    return shown


def _classes(made: Comparison) -> list[Block]:
    blocks: list[Block] = []
    for (first, second), classes in made.classes.items():
        columns = [Column("class"), Column("pictures", True), Column(first, True), Column(second, True), Column("difference in points", True), Column("p, Holm", True)]  # fmt: skip
        rows: list[list[str | int | float | Cell | None]] = [
            [c.label, c.first.n, share_cell(c.first), share_cell(c.second), difference_cell(c.difference), _p(c.p_holm)] for c in classes
        ]
        if rows:
            folded = len(made.classes) > 1 or len(rows) > CLASSES
            blocks.append(Table(columns, rows, f"{second} less {first}, largest difference first", folded=folded))
    return blocks


def _curves(made: Comparison) -> list[Block]:
    if not any(run.rows for run in made.runs):
        return []
    main = next((n for run in made.runs for n in look_names(run.rows) if n.startswith("validation_")), "")
    return [plot(lambda figure, look: _draw_curves(figure, look, made, main), alt="loss and looks of each run by epoch", size=(9.2, 3.4))]


def _draw_curves(figure: Figure, look: Look, made: Comparison, main: str) -> None:
    """Loss by epoch; the main look by epoch and by minutes of training."""
    panels = figure.subplots(1, 3)
    for number, run in enumerate(made.runs):
        colour = look.series[number % len(look.series)]
        looks = [row for row in run.rows if main in row]
        minutes = {row["epoch"]: seconds / 60 for row, seconds in zip(run.rows, elapsed(run.rows), strict=True)}
        lines = (
            [(row["epoch"], row["loss"]) for row in run.rows if "loss" in row],
            [(row["epoch"], row[main]) for row in looks],
            [(minutes[row["epoch"]], row[main]) for row in looks],
        )
        for axes, points in zip(panels, lines, strict=True):
            if points:
                axes.plot(*zip(*points, strict=True), color=colour, marker="o", markersize=3, label=run.name)
    for axes, title, below in zip(panels, ("loss", *2 * (main.replace("_", " "),)), ("epoch", "epoch", "minutes of training"), strict=True):
        axes.set_title(title)
        axes.set_xlabel(below)
        if below == "epoch":
            axes.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
    if panels[0].lines:
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)


def _recipes(made: Comparison) -> Block:
    found = made.recipe_differences
    if not found:
        return Text("No recipes to compare, or all are alike.")
    rows: list[list[str | int | float | Cell | None]] = [
        [key, *("–" if v is None else f"{v:.6g}" if isinstance(v, float) else toml_value(v) for v in values)]
        for key, values in found.items()
    ]
    return Table([Column("key"), *(Column(run.name) for run in made.runs)], rows)


def _costs(made: Comparison) -> Block:
    columns = [Column("run"), Column("parameters", True), Column("multiply-adds a picture", True), Column("input"), Column("epochs", True), Column("minutes of training", True)]  # fmt: skip
    rows: list[list[str | int | float | Cell | None]] = []
    for run in made.runs:
        cost = run.cost
        rows.append(
            [run.name, None, None, None, None, None]
            if cost is None
            else [run.name, cost.parameters, cost.multiply_adds, cost.input, cost.epochs, round(cost.seconds / 60, 2)]
        )
    return Table(columns, rows)


def _p(value: float) -> Cell:
    return Cell(f"{value:.4f}" if value >= 1e-4 else "< 0.0001", value)


def pair_line(pair: Pair) -> str:
    """One pair for a terminal, figures in percentage points."""
    metric = pair.difference
    interval = f"{100 * metric.low:+.2f} to {100 * metric.high:+.2f}"
    p = f"p {pair.p:.4f}" + (f" (Holm {pair.p_holm:.4f})" if pair.p_holm != pair.p else "")
    return f"{pair.second} less {pair.first}: {100 * metric.value:+.2f} points ({interval}), {p}; {len(pair.won)} won, {len(pair.lost)} lost: {pair.verdict}"
