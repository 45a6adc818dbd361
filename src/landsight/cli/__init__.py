"""The command line: one file a verb, each importing its side inside the command."""

from __future__ import annotations

import os


def main() -> None:
    """Entry point of ``landsight`` and ``python -m landsight``. Never returns: exits with the codes of docs/cli.md."""
    # Before NumPy is imported. Its matrix library waits by spinning, on the cores that decode: over camera photos that cost a third of
    # the time (docs/log.md). Our products of matrices are small; the network's threads are the runtime's own.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from landsight.cli.app import run

    run()
