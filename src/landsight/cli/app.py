"""The group of commands: their names and one line of help stand in a table, their modules load on use."""

from __future__ import annotations

import errno
import importlib
import os
import sys
from collections.abc import Sequence
from typing import Final, NoReturn

import click

from landsight.errors import LandsightError

EXIT_OK: Final = 0
EXIT_SOME_FAILED: Final = 1
EXIT_USAGE: Final = 2
EXIT_INTERRUPTED: Final = 130

#: name -> ("module:command", short help). `landsight --help` reads only this table, so it stays fast.
COMMANDS: Final[dict[str, tuple[str, str]]] = {
    "locate": ("landsight.cli.locate:locate", "Say where photos were taken, or what they show."),
    "predict": ("landsight.cli.predict:predict", "Say what photos show, with the labels of a bundle."),
    "explain": ("landsight.cli.explain:explain", "Show which part of a photo an answer comes from."),
    "places": ("landsight.cli.places:places", "Name the country and city of a coordinate."),
    "serve": ("landsight.cli.serve:serve", "Answer photos over HTTP (needs the serve extra)."),
    "lens": ("landsight.cli.lens:lens", "Show every layer of a network on a photo, with its arithmetic (needs the serve extra)."),
    "verify": ("landsight.cli.verify:verify", "Check that a bundle is whole and answers as it was trained."),
    "doctor": ("landsight.cli.doctor:doctor", "Show what is installed, and measure which runtime is fastest."),
    "data": ("landsight.cli.data:data", "Check, describe and split labelled pictures (needs the studio extra)."),
    "train": ("landsight.cli.train:train", "Train a network as a recipe says (needs the studio extra)."),
    "resume": ("landsight.cli.resume:resume", "Go on with a training run (needs the studio extra)."),
    "tune": ("landsight.cli.tune:tune", "Search for a better recipe (needs the studio extra)."),
    "evaluate": ("landsight.cli.evaluate:evaluate", "Measure a trained network (needs the studio extra)."),
    "compare": ("landsight.cli.compare:compare", "Tell which of several runs is better (needs the studio extra)."),
    "describe": ("landsight.cli.describe:describe", "Show what a network is, layer by layer (needs the studio extra)."),
    "export": ("landsight.cli.export:export", "Turn a training run into a bundle (needs the studio extra)."),
    "bundle": ("landsight.cli.bundle:bundle", "Show a bundle, or make one of somebody else's model."),
}


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called, not when they are listed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now; None when there is no such name."""
        if cmd_name not in COMMANDS:
            return None
        module, attribute = COMMANDS[cmd_name][0].split(":")
        command = getattr(importlib.import_module(module), attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{module}:{attribute} is not a command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, from the table alone."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


#: What to do about what the system says of a file; most places are asked before the work begins (studio/folders.py).
_WHEN_IT_CANNOT_BE_WRITTEN = {
    errno.ENOSPC: "Make room, then give the same command again.",
    errno.EDQUOT: "Make room, then give the same command again.",
    errno.EROFS: "Give --out a place that you may write to.",
    errno.EACCES: "Check its permissions, or give --out a place that you may write to.",
}


def _show_version(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if not value or ctx.resilient_parsing:
        return
    from importlib.metadata import version

    click.echo(f"landsight {version('landsight')}")
    ctx.exit()


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--version", is_flag=True, expose_value=False, is_eager=True, callback=_show_version, help="Show the version and exit.")
def cli() -> None:
    """Any photo in, its place out, with the evidence. Works offline; never writes to a photo."""


def run(args: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit. Failures end in one line on stderr and an exit code, never in a traceback."""
    try:
        code = cli.main(args=args, prog_name="landsight", standalone_mode=False)
        sys.stdout.flush()
    except (Exception, KeyboardInterrupt) as error:
        code = explain(error)
    sys.exit(code if isinstance(code, int) else EXIT_OK)


def explain(error: BaseException) -> int:
    """Say in one line what went wrong; returns the exit code. A defect of ours is raised again when LANDSIGHT_DEBUG is set."""
    if isinstance(error, BrokenPipeError):
        # The reader of our output has gone (`| head`): nobody is left to tell, and flushing at exit would fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_OK
    if isinstance(error, click.Abort | KeyboardInterrupt):
        fail("interrupted.")
        return EXIT_INTERRUPTED
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        click.echo(error.format_message())  # `landsight` alone: whoever types it wants to know what there is
        return EXIT_OK
    if isinstance(error, click.UsageError):
        command = error.ctx.command_path if error.ctx else "landsight"
        fail(f"{error.format_message()} See `{command} --help`.")
        return error.exit_code
    if isinstance(error, LandsightError):
        fail(str(error))
        return error.exit_code
    if isinstance(error, OSError) and error.strerror:
        advice = _WHEN_IT_CANNOT_BE_WRITTEN.get(error.errno or 0, "")
        fail(f"{error.strerror}: {error.filename}. {advice}" if error.filename else f"{error.strerror}. {advice}")
        return EXIT_SOME_FAILED
    if os.environ.get("LANDSIGHT_DEBUG"):
        raise error
    fail(f"internal error: {type(error).__name__}: {error}. Please report it with what LANDSIGHT_DEBUG=1 prints.")
    return EXIT_SOME_FAILED


def fail(message: str) -> None:
    """One line on stderr, control characters made visible."""
    from landsight.cli.safe_text import visible

    click.echo(f"landsight: error: {visible(' '.join(message.split()))}", err=True)
