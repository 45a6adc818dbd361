"""``landsight export``: a run becomes a bundle, or a model file for other programs, checked against the network it came from."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import click

from landsight.cli.studio_verb import studio_module
from landsight.errors import UsageError

#: "onnx" is the bundle, which the use verbs run; the others lie beside it. A test holds them to studio.formats.
FORMATS: Final = ("onnx", "openvino", "torchscript", "exported_program")


@click.command()
@click.argument("run", metavar="RUN", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("-f", "--format", "formats", type=click.Choice(FORMATS), multiple=True, default=("onnx",), show_default="onnx", help="onnx is the bundle, which locate, predict and the others use; the rest is for other programs. Repeatable.")  # fmt: skip
@click.option("-o", "--out", type=click.Path(path_type=Path), default=None, metavar="DIR", help="The folder to make, for one format. Default: bundle/ in RUN, and export/FORMAT/ in RUN.")  # fmt: skip
@click.option(
    "--which", type=click.Choice(["best", "last"]), default="best", show_default=True, help="The best checkpoint or the last one."
)
@click.option("--places", type=click.Path(path_type=Path), default=None, metavar="FILE", help="A places.csv that makes the bundle a locator. Default: the one in the data folder, if there is one.")  # fmt: skip
@click.option("--int8/--no-int8", default=None, help="Also try 8 bits, and keep them if they are worth it. Default: the recipe says.")
def export(run: Path, formats: tuple[str, ...], out: Path | None, which: str, **bundle_options: Any) -> None:
    """Write the network of RUN, a run folder, as a bundle that needs no torch, and check that it answers as the network does.

    Exit code 1: it does not, and nothing is left behind.
    """
    formats = tuple(dict.fromkeys(formats))
    if out is not None and len(formats) > 1:
        raise UsageError("bad_output", f"--out names one folder, but {len(formats)} formats are to be written.", "Leave --out out.")
    for name in formats:
        if name == "onnx":
            _bundle(run, out or run / "bundle", which=which, **bundle_options)
        else:
            folder = out or run / "export" / name
            made = studio_module("export_as").export_as(run, folder, name, which=which)
            verified = made["verified"]
            click.echo(f"{folder}: {made['file']}, {len(made['labels'])} labels; as the trained network on {verified['pictures']} pictures")


def _bundle(run: Path, out: Path, *, which: str, places: Path | None, int8: bool | None) -> None:
    studio = studio_module("export")
    found = None
    if places is not None:
        trained = studio.open_run(run, which)
        found = studio.places_of(trained.recipe.data, trained.task.labels, places)
    bundle = studio.export(run, out, which=which, places=found, int8_wanted=int8)
    manifest = bundle.manifest
    kind = f"{len(manifest.places)} places" if manifest.places else "no places"
    click.echo(f"{bundle.root}: {manifest.name}, {len(manifest.labels)} labels, {kind}, {', '.join(manifest.precisions)}")
    if trial := manifest.calibration.get("int8"):
        click.echo(f"INT8 was {'kept' if trial['kept'] else 'left out'}: {trial['why']}")
