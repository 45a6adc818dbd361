"""``landsight bundle``: what a bundle is, and how somebody else's model becomes one."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from landsight.cli.options import bundle_option
from landsight.cli.studio_verb import studio_module
from landsight.errors import UsageError


@click.group(invoke_without_command=False)
def bundle() -> None:
    """Show a bundle, or make one of somebody else's model."""


@bundle.command()
@click.argument("folder", metavar="[BUNDLE]", type=click.Path(path_type=Path), required=False)
@bundle_option
def show(folder: Path | None, bundle: Path | None) -> None:
    """Print the model card: what it knows, what it sees, from what it was made, how good it is. Without BUNDLE: the shipped one."""
    from landsight.bundle.card import render_card
    from landsight.bundle.load import load
    from landsight.cli.output import is_terminal
    from landsight.cli.safe_text import visible

    if folder is not None and bundle is not None:
        raise UsageError("two_bundles", f"Two bundles were named: received {folder} and --bundle {bundle}.", "Name one of them.")
    text = "\n".join(visible(line) for line in render_card(load(folder or bundle).manifest).splitlines())
    if not is_terminal(sys.stdout):
        click.echo(text)
        return
    from rich.console import Console
    from rich.markdown import Markdown

    Console().print(Markdown(text))


def _size(_ctx: click.Context, _param: click.Parameter, value: str | None) -> tuple[int, int] | None:
    """224 or 224x160, width first."""
    if value is None:
        return None
    try:
        width, _, height = value.lower().partition("x")
        return int(width), int(height or width)
    except ValueError:
        raise click.BadParameter(f"{value!r} is no size, such as 224 or 224x160 (width first).") from None


def _numbers(_ctx: click.Context, _param: click.Parameter, value: str | None) -> tuple[float, ...] | None:
    """127.5 or 123.7,116.3,103.5."""
    if value is None:
        return None
    try:
        return tuple(float(part) for part in value.replace(",", " ").split())
    except ValueError:
        raise click.BadParameter(f"{value!r} is not one number, or one a channel, such as 123.7,116.3,103.5.") from None


@bundle.command("import")
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--labels", type=click.Path(path_type=Path), required=True, metavar="FILE", help="The labels in the order of the scores: one a line, or a table with a column label or class.")  # fmt: skip
@click.option("--places", type=click.Path(path_type=Path), default=None, metavar="FILE", help="A places.csv that makes it a locator.")
@click.option("-o", "--out", type=click.Path(path_type=Path), default=None, metavar="DIR", help="The bundle's folder. Default: the model's name without its ending.")  # fmt: skip
@click.option("--size", callback=_size, default=None, metavar="WxH", help="Size of the input, if the graph leaves it open.")
@click.option("--resize", type=click.Choice(["squash", "crop", "letterbox"]), default=None, help="How a picture comes to that size.")
@click.option("--filter", "filter", type=click.Choice(["box", "bilinear", "hamming", "bicubic", "lanczos"]), default=None, help="The filter of that.")  # fmt: skip
@click.option("--colour", type=click.Choice(["RGB", "BGR", "L"]), default=None, help="The channels and their order; L is grey.")
@click.option("--mean", callback=_numbers, default=None, metavar="N[,N,N]", help="Taken off each pixel of 0 to 255, in the order of --colour.")  # fmt: skip
@click.option("--std", callback=_numbers, default=None, metavar="N[,N,N]", help="What each pixel is then divided by.")
@click.option("--layout", type=click.Choice(["NCHW", "NHWC"]), default=None, help="Channels first or last, if the graph leaves it open.")
@click.option("--input-name", default=None, metavar="NAME", help="The input that takes the picture.")
@click.option("--output-name", default=None, metavar="NAME", help="The output that holds the scores, if several could be.")
@click.option("--kind", type=click.Choice(["logits", "probabilities"]), default=None, help="What the scores are. Default: read from the graph, or seen in its answers.")  # fmt: skip
@click.option("--name", default="", metavar="TEXT", help="What to call it. Default: the model's name without its ending.")
@click.option("--rights", default="", metavar="TEXT", help="Whose it is and what one may do with it; stands on the card.")
def import_(model: Path, labels: Path, out: Path | None, **options: Any) -> None:
    """Make a bundle of MODEL, an ONNX file (or, with OpenVINO, a TFLite file) that classifies pictures.

    The graph is read for what it says; what it cannot say must be given, and an error asks for it. The bundle is checked against the model.
    Exit code 1: it answers otherwise, and nothing is left; 2: something must be said, or the model does not fit.
    """
    given = studio_module("foreign.given", needed=("onnx",)).Given
    bring = studio_module("foreign.bring", needed=("onnx",))
    about = {name: options.pop(name) for name in ("places", "name", "rights")}
    made = bring.bring_in(model, labels, out or model.with_suffix(""), given=given(**options), **about)
    manifest = made.manifest
    kind = f"{len(manifest.places)} places" if manifest.places else "no places"
    click.echo(f"{made.root}: {manifest.name}, {len(manifest.labels)} labels, {kind}")
    for note in filter(None, manifest.data["notes"].split("; ")):
        click.echo(f"  {note}")
    click.echo(
        "  It answers as the model does. Whether pictures are prepared as they were in training, only `landsight evaluate` can tell."
    )
