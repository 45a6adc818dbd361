"""Options that more than one verb takes, and the limits that they set."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from landsight.photo.limits import Limits

Command = TypeVar("Command", bound=Callable[..., Any])

_BUNDLE = click.option(
    "--bundle",
    type=click.Path(path_type=Path),
    default=None,
    metavar="DIR",
    help="The model to use: a bundle folder, or a run folder with a bundle in it. Default: the shipped one.",
)
_LIMITS = (
    click.option("--max-bytes", type=click.IntRange(min=1), default=None, help="Largest file, in bytes. Default: 200 million."),
    click.option("--max-pixels", type=click.IntRange(min=1), default=None, help="Most pixels a file may declare. Default: 179 million."),
    click.option(
        "--max-seconds", type=click.FloatRange(min=0, min_open=True), default=None, help="Longest time for one photo. Default: 5."
    ),
    click.option(
        "--max-memory", type=click.IntRange(min=1), default=None, help="Address space for one photo, in bytes. Default: 1 billion."
    ),
)
_WORKERS = click.option(
    "--workers", type=click.IntRange(min=1), default=None, help="Processes that read photos. Default: one for each core."
)
_RUNTIME = (
    click.option("--runtime", type=click.Choice(["auto", "onnxruntime", "openvino"]), default="auto", show_default=True, help="What runs the network."),
    click.option("--precision", default=None, metavar="NAME", help="One of the bundle's precisions. Default: measured by doctor, else fp32."),
)  # fmt: skip
_PHOTOS = (
    click.option("--recursive/--no-recursive", default=True, show_default=True, help="Look into the folders of a folder."),
    _WORKERS,
    *_LIMITS,
    *_RUNTIME,
    click.option("-q", "--quiet", is_flag=True, help="No progress bar and no summary."),
)  # fmt: skip


def bundle_option(command: Command) -> Command:
    """Add --bundle."""
    return _BUNDLE(command)


def answer_options(formats: Iterable[str]) -> Callable[[Command], Command]:
    """Add what every verb takes that answers photo by photo: how many labels, and where answers go in which of ``formats``."""
    options = (
        click.option("-k", "--top-k", type=click.IntRange(min=1), default=3, show_default=True, help="How many candidates to list for each photo."),
        click.option("-f", "--format", "format_", type=click.Choice(["table", *formats]), default=None, help="table is for people, the others for programs. Default: what the name of --out says, else table."),
        click.option("-o", "--out", type=click.Path(path_type=Path), default=None, metavar="FILE", help="Write to a file; what is done is kept."),
    )  # fmt: skip
    return lambda command: _added(command, options)


def photo_options(command: Command) -> Command:
    """Add how photos are found, read and run. Each limit of a photo has an environment variable as well; the option wins."""
    return _added(command, _PHOTOS)


def runtime_options(command: Command) -> Command:
    """Add how many workers read, and what runs the network."""
    return _added(command, (_WORKERS, *_RUNTIME))


def limit_options(command: Command) -> Command:
    """Add what one photo may cost; the option wins over the environment variable."""
    return _added(command, _LIMITS)


def limits_from(options: Mapping[str, Any]) -> Limits:
    """The limits of the environment, replaced by those options that were given."""
    from landsight.photo.limits import Limits

    given = {item.name: options[item.name] for item in fields(Limits) if options[item.name] is not None}
    return replace(Limits.from_environment(), **given)


def _added(command: Command, options: Sequence[Callable[[Command], Command]]) -> Command:
    for option in reversed(options):
        command = option(command)
    return command
