"""``landsight evaluate``: how good a trained network is, with intervals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from landsight.cli.studio_verb import studio_module


@click.command()
@click.argument("source", metavar="SOURCE", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option(
    "--part", default="test", show_default=True, metavar="NAME", help="Which pictures: a part of the data, such as test or train."
)
@click.option(
    "--data", "root", default=None, metavar="DIR", help="The folder of labelled pictures. A run knows its own, a bundle needs it."
)
@click.option(
    "--which", type=click.Choice(["best", "last"]), default="best", show_default=True, help="Of a run: the best checkpoint or the last."
)
@click.option("-o", "--out", type=click.Path(path_type=Path, file_okay=False), default=None, metavar="DIR", help="Where predictions and figures are written. Default: into the run; for a bundle nowhere.")  # fmt: skip
@click.option("--runtime", type=click.Choice(["onnxruntime", "openvino"]), default="onnxruntime", show_default=True, help="Of a bundle: what runs it.")  # fmt: skip
@click.option("--precision", default="fp32", show_default=True, metavar="NAME", help="Of a bundle: one of its precisions.")
@click.option("--robustness", is_flag=True, help="Also corrupt the pictures (shift, rotation, scale, blur, noise, JPEG, downscaling, occlusion): what is lost.")  # fmt: skip
@click.option("--sample", type=click.IntRange(min=1), default=500, show_default=True, metavar="N", help="At most so many pictures for --robustness.")  # fmt: skip
@click.option(
    "-f", "--format", "format_", type=click.Choice(["table", "json"]), default="table", show_default=True, help="table is for people."
)
def evaluate(source: Path, format_: str, part: str, **options: Any) -> None:
    """Measure SOURCE, a run folder or a bundle, on labelled pictures; every figure with its 95 % interval.

    Looks at a part that is kept for testing are counted. Never choose by one.
    """
    found = studio_module("evaluate").evaluate(source, split=part, say=lambda line: click.echo(line, err=True), **options)
    if format_ == "json":
        click.echo(found.to_json(), nl=False)
        return
    for name, metric in found.metrics.items():
        click.echo(f"{name:<24} {metric.value:.4f}  ({metric.low:.4f} to {metric.high:.4f}, n = {metric.n})  {metric.what}")
    if found.unreadable:
        click.echo(f"{len(found.unreadable)} pictures could not be read and count neither for nor against")
    if found.looks is not None:
        click.echo(f"look {found.looks} at {part!r}")
