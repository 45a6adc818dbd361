"""``landsight predict``: photos in, a bundle's answers out. Which task it is, only the task's own module knows."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from landsight.cli.formats import Csv, Json, JsonLines
from landsight.cli.options import answer_options, limits_from, photo_options
from landsight.cli.output import Output
from landsight.cli.photos import Request, answer_all, format_of
from landsight.cli.tally import ANSWERED_WORDS, Tally

if TYPE_CHECKING:
    from rich.console import Console

    from landsight.answer.road import AnswerModule
    from landsight.cli.formats import Writer

FORMATS: Final = ("jsonl", "csv", "json")
#: Columns before and after those of the task; see cli.formats.Csv.
_BEFORE: Final = {"path": ("path",), "outcome": ("outcome",)}
_AFTER: Final = {"warnings": ("warnings", "code"), "error_code": ("error", "code"), "error_reason": ("error", "reason")}


@click.command()
@click.argument("bundle", type=click.Path(path_type=Path))
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@answer_options(FORMATS)
@photo_options
@click.pass_context
def predict(ctx: click.Context, /, bundle: Path, paths: tuple[Path, ...], **options: Any) -> None:
    """Say what each photo shows, with the labels of BUNDLE and how sure it is.

    BUNDLE is a bundle folder, or a run folder with a bundle in it. PATHS are photos and folders. Exit code 0: every photo was answered
    (not knowing is an answer), 1: some photos could not be read, 130: interrupted, what was done is kept.
    """
    asked = {name: options[name] for name in ("top_k", "workers", "runtime", "precision")} | {"limits": limits_from(options)}
    from landsight.runtime.launch import prestart

    prestart()
    from landsight.answer.model import Model
    from landsight.answer.road import answer_module

    with Model(bundle, **asked) as model, Output(options["out"]) as output:
        module = answer_module(model.bundle.manifest.task)
        request = Request(
            paths=paths,
            format=options["format_"] or format_of(options["out"], dict.fromkeys(FORMATS)),
            recursive=options["recursive"],
            quiet=options["quiet"],
            answers=model.predict_many,
            writers={"jsonl": JsonLines, "csv": partial(Csv, columns=_BEFORE | module.COLUMNS | _AFTER), "json": Json},
            table=partial(_table, module),
            tally=Tally(words=ANSWERED_WORDS),
        )
        code = answer_all(request, output)
    ctx.exit(code)


def _table(module: AnswerModule, console: Console, folder: str | None) -> Writer:
    from landsight.cli.predict_table import PredictTable

    return PredictTable(console, folder, module.said)
