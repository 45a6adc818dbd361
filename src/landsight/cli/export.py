"""``landsight export``: a run becomes a bundle, checked against the network it came from."""

from __future__ import annotations

from pathlib import Path

import click

from landsight.cli.studio_verb import studio_module


@click.command()
@click.argument("run", metavar="RUN", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option(
    "-o", "--out", type=click.Path(path_type=Path), default=None, metavar="DIR", help="The bundle's folder. Default: bundle/ in RUN."
)
@click.option(
    "--which", type=click.Choice(["best", "last"]), default="best", show_default=True, help="The best checkpoint or the last one."
)
def export(run: Path, out: Path | None, which: str) -> None:
    """Write the network of RUN, a run folder, as a bundle that needs no torch, and check that it answers as the network does.

    Exit code 1: it does not, and nothing is left behind.
    """
    bundle = studio_module("export").export(run, out or run / "bundle", which=which)
    click.echo(f"{bundle.root}: {bundle.manifest.name}, {len(bundle.manifest.labels)} labels, {', '.join(bundle.manifest.precisions)}")
