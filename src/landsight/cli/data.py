"""``landsight data``: look at a set of labelled pictures before anything is learnt from it. Nothing here writes into the folder."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from landsight.cli.safe_text import quoted, visible
from landsight.cli.studio_verb import studio_module

_DIR = click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, exists=True, file_okay=False))
_SET = click.option(
    "--set", "settings", multiple=True, metavar="KEY=VALUE", help="How DIR is read, such as data.labels_file=t.csv; repeatable."
)
_OUT = click.option(
    "-o", "--out", type=click.Path(path_type=Path, file_okay=False), default=None, metavar="DIR", help="Where results go. Never inside DIR."
)
_FORMAT = click.option(
    "-f", "--format", "format_", type=click.Choice(["table", "json"]), default="table", show_default=True, help="table is for people."
)
_QUIET = click.option("-q", "--quiet", is_flag=True, help="No progress bar.")


@click.group()
def data() -> None:
    """Check, describe and split labelled pictures (needs the studio extra)."""


@data.command()
@_DIR
@_OUT
@click.option(
    "--labels/--no-labels", "with_labels", default=True, show_default=True, help="Rank likely wrong labels; takes most of the time."
)
@_SET
@_FORMAT
@_QUIET
def check(folder: Path, *, out: Path | None, with_labels: bool, settings: tuple[str, ...], format_: str, quiet: bool) -> None:
    """Find what is wrong with the pictures and labels in DIR: a page with the pictures, and a table of all findings.

    Unreadable and damaged files, duplicates within and across parts, the same pixels under two labels, likely wrong labels, blur, odd sizes,
    classes that size or format gives away, rare classes. DIR is not touched.
    """
    target = _target(folder, out, "check")
    inspect, page = studio_module("data.inspect"), studio_module("data.inspect_page")
    with _bar(quiet) as progress:
        found = inspect.inspect(_recipe(folder, settings), with_labels=with_labels, progress=progress)
    written = page.write(found, folder.resolve().name, target)
    summary = found.summary()
    if format_ == "json":
        click.echo(json.dumps({**summary, "page": str(written[0]), "table": str(written[1])}, indent=1))
        return
    click.echo(f"{sum(summary['pictures'].values())} pictures, {summary['classes']} classes")
    for kind, count in summary["findings"].items():
        if count:
            click.echo(f"{count:>7}  {kind:<16} {inspect.KINDS[kind]}")
    for what in ("refused", "skipped"):
        for name, why in summary[what].items():
            click.echo(f"{what} {name}: {visible(why)}")
    click.echo(f"{visible(str(written[0]))}\n{visible(str(written[1]))}")


@data.command()
@_DIR
@click.option(
    "--size", type=click.IntRange(8, 1024), default=224, show_default=True, metavar="PX", help="Side at which pixels are counted."
)
@_SET
@_FORMAT
@_QUIET
def stats(folder: Path, *, size: int, settings: tuple[str, ...], format_: str, quiet: bool) -> None:
    """Mean and deviation of the channels, sizes, formats, and how many pictures each part and class of DIR has."""
    module = studio_module("data.stats")
    with _bar(quiet) as progress:
        found = module.stats(_recipe(folder, settings), side_px=size, progress=progress).to_json()
    if format_ == "json":
        click.echo(json.dumps(found, indent=1))
        return
    for line in _lines(found):
        click.echo(visible(line))


@data.command()
@_DIR
@_OUT
@click.option("--copy", "how", flag_value="copy", help="Copy the pictures into a folder a part and class.")
@click.option("--link", "how", flag_value="link", help="Link to the pictures instead.")
@click.option(
    "--validation", type=click.FloatRange(0, 0.9), default=0.1, show_default=True, metavar="SHARE", help="Of what the test part leaves."
)
@click.option("--test", type=click.FloatRange(0, 0.9), default=0.15, show_default=True, metavar="SHARE", help="Of all.")
@click.option("--anew", is_flag=True, help="Put the parts that DIR has together first; otherwise they stay.")
@click.option("--seed", type=int, default=0, show_default=True, help="Another seed, other parts.")
@_SET
@_QUIET
def split(
    folder: Path, *, out: Path | None, how: str | None, validation: float, test: float, anew: bool, seed: int, settings: tuple[str, ...], quiet: bool
) -> None:  # fmt: skip
    """Make train, validation and test out of DIR; near-duplicates and groups (data.group_column) stay in one part.

    Writes labels.csv with a line a picture, or a new folder (--copy, --link); and leaks.csv when parts that DIR has share pictures.
    """
    target = _target(folder, out, "split")
    module = studio_module("data.new_split")
    recipe = _recipe(folder, (f"data.validation_share={validation}", f"data.test_share={test}", *settings))
    with _bar(quiet) as progress:
        planned = module.plan(recipe, seed, anew=anew, progress=progress)
    written = module.write(planned, recipe, target, how=how or "table")
    click.echo(", ".join(f"{part} {len(samples)}" for part, samples in planned.parts.items()) + f"; {planned.groups} groups kept together")
    for name, why in planned.unreadable:
        click.echo(f"left out {visible(name)}: {visible(why)}")
    if planned.leaks:
        click.echo(f"{len(planned.leaks)} pairs of near-duplicates lie in two parts: {visible(str(target / module.LEAKS_NAME))}")
    click.echo(visible(str(written)))
    if how is None:
        click.echo(
            f"train on it: landsight train {quoted(folder)} --set data.reader=csv --set {quoted(f'data.labels_file={written.resolve()}')}"
        )


@data.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
def digits(folder: Path) -> None:
    """Write 1,797 real handwritten digits into DIR, a folder a class: something to try every verb on, without a network.

    They come with scikit-learn: 24 x 24 px, grey, 174 to 183 a class. Files of DIR with other names are left alone.
    """
    counts = studio_module("data.digits").write_digits(folder)
    click.echo(
        f"{visible(str(folder))}: {sum(counts.values())} pictures, {len(counts)} classes of {min(counts.values())} to {max(counts.values())}"
    )


def _recipe(folder: Path, settings: tuple[str, ...]) -> Any:
    """The data section of a recipe for this folder. A folder's name may hold a $: it is no variable."""
    return studio_module("recipe").load(None, (f"data.root={json.dumps(str(folder.resolve()))}", *settings)).data


