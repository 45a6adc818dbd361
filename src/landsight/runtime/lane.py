"""One thread of the photo pool: hands messages to its worker, waits for replies, buries and replaces it."""

from __future__ import annotations

import signal
import threading
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from landsight.errors import PhotoError, RuntimeUnavailable
from landsight.photo.facts import Facts, PhotoWarning
from landsight.photo.frames import FrameError
from landsight.photo.limits import Limits
from landsight.runtime.reply import Reply, body_limit, checked
from landsight.runtime.worker_process import WorkerGoneError, WorkerProcess, WorkerStalledError

#: Messages a worker has at once: one in work, one waiting in its pipe, so that it never waits for this program.
_MESSAGES: Final = 2
#: The time limit counts the worker's own processor time, which a busy machine does not stretch. This many times the limit on the clock
#: catches what uses no processor: a network disk that hangs.
_STALL_FACTOR: Final = 6.0
_START_S: Final = 30.0
_START_ATTEMPTS: Final = 2
#: A worker is replaced after so many photos, or when its address space has grown by this part of the limit: decoders leak.
_RECYCLE_PHOTOS: Final = 5_000
_RECYCLE_GROWTH: Final = 0.4
#: Growth below this part of the limit cannot be why a photo ran out of memory.
_BLAMED_GROWTH: Final = 0.05


@dataclass(frozen=True, slots=True)
class Item:
    """One photo as read. ``name`` is what to call it: the path, or the name given with bytes.

    Shape: ``prepared`` (height, width, channels) uint8, None unless wanted and read; ``thumbnail`` a JPEG; ``size_px`` (width, height)
    of the photo. ``facts`` are filled as far as they could be read, also beside an ``error``.
    """

    source: Path | bytes
    name: str
    facts: Facts
    prepared: NDArray[np.uint8] | None = None
    thumbnail: bytes | None = None
    size_px: tuple[int, int] | None = None
    warnings: tuple[PhotoWarning, ...] = ()
    error: PhotoError | None = None


@dataclass(slots=True)
class Job:
    """One photo on its way. ``is_alone``: suspected of having ended a worker, so it travels alone."""

    source: Path | bytes
    name: str
    request: dict[str, Any]
    thumbnail_px: int | None
    shape: tuple[int, int, int] | None
    is_alone: bool = False
    future: Future[Item] = field(default_factory=Future)

    @property
    def is_small(self) -> bool:
        """Fits in a pipe with many others, and so does its reply."""
        return self.shape is None and self.thumbnail_px is None and not isinstance(self.source, bytes)


class Source(Protocol):
    """What a lane needs of its pool."""

    limits: Limits

    def take(self, lane: Lane, *, is_waiting: bool) -> list[Job]: ...

    def give_back(self, jobs: Sequence[Job]) -> None: ...

    def start_worker(self) -> WorkerProcess: ...


