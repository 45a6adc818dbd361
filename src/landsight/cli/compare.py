"""``landsight compare``: several runs on the same pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from landsight.cli.studio_verb import studio_module


@click.command()
@click.argument("runs", metavar="RUN RUN...", nargs=-1, type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--part", default="validation", show_default=True, metavar="NAME", help="Which pictures. Of other parts than validation only stored answers are read.")  # fmt: skip
@click.option("-o", "--out", type=click.Path(path_type=Path, file_okay=False), default=None, metavar="DIR", help="Where compare.html and compare.json go. Default: runs/compare- and the names.")  # fmt: skip
@click.option(
    "-f", "--format", "format_", type=click.Choice(["table", "json"]), default="table", show_default=True, help="table is for people."
)
def compare(runs: tuple[Path, ...], part: str, out: Path | None, format_: str) -> None:
    """Compare run folders on the pictures that all of them answered: paired differences with interval and p-value, pictures won and lost.

    Folders that hold predictions-PART.csv do as well. A test part is never looked at for this.
    """
    studio_module("recipe")
    measured = studio_module("compare.measured")
    out = out or Path("runs") / ("compare-" + "-".join(name.replace("/", "-") for name in measured.names(runs))[:80])
    made = studio_module("compare.compare").compare(runs, part=part, out=out)
    if format_ == "json":
        click.echo(made.to_json(), nl=False)
        return
    _table(made, out)


def _table(made: Any, out: Path) -> None:
    line = studio_module("compare.page").pair_line
    width = max(len(run.name) for run in made.runs)
    for run in made.runs:
        score, cost = made.scores[run.name], run.cost
        costs = f"  {cost.parameters:,} parameters, {cost.seconds / 60:.1f} min of training" if cost else ""
        click.echo(
            f"{run.name:<{width}}  {100 * score.value:6.2f} %  ({100 * score.low:.2f} to {100 * score.high:.2f}, n = {score.n}){costs}"
        )
    for pair in made.pairs:
        click.echo(line(pair))
    for reason, count in made.left_out.items():
        click.echo(f"{count} pictures {reason}: not compared")
    click.echo(f"page: {out / 'compare.html'}")
