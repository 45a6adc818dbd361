"""Photos in, what the network says of them out: the guarded pool and the engine side by side, streaming and in the order of input.

Every use verb that looks at pictures stands on this: whereabouts.predictor weighs the answers against positions, answer.model hands
them out as they are.
"""

from __future__ import annotations

import itertools
import os
from collections import deque
from collections.abc import Generator, Iterable, Mapping
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from landsight.answer.road import answer_batch, answer_module, answer_with
from landsight.bundle.load import Bundle
from landsight.photo.beside import find as find_sidecar
from landsight.photo.limits import Limits
from landsight.runtime.engine import Engine
from landsight.runtime.stream import BATCH, FACTS, Item, Pool

#: A photo: a path, or the bytes of a file.
Source = str | os.PathLike[str] | bytes

#: Most pictures that the network is given at once. Engines run them one by one (runtime.pieces), so more would only delay answers.
LOOK_AT_ONCE: Final = 16
#: Photos taken ahead of the one whose answer is handed out: enough that workers never wait while the network runs, few in memory.
_AHEAD: Final = 64
#: Batches given to the network at once: while it runs one, the answers of the one before are weighed and handed out.
_LOOKING: Final = 2
#: One that has looked at more pictures than this measures which engine is fastest here, for the runs to come.
MEASURE_AFTER: Final = 200
_MEASURE_S: Final = 0.3


@dataclass(frozen=True, slots=True)
class Looked:
    """One photo as read, and the network's answer (None without pixels). ``outputs``: a row of each output that was asked for beside it."""

    item: Item
    answer: Any | None
    outputs: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Gathered:
    """A photo of ``submit`` that is read and waits for the network."""

    item: Item
    answer: Future[Looked]
    outputs: tuple[str, ...]


