"""``torchrun -m landsight.cli`` is ``landsight``, once in each of its processes."""

from __future__ import annotations

from landsight.cli import main

if __name__ == "__main__":
    main()
