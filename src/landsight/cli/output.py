"""Where answers go: standard output, or a file that is complete, or kept up to where the run was stopped."""

from __future__ import annotations

import io
import os
import stat
import sys
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TextIO

from landsight.errors import UsageError

_PART: Final = ".part"


class Output:
    """A text stream for answers. With a path, lines grow in ``PATH.part``, which takes the place of PATH when the block ends.

    The block may end by an interruption or an error: what was written then is kept under PATH as well, but an error before the first
    answer leaves PATH as it was. After a kill or a power cut, ``PATH.part`` holds what was written. A path that is no regular file (/dev/null, a pipe) is written to directly.
    Raises, on entering: UsageError when PATH is a folder or a photo, when its folder is missing or cannot be written to.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._part: Path | None = None
        self.stream: TextIO = sys.stdout

    def __enter__(self) -> Self:
        if self.path is None:
            _use_utf8(self.stream)
            return self
        _refuse_bad_target(self.path)
        target = self.path
        if not _is_special(self.path):
            target = self._part = self.path.with_name(self.path.name + _PART)
            _refuse_bad_target(target)
        try:
            self.stream = target.open("w", encoding="utf-8", newline="")
        except OSError as error:
            raise UsageError(
                "bad_output", f"{target} cannot be written: {error.strerror}.", "Give --out a place that you may write to."
            ) from None
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.path is None:
            return
        is_worthless = error is not None and self._part is not None and self.stream.tell() == 0
        try:
            self.stream.close()
        finally:
            # Also when the disk is full: what reached it is worth keeping.
            if self._part is not None and is_worthless:
                self._part.unlink()
            elif self._part is not None:
                self._part.replace(self.path)

    def is_own(self, path: Path) -> bool:
        """True for a file that this output writes: it must not be taken for one of the photos of a folder."""
        if self.path is None or path.name not in (self.path.name, self.path.name + _PART):
            return False
        return path.resolve() in (self.path.resolve(), self.path.resolve().with_name(self.path.name + _PART))


def _use_utf8(stream: TextIO) -> None:
    """JSON and CSV are UTF-8 whatever the locale; a stream that a test or a host put in place of stdout is left as it is."""
    if isinstance(stream, io.TextIOWrapper) and (stream.encoding or "").lower().replace("-", "") != "utf8":
        stream.reconfigure(encoding="utf-8", errors="backslashreplace")


def _is_special(path: Path) -> bool:
    try:
        return not stat.S_ISREG(path.stat().st_mode)
    except FileNotFoundError:
        return False


def _refuse_bad_target(path: Path) -> None:
    """A photo is never written over, whatever it is called."""
    if path.is_dir():
        raise UsageError("bad_output", f"--out is a folder: received {path}.", "Give the name of a file.")
    if not path.parent.is_dir():
        raise UsageError("bad_output", f"--out lies in a folder that does not exist: received {path}.", "Make the folder first.")
    if not path.is_file():
        return
    from landsight.photo.sniff import SNIFF_BYTES, sniff

    try:
        with path.open("rb") as stream:
            head = stream.read(SNIFF_BYTES)
    except OSError:
        head = b""
    if sniff(head) is not None:
        raise UsageError(
            "output_is_photo", f"--out would write over a photo: received {path}.", "Give another name; photos are never written to."
        )


def is_terminal(stream: TextIO) -> bool:
    """True when a person reads the stream as it comes. ``TERM=dumb`` cannot move a cursor: no."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"