class Looker:
    """Reads photos and asks the bundle's network about them; keeps its workers and its engine until ``close``.

    ``bundle`` None: metadata only. ``facts``: also read metadata and sidecars. ``workers``, ``limits``, ``runtime``, ``precision``,
    ``threads``: see whereabouts.predictor.Predictor. Raises, on construction: BundleError for a task that is not known, UsageError.
    RuntimeUnavailable comes with the first photo, because the engine loads while photos are decoded.
    """

    def __init__(
        self,
        bundle: Bundle | None,
        *,
        facts: bool = True,
        workers: int | None = None,
        limits: Limits | None = None,
        runtime: str = "auto",
        precision: str | None = None,
        threads: int | None = None,
    ) -> None:
        self._bundle = bundle
        if bundle is not None:
            answer_module(bundle.manifest.task)
        self._facts = facts
        self._wants = (FACTS if facts else frozenset()) | ({"prepared"} if bundle is not None else frozenset())
        preparation = bundle.manifest.input if bundle else None
        self._pool = Pool(preparation, limits=limits or Limits.from_environment(), workers=workers)
        self._gathered: deque[_Gathered] = deque()
        self._looked = 0
        self._may_measure = runtime == "auto" and precision is None
        # One thread has the engine: it opens it while the first photos are decoded, and then looks at one batch after the other.
        self._network = ThreadPoolExecutor(1, thread_name_prefix="landsight-network")
        self._engine = self._network.submit(_open_engine, bundle, runtime, precision, threads) if bundle else None

    def look(self, source: Source, *, name: str | None = None) -> tuple[Item, Any | None]:
        """One photo as read, and the network's answer (None without pixels). ``name`` is what to call bytes."""
        item = self._submit(source, name).result()
        return item, self._looked_at([item]).result()[0]

    def submit(
        self, source: Source, *, name: str | None = None, thumbnail_px: int | None = None, outputs: tuple[str, ...] = ()
    ) -> Future[Looked]:
        """As ``look``, without waiting. Photos that are read by the time the network is free are looked at together, 16 at most.

        ``thumbnail_px``: longer side of a JPEG in Item.thumbnail. ``outputs``: of the network, to be handed out beside the answer; those
        that the bundle lacks are missing. Cancelling the future drops what has not begun. May be called from any thread.
        """
        answer: Future[Looked] = Future()
        self._submit(source, name, thumbnail_px).add_done_callback(partial(self._gather, answer, outputs))
        return answer

    def look_many(self, sources: Iterable[Source]) -> Generator[tuple[Item, Any | None], None, None]:
        """As ``look`` for each source, in order, streaming with flat memory; ``sources`` may be endless.

        Sources are taken from the iterable up to 64 ahead (256 a worker without pixels). Closing the iterator drops what is under way.
        """
        remaining = iter(sources)
        ahead = _AHEAD if self._bundle else self._pool.workers * BATCH * 4
        waiting: deque[Future[Item]] = deque()
        looking: deque[tuple[list[Item], Future[list[Any]]]] = deque()
        try:
            while True:
                room = ahead - len(waiting) - sum(len(items) for items, _ in looking)
                waiting.extend(self._submit(source) for source in itertools.islice(remaining, room))
                if waiting and len(looking) < _LOOKING and (waiting[0].done() or not looking):
                    items = _ready(waiting)
                    looking.append((items, self._looked_at(items)))
                elif looking:
                    items, answers = looking.popleft()
                    yield from zip(items, answers.result(), strict=True)
                else:
                    return
        finally:
            for future in waiting:
                future.cancel()
            for _, answers in looking:
                answers.cancel()

    def describe(self) -> dict[str, Any]:
        """What answers: bundle, bundle_hash, task, labels (how many), runtime, precision. Waits for the engine; all None without pixels."""
        if self._bundle is None or self._engine is None:
            return dict.fromkeys(("bundle", "bundle_hash", "task", "labels", "runtime", "precision"))
        runtime, _, precision = self._engine.result().name.partition(" ")
        manifest = self._bundle.manifest
        return {
            "bundle": manifest.name,
            "bundle_hash": self._bundle.bundle_hash,
            "task": manifest.task,
            "labels": len(manifest.labels),
            "runtime": runtime,
            "precision": precision,
        }

    def close(self) -> None:
        """End the workers; what is under way is dropped. Safe to call twice."""
        self._pool.close(wait=False)
        # A runtime that is still loading must not meet the end of the interpreter.
        self._network.shutdown(cancel_futures=True)
        while self._gathered:
            self._gathered.popleft().answer.cancel()

    def _submit(self, source: Source, name: str | None = None, thumbnail_px: int | None = None) -> Future[Item]:
        wants = self._wants | ({"thumbnail"} if thumbnail_px else frozenset())
        if isinstance(source, bytes):
            return self._pool.submit(source, wants, name=name, thumbnail_px=thumbnail_px)
        path = Path(source)
        # The text as it was given: Path would turn "./a.jpg" into "a.jpg".
        sidecar = find_sidecar(path) if self._facts else None
        return self._pool.submit(path, wants, sidecar=sidecar, name=name or os.fspath(source), thumbnail_px=thumbnail_px)

    def _gather(self, answer: Future[Looked], outputs: tuple[str, ...], read: Future[Item]) -> None:
        """One photo of ``submit`` is read: queue it for the network, or answer it when there is nothing to look at."""
        try:
            item = read.result()
            if item.prepared is not None:
                self._gathered.append(_Gathered(item, answer, outputs))
                # One call a photo: the first finds all that are ready, the others what came meanwhile, or nothing.
                self._network.submit(self._look_at_gathered)
            elif answer.set_running_or_notify_cancel():
                answer.set_result(Looked(item, None))
        except (Exception, CancelledError) as error:
            if not answer.done():
                answer.set_exception(error)

    def _look_at_gathered(self) -> None:
        """Runs on the network's own thread."""
        ready: list[_Gathered] = []
        while self._gathered and len(ready) < LOOK_AT_ONCE:
            one = self._gathered.popleft()
            if one.answer.set_running_or_notify_cancel():
                ready.append(one)
        if not ready or self._bundle is None or self._engine is None:
            return
        try:
            batch = np.stack([one.item.prepared for one in ready])  # type: ignore[misc]  # only those that have one are gathered
            more = tuple(dict.fromkeys(name for one in ready for name in one.outputs))
            answers, outputs = answer_with(batch, self._bundle, self._engine.result(), more)
        except Exception as error:
            for one in ready:
                one.answer.set_exception(error)
            return
        for row, (one, answer) in enumerate(zip(ready, answers, strict=True)):
            one.answer.set_result(Looked(one.item, answer, {name: outputs[name][row] for name in one.outputs if name in outputs}))
        self._measure_once(len(ready))

    def _looked_at(self, items: list[Item]) -> Future[list[Any]]:
        """What the network will answer; at once when there is nothing to look at."""
        if any(item.prepared is not None for item in items):
            return self._network.submit(self._look, items)
        nothing: Future[list[Any]] = Future()
        nothing.set_result([None] * len(items))
        return nothing

    def _look(self, items: list[Item]) -> list[Any]:
        """The network's answers; None for a photo without pixels. Runs on the network's own thread."""
        answers: list[Any] = [None] * len(items)
        rows = [row for row, item in enumerate(items) if item.prepared is not None]
        if rows and self._bundle is not None and self._engine is not None:
            batch = np.stack([items[row].prepared for row in rows])  # type: ignore[misc]  # rows are those that have one
            found = answer_batch(batch, self._bundle, self._engine.result())
            for row, answer in zip(rows, found, strict=True):
                answers[row] = answer
            self._measure_once(len(rows))
        return answers

    def _measure_once(self, looked: int) -> None:
        """After many pictures, once: this run keeps its engine, so that all its answers are of one kind."""
        self._looked += looked
        if self._looked > MEASURE_AFTER and self._may_measure and self._bundle is not None:
            self._may_measure = False
            _remember_fastest(self._bundle)


def _ready(waiting: deque[Future[Item]]) -> list[Item]:
    """The next item, waited for, and those behind it that are read already: never waits to fill a batch."""
    items = [waiting.popleft().result()]
    while waiting and len(items) < LOOK_AT_ONCE and waiting[0].done():
        items.append(waiting.popleft().result())
    return items


def _open_engine(bundle: Bundle, runtime: str, precision: str | None, threads: int | None) -> Engine:
    """Runs on a thread of its own, so that the first photos are decoded meanwhile."""
    from landsight.runtime.choose import pick

    _ = bundle.arrays  # read here rather than before the first answer
    return pick(bundle, runtime=None if runtime == "auto" else runtime, precision=precision, threads=threads)


def _remember_fastest(bundle: Bundle) -> None:
    """Measure and remember, unless that was done before for this bundle, processor and these versions (contracts: files)."""
    from landsight.runtime.choose import measure, recall, remember

    if not recall(bundle):
        remember(bundle, measure(bundle, seconds=_MEASURE_S))
