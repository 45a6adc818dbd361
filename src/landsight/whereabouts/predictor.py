"""The public door: photos in, Located out, over the one road and in the order of input."""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterable, Iterator
from concurrent.futures import CancelledError, Future
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from landsight.answer.looker import Looked, Looker, Source
from landsight.answer.road import answer_module
from landsight.bundle.load import load
from landsight.errors import BundleError, UsageError
from landsight.photo.limits import Limits
from landsight.runtime.stream import Item
from landsight.whereabouts.decide import Findings, decide
from landsight.whereabouts.located import Located

if TYPE_CHECKING:
    from landsight.places.place import Place


class Predictor:
    """Locates photos with one bundle; keeps its workers and its engine between calls. Use it in a ``with`` block.

    ``bundle`` None: the shipped one. ``gps`` False leaves the file's own position aside; ``pixels`` False reads metadata only, and
    then no bundle is opened. ``workers``: processes that read photos; None: as many as there are cores. ``limits`` None:
    Limits.from_environment(). ``runtime``: "auto", "onnxruntime" or "openvino"; ``precision`` None: what was measured best on this
    machine, else "fp32". ``threads``: of the network; None: as many as there are cores.

    ``bundle``, the attribute: what answers; None without pixels.

    Raises, on construction: BundleError, UsageError (nothing to look at, top_k below 1). RuntimeUnavailable comes with the first
    photo, because the engine loads while photos are decoded. Safe to use from several threads: they take turns at the network.
    """

    def __init__(
        self,
        bundle: str | os.PathLike[str] | None = None,
        *,
        top_k: int = 3,
        gps: bool = True,
        pixels: bool = True,
        workers: int | None = None,
        limits: Limits | None = None,
        runtime: str = "auto",
        precision: str | None = None,
        threads: int | None = None,
    ) -> None:
        if top_k < 1:
            raise UsageError("bad_top_k", f"At least one candidate must be asked for: received top_k={top_k}.", "Give 1 or more.")
        if not (gps or pixels):
            raise UsageError("nothing_to_do", "Neither position nor pixels may be looked at.", "Leave one of them on.")
        self._top_k, self._gps = top_k, gps
        opened = load(None if bundle is None else Path(bundle)) if pixels else None
        self.bundle = opened
        self._manifest = opened.manifest if opened else None
        if opened and not answer_module(opened.manifest.task).LOCATES:
            raise BundleError(
                "bundle_task", f"A bundle of the task {opened.manifest.task!r} does not say where a photo was taken.",
                "Use `landsight predict`, or another bundle.",
            )  # fmt: skip
        self._looker = Looker(opened, workers=workers, limits=limits, runtime=runtime, precision=precision, threads=threads)

    def locate(self, source: Source, *, name: str | None = None) -> Located:
        """One photo; ``name`` is what to call bytes in ``Located.path``.

        What is wrong with the photo is in ``Located.error``; only errors of bundle or runtime are raised.
        """
        return self._settle(*self._looker.look(source, name=name))

    def submit(
        self,
        source: Source,
        *,
        name: str | None = None,
        top_k: int | None = None,
        thumbnail_px: int | None = None,
        outputs: tuple[str, ...] = (),
    ) -> Future[tuple[Located, Looked]]:
        """As ``locate``, without waiting, for many callers at once: what is ready at the same time is looked at together.

        Beside the answer comes what was looked at: the photo as read (its size, and with ``thumbnail_px`` a small JPEG), and those
        ``outputs`` of the network that the bundle has. ``top_k`` None: the predictor's. Cancelling the future drops what has not begun.
        May be called from any thread.
        """
        settled: Future[tuple[Located, Looked]] = Future()
        looked = self._looker.submit(source, name=name, thumbnail_px=thumbnail_px, outputs=outputs)

        def settle(found: Future[Looked]) -> None:
            try:
                seen = found.result()
                located = self._settle(seen.item, seen.answer, top_k)
            except (Exception, CancelledError) as error:
                if not settled.done():
                    settled.set_exception(error)
            else:
                if settled.set_running_or_notify_cancel():
                    settled.set_result((located, seen))

        # Futures keep their callbacks when they are done. Held both ways, each photo would stay in memory until the collector comes by.
        weakly = weakref.ref(looked)
        settled.add_done_callback(lambda future: found.cancel() if future.cancelled() and (found := weakly()) is not None else None)
        looked.add_done_callback(settle)
        return settled

    def locate_many(self, sources: Iterable[Source]) -> Iterator[Located]:
        """One Located a source, in order, streaming with flat memory; ``sources`` may be endless.

        Sources are taken from the iterable up to 64 ahead (256 a worker without pixels). Closing the iterator drops what is under way.
        """
        with closing(self._looker.look_many(sources)) as looks:
            for item, answer in looks:
                yield self._settle(item, answer)

    def describe(self) -> dict[str, Any]:
        """What answers: bundle, bundle_hash, task, labels (how many), runtime, precision. Waits for the engine; all None without pixels."""
        return self._looker.describe()

    def close(self) -> None:
        """End the workers; what is under way is dropped. Safe to call twice."""
        self._looker.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _settle(self, item: Item, answer: Any | None, top_k: int | None = None) -> Located:
        """Weigh all evidence about one photo."""
        found = Findings(item.name, item.facts, answer=answer, error=item.error, warnings=item.warnings)
        return decide(found, self._manifest, top_k=top_k or self._top_k, gps=self._gps, place_of=_place_of)


def locate(source: Source, **options: Any) -> Located:
    """Locate one photo; ``options`` are those of Predictor. For many photos use a Predictor: it keeps the network loaded."""
    with Predictor(**options) as predictor:
        return predictor.locate(source)


def _place_of(latitude: float, longitude: float) -> Place | None:
    from landsight.places.reverse import reverse

    return reverse(latitude, longitude)
