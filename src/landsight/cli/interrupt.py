"""Ctrl-C between two photos, not in the middle of a line."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupts:
    """Turns SIGINT and SIGTERM into KeyboardInterrupt, held back while ``shield`` is entered; a second one is not held back."""

    def __init__(self) -> None:
        self._shielded = False
        self._pending = False

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Handle signals inside the block. Outside the main thread, where Python allows no handlers, this does nothing."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self._on_signal) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextmanager
    def shield(self) -> Iterator[None]:
        """Let the block finish first; then raise what came meanwhile."""
        self._shielded = True
        try:
            yield
        finally:
            self._shielded = False
        if self._pending:
            self._pending = False
            raise KeyboardInterrupt

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        if self._shielded and not self._pending:
            self._pending = True
            return
        raise KeyboardInterrupt
