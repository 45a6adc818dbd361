"""One training at a time in a run folder: two would remove each other's half-written files and mix their checkpoints."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from landsight.errors import UsageError
from landsight.studio.folders import make_folder

#: What file systems without locks answer; there it is nobody's guard but the user's.
_NO_LOCKS = frozenset({errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL, errno.EBADF})


@contextmanager
def held(run: Path) -> Iterator[None]:
    """Hold the folder, which is made if need be. The lock is the system's, on the folder itself: it leaves no file and ends with the process.

    Raises: UsageError when another process trains there.
    """
    make_folder(run)
    if sys.platform == "win32":  # folders cannot be locked there
        yield
        return
    import fcntl

    folder = os.open(run, os.O_RDONLY)
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError("run_in_use", f"Another process is training in {run}.", "Wait for it, or choose another folder.") from None
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
        yield
    finally:
        os.close(folder)
