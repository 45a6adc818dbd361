"""One bundle at work: who may come in, photos to answers, and another bundle in its place without a pause."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landsight.bundle.confused import Taken
from landsight.bundle.load import Bundle, load
from landsight.explain.activation_map import FEATURE_MAP, WEIGHTS, activation_map, can_explain
from landsight.photo.prepare import seen_part
from landsight.runtime.stream import Item
from landsight.service.metrics import Metrics
from landsight.service.problems import busy
from landsight.service.settings import Settings
from landsight.service.uploads import Arrived, Upload
from landsight.whereabouts.located import Located
from landsight.whereabouts.predictor import Predictor

#: What a client is told to wait when the queue is full: about as long as a full queue takes.
_RETRY_S = 2
#: Of so many of the best candidates a map is made.
_MAPS = 2


@dataclass(frozen=True, slots=True)
class Seen:
    """One photo answered. ``maps``: label -> class-activation map (h, w), of the likeliest and the runner-up, if asked for.

    ``box``: the part of the photo that they lie on, as photo.prepare.seen_part says.
    ``confused``: what test pictures of the likeliest place were taken for, each with its name; None where the bundle does not know.
    """

    located: Located
    item: Item
    maps: Mapping[str, NDArray[np.float32]]
    box: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)
    confused: Sequence[tuple[str, Taken]] | None = None


@dataclass(slots=True)
class _Serving:
    """A predictor and how many photos it has in work; it is closed when it is replaced and the last of them is answered."""

    predictor: Predictor
    in_work: int = 0
    is_replaced: bool = False


class Station:
    """Photos in, answers out, many at once. Lives on one event loop; ``open`` and ``close`` block and belong into a thread."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self.settings, self.metrics = settings, metrics
        self._waiting = 0
        self._bytes = 0
        self._serving = self._opened()
        self._closing: set[threading.Thread] = set()

    @property
    def bundle(self) -> Bundle:
        """The bundle that answers now."""
        return _bundle_of(self._serving.predictor)

    @property
    def has_changed(self) -> bool:
        """Another bundle lies in the folder than the one that answers. Its other files are checked when it is taken. Cost: one small file read."""
        return load(self.settings.bundle, check_files=False).bundle_hash != self.bundle.bundle_hash

    def describe(self) -> dict[str, Any]:
        """As Predictor.describe; waits until the engine is loaded."""
        return self._serving.predictor.describe()

    @asynccontextmanager
    async def room_for(self, photos: int) -> AsyncIterator[None]:
        """Places in the queue while the block runs. Raises: ServiceError 503 when there are too few."""
        if self._waiting and self._waiting + photos > self.settings.queue:
            raise busy(_RETRY_S)
        self._waiting += photos
        self.metrics.waiting.set(self._waiting)
        try:
            yield
        finally:
            self._waiting -= photos
            self.metrics.waiting.set(self._waiting)

    @contextmanager
    def arriving(self) -> Iterator[Arrived]:
        """A request and its bytes, from the first to the reply. What it gives is told of each piece, and raises ServiceError 503 when all
        requests together hold too much; one alone never does."""
        mine = 0

        def arrived(size: int) -> None:
            nonlocal mine
            mine += size
            self._bytes += size
            if mine < self._bytes > self.settings.upload_bytes:
                raise busy(_RETRY_S)

        try:
            yield arrived
        finally:
            self._bytes -= mine

    async def locate(self, upload: Upload, *, top_k: int, thumbnail_px: int | None = None, explain: bool = False) -> Seen:
        """One photo; what is wrong with it is in the answer. ``explain``: with maps, where the bundle can. Raises: RuntimeUnavailable."""
        serving = self._serving
        bundle = _bundle_of(serving.predictor)
        manifest, arrays = bundle.manifest, bundle.arrays
        outputs = (FEATURE_MAP,) if explain and can_explain(manifest, arrays) else ()
        serving.in_work += 1
        try:
            located, looked = await asyncio.wrap_future(
                serving.predictor.submit(upload.content, name=upload.name, top_k=top_k, thumbnail_px=thumbnail_px, outputs=outputs)
            )
        finally:
            serving.in_work -= 1
            self._let_go(serving)
        maps = {}
        if FEATURE_MAP in looked.outputs:
            place = {label: i for i, label in enumerate(manifest.labels)}
            for candidate in located.candidates[:_MAPS]:
                maps[candidate.label] = activation_map(looked.outputs[FEATURE_MAP], arrays[WEIGHTS][place[candidate.label]])
        if not explain:
            return Seen(located, looked.item, maps)
        box = seen_part(manifest.input, looked.item.size_px) if looked.item.size_px else (0.0, 0.0, 1.0, 1.0)
        return Seen(located, looked.item, maps, box, _confused(bundle, located))

    async def exchange(self) -> None:
        """Open what lies in the bundle's folder now; photos in work are answered by the one before. Raises: BundleError."""
        fresh = await asyncio.to_thread(self._loaded)
        # Here on the event loop, where photos come in: none can be given to the one before once it is let go.
        before, self._serving = self._serving, fresh
        before.is_replaced = True
        self._let_go(before)

    def close(self) -> None:
        """End workers and engine. What is in work is dropped, so wait for it before."""
        self._serving.predictor.close()
        for thread in list(self._closing):
            thread.join()

    def _let_go(self, serving: _Serving) -> None:
        if serving.is_replaced and not serving.in_work:
            serving.is_replaced = False
            thread = threading.Thread(target=serving.predictor.close, name="landsight-closing")
            self._closing.add(thread)
            thread.start()

    def _loaded(self) -> _Serving:
        """A predictor whose engine is ready before anybody waits for it."""
        fresh = self._opened()
        fresh.predictor.describe()
        return fresh

    def _opened(self) -> _Serving:
        s = self.settings
        predictor = Predictor(s.bundle, top_k=s.top_k, workers=s.workers, limits=s.limits, runtime=s.runtime, precision=s.precision)
        return _Serving(predictor)


def _confused(bundle: Bundle, located: Located) -> Sequence[tuple[str, Taken]] | None:
    """(name, counts) of what the likeliest place was taken for in the test."""
    if bundle.confused is None or not located.candidates:
        return None
    found, places = bundle.confused.often(located.candidates[0].label), bundle.manifest.places
    return None if found is None else [(places[t.label].name if t.label in places else t.label, t) for t in found]


def _bundle_of(predictor: Predictor) -> Bundle:
    if predictor.bundle is None:
        raise TypeError("a service looks at pictures, so its predictor has a bundle")
    return predictor.bundle
