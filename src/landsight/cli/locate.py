"""``landsight locate``: photos in, places out, one answer a photo, in the order of input."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from landsight.cli.formats import WRITERS, Writer
from landsight.cli.options import answer_options, bundle_option, limits_from, photo_options
from landsight.cli.output import Output
from landsight.cli.photos import Request, answer_all, format_of
from landsight.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from landsight.cli.formats import Line
    from landsight.whereabouts.located import Located


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@answer_options(WRITERS)
@bundle_option
@click.option("--no-gps", is_flag=True, help="Leave the position in the file aside and only look at the picture.")
@click.option("--only-gps", is_flag=True, help="Read the position in the file and do not open the picture.")
@click.option("--write-sidecar", is_flag=True, help="Put position and names into an XMP file beside each photo; estimates are marked.")
@photo_options
@click.pass_context
def locate(ctx: click.Context, /, paths: tuple[Path, ...], **options: Any) -> None:
    """Say where each photo was taken or what it shows, with the evidence.

    PATHS are photos and folders. Exit code 0: every photo was answered (not knowing a place is an answer), 1: some photos could not
    be read, 130: interrupted, what was done is kept.
    """
    if options["no_gps"] and options["only_gps"]:
        raise UsageError("nothing_to_do", "--no-gps and --only-gps together leave nothing to look at.", "Give one of them.")
    asked = {name: options[name] for name in ("bundle", "top_k", "workers", "runtime", "precision")}
    asked |= {"gps": not options["no_gps"], "pixels": not options["only_gps"], "limits": limits_from(options)}
    from landsight.runtime.launch import prestart

    prestart()
    from landsight.whereabouts.predictor import Predictor

    with Predictor(**asked) as predictor, Output(options["out"]) as output:
        request = Request(
            paths=paths,
            format=options["format_"] or format_of(options["out"], WRITERS),
            recursive=options["recursive"],
            quiet=options["quiet"],
            answers=predictor.locate_many,
            writers=WRITERS,
            table=_table,
            after=_write_sidecar if options["write_sidecar"] else None,
        )
        code = answer_all(request, output)
    ctx.exit(code)


def _table(console: Console, folder: str | None) -> Writer:
    from landsight.cli.table import PeopleTable

    return PeopleTable(console, folder)


def _write_sidecar(located: Located) -> list[Line]:
    from landsight.cli.sidecars import write_for

    return write_for(located)
