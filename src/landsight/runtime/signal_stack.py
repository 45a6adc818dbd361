"""Keeps the thread's alternate signal stack as it was, around a library that sets one and frees it in the wrong order."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager


class _Stack(ctypes.Structure):
    """stack_t of sigaltstack(2)."""

    _fields_ = (("sp", ctypes.c_void_p), ("flags", ctypes.c_int), ("size", ctypes.c_size_t))


@contextmanager
def signal_stack_kept() -> Iterator[None]:
    """After the block the thread has the alternate signal stack that it had before (Linux; elsewhere nothing is done).

    OpenVINO 2026.4 gives the thread that compiles a model a stack of its own, and puts the former one back when the model goes. Of two
    models, the second to go puts back the first one's, which is freed by then; Python's next signal (Ctrl-C, the end of a child process)
    is then a segmentation fault. Remove when two models compiled and dropped in order leave sigaltstack(2) as it was.
    """
    if sys.platform != "linux":
        yield
        return
    libc = ctypes.CDLL(None)
    before = _Stack()
    known = libc.sigaltstack(None, ctypes.byref(before)) == 0
    try:
        yield
    finally:
        if known:
            libc.sigaltstack(ctypes.byref(before), None)
