"""``landsight tune``: search for a better recipe, judged by validation alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from landsight.cli.app import EXIT_INTERRUPTED, EXIT_OK
from landsight.cli.safe_text import quoted
from landsight.cli.studio_verb import studio_module


@click.command()
@click.argument("source", metavar="RECIPE_OR_DIR", type=click.Path(path_type=Path, exists=True))
@click.option("-o", "--out", type=click.Path(path_type=Path, file_okay=False), default=None, metavar="STUDY", help="The study's folder. Default: runs/tune- and the name of the source.")  # fmt: skip
@click.option("--space", "space", multiple=True, metavar="KEY=SPEC", help="What may change: optimise.rate=1e-4:1e-2:log, train.batch=16:128:16, net.name=[\"cnn\",\"resnet\"]; repeatable. Default: [tune.space] of the recipe, else what most often matters.")  # fmt: skip
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Change one value of the recipe for all trials; repeatable.")
@click.option("--sampler", type=click.Choice(["tpe", "gp", "random", "grid"]), default="tpe", show_default=True, help="How trials are chosen.")  # fmt: skip
@click.option("--pruner", type=click.Choice(["median", "hyperband", "halving", "none"]), default="median", show_default=True, help="How hopeless trials are ended early.")  # fmt: skip
@click.option("--trials", type=click.IntRange(min=1), default=None, metavar="N", help="How many trials, over all calls. Default: 20; of a grid all.")  # fmt: skip
@click.option("--minutes", type=click.FloatRange(min=0, min_open=True), default=None, metavar="M", help="End this call after so long; what is half trained goes on in the next.")  # fmt: skip
@click.option("--workers", type=click.IntRange(min=1), default=1, show_default=True, metavar="N", help="Processes that train at the same time.")  # fmt: skip
@click.option("--seed", type=click.IntRange(min=0), default=None, metavar="N", help="Of the choices. Default: train.seed of the recipe.")
@click.option("--storage", "url", default="", metavar="URL", help="A database that several machines share, such as postgresql://user@host/name. Default: a SQLite file in STUDY.")  # fmt: skip
@click.option("--name", default="", metavar="NAME", help="Of the study in the database. Default: that of the folder STUDY.")
@click.pass_context
def tune(ctx: click.Context, /, source: Path, out: Path | None, space: tuple[str, ...], settings: tuple[str, ...], **how: Any) -> None:
    """Search for a better recipe than RECIPE (a TOML file), or than the default one for DIR, a folder of labelled pictures.

    Each trial is a run folder below STUDY/trials. The same command goes on where it ended. The test part is never looked at. Exit code
    130: interrupted, everything is kept.
    """
    search = studio_module("tune.search")
    out = out or Path("runs") / f"tune-{source.stem}"
    effort = search.Effort(how.pop("trials") or 0, how.pop("minutes") or 0.0, how.pop("workers"))
    recipe, section = search.starting_point(source, out, effort, settings)
    made = studio_module("tune.space").space_of(recipe, section, space)
    tuned = search.tune(recipe, out, space=made, effort=effort, **how)
    _tell(tuned)
    ctx.exit(EXIT_INTERRUPTED if tuned.interrupted else EXIT_OK)


def _tell(tuned: Any) -> None:
    """The best, what it changed, and what to do next."""
    if tuned.best is None:
        click.echo(f"{tuned.folder}: no trial has finished yet; the same command goes on")
        return
    click.echo(f"{tuned.folder}: {tuned.done} of {tuned.goal} trials; best {tuned.what} {tuned.best.value:.4f}, trial {tuned.best.number}")
    for key, value in tuned.best.params.items():
        click.echo(f"  {key} = {value:.6g}" if isinstance(value, float) else f"  {key} = {json.dumps(value)}")
    click.echo(f"what mattered: {tuned.folder / 'tune.html'}")
    if tuned.done < tuned.goal:
        click.echo(f"{tuned.goal - tuned.done} trials are left: the same command goes on")
    click.echo(f"train it: landsight train {quoted(tuned.best_recipe)}")
