"""Photos in, facts and prepared pictures out, at full speed and guarded: each photo is read in a worker that may die without harm.

    with Pool(bundle.manifest.input) as pool:
        for item in pool.map(paths):
            ...

Command line, service, library and evaluation all read photos through this pool.
"""

from __future__ import annotations

import itertools
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from landsight.errors import UsageError
from landsight.photo.limits import Limits
from landsight.photo.prepare import Preparation
from landsight.runtime.lane import Item, Job, Lane
from landsight.runtime.pieces import usable_cores
from landsight.runtime.worker_process import WorkerProcess

__all__ = ["FACTS", "FACTS_AND_PREPARED", "Item", "Pool"]

FACTS: Final = frozenset({"facts"})
FACTS_AND_PREPARED: Final = frozenset({"facts", "prepared"})
_WANTS: Final = frozenset({"facts", "prepared", "thumbnail"})

#: Facts of one file take about as long as one message, so small requests travel together.
BATCH: Final = 32
#: Characters of paths in one message: escaped six-fold, they still fit in a pipe of 64 kB, so that writing never waits for the worker.
_MESSAGE_TEXT: Final = 4_096


class Pool:
    """Workers that read photos. Starts as many as there is work for, at most ``workers`` (default: the cores of this process).

    ``preparation`` says what "prepared" means; None for a pool that only reads facts and thumbnails. ``worker_module`` is for tests.
    Safe to use from several threads. Close it, or use it as a context manager: leaving normally waits for what was submitted, leaving
    by an exception (Ctrl-C) drops it. Workers never outlive this program.
    """

    def __init__(
        self,
        preparation: Preparation | None,
        *,
        limits: Limits | None = None,
        workers: int | None = None,
        worker_module: str = "landsight.photo.worker",
    ) -> None:
        if workers is not None and workers < 1:
            raise UsageError("bad_workers", f"A pool needs at least one worker: received {workers}.", "Give 1 or more, or leave it out.")
        self.preparation = preparation
        self.limits = limits or Limits()
        self.workers = workers or usable_cores()
        self._module = worker_module
        self._queue: deque[Job] = deque()
        self._changed = threading.Condition()
        self._lanes: list[Lane] = []
        self._hungry: set[Lane] = set()
        self._is_closed = False

    def submit(
        self,
        source: Path | bytes,
        wants: frozenset[str] = FACTS_AND_PREPARED,
        *,
        sidecar: Path | None = None,
        thumbnail_px: int | None = None,
        name: str | None = None,
    ) -> Future[Item]:
        """Read one photo: a path or its bytes. ``wants``: of "facts", "prepared", "thumbnail" (with ``thumbnail_px``, its longer side).

        The future holds an Item, whatever the photo; it raises RuntimeUnavailable only when no worker can be started at all.
        Raises: UsageError for impossible wants or a closed pool.
        """
        job = self._job(source, wants, sidecar, thumbnail_px, name)
        with self._changed:
            if self._is_closed:
                raise UsageError("pool_closed", "The pool is closed.", "Open a new one.")
            self._queue.append(job)
            if self._starts_lane():
                lane = Lane(self, len(self._lanes))
                self._lanes.append(lane)
                self._hungry.add(lane)
                lane.start()
            self._changed.notify()
        return job.future

    def map(
        self,
        sources: Iterable[Path | bytes],
        wants: frozenset[str] = FACTS_AND_PREPARED,
        *,
        sidecar_of: Callable[[Path], Path | None] | None = None,
        thumbnail_px: int | None = None,
        ahead: int | None = None,
    ) -> Iterator[Item]:
        """Items in the order of ``sources``, which may be endless: at most ``ahead`` are taken before the first is handed out.

        ``sidecar_of`` names the sidecar of a path, or None. Default ``ahead``: enough to keep all workers busy while a batch is looked at.
        """
        window = ahead or (self.workers * BATCH * 4 if wants == FACTS else max(32, self.workers * 8))
        waiting: deque[Future[Item]] = deque()
        remaining = iter(sources)
        try:
            while True:
                for source in itertools.islice(remaining, window - len(waiting)):
                    sidecar = sidecar_of(source) if sidecar_of is not None and isinstance(source, Path) else None
                    waiting.append(self.submit(source, wants, sidecar=sidecar, thumbnail_px=thumbnail_px))
                if not waiting:
                    return
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()

    def close(self, *, wait: bool = True) -> None:
        """End all workers. ``wait``: after what was submitted is read; otherwise it is cancelled. Calling again is harmless."""
        with self._changed:
            self._is_closed = True
            if not wait:
                self._drop_queue()
            self._changed.notify_all()
        if not wait:
            for lane in self._lanes:
                lane.abandon()
        for lane in self._lanes:
            lane.join()
        with self._changed:
            self._drop_queue()

    def worker_pids(self) -> list[int]:
        """Process ids of the workers that run now."""
        return [pid for lane in self._lanes if (pid := lane.pid) is not None]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close(wait=kind is None)

    def _job(self, source: Path | bytes, wants: frozenset[str], sidecar: Path | None, thumbnail_px: int | None, name: str | None) -> Job:
        if not wants or not wants <= _WANTS or ("thumbnail" in wants) != (thumbnail_px is not None):
            raise UsageError(
                "bad_wants", f"Impossible wants: received {sorted(wants)}, thumbnail_px={thumbnail_px}.", f"Choose of {sorted(_WANTS)}."
            )
        p = self.preparation
        if "prepared" in wants and p is None:
            raise UsageError("bad_wants", "This pool has no preparation, so it cannot prepare.", "Give Pool the bundle's manifest.input.")
        is_bytes = isinstance(source, bytes)
        request = {
            "wants": sorted(wants),
            "path": None if isinstance(source, bytes) else _text(source),
            "bytes": len(source) if isinstance(source, bytes) else 0,
            "sidecar": None if sidecar is None else _text(sidecar),
            "thumbnail_px": thumbnail_px,
        }
        shape = (p.height, p.width, 3 if p.colour == "RGB" else 1) if p is not None and "prepared" in wants else None
        return Job(source, name or ("bytes" if is_bytes else str(source)), request, thumbnail_px, shape)

    def _starts_lane(self) -> bool:
        """More work waits than the lanes that wait for work will take."""
        reach = BATCH if self._queue[-1].is_small else 1
        return len(self._lanes) < self.workers and len(self._hungry) * reach < len(self._queue)

    def _drop_queue(self) -> None:
        while self._queue:
            self._queue.popleft().future.cancel()

    # What lanes call.

    def take(self, lane: Lane, *, is_waiting: bool) -> list[Job]:
        """The next message's jobs. Empty: nothing to do now, or (``is_waiting``, which blocks) ever again."""
        with self._changed:
            if not is_waiting:
                # A second message hides latency. It must not be taken from a lane that has none; and bytes, which may not fit in the
                # pipe, are only written to a worker that is not writing itself. A suspect gets a worker that can be replaced first.
                if len(self._queue) <= len(self._hungry) or isinstance(self._queue[0].source, bytes) or self._queue[0].is_alone:
                    return []
                return self._take_batch()
            self._hungry.add(lane)
            while not (jobs := self._take_batch()) and not self._is_closed:
                self._changed.wait()
            self._hungry.discard(lane)
            return jobs

    def give_back(self, jobs: Sequence[Job]) -> None:
        """Jobs of a worker that is gone, to be done before all others."""
        with self._changed:
            self._queue.extendleft(reversed(jobs))
            self._changed.notify(len(jobs))

    def start_worker(self) -> WorkerProcess:
        """A new worker process, owned by the calling thread."""
        return WorkerProcess(self._module, self.limits, self.preparation)

    def _take_batch(self) -> list[Job]:
        """One job, or several small ones. The cancelled are left out; empty only when the queue is."""
        most = max(1, min(BATCH, len(self._queue) // len(self._lanes)))
        jobs: list[Job] = []
        length = 0
        while self._queue and len(jobs) < most and length < _MESSAGE_TEXT:
            job = self._queue[0]
            if jobs and (job.is_alone or not job.is_small):
                break
            self._queue.popleft()
            if not (job.future.running() or job.future.set_running_or_notify_cancel()):
                continue
            jobs.append(job)
            length += len(job.name)
            if job.is_alone or not job.is_small:
                break
        return jobs


def _text(path: Path) -> str:
    """An absolute path as JSON can carry it, whatever bytes the name has."""
    return os.fsencode(os.path.abspath(path)).decode("utf-8", "surrogateescape")  # noqa: PTH100 - Path.absolute keeps ".."
