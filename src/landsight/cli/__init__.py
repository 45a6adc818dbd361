"""The command line: one file a verb, each importing its side inside the command."""

from __future__ import annotations


def main() -> None:
    """Entry point of ``landsight`` and ``python -m landsight``. Never returns: exits with the codes of docs/cli.md."""
    from landsight.cli.app import run

    run()
