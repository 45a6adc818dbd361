"""What tests in a browser share."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def serving(*options: str) -> Iterator[str]:
    """The address of a `landsight serve` on a free port."""
    command = [sys.executable, "-m", "landsight", "serve", "--port", "0", "--workers", "1", *options]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as program:
        assert program.stderr is not None
        found = re.search(r"http://[^ ]+", program.stderr.readline())
        assert found
        try:
            yield found[0]
        finally:
            program.kill()


def _axe() -> Path:
    spec = importlib.util.find_spec("axe_playwright_python")
    assert spec is not None and spec.origin is not None
    return Path(spec.origin).parent / "axe.min.js"


#: The checker's script.
AXE = _axe()
