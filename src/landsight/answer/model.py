"""The public door for any bundle: photos in, the network's answers out. Nothing here asks which task it is."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from landsight.answer.line import Problem, clean
from landsight.answer.looker import Looker, Source
from landsight.answer.road import answer_module
from landsight.bundle.load import Bundle, load
from landsight.errors import UsageError
from landsight.photo.facts import PhotoWarning
from landsight.photo.limits import Limits
from landsight.runtime.stream import Item

#: The version of the line (docs/schema/predict-line.schema.json). A line changes only together with this number.
SCHEMA_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a bundle says of one photo.

    ``outcome``: "answered", "unknown" (none of what the bundle knows; only a bundle with a decision says so) or "error". ``answer`` is
    the task's own record, such as answer.classify.ClassAnswer, None for a photo that could not be read; ``values`` is what the line says
    of it: for a classifier label, probability, known_probability, candidates.
    """

    path: str
    outcome: str
    values: dict[str, Any]
    answer: Any | None = None
    warnings: tuple[PhotoWarning, ...] = ()
    error: Problem | None = None

    def to_line(self) -> dict[str, Any]:
        """JSON-ready, exactly the contract's line: every number finite or None, every text valid UTF-8."""
        line: dict[str, Any] = clean(
            {
                "schema_version": SCHEMA_VERSION,
                "path": self.path,
                "outcome": self.outcome,
                **self.values,
                "warnings": [{"code": w.code, "text": w.text} for w in self.warnings],
                "error": self.error.to_dict() if self.error else None,
            }
        )
        return line


class Model:
    """Asks one bundle about photos; keeps its workers and its engine between calls. Use it in a ``with`` block.

    ``bundle``: a bundle folder, or a run folder with a bundle in it. ``top_k``: how many labels each answer lists. The other options
    are those of whereabouts.predictor.Predictor, and so are the errors.
    """

    def __init__(
        self,
        bundle: str | os.PathLike[str],
        *,
        top_k: int = 3,
        workers: int | None = None,
        limits: Limits | None = None,
        runtime: str = "auto",
        precision: str | None = None,
        threads: int | None = None,
    ) -> None:
        if top_k < 1:
            raise UsageError("bad_top_k", f"At least one candidate must be asked for: received top_k={top_k}.", "Give 1 or more.")
        self.bundle: Bundle = load(Path(bundle))
        self._top_k = top_k
        self._module = answer_module(self.bundle.manifest.task)
        self._looker = Looker(
            self.bundle, facts=False, workers=workers, limits=limits, runtime=runtime, precision=precision, threads=threads
        )

    def predict(self, source: Source, *, name: str | None = None) -> Prediction:
        """One photo; ``name`` is what to call bytes in ``Prediction.path``.

        What is wrong with the photo is in ``Prediction.error``; only errors of bundle or runtime are raised.
        """
        return self._settle(*self._looker.look(source, name=name))

    def look(self, source: Source) -> tuple[Prediction, NDArray[np.uint8] | None]:
        """As ``predict``, and the picture as the network was given it, (height, width, channels); None for a photo that could not be read."""
        item, answer = self._looker.look(source)
        return self._settle(item, answer), item.prepared

    def predict_many(self, sources: Iterable[Source]) -> Iterator[Prediction]:
        """One Prediction a source, in order, streaming with flat memory; ``sources`` may be endless, and are taken up to 64 ahead."""
        with closing(self._looker.look_many(sources)) as looks:
            for item, answer in looks:
                yield self._settle(item, answer)

    def describe(self) -> dict[str, Any]:
        """What answers: bundle, bundle_hash, task, labels (how many), runtime, precision. Waits for the engine."""
        return self._looker.describe()

    def close(self) -> None:
        """End the workers; what is under way is dropped. Safe to call twice."""
        self._looker.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _settle(self, item: Item, answer: Any | None) -> Prediction:
        values = self._module.to_json(answer, self.bundle.manifest, top_k=self._top_k)
        outcome = values.pop("outcome")
        return Prediction(item.name, outcome, values, answer, item.warnings, Problem.of(item.error) if item.error else None)


def predict(bundle: str | os.PathLike[str], source: Source, **options: Any) -> Prediction:
    """Ask ``bundle`` about one photo; ``options`` are those of Model. For many photos use a Model: it keeps the network loaded."""
    with Model(bundle, **options) as model:
        return model.predict(source)