def _target(folder: Path, out: Path | None, verb: str) -> Path:
    """Where results go: NAME-check in the current folder by default. Raises: UsageError for a place inside DIR."""
    target = out or Path(f"{folder.resolve().name}-{verb}")
    folders = studio_module("folders")
    folders.require_outside(target, folder)
    folders.require_writable(target)
    return target


@contextmanager
def _bar(quiet: bool) -> Iterator[Callable[[int, int], None] | None]:
    """A progress bar on a terminal, else None."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from landsight.cli.progress import RateColumn

    columns = (TextColumn("pictures"), BarColumn(), MofNCompleteColumn(), RateColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("pictures", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _lines(found: dict[str, Any]) -> Iterator[str]:
    for part, counts in found["counts"].items():
        numbers = sorted(counts.values())
        yield f"{part:<12} {sum(numbers)} pictures, {len(numbers)} classes of {numbers[0]} to {numbers[-1]}"
    if found["unreadable"]:
        yield f"{'unreadable':<12} {found['unreadable']}"
    for name, why in found["refused"].items():
        yield f"not counted  {name}: {why}"
    yield f"{'mean':<12} {' '.join(f'{v:g}' for v in found['mean'])}   (R G B, 0 to 255, train, at {found['side_px']} px)"
    yield f"{'deviation':<12} {' '.join(f'{v:g}' for v in found['std'])}"
    for name, values in found["sizes"].items():
        yield f"{name:<12} {' '.join(f'{v:,.0f}' for v in values)}   (least, quartiles, most)"
    yield f"{'formats':<12} {', '.join(f'{name} {count}' for name, count in found['formats'].items())}"
    yield ""
    parts = list(found["counts"])
    yield "class".ljust(32) + "".join(part.rjust(12) for part in parts)
    for name in next(iter(found["counts"].values()), {}):
        yield name.ljust(32) + "".join(str(found["counts"][part][name]).rjust(12) for part in parts)
