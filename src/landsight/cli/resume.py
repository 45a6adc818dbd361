"""``landsight resume``: go on with a training run, however it ended."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from landsight.cli.studio_verb import studio_module
from landsight.cli.train import tell


@click.command()
@click.argument("run", metavar="RUN", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--epochs", type=click.IntRange(min=1), default=None, metavar="N", help="Extend the run to so many epochs in all.")
@click.option("--minutes", type=click.FloatRange(min=0, min_open=True), default=None, metavar="M", help="Extend the time of a run that began with one, in all.")  # fmt: skip
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Change a value that changes no weights, such as train.workers=0 or data.root; repeatable.")  # fmt: skip
@click.option("--mlflow", is_flag=True, help="Log to MLflow as well. Also when MLFLOW_TRACKING_URI is set.")
@click.pass_context
def resume(ctx: click.Context, /, run: Path, **options: Any) -> None:
    """Go on with RUN, a folder that `landsight train` made, from its last checkpoint, however it was stopped.

    It ends in the same weights as if it had never been stopped, to the bit. What would change them is refused, with what differs.
    """
    ctx.exit(tell(studio_module("train.run").resume(run, **options)))
