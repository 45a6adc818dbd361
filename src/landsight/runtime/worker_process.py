"""One photo worker seen from outside: start it, send requests, wait for replies no longer than is sane, end it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import signal
import subprocess
import time
from dataclasses import asdict
from typing import Any, Final

from landsight.photo.frames import LENGTHS, MAX_JSON_BYTES, FrameError, pack, parse_header, write_all
from landsight.photo.limits import Limits
from landsight.photo.prepare import Preparation
from landsight.runtime.launch import started

#: A reply fits in the pipe, so that a worker goes on with its next photo while this program is busy.
_PIPE_BYTES: Final = 1 << 18
_F_SETPIPE_SZ: Final = 1031
#: poll takes 32 bits of milliseconds; a photo that may take longer than twelve days is given up then.
_LONGEST_POLL_MS: Final = 1 << 30


class WorkerGoneError(Exception):
    """The worker ended. ``returncode`` as in subprocess: negative for a signal."""

    def __init__(self, returncode: int) -> None:
        super().__init__(returncode)
        self.returncode = returncode


class WorkerStalledError(Exception):
    """No reply within the time."""


class WorkerProcess:
    """A running worker. Call from one thread, which must outlive it: on Linux the worker dies with the thread that started it."""

    def __init__(self, module: str, limits: Limits, preparation: Preparation | None) -> None:
        self._process = started(module)
        streams = (self._process.stdin, self._process.stdout, self._process.stderr)
        self._requests, self._replies, self._complaints = (stream.fileno() for stream in streams if stream is not None)
        with contextlib.suppress(OSError):  # only a matter of speed; refused when a user holds very many pipes
            fcntl.fcntl(self._replies, _F_SETPIPE_SZ, _PIPE_BYTES)
        self._poll = select.poll()
        self._poll.register(self._replies, select.POLLIN | select.POLLHUP)
        self.is_ready = False
        self.served = 0
        self.first_address_space = 0
        self.address_space = 0
        greeting = {"limits": asdict(limits), "preparation": preparation.to_dict() if preparation else None, "parent": os.getpid()}
        with contextlib.suppress(BrokenPipeError):  # receive will say that it is gone
            write_all(self._requests, pack(greeting))

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def send(self, jobs: list[dict[str, Any]], bodies: list[bytes]) -> None:
        """One message. A worker that is gone is found out by receive, not here."""
        with contextlib.suppress(BrokenPipeError):
            write_all(self._requests, pack({"jobs": jobs}, bodies))

    def receive(self, deadline: float, body_limit: int) -> tuple[dict[str, Any], bytearray]:
        """The next reply. ``deadline`` is a time.monotonic. Raises: WorkerGoneError, WorkerStalledError, FrameError."""
        if not self.is_ready:
            header, _ = self._frame(deadline, 0)
            if header.get("ready") is not True:
                raise FrameError("no greeting")
            self.is_ready = True
            space = header.get("address_space")
            self.first_address_space = self.address_space = space if isinstance(space, int) else 0
        return self._frame(deadline, body_limit)

    def stop(self) -> int:
        """End it at once (it holds nothing that could be lost) and wait. Returns the return code; calling again is harmless."""
        self.kill()
        returncode = self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        return returncode

    def kill(self) -> None:
        """Send SIGKILL; safe from any thread."""
        with contextlib.suppress(OSError):
            self._process.send_signal(signal.SIGKILL)

    def complaint(self) -> str:
        """The last line of what it wrote before it was ready; for a worker that did not start."""
        if not select.select([self._complaints], [], [], 0)[0]:
            return ""
        lines = os.read(self._complaints, 65_536).decode("utf-8", "replace").strip().splitlines()
        return lines[-1][:300] if lines else ""

    def _frame(self, deadline: float, body_limit: int) -> tuple[dict[str, Any], bytearray]:
        json_length, body_length = LENGTHS.unpack(self._bytes(LENGTHS.size, deadline))
        if json_length > MAX_JSON_BYTES or body_length > body_limit:
            raise FrameError("lengths out of bounds")
        return parse_header(self._bytes(json_length, deadline)), self._bytes(body_length, deadline)

    def _bytes(self, length: int, deadline: float) -> bytearray:
        data = bytearray(length)
        view = memoryview(data)
        while view:
            wait_s = max(0.0, deadline - time.monotonic())
            if not self._poll.poll(min(wait_s * 1000, _LONGEST_POLL_MS)):
                raise WorkerStalledError
            count = os.readv(self._replies, [view])
            if count == 0:
                raise WorkerGoneError(self._end())
            view = view[count:]
        return data

    def _end(self) -> int:
        """The return code of a worker that closed its pipe; one that lives on is ended."""
        try:
            return self._process.wait(timeout=1.0)
        except subprocess.TimeoutExpired:
            self.kill()
            return self._process.wait()
