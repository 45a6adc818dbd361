"""``landsight doctor``: what is installed, whether the bundle is whole, and which runtime is fastest on this machine."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from landsight.cli.app import EXIT_OK, EXIT_SOME_FAILED
from landsight.cli.options import bundle_option
from landsight.errors import LandsightError

if TYPE_CHECKING:
    from landsight.bundle.load import Bundle
    from landsight.runtime.choose import Timing

#: Package -> what it is for, and the extra that brings it; "" for what always comes along.
PACKAGES: Final[dict[str, tuple[str, str]]] = {
    "numpy": ("arrays", ""),
    "pillow": ("most picture formats", ""),
    "simplejpeg": ("JPEG", ""),
    "pi-heif": ("HEIC and HEIF", ""),
    "defusedxml": ("XMP", ""),
    "tzfpy": ("countries", ""),
    "onnxruntime": ("runs the network", ""),
    "openvino": ("runs the network, often faster", "fast"),
    "torch": ("trains networks; not needed for locating", "studio"),
}


@click.command()
@bundle_option
@click.option("--measure/--no-measure", default=True, show_default=True, help="Time the runtimes and remember the fastest.")
@click.pass_context
def doctor(ctx: click.Context, /, bundle: Path | None, measure: bool) -> None:
    """Show what is installed, check the bundle, and measure which runtime is fastest here.

    The fastest is remembered in the cache folder and used by later runs. Exit code 1: the bundle differs from what was exported, 3: it
    cannot be used.
    """
    click.echo(f"landsight {version('landsight')}, Python {platform.python_version()}, {platform.system()} {platform.machine()}")
    for line in (*_processor(), *_packages(), *_cache()):
        click.echo(line)
    ctx.exit(_examine(bundle, measure=measure))


def _processor() -> Iterator[str]:
    from landsight.runtime.choose import processor
    from landsight.runtime.pieces import usable_cores

    name, _, _ = processor().rpartition(" ")
    yield f"processor  {name}, {usable_cores()} of {os.cpu_count()} cores usable"


def _packages() -> Iterator[str]:
    yield "packages"
    for name, (purpose, extra) in PACKAGES.items():
        try:
            yield f"  {name:<12} {version(name):<12} {purpose}"
        except PackageNotFoundError:
            advice = f"pip install 'landsight[{extra}]'" if extra else "reinstall landsight"
            yield f"  {name:<12} {'-':<12} {purpose} ({advice})"


def _cache() -> Iterator[str]:
    from landsight.runtime.choose import cache_folder

    folder = cache_folder()
    nearest = next(path for path in (folder, *folder.parents) if path.exists())
    yield f"cache      {folder}{'' if os.access(nearest, os.W_OK) else ' (cannot be written: nothing will be remembered)'}"


def _examine(path: Path | None, *, measure: bool) -> int:
    """The bundle and the runtimes. Returns the exit code; a bundle that cannot be opened ends it."""
    from landsight.answer.replay import verify
    from landsight.cli.verify import describe

    report = verify(path)
    manifest = report.bundle.manifest
    click.echo(f"bundle     {manifest.name} ({manifest.task}, {len(manifest.labels)} labels), made {manifest.made}, {report.bundle.root}")
    for line in describe(report):
        click.echo(f"  {line}")
    if not report.ok:
        return EXIT_SOME_FAILED
    for line in _runtimes(report.bundle, measure=measure):
        click.echo(line)
    return EXIT_OK


def _runtimes(bundle: Bundle, *, measure: bool) -> Iterator[str]:
    from landsight.runtime import choose

    timings = choose.measure(bundle) if measure else choose.recall(bundle)
    yield "runtimes   one picture   pictures a second" if timings else "runtimes   not measured yet on this machine"
    yield from (_timing_row(timing, best=timing is timings[0]) for timing in timings)
    measured = {(timing.runtime, timing.precision) for timing in timings}
    for runtime, precision in choose.candidates(bundle):
        if (runtime, precision) not in measured:
            yield f"  {runtime} {precision}: {_why_not(bundle, runtime, precision)}"
    if measure and timings:
        kept = choose.remember(bundle, timings)
        yield f"           remembered in {kept}" if kept else "           could not be remembered: the cache folder cannot be written"


def _timing_row(timing: Timing, *, best: bool) -> str:
    name = f"{timing.runtime} {timing.precision}"
    return f"  {name:<18} {timing.single_ms:5.1f} ms   {timing.pictures_per_s:8.1f}{'   <- used' if best else ''}"


def _why_not(bundle: Bundle, runtime: str, precision: str) -> str:
    """Why a runtime that the bundle allows was not measured."""
    from landsight.runtime import choose

    try:
        choose.make(bundle, runtime, precision)
    except LandsightError as error:
        return str(error)
    return "not measured"
