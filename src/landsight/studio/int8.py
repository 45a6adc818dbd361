"""Is the 8-bit model worth having? Kept only when it is nearly as good and measurably faster on this machine; both numbers are written down."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from landsight.answer.road import answer_module, wants
from landsight.bundle.manifest import Manifest
from landsight.photo.prepare import Preparation
from landsight.runtime.choose import processor
from landsight.runtime.engine import Engine, Outputs
from landsight.runtime.onnxruntime import OnnxRuntimeEngine
from landsight.runtime.pieces import usable_cores
from landsight.studio.collect import collect_outputs
from landsight.studio.data.samples import Samples
from landsight.studio.resolve import resolve
from landsight.studio.tasks import TASKS

#: Points (hundredths) of the task's main figure that it may lose on validation pictures.
MOST_LOST: Final = 0.3
#: Time of 8 bits as a share of that of fp32: what is nearer to 1 is noise of the machine.
MOST_TIME: Final = 0.95
_ROUNDS: Final = 15
_LONGEST_S: Final = 8.0
_BATCH: Final = 4


@dataclass(frozen=True, slots=True)
class Trial:
    """What was measured. ``points_lost``: of ``metric``, on the same ``pictures`` validation pictures, fp32 less INT8, in hundredths.

    ``fp32_ms``, ``int8_ms``: medians for one picture, both with ``threads`` threads of ``processor``, taking turns; ``time_share``: the
    median of the quotients of neighbouring runs. None where nothing was measured; ``why`` says then what was in the way.
    """

    kept: bool
    why: str
    metric: str | None = None
    pictures: int = 0
    points_lost: float | None = None
    fp32_ms: float | None = None
    int8_ms: float | None = None
    time_share: float | None = None
    threads: int | None = None
    processor: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """For manifest.calibration["int8"]."""
        return asdict(self)


def dropped(why: str) -> Trial:
    """A trial that did not take place, or whose result does not count."""
    return Trial(kept=False, why=why)


def try_int8(fp32: Path, int8: Path, manifest: Manifest, validation: Samples) -> Trial:
    """Measure both files: their answers on ``validation`` by the one road, each picture read once, and their time on random pictures."""
    threads = usable_cores()
    engines = [OnnxRuntimeEngine(path, precision, threads) for path, precision in ((fp32, "fp32"), (int8, "int8"))]
    # Whether a picture shows something known is decided on top of this and needs arrays that are fitted later.
    plain = replace(manifest, decision={})
    task, module, names = resolve(TASKS, manifest.task, "task"), answer_module(manifest.task), wants(manifest)
    both = _SideBySide(engines)
    outputs = collect_outputs(both, validation.items, manifest.input, both.wanted(names), on_error=lambda *_: None)
    index = outputs["index"].astype(np.int64)
    if not len(index):
        return dropped("no validation picture could be read, so what it loses is not known")
    truths = [validation.items[i].truth for i in index]
    found = [task.score(module.decode(both.of(side, outputs, names), plain, {}), truths)[task.main_metric].value for side in (0, 1)]
    return judged(task.main_metric, len(index), 100 * (found[0] - found[1]), np.array(timed(engines, manifest.input)), threads)


class _SideBySide:
    """Several engines as one: output "logits" of the first is "0 logits"."""

    name = "side by side"

    def __init__(self, engines: Sequence[Engine]) -> None:
        self._engines = engines

    @property
    def output_names(self) -> tuple[str, ...]:
        return self.wanted(self._engines[0].output_names)

    def wanted(self, names: Sequence[str]) -> tuple[str, ...]:
        return tuple(f"{side} {name}" for side in range(len(self._engines)) for name in names)

    def of(self, side: int, outputs: Mapping[str, NDArray[Any]], names: Sequence[str]) -> dict[str, NDArray[Any]]:
        return {name: outputs[f"{side} {name}"] for name in names}

    def run(self, batch_nchw: NDArray[np.float32], wants: tuple[str, ...]) -> Outputs:
        found: dict[str, NDArray[np.float32]] = {}
        for side, engine in enumerate(self._engines):
            names = tuple(name.partition(" ")[2] for name in wants if name.startswith(f"{side} "))
            found |= {f"{side} {name}": array for name, array in engine.run(batch_nchw, names).items()}
        return found


def judged(metric: str, pictures: int, lost: float, runs: NDArray[np.float64], threads: int) -> Trial:
    """The verdict. ``lost``: points; ``runs`` (rounds, 2): milliseconds a picture of fp32 and INT8, a row a round."""
    fp32_ms, int8_ms = (float(np.median(runs[:, side])) for side in (0, 1))
    share = float(np.median(runs[:, 1] / runs[:, 0]))
    said = f"{lost:+.2f} points of {metric} lost on {pictures} validation pictures, {int8_ms:.2f} ms a picture after {fp32_ms:.2f} ms"
    reasons = []
    if not lost <= MOST_LOST:
        reasons.append(f"it loses more than {MOST_LOST} points")
    if not share <= MOST_TIME:
        reasons.append("it is not faster on this machine")
    why = f"{' and '.join(reasons)}: {said}" if reasons else said
    return Trial(
        not reasons, why, metric, pictures, round(lost, 3), round(fp32_ms, 3), round(int8_ms, 3), round(share, 3), threads, processor()
    )


def timed(engines: Sequence[Engine], preparation: Preparation) -> list[list[float]]:
    """Milliseconds a picture, a row a round and a column an engine; they take turns, so that a busy moment is unfair to none."""
    shape = (_BATCH, 3 if preparation.colour == "RGB" else 1, preparation.height, preparation.width)
    batch = np.random.default_rng(0).standard_normal(shape, dtype=np.float32)
    rows: list[list[float]] = []
    end = time.perf_counter() + _LONGEST_S
    for _ in range(_ROUNDS + 1):
        rows.append([_milliseconds(engine, batch) for engine in engines])
        if time.perf_counter() > end and len(rows) > 3:
            break
    return rows[1:]  # the first warms up


def _milliseconds(engine: Engine, batch: NDArray[np.float32]) -> float:
    """The middle one of three runs."""
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        engine.run(batch, ("logits",))
        seconds.append(time.perf_counter() - start)
    return 1000 * statistics.median(seconds) / len(batch)
