"""``landsight train``: from a recipe, or from a folder of labelled pictures, to a run folder."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from landsight.cli.app import EXIT_INTERRUPTED, EXIT_OK, EXIT_SOME_FAILED
from landsight.cli.safe_text import quoted
from landsight.cli.studio_verb import studio_module
from landsight.errors import UsageError

if TYPE_CHECKING:
    from landsight.bundle.manifest import Metric


@click.command()
@click.argument("source", metavar="RECIPE_OR_DIR", type=click.Path(path_type=Path, exists=True))
@click.option("-o", "--out", type=click.Path(path_type=Path, file_okay=False), default=None, metavar="RUN", help="The run folder. Default: runs/ and the name of the source.")  # fmt: skip
@click.option(
    "--set", "settings", multiple=True, metavar="KEY=VALUE", help="Change one value of the recipe, such as train.batch=32; repeatable."
)
@click.option("--minutes", type=click.FloatRange(min=0, min_open=True), default=None, metavar="M", help="As many epochs as fit into this time. Default: of a folder 15, of a recipe what it says.")  # fmt: skip
@click.option("--epochs", type=click.IntRange(min=1), default=None, metavar="N", help="So many epochs in all, however long they take; stages keep their proportions.")  # fmt: skip
@click.option("--batch-size", default=None, metavar="N|auto", help="Pictures a batch; auto: the largest that fits into memory.")
@click.option("--from", "start", type=click.Path(path_type=Path, exists=True, file_okay=False), default=None, metavar="RUN", help="Start from the weights of an earlier run; of its head, those for labels that both have.")  # fmt: skip
@click.option("--finish/--only-train", default=None, help="After training: calibrate, test, export, write the page. Default: of a folder.")
@click.option("--test/--no-test", default=True, help="With --finish: look at the test part, once. Default: yes.")
@click.option("--find-rate", "trial", flag_value="find_rate", help="Train nothing: let the learning rate rise until the loss diverges, suggest one, write RUN/find_rate.png and .csv.")  # fmt: skip
@click.option("--dry-run", "trial", flag_value="dry_run", help="Train nothing: one step through everything, export included, on few pictures; says time and memory, leaves nothing.")  # fmt: skip
@click.option("--overfit", "trial", flag_value="overfit", help="Train nothing: can the network learn one batch by heart? Leaves nothing.")
@click.option("--mlflow", is_flag=True, help="Log to MLflow as well. Also when MLFLOW_TRACKING_URI is set.")
@click.pass_context
def train(ctx: click.Context, /, source: Path, out: Path | None, finish: bool | None, **options: Any) -> None:
    """Train on DIR, labelled pictures (a folder a class, a table, idx files), or as RECIPE (a TOML file) says.

    Of a folder, everything is chosen from what is seen in it, and the result is tested and exported to RUN/bundle, with one page that explains
    it, RUN/report.html. A run that was interrupted goes on when the same command is given again; `landsight resume RUN` goes on with its
    training alone. Exit code 130: interrupted, the last step is saved.
    """
    out = out or Path("runs") / source.resolve().stem
    options["settings"] = (*options["settings"], *_settings(source, options, options.pop("batch_size"), options.pop("start")))
    if (kind := options.pop("trial")) is not None:
        ctx.exit(_try(kind, source, out, options))
    if finish or (finish is None and source.is_dir()):
        _build(ctx, source, out, **options)
    builder = studio_module("build")
    chosen = {name: options[name] for name in ("minutes", "epochs", "settings")}
    recipe, _ = builder.chosen(source, out, say=_say, **chosen)
    ctx.exit(tell(studio_module("train.run").train(recipe, out, mlflow=options["mlflow"])))


def _settings(source: Path, options: dict[str, Any], batch_size: str | None, start: Path | None) -> Iterator[str]:
    """Options that are short for a setting of the recipe. Raises: UsageError."""
    if options["minutes"] is not None and options["epochs"] is not None:
        raise UsageError("bad_option", "--epochs and --minutes: received both.", "Give one: the number of epochs, or the time for them.")
    if options["minutes"] is not None and source.is_file():
        yield f"train.minutes={options['minutes']}"
    if batch_size is not None:
        if batch_size != "auto" and not (batch_size.isascii() and batch_size.isdigit() and int(batch_size) > 0):
            raise UsageError("bad_option", f"--batch-size: received {batch_size!r}.", "Give a number above 0, or auto.")
        yield f"train.batch={0 if batch_size == 'auto' else int(batch_size)}"
    if start is not None:
        yield f"net.start={json.dumps(str(start.resolve()))}"


def _try(kind: str, source: Path, out: Path, options: dict[str, Any]) -> int:
    """A look before training; exit code 1 when it found something wrong."""
    chosen = {name: options[name] for name in ("minutes", "epochs", "settings")}
    with tempfile.TemporaryDirectory(
        prefix="landsight-chosen-"
    ) as scratch:  # what is chosen for a folder is the run's to keep, not a trial's
        recipe, _ = studio_module("build").chosen(source, Path(scratch), say=_say, **chosen)
    passed, lines = studio_module(f"train.{kind}").trial(recipe, out, _say)
    for line in lines:
        click.echo(line)
    return EXIT_OK if passed else EXIT_SOME_FAILED


def _build(ctx: click.Context, source: Path, out: Path, **options: Any) -> None:
    built = studio_module("build").build(source, out, **options)
    if built.bundle is None:
        ctx.exit(tell(built.run))
    if built.tested is not None:
        _figures("test", built.tested)
    verb = "locate --bundle" if built.bundle.manifest.places else "predict"
    click.echo(f"page:   {built.page}")
    click.echo(f"bundle: {built.bundle.root}")
    click.echo(f"use it: landsight {verb} {quoted(built.bundle.root)} PHOTOS")
    ctx.exit(EXIT_OK)


def tell(run: Any) -> int:
    """How a run ended and what its last look found, by the first of several processes; returns the exit code."""
    if studio_module("train.distributed").is_first_process():
        how = "interrupted" if not run.finished else "finished" if run.ended == "epochs" else f"finished ({run.ended})"
        click.echo(f"{run.folder}: {how} after step {run.step}")
        for subset, metrics in run.metrics.items():
            _figures(subset, metrics)
    return EXIT_OK if run.finished else EXIT_INTERRUPTED


def _figures(part: str, metrics: dict[str, Metric]) -> None:
    for name, metric in metrics.items():
        click.echo(f"  {part} {name}: {metric.value:.4f} ({metric.low:.4f} to {metric.high:.4f}, n = {metric.n})")


def _say(line: str) -> None:
    if studio_module("train.distributed").is_first_process():
        click.echo(line, err=True)
