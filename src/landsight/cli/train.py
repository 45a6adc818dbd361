"""``landsight train``: from a recipe, or from a folder of labelled pictures, to a run folder."""

from __future__ import annotations

import json
from pathlib import Path

import click

from landsight.cli.app import EXIT_INTERRUPTED, EXIT_OK
from landsight.cli.studio_verb import studio_module


@click.command()
@click.argument("source", metavar="RECIPE_OR_DIR", type=click.Path(path_type=Path, exists=True))
@click.option("-o", "--out", type=click.Path(path_type=Path, file_okay=False), default=None, metavar="RUN", help="The run folder. Default: runs/ and the name of the source.")  # fmt: skip
@click.option(
    "--set", "settings", multiple=True, metavar="KEY=VALUE", help="Change one value of the recipe, such as train.batch=32; repeatable."
)
@click.option("--mlflow", is_flag=True, help="Log to MLflow as well. Also when MLFLOW_TRACKING_URI is set.")
@click.pass_context
def train(ctx: click.Context, /, source: Path, out: Path | None, settings: tuple[str, ...], mlflow: bool) -> None:
    """Train as RECIPE (a TOML file) says, or on DIR, a folder with one folder of pictures a class, with the default recipe.

    A run that was interrupted goes on when the same command is given again. Exit code 130: interrupted, the last step is saved.
    """
    recipes = studio_module("recipe")
    if source.is_dir():
        recipe = recipes.load(None, (f"data.root={json.dumps(str(source.resolve()))}", *settings))
    else:
        recipe = recipes.load(source, settings)
    run = studio_module("train.run").train(recipe, out or Path("runs") / source.stem, mlflow=mlflow)
    click.echo(f"{run.folder}: {'finished' if run.finished else 'interrupted'} after step {run.step}")
    for subset, metrics in run.metrics.items():
        for name, metric in metrics.items():
            click.echo(f"  {subset} {name}: {metric.value:.4f} ({metric.low:.4f} to {metric.high:.4f}, n = {metric.n})")
    ctx.exit(EXIT_OK if run.finished else EXIT_INTERRUPTED)
