"""``landsight lens``: a network and a photo as one page that shows every layer and works out every number."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from landsight.cli.options import limit_options, limits_from
from landsight.cli.output import Output
from landsight.cli.safe_text import visible
from landsight.cli.studio_verb import studio_module
from landsight.errors import RuntimeUnavailable, UsageError


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="[MODEL] PHOTO", type=click.Path(path_type=Path))
@click.option("-o", "--out", type=click.Path(path_type=Path), default=Path("lens.html"), show_default=True, metavar="FILE", help="The page to write.")  # fmt: skip
@click.option("--limit-mb", type=click.IntRange(1, 2_000), default=64, show_default=True, help="Of all numbers together, before packing. The largest layers are shown without their numbers when they do not fit.")  # fmt: skip
@limit_options
@click.pass_context
def lens(ctx: click.Context, /, paths: tuple[Path, ...], out: Path, limit_mb: int, **options: Any) -> None:
    """Write a page that shows PHOTO in every layer of MODEL, a bundle or a run (default: the shipped bundle), with the arithmetic of every number.

    The page is one file, needs no service and asks nothing of anybody. `landsight serve` has the same at /lens, for any photo. A run that was not
    exported is exported first. Needs the extra [serve]. Exit code 1: the photo could not be read.
    """
    from landsight.answer.model import Model
    from landsight.bundle.load import MANIFEST_NAME, bundle_root

    model, photo = _model_and_photo(paths)
    if (model / "recipe.toml").is_file() and not (bundle_root(model) / MANIFEST_NAME).is_file():
        click.echo(f"exporting {visible(str(model))} first", err=True)
        studio_module("export").export(model, model / "bundle")
    try:
        from landsight.explain.inside import open_inside
        from landsight.service.lens_file import lens_data, lens_page
    except ImportError as error:
        raise RuntimeUnavailable("serve_missing", f"The lens needs a package that is not installed: {error.name}.", "Run: pip install 'landsight[serve]'.") from None  # fmt: skip
    with Output(out) as output, Model(model, workers=1, limits=limits_from(options)) as opened:
        answer, picture = opened.look(photo)
        if answer.error is not None or picture is None:
            click.echo(f"{visible(answer.path)}: {answer.error.reason if answer.error else 'no picture'}", err=True)
            ctx.exit(1)
        inside = open_inside(opened.bundle)
        data = lens_data(inside, picture, answer.to_line(), limit_bytes=limit_mb * 1_000_000)
        output.stream.write(lens_page(data))
    missing = sum(
        str(layer.number) not in data["tensors"] or (bool(layer.sum.weights) and str(layer.number) not in data["weights"])
        for layer in inside.trace.layers
    )
    left = f"; {missing} large layers without their numbers (--limit-mb)" if missing else ""
    click.echo(f"wrote {visible(str(out))}: {len(inside.trace.layers) - 1} layers{left}", err=True)


def _model_and_photo(paths: tuple[Path, ...]) -> tuple[Path, Path]:
    """The shipped bundle where no model is named. Raises: UsageError for anything but one photo, with or without a model before it."""
    from landsight.bundle.load import is_model, shipped_path

    if len(paths) == 2:
        return paths[0], paths[1]
    if len(paths) > 2:
        raise UsageError("too_many_photos", f"The lens shows one photo: received {len(paths)} paths.", "Give a model and one photo.")
    if is_model(paths[0]):
        raise UsageError("no_photos", f"{paths[0]} is what is looked into; there is no photo to look at.", "Give a photo behind it.")
    return shipped_path(), paths[0]
