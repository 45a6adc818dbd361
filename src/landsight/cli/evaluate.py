"""``landsight evaluate``: how good a trained network is, with intervals."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from landsight.cli.app import EXIT_INTERRUPTED
from landsight.cli.studio_verb import studio_module
from landsight.errors import UsageError


@click.command()
@click.argument("source", metavar="SOURCE", type=click.Path(path_type=Path, exists=True))
@click.option(
    "--part",
    default=None,
    metavar="NAME",
    help="Which pictures: a part of the data. Default: test; for a bundle, the one that DIR has, if it has one alone.",
)
@click.option(
    "--data", "root", default=None, metavar="DIR", help="The folder of labelled pictures. A run knows its own, a bundle needs it."
)
@click.option(
    "--which", type=click.Choice(["best", "last"]), default="best", show_default=True, help="Of a run: the best checkpoint or the last."
)
@click.option("-o", "--out", type=click.Path(path_type=Path, file_okay=False), default=None, metavar="DIR", help="Where predictions, figures and pages are written. Default: into the run; for a bundle nowhere.")  # fmt: skip
@click.option("--runtime", type=click.Choice(["onnxruntime", "openvino"]), default=None, help="Of a bundle: what runs it. Default: onnxruntime, or the one that the bundle is for.")  # fmt: skip
@click.option("--precision", default="fp32", show_default=True, metavar="NAME", help="Of a bundle: one of its precisions.")
@click.option("--robustness", is_flag=True, help="Also corrupt the pictures (shift, rotation, scale, blur, noise, JPEG, downscaling, occlusion): what is lost.")  # fmt: skip
@click.option(
    "--corruption", "corruptions", multiple=True, metavar="NAME", help="As --robustness, under this alone, such as shift; repeatable."
)
@click.option("--sample", type=click.IntRange(min=1), default=500, show_default=True, metavar="N", help="At most so many pictures for --robustness.")  # fmt: skip
@click.option("--folds", type=click.IntRange(min=2), default=None, metavar="K", help="Train K times, each time without one of K folds, and measure on that. SOURCE is a run or a recipe.")  # fmt: skip
@click.option("--learning-curve", is_flag=True, help="Train on 25, 50, 75 and 100 % of the pictures: would more help. SOURCE is a run or a recipe.")  # fmt: skip
@click.option(
    "-f", "--format", "format_", type=click.Choice(["table", "json"]), default="table", show_default=True, help="table is for people."
)
def evaluate(source: Path, format_: str, folds: int | None, learning_curve: bool, **options: Any) -> None:
    """Measure SOURCE, a run folder or a bundle, on labelled pictures; every figure with its 95 % interval.

    Looks at a part that is kept for testing are counted. Never choose by one. --folds and --learning-curve train anew, and look at no test
    part; what is done is kept, and the same command goes on.
    """
    if folds is not None or learning_curve:
        _train_again(source, format_, folds, learning_curve, options)
        return
    if not source.is_dir():
        raise UsageError("no_run", f"{source} is no folder.", "Give a run folder or a bundle; a recipe with --folds or --learning-curve.")
    part = options.pop("part") or studio_module("evaluate").usual_part(source, options["root"])
    found = studio_module("evaluate").evaluate(source, split=part, say=_say, **options)
    if format_ == "json":
        click.echo(found.to_json(), nl=False)
        return
    _print_metrics(found.metrics)
    if found.unreadable:
        click.echo(f"{len(found.unreadable)} pictures could not be read and count neither for nor against")
    if found.looks is not None:
        click.echo(f"look {found.looks} at {part!r}")
    elif part == "train":
        known = (
            "These pictures were learnt from, or some of them were" if options["root"] is None else "If it has learnt from these pictures"
        )
        click.echo(f"{known}: others will be told less well.")
    page = (options["out"] or source) / f"evaluation-{part}.html"
    if page.is_file():  # of a bundle nothing is written unless --out says where
        click.echo(f"page: {page}")


def _train_again(source: Path, format_: str, folds: int | None, learning_curve: bool, options: dict[str, Any]) -> None:
    """k-fold, or the learning curve."""
    if folds is not None and learning_curve:
        raise UsageError("two_verbs", "--folds and --learning-curve are two things.", "Give one of them, then the other.")
    if folds is not None:
        found = studio_module("cross_validate").cross_validate(source, folds, out=options["out"], say=_say)
    else:
        found = studio_module("learning_curve").learning_curve(source, out=options["out"], say=_say)
    if found is None:
        click.echo("Stopped before the end; what is done is kept. Give the same command again to go on.", err=True)
        click.get_current_context().exit(EXIT_INTERRUPTED)
    if format_ == "json":
        click.echo(found.to_json(), nl=False)
    elif folds is None:
        for point in found.points:
            click.echo(
                f"{point.share:4.0%}  {point.pictures:>7,} pictures  {point.mark.value:.4f}  ({point.mark.low:.4f} to {point.mark.high:.4f})"
            )
        click.echo(found.verdict)
    else:
        click.echo(f"{found.main_metric} of {folds} folds: mean {found.mean:.4f}, standard deviation {found.spread:.4f}")
        click.echo("all pictures together, each answered by a network that has not learnt from it:")
        _print_metrics(found.pooled.metrics)


def _print_metrics(metrics: Mapping[str, Any]) -> None:
    for name, metric in metrics.items():
        click.echo(f"{name:<24} {metric.value:.4f}  ({metric.low:.4f} to {metric.high:.4f}, n = {metric.n})  {metric.what}")


def _say(line: str) -> None:
    click.echo(line, err=True)
