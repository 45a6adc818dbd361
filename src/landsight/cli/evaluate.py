"""``landsight evaluate``: how good a trained network is, with intervals."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from landsight.cli.studio_verb import studio_module


@click.command()
@click.argument("run", metavar="RUN", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option(
    "--part",
    default="validation",
    show_default=True,
    metavar="NAME",
    help="Which pictures: validation, or a part of the data such as test.",
)
@click.option(
    "--which", type=click.Choice(["best", "last"]), default="best", show_default=True, help="The best checkpoint or the last one."
)
@click.option(
    "-f", "--format", "format_", type=click.Choice(["table", "json"]), default="table", show_default=True, help="table is for people."
)
def evaluate(run: Path, part: str, which: str, format_: str) -> None:
    """Measure the network of RUN, a run folder, on pictures it has not learned from; every figure with its 95 % interval.

    A look at a test part is a look: count it, and never choose by it.
    """
    metrics = studio_module("evaluate").evaluate(run, part=part, which=which)
    if format_ == "json":
        click.echo(json.dumps({name: asdict(metric) for name, metric in metrics.items()}, ensure_ascii=False))
        return
    for name, metric in metrics.items():
        click.echo(f"{name:<24} {metric.value:.4f}  ({metric.low:.4f} to {metric.high:.4f}, n = {metric.n})  {metric.what}")
