"""``python -m landsight`` is ``landsight``."""

from __future__ import annotations

from landsight.cli import main

if __name__ == "__main__":
    main()
