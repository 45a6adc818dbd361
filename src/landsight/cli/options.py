"""Options that more than one verb takes, and the limits that they set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
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
    help="The model to use, a bundle folder. Default: the shipped one.",
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


def bundle_option(command: Command) -> Command:
    """Add --bundle."""
    return _BUNDLE(command)


def limit_options(command: Command) -> Command:
    """Add the four limits of a photo. Each has an environment variable as well; the option wins."""
    for option in reversed(_LIMITS):
        command = option(command)
    return command


def limits_from(**given: Any) -> Limits:
    """The limits of the environment, replaced by those options that were given."""
    from landsight.photo.limits import Limits

    return replace(Limits.from_environment(), **{name: value for name, value in given.items() if value is not None})
