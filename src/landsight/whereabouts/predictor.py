"""The public door: photos in, Located out, over the one road and in the order of input."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from landsight.photo.limits import Limits
from landsight.whereabouts.located import Located

#: A photo: a path, or the bytes of a file.
Source = str | PathLike[str] | bytes


class Predictor:
    """Locates photos with one bundle; keeps its workers and its engine between calls. Use it in a ``with`` block.

    ``bundle`` None: the shipped one. ``gps`` False leaves the file's own position aside; ``pixels`` False reads metadata only, and
    then no bundle is opened. ``workers`` None: as many as there are cores. ``limits`` None: Limits.from_environment().
    ``runtime``: "auto", "onnxruntime" or "openvino"; ``precision`` None: what was measured best on this machine, else "fp32".

    Raises, on construction: BundleError, UsageError (nothing to look at, top_k below 1). RuntimeUnavailable comes with the first
    photo, because the engine loads while photos are decoded.
    """

    def __init__(
        self,
        bundle: str | PathLike[str] | None = None,
        *,
        top_k: int = 3,
        gps: bool = True,
        pixels: bool = True,
        workers: int | None = None,
        limits: Limits | None = None,
        runtime: str = "auto",
        precision: str | None = None,
    ) -> None:
        raise NotImplementedError

    def locate(self, source: Source) -> Located:
        """One photo. What is wrong with the photo is in ``Located.error``; only errors of bundle or runtime are raised."""
        raise NotImplementedError

    def locate_many(self, sources: Iterable[Source]) -> Iterator[Located]:
        """One Located a source, in order, streaming with flat memory. Closing the iterator drops what is under way."""
        raise NotImplementedError

    def describe(self) -> dict[str, Any]:
        """What answers: bundle, bundle_hash, task, labels (number), runtime, precision; waits for the engine. None without pixels."""
        raise NotImplementedError

    def close(self) -> None:
        """End the workers. Safe to call twice."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def locate(path: str | PathLike[str] | bytes, **options: Any) -> Located:
    """Locate one photo; ``options`` are those of Predictor. For many photos use a Predictor: it keeps the network loaded."""
    with Predictor(**options) as predictor:
        return predictor.locate(path if isinstance(path, bytes) else Path(path))