class Lane(threading.Thread):
    """Runs until the pool has no more work. The thread that starts a worker must outlive it, so every lane starts its own."""

    def __init__(self, pool: Source, number: int) -> None:
        super().__init__(name=f"landsight-photos-{number}", daemon=True)
        self._pool = pool
        self._worker: WorkerProcess | None = None
        self._messages: deque[deque[Job]] = deque()
        self._since = 0.0
        self._failed_starts = 0
        self._is_abandoned = False
        self._guard = threading.Lock()

    @property
    def pid(self) -> int | None:
        """Process id of the worker that runs now."""
        worker = self._worker
        return worker.pid if worker is not None else None

    def abandon(self) -> None:
        """Called by the thread that closes the pool: what is in work is not wanted any more."""
        with self._guard:
            self._is_abandoned = True
            if self._worker is not None:
                self._worker.kill()

    def run(self) -> None:
        """See threading.Thread."""
        try:
            while self._fill():
                try:
                    self._one_reply()
                except Exception as error:  # ours, or out of memory: whoever waits must hear it, and the lane must live on
                    self._give_up(error)
        finally:
            self._bury()
            for message in self._messages:
                _fail(message, CancelledError())

    def _fill(self) -> bool:
        """Take messages up to the number a worker has at once. False: nothing is left to do."""
        while len(self._messages) < _MESSAGES and not self._is_abandoned:
            is_waiting = not self._messages
            if not is_waiting and self._is_worn():
                break
            if is_waiting and self._is_worn():
                self._bury()
            jobs = self._pool.take(self, is_waiting=is_waiting)
            if not jobs:
                break
            self._messages.append(deque(jobs))
            if is_waiting:
                self._since = time.monotonic()
                if jobs[0].is_alone and self._has_grown(_BLAMED_GROWTH):
                    self._bury()
            self._send(jobs)
        return bool(self._messages) and not self._is_abandoned

    def _send(self, jobs: Sequence[Job]) -> None:
        if self._worker is None and not self._start():
            return
        if self._worker is not None:
            self._worker.send([job.request for job in jobs], [job.source for job in jobs if isinstance(job.source, bytes)])

    def _start(self) -> bool:
        try:
            worker = self._pool.start_worker()
        except OSError as error:
            self._start_failed(str(error))
            return False
        with self._guard:
            self._worker = worker
            if self._is_abandoned:
                worker.kill()
        return True

    def _one_reply(self) -> None:
        """Wait for the reply to the oldest request; whatever comes instead is that photo's error."""
        worker, message = self._worker, self._messages[0]
        if worker is None:
            return
        job = message[0]
        was_ready = worker.is_ready
        deadline = self._since + _STALL_FACTOR * self._pool.limits.max_seconds + (0.0 if was_ready else _START_S)
        try:
            reply = checked(*worker.receive(deadline, body_limit(job.shape, job.thumbnail_px)), job.shape, job.thumbnail_px)
        except (WorkerGoneError, WorkerStalledError, FrameError) as problem:
            self._lost(worker, problem)
            return
        self._failed_starts = 0
        if not was_ready:
            self._since = time.monotonic()
        may_be_innocent = self._has_grown(_BLAMED_GROWTH) and not job.is_alone
        worker.served += 1
        worker.address_space = reply.address_space
        if reply.error is not None and reply.error.code == "too_much_memory" and may_be_innocent:
            self._retry_all_elsewhere()
            return
        message.popleft()
        if not message:
            self._messages.popleft()
            self._since = time.monotonic()
        job.future.set_result(_item(job, reply))

    def _lost(self, worker: WorkerProcess, problem: Exception) -> None:
        """The worker is gone or must go. A photo that was in work alone is to blame; of several, each is tried again alone."""
        complaint = worker.complaint() if not worker.is_ready else ""
        self._bury()
        if self._is_abandoned:
            return
        if not worker.is_ready:
            self._start_failed(complaint)
            return
        if len(self._messages[0]) > 1:
            self._retry_all_elsewhere()
            return
        (job,) = self._messages.popleft()
        self._retry_rest()
        job.future.set_result(Item(job.source, job.name, Facts(), error=_verdict(problem, self._pool.limits)))

    def _retry_all_elsewhere(self) -> None:
        """Give the first message back, its photos to be read alone in a fresh worker, and the rest as it was."""
        self._bury()
        for job in self._messages[0]:
            job.is_alone = True
        self._retry_rest()

    def _retry_rest(self) -> None:
        jobs = [job for message in self._messages for job in message]
        self._messages.clear()
        self._pool.give_back(jobs)

    def _start_failed(self, complaint: str) -> None:
        self._failed_starts += 1
        if self._failed_starts < _START_ATTEMPTS:
            self._retry_rest()
            return
        reason = f"No process for reading photos can be started: {complaint or 'it ended without a word'}."
        advice = "Check free memory, process limits (ulimit -a) and LANDSIGHT_MAX_MEMORY."
        self._give_up(RuntimeUnavailable("no_worker", reason, advice))
        self._failed_starts = 0

    def _give_up(self, error: Exception) -> None:
        self._bury()
        for message in self._messages:
            _fail(message, error)
        self._messages.clear()

    def _bury(self) -> None:
        with self._guard:
            worker, self._worker = self._worker, None
        if worker is not None:
            worker.stop()

    def _is_worn(self) -> bool:
        return self._worker is not None and (self._worker.served >= _RECYCLE_PHOTOS or self._has_grown(_RECYCLE_GROWTH))

    def _has_grown(self, part: float) -> bool:
        """The worker's address space is larger than at its start by this part of the limit."""
        worker = self._worker
        return worker is not None and worker.address_space - worker.first_address_space > part * self._pool.limits.max_memory


def _item(job: Job, reply: Reply) -> Item:
    return Item(job.source, job.name, reply.facts, reply.prepared, reply.thumbnail, reply.size_px, reply.warnings, reply.error)


def _fail(jobs: Sequence[Job] | deque[Job], error: BaseException) -> None:
    for job in jobs:
        job.future.set_exception(error)


def _verdict(problem: Exception, limits: Limits) -> PhotoError:
    """Why a photo ended its worker."""
    advice = "The other photos are not affected; please report the file if a viewer opens it."
    if isinstance(problem, WorkerStalledError):
        waited = _STALL_FACTOR * limits.max_seconds
        return PhotoError("too_slow", f"Reading stood still for {waited:g} s.", "Check the disk or network that it lies on.")
    if isinstance(problem, WorkerGoneError):
        if problem.returncode == -signal.SIGPROF:
            return PhotoError(
                "too_slow",
                f"Reading took more than {limits.max_seconds:g} s of processor time.",
                "Raise --max-seconds (LANDSIGHT_MAX_SECONDS).",
            )
        return PhotoError("decoder_crashed", f"The decoder died ({_end_in_words(problem.returncode)}).", advice)
    return PhotoError(
        "decoder_crashed", f"The decoder was taken over: its reply is illegal ({problem}).", "Do not open this file in other programs."
    )


def _end_in_words(returncode: int) -> str:
    try:
        return signal.Signals(-returncode).name if returncode < 0 else f"exit code {returncode}"
    except ValueError:
        return f"signal {-returncode}"
