"""Any engine measured on labelled files, by the one road."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landsight.answer.road import answer_module, wants
from landsight.bundle.manifest import Manifest, Metric
from landsight.errors import PhotoError
from landsight.runtime.engine import Engine
from landsight.runtime.stream import Pool
from landsight.studio.collect import collect_outputs
from landsight.studio.data.samples import Samples
from landsight.studio.resolve import resolve
from landsight.studio.tasks import TASKS


@dataclass(frozen=True, slots=True)
class Evaluation:
    """``answers`` and ``index`` have a row a readable picture (``index``: which of the samples); ``unreadable``: (name, why); ``looks`` so far.

    ``details``: JSON-ready, what the task's report says beyond the metrics.
    """

    engine: str
    metrics: dict[str, Metric]
    answers: Sequence[Any]
    index: NDArray[np.int64]
    unreadable: tuple[tuple[str, str], ...]
    looks: int | None = None
    details: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> str:
        """Metrics and counts, for a file or another program."""
        figures = {name: asdict(metric) for name, metric in self.metrics.items()}
        return (
            json.dumps(
                {"engine": self.engine, "metrics": figures, "unreadable": self.unreadable, "looks": self.looks, **self.details},
                indent=1,
                ensure_ascii=False,
            )
            + "\n"
        )


def evaluate_engine(
    engine: Engine,
    samples: Samples,
    manifest: Manifest,
    arrays: Mapping[str, NDArray[Any]],
    *,
    looks: int | None = None,
    pool: Pool | None = None,
) -> Evaluation:
    """Measure any engine: a checkpoint, ONNX Runtime, OpenVINO. Unreadable files are named, and count neither for nor against."""
    found = ask(engine, samples, manifest, arrays, pool=pool)
    shown = [samples.items[int(i)] for i in found.index]
    metrics = resolve(TASKS, manifest.task, "task").score(found.answers, [s.truth for s in shown], [s.values for s in shown])
    return replace(found, metrics=metrics, looks=looks)


def ask(
    engine: Engine, samples: Samples, manifest: Manifest, arrays: Mapping[str, NDArray[Any]], *, pool: Pool | None = None
) -> Evaluation:
    """As ``evaluate_engine``, without metrics: the answers alone."""
    unreadable: list[tuple[str, str]] = []

    def dropped(number: int, error: PhotoError) -> None:
        unreadable.append((samples.items[number].name, str(error)))

    outputs = collect_outputs(engine, samples.items, manifest.input, wants(manifest), on_error=dropped, pool=pool)
    index = outputs.pop("index").astype(np.int64)
    answers = answer_module(manifest.task).decode(outputs, manifest, arrays) if len(index) else []  # type: ignore[arg-type]
    return Evaluation(engine.name, {}, answers, index, tuple(unreadable))
