"""``landsight explain``: photos in, and beside each answer which part of the picture it comes from; or, is that worth believing at all."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from landsight.cli.formats import JsonLines
from landsight.cli.options import limits_from, photo_options
from landsight.cli.photos import Request, answer_all
from landsight.cli.studio_verb import has_studio, studio_module
from landsight.cli.tally import ANSWERED_WORDS, Tally
from landsight.errors import UsageError

if TYPE_CHECKING:
    from landsight.explain.source import Source

#: What is written into the folder of --out beside one picture a photo.
PAGE_NAME: Final = "explained.html"
_GRADIENTS: Final = ("hirescam", "gradcam", "field")


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="[RUN|BUNDLE] PHOTOS...", type=click.Path(path_type=Path))
@click.option("--what", default=None, metavar="CLASS", help="Explain this class first, beside the likeliest. Default: the likeliest and the runner-up.")  # fmt: skip
@click.option("--method", type=click.Choice(["activation", "hirescam", "gradcam", "occlusion", "field"]), default=None, help="Default: activation where the network allows it, else hirescam for a run, else occlusion.")  # fmt: skip
@click.option("-o", "--out", type=click.Path(path_type=Path, file_okay=False), default=None, metavar="DIR", help="Where pictures and the page go. Default: explained/ here; with --sanity the run.")  # fmt: skip
@click.option("-f", "--format", "format_", type=click.Choice(["table", "jsonl"]), default="table", show_default=True, help="table is for people, jsonl for programs, with the maps as numbers.")  # fmt: skip
@click.option("--which", type=click.Choice(["best", "last"]), default="best", show_default=True, help="Of a run: the best checkpoint or the last.")  # fmt: skip
@click.option("--sanity", is_flag=True, help="Explain no photos, but test the method: does hiding what it lights up weaken the answer more than hiding anything else, and do its maps depend on what was learnt.")  # fmt: skip
@click.option("--part", default="validation", show_default=True, metavar="NAME", help="With --sanity: on which pictures. Each look at a part that is kept for testing is counted.")  # fmt: skip
@click.option("--data", "root", default=None, metavar="DIR", help="With --sanity: the folder of labelled pictures. A run knows its own, a bundle needs it.")  # fmt: skip
@click.option("--sample", type=click.IntRange(min=2), default=200, show_default=True, metavar="N", help="With --sanity: at most so many pictures, evenly over the classes.")  # fmt: skip
@photo_options
@click.pass_context
def explain(ctx: click.Context, /, paths: tuple[Path, ...], sanity: bool, **options: Any) -> None:
    """Say why: the photo, and beside it the places that speak for the likeliest answer and for the next one.

    The network is that of a run folder or a bundle, or the shipped one when only photos are named. Leaves a picture (PNG) a photo, and a page.
    Exit code 1: some photos could not be read.
    """
    if sanity:
        _check_sanity(paths, options)
        return
    from landsight.bundle.load import is_model

    is_named = is_model(paths[0])
    if not is_named and not paths[0].exists():
        raise UsageError("no_source", f"There is nothing at {paths[0]}.", "Give photos, or a run folder or a bundle and then photos.")
    if is_named and len(paths) == 1:
        raise UsageError("no_photos", f"{paths[0]} is what explains; there is no photo to explain.", "Give photos behind it.")
    from landsight.runtime.launch import prestart

    prestart()
    source = _open(paths[0] if is_named else None, options)
    explainer = source.explainer(options["method"])
    ctx.exit(_explain_photos(source, explainer, paths[1:] if is_named else paths, options))


def _explain_photos(source: Source, explainer: Any, paths: tuple[Path, ...], options: Mapping[str, Any]) -> int:
    from landsight.cli.explained import Explaining, ExplainTable, OwnFolder

    folder = options["out"] or Path("explained")
    with ExitStack() as stack:
        work = stack.enter_context(
            Explaining(
                source, explainer, folder, what=options["what"], workers=options["workers"], limits=limits_from(options), page=PAGE_NAME
            )
        )
        output = stack.enter_context(OwnFolder(folder))
        request = Request(
            paths=paths,
            format=options["format_"],
            recursive=options["recursive"],
            quiet=options["quiet"],
            answers=work.explain_many,
            writers={"jsonl": JsonLines},
            table=lambda console, common: ExplainTable(console, common, source),
            tally=Tally(words=ANSWERED_WORDS),
        )
        code = answer_all(request, output)
    if not options["quiet"] and work.pictures:
        made = "1 picture" if work.pictures == 1 else f"{work.pictures} pictures"
        click.echo(f"{source.manifest.name}, {explainer.method}: {made} and {PAGE_NAME} in {folder}", err=True)
    return code


def _open(path: Path | None, options: Mapping[str, Any]) -> Source:
    """A run's own checkpoint where gradients are asked for or the run has no bundle; else its bundle, which answers the same."""
    from landsight.bundle.load import MANIFEST_NAME, bundle_root
    from landsight.explain.source import of_bundle

    is_run = path is not None and (path / "recipe.toml").is_file() and not (path / MANIFEST_NAME).exists()
    has_bundle = path is None or (bundle_root(path) / MANIFEST_NAME).exists()
    method, which = options["method"], options["which"]
    if is_run and (method in _GRADIENTS or not has_bundle or which != "best" or (method is None and has_studio())):
        return _open_run(path, which, has_bundle)
    runtime = options["runtime"]
    return of_bundle(path, runtime=None if runtime == "auto" else runtime, precision=options["precision"])


def _open_run(path: Path | None, which: str, has_bundle: bool) -> Source:
    """Raises: UsageError studio_missing, with what works without the studio."""
    try:
        source: Source = studio_module("explain").of_run(path, which)
    except UsageError as error:
        if error.code != "studio_missing" or not has_bundle:
            raise
        raise UsageError(error.code, error.reason, f"{error.advice}, or --method activation or occlusion.") from None
    return source


def _check_sanity(paths: tuple[Path, ...], options: Mapping[str, Any]) -> None:
    """The figure that says whether maps are worth anything; into the run, or where --out says."""
    from landsight.bundle.load import is_model

    if len(paths) != 1 or not is_model(paths[0]):
        raise UsageError(
            "no_source", f"--sanity needs one run folder or bundle: received {len(paths)} paths.", "Pictures are those of the data."
        )
    asked = {name: options[name] for name in ("method", "which", "part", "root", "sample", "out")}
    found = studio_module("sanity.check").sanity(paths[0], say=lambda line: click.echo(line, err=True), **asked)
    for line in found.sentences():
        click.echo(line)
    click.echo(f"page: {found.page}")
