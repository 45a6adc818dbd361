"""``landsight train``: from a recipe, or from a folder of labelled pictures, to a run folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from landsight.cli.app import EXIT_INTERRUPTED, EXIT_OK
from landsight.cli.studio_verb import studio_module

if TYPE_CHECKING:
    from landsight.bundle.manifest import Metric


@click.command()
@click.argument("source", metavar="RECIPE_OR_DIR", type=click.Path(path_type=Path, exists=True))
@click.option("-o", "--out", type=click.Path(path_type=Path, file_okay=False), default=None, metavar="RUN", help="The run folder. Default: runs/ and the name of the source.")  # fmt: skip
@click.option(
    "--set", "settings", multiple=True, metavar="KEY=VALUE", help="Change one value of the recipe, such as train.batch=32; repeatable."
)
@click.option("--minutes", type=click.FloatRange(min=0, min_open=True), default=None, help="Time to train, of a folder. Default: 15.")
@click.option("--finish/--only-train", default=None, help="After training: calibrate, test, export, write the page. Default: of a folder.")
@click.option("--test/--no-test", default=True, help="With --finish: look at the test part, once. Default: yes.")
@click.option("--mlflow", is_flag=True, help="Log to MLflow as well. Also when MLFLOW_TRACKING_URI is set.")
@click.pass_context
def train(ctx: click.Context, /, source: Path, out: Path | None, finish: bool | None, **options: Any) -> None:
    """Train on DIR, labelled pictures (a folder a class, a table, idx files), or as RECIPE (a TOML file) says.

    Of a folder, everything is chosen from what is seen in it, and the result is tested and exported to RUN/bundle, with one page that explains
    it, RUN/report.html. A run that was interrupted goes on when the same command is given again. Exit code 130: interrupted, the last
    step is saved.
    """
    out = out or Path("runs") / source.stem
    if finish or (finish is None and source.is_dir()):
        _build(ctx, source, out, **options)
    builder = studio_module("build")
    recipe, _ = builder.chosen(source, out, minutes=options["minutes"], settings=options["settings"], say=_say)
    run = studio_module("train.run").train(recipe, out, mlflow=options["mlflow"])
    _show(ctx, run)


def _build(ctx: click.Context, source: Path, out: Path, **options: Any) -> None:
    built = studio_module("build").build(source, out, **options)
    if built.bundle is None:
        _show(ctx, built.run)
    if built.tested is not None:
        _figures("test", built.tested)
    verb = "locate --bundle" if built.bundle.manifest.places else "predict"
    click.echo(f"page:   {built.page}")
    click.echo(f"bundle: {built.bundle.root}")
    click.echo(f"use it: landsight {verb} {built.bundle.root} PHOTOS")
    ctx.exit(EXIT_OK)


def _show(ctx: click.Context, run: Any) -> None:
    click.echo(f"{run.folder}: {'finished' if run.finished else 'interrupted'} after step {run.step}")
    for subset, metrics in run.metrics.items():
        _figures(subset, metrics)
    ctx.exit(EXIT_OK if run.finished else EXIT_INTERRUPTED)


def _figures(part: str, metrics: dict[str, Metric]) -> None:
    for name, metric in metrics.items():
        click.echo(f"  {part} {name}: {metric.value:.4f} ({metric.low:.4f} to {metric.high:.4f}, n = {metric.n})")


def _say(line: str) -> None:
    click.echo(line, err=True)
