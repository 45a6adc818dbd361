"""`landsight serve` as a program of its own, for tests that ask it over a socket."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def running(*options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The program, on a free port with one worker, and its address. Killed at the end."""
    command = [sys.executable, "-m", "landsight", "serve", "--port", "0", "--workers", "1", *options]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as program:
        try:
            assert program.stderr is not None
            found = re.search(r"http://[^ ]+", program.stderr.readline())
            assert found, "it never said where it listens"
            yield program, found[0]
        finally:
            program.kill()
