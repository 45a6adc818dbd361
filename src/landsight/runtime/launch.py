"""Starts the program of a photo worker. A command that will need one starts it before it loads what it needs itself: both load at once."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from typing import Final

#: What a worker runs.
WORKER: Final = "landsight.photo.worker"
#: Variables that a worker may see. No proxy, no token, no home.
_KEPT: Final = ("PATH", "LD_LIBRARY_PATH", "PYTHONHOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "SYSTEMROOT")

_spare: list[subprocess.Popen[bytes]] = []
_guard = threading.Lock()


def prestart() -> None:
    """Start one worker for whoever calls ``started`` first. Call it from the main thread: a worker dies with the thread that started it.

    A spare that nobody takes ends by itself when this program does, because its standard input closes.
    """
    with _guard, contextlib.suppress(OSError):  # who needs a worker will try again, and say what is wrong
        if not _spare:
            _spare.append(_started(WORKER))


def started(module: str) -> subprocess.Popen[bytes]:
    """A worker that waits for its greeting: the spare one, or a new one, which lives as long as the calling thread."""
    with _guard:
        if module == WORKER and _spare:
            return _spare.pop()
    return _started(module)


def _started(module: str) -> subprocess.Popen[bytes]:
    # -P: a folder of photos may hold a json.py, and must not be where modules are looked for. Own process group: Ctrl-C is for us.
    return subprocess.Popen(
        [sys.executable, "-P", "-m", module],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=_environment(),
        cwd="/",
        bufsize=0,
        process_group=0,
    )


def _environment(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """A worker finds the modules that this program finds, computes with one thread, and sees little else."""
    kept = {name: environ[name] for name in _KEPT if name in environ}
    return kept | {
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path and os.path.isabs(path)),  # noqa: PTH117 - zip files and plain text
        "PYTHONDONTWRITEBYTECODE": "1",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        # Each arena of malloc takes 64 MB of the address space that is limited.
        "MALLOC_ARENA_MAX": "2",
    }
