"""``landsight describe``: what a network is, layer by layer, and what its units see."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from landsight.cli.output import Output
from landsight.cli.safe_text import visible
from landsight.cli.studio_verb import studio_module
from landsight.errors import UsageError

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

#: From this width on every column has room; a pipe gets this much more.
_WIDE, _PIPE_WIDTH = 108, 140

#: No axis of a picture is longer.
_LARGEST = 65_536


def _size(_: click.Context, __: click.Parameter, value: str | None) -> tuple[int, ...] | None:
    """3x224x224, or 128x1x28x28 with the number of pictures first; x, a comma or a space between."""
    if value is None:
        return None
    parts = value.lower().replace("×", "x").replace(",", "x").replace(" ", "x").split("x")
    if len(parts) not in (3, 4) or not all(part.isascii() and part.isdigit() and 0 < int(part) <= _LARGEST for part in parts):
        raise click.BadParameter(f"{value!r} is no size: give channels, height and width, such as 3x224x224.")
    return tuple(map(int, parts))


@click.command()
@click.argument("model")
@click.option("--input", "image", default=None, metavar="CxHxW", callback=_size, help="Size of the picture: channels, height, width, such as 3x224x224; with the number of pictures first, shapes say it too. Default: what the model says.")  # fmt: skip
@click.option("--labels", type=click.IntRange(min=1), default=None, metavar="N", help="How many labels a net or recipe has. Default: 10; a run and a bundle know their own.")  # fmt: skip
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Change one value of the recipe, such as net.pool=average; repeatable. Not for a run or a bundle.")  # fmt: skip
@click.option(
    "--which", type=click.Choice(["best", "last"]), default="best", show_default=True, help="Of a run: the best checkpoint or the last."
)
@click.option("--erf", type=click.Path(path_type=Path, file_okay=False), default=None, metavar="DIR", help="Measure what a unit sees, and write its heat maps (PNG) and sizes (JSON) into DIR.")  # fmt: skip
@click.option("--pictures", type=click.Path(path_type=Path, exists=True, file_okay=False), default=None, metavar="DIR", help="With --erf or --html: pictures to measure on. Default: noise.")  # fmt: skip
@click.option("--html", type=click.Path(path_type=Path, dir_okay=False), default=None, metavar="FILE", help="Write a page with the table and the heat maps.")  # fmt: skip
@click.option(
    "-f", "--format", "format_", type=click.Choice(["table", "json"]), default="table", show_default=True, help="table is for people."
)
def describe(model: str, format_: str, *, erf: Path | None, html: Path | None, pictures: Path | None, **options: Any) -> None:
    """Describe MODEL: a net by name, a recipe (TOML), a run folder, a bundle folder or an .onnx file.

    For each layer: output shape, parameters, multiply-adds, memory of what it makes, and what one unit of it sees of the picture.
    """
    subject = studio_module("describe_source").open_subject(model, **options)
    report = studio_module("describe_report") if erf or html else None
    fields = None
    if report is not None and (erf or (html and subject.description.map_node is not None)):
        fields = report.measure_fields(subject, pictures)
    if format_ == "json":
        click.echo(subject.description.to_json(), nl=False)
    else:
        _print(subject.description, studio_module("describe_words"))
    if erf is not None and report is not None:
        _write_fields(report, fields, erf, quiet=format_ == "json")
    if html is not None and report is not None:
        with Output(html) as output:
            output.stream.write(report.page(subject.description, fields))
        click.echo(f"wrote {visible(str(html))}", err=True)


def _write_fields(report: Any, fields: Any, folder: Path, *, quiet: bool) -> None:
    try:
        files = report.write_fields(folder, fields)
    except OSError as error:
        raise UsageError(
            "bad_output", f"{folder} cannot be written: {error.strerror}.", "Give --erf a folder that you may write to."
        ) from None
    if not quiet:
        size = studio_module("describe_words").pixels(fields.theory.size)
        click.echo(f"\nThe middle unit of {fields.layer} can see {size} pixels a side; measured on {fields.on}:")
        for name, field in fields.maps.items():
            click.echo(f"  {name:<12} {field.size:6.1f} px; half of the heat within {field.side_50} px, 95 % within {field.side_95} px")
    click.echo(f"wrote {', '.join(path.name for path in files)} into {visible(str(folder))}", err=True)


def _print(found: Any, words: Any) -> None:
    """The table and what it adds up to."""
    from rich.console import Console
    from rich.text import Text

    # A pipe has no width: there the table is as wide as it likes.
    console = Console(highlight=False, width=None if sys.stdout.isatty() or "COLUMNS" in os.environ else _PIPE_WIDTH)
    console.print(Text(f"{visible(found.model)} on {words.by(found.with_batch(found.input))}", style="bold"))
    console.print(_table(found, words, is_wide=console.width >= _WIDE))
    totals = found.totals
    learn = "" if totals.trainable in (None, totals.parameters) else f", of which {totals.trainable:,} learn"
    for line in (
        f"parameters     {totals.parameters:,} ({words.memory(totals.parameter_bytes)}){learn}",
        f"multiply-adds  {totals.multiply_adds:,} a picture",
        f"memory         {words.memory(totals.activation_bytes)} of activations a picture in training, {words.memory(totals.peak_bytes)} at one time in use",
        "outputs        " + ", ".join(f"{name} {words.by(found.with_batch(shape))}" for name, shape in found.outputs.items()),
    ):
        console.print(Text(line), soft_wrap=True)


def _table(found: Any, words: Any, *, is_wide: bool) -> Table:
    """On a narrow terminal the kind stands below the name, and large numbers are rounded."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold", padding=(0, 1) if is_wide else (0, 1, 0, 0))
    table.add_column("layer", overflow="fold")
    if is_wide:
        table.add_column("kind", style="dim", overflow="fold")
    table.add_column("output", no_wrap=True)
    names = ("parameters", "multiply-adds", "memory", "sees", "stride", "start")
    for name in names if is_wide else ("params", "mul-adds", *names[2:]):
        table.add_column(name, justify="right", no_wrap=True)
    for layer in found.layers:
        table.add_row(*_cells(found, layer, words, is_wide=is_wide))
    return table


def _cells(found: Any, layer: Any, words: Any, *, is_wide: bool) -> list[RenderableType]:
    from rich.text import Text

    name, kind, field = visible(layer.name), visible(layer.kind), layer.field
    first = [Text(name, "cyan"), Text(kind)] if is_wide else [Text.assemble((name, "cyan"), "\n", (kind, "dim"))]
    number = (lambda n: f"{n:,}") if is_wide else words.short
    seen = (words.pixels(field.size), words.pixels(field.stride, "–"), words.pixels(field.start, "–")) if field else ("", "", "")
    return [
        *first, words.by(found.with_batch(layer.output)) if layer.output else "not run in use",
        number(layer.parameters) if layer.parameters else "–", number(layer.multiply_adds) if layer.multiply_adds else "–",
        words.memory(layer.activation_bytes) if layer.activation_bytes else "–", *seen,
    ]  # fmt: skip
