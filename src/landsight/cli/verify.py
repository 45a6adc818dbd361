"""``landsight verify``: is the bundle whole, and does it answer from raw photo bytes as the trained network did?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from landsight.cli.options import bundle_option
from landsight.cli.safe_text import visible
from landsight.errors import UsageError, VerificationError

if TYPE_CHECKING:
    from landsight.answer.replay import Replay, VerifyReport


@click.command()
@click.argument("folder", metavar="[BUNDLE]", type=click.Path(path_type=Path), required=False)
@bundle_option
def verify(folder: Path | None, bundle: Path | None) -> None:
    """Compare every file of BUNDLE with its hash, and replay the stored answers. Without BUNDLE: the shipped one.

    Exit code 0: all as it should be, 1: something differs, 3: this is no bundle.
    """
    from landsight.answer.replay import verify as verify_bundle

    if folder is not None and bundle is not None:
        raise UsageError("two_bundles", f"Two bundles were named: received {folder} and --bundle {bundle}.", "Name one of them.")
    report = verify_bundle(folder or bundle)
    for line in describe(report):
        click.echo(line)
    if not report.ok:
        count = len(report.problems())
        raise VerificationError(
            "bundle_differs",
            f"The bundle {report.bundle.root} is not what it was: {count} {'problem' if count == 1 else 'problems'}, listed above.",
            "Copy or export it again.",
        )


def describe(report: VerifyReport) -> Iterator[str]:
    """The report, one line a finding."""
    files = report.files
    good = files.checked - len(files.changed) - len(files.missing)
    yield f"{report.bundle.manifest.name}: {good} of {files.checked} files unchanged"
    if not report.replays and files.ok:
        yield "no stored answers to replay"
    for replay in report.replays:
        yield _replay_line(replay)
    for problem in report.problems():
        yield visible(f"differs: {problem}")


def _replay_line(replay: Replay) -> str:
    if replay.skipped is not None:
        return visible(f"{replay.engine}: not tried. {replay.skipped}")
    if replay.mismatches:
        return f"{replay.engine}: {len(replay.mismatches)} answers differ"
    return f"{replay.engine}: {replay.photos} answers as recorded (largest difference {replay.worst:.1e}, allowed {replay.tolerance:g})"
