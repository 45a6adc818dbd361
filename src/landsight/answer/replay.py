"""Does a bundle answer as the trained network did? Stored answers are replayed from raw photo bytes over the one road.

answers.jsonl holds one JSON object a photo: ``file`` (in the bundle), ``sha256`` of its bytes, ``engine`` (who answered),
``embedding_head`` (first 8 values), and what the task's module says of the answer (``record``), such as ``probabilities`` of the ten best.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn

import numpy as np
from numpy.typing import NDArray

from landsight.answer.road import answer_module, wants
from landsight.answer.stored import EXACT, UNSQUASHED, Record
from landsight.bundle.load import Bundle, load, sha256_of
from landsight.bundle.manifest import Manifest
from landsight.bundle.verify import FileReport, verify_files
from landsight.errors import BundleError, RuntimeUnavailable
from landsight.photo.limits import Limits
from landsight.photo.prepare import normalise
from landsight.runtime.choose import candidates, make
from landsight.runtime.engine import Engine
from landsight.runtime.stream import Item, Pool

ANSWERS_NAME: Final = "answers.jsonl"
EMBEDDING_HEAD: Final = 8

#: Precision -> how far a probability may be from the recorded one. fp32 differs by the order of sums alone. Lower precisions may move a
#: probability that lies between two labels, never the best label of a picture that is clear.
TOLERANCES: Final[dict[str, float]] = {"fp32": EXACT, "bf16": 0.05, "int8": 0.1}


@dataclass(frozen=True, slots=True)
class Replay:
    """What one engine answered: ``worst`` difference of a probability over ``photos`` photos, and one line a mismatch.

    ``skipped`` says why the engine did not run here (not installed, no such precision); it is then no failure.
    """

    engine: str
    tolerance: float
    photos: int = 0
    worst: float = 0.0
    mismatches: tuple[str, ...] = ()
    skipped: str | None = None


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """Files and answers of a bundle."""

    bundle: Bundle
    files: FileReport
    replays: tuple[Replay, ...]

    @property
    def ok(self) -> bool:
        """True when every file is as listed and every engine that runs here answers as recorded."""
        return self.files.ok and not any(replay.mismatches for replay in self.replays)

    def problems(self) -> list[str]:
        """One line a problem; empty when all is well."""
        return [*self.files.problems(), *(f"{replay.engine}: {line}" for replay in self.replays for line in replay.mismatches)]


def verify(path: Path | str | None = None, *, limits: Limits | None = None) -> VerifyReport:
    """Compare all hashes; then replay the stored answers with every runtime and precision that the bundle allows or has a file for, and
    that runs here.

    None: the shipped bundle. Answers are not replayed when a file that is needed was changed or is missing: the hashes say enough.
    Raises: BundleError for a folder that is no bundle.
    """
    bundle = load(path, check_files=False)
    files = verify_files(bundle)
    if files.changed or files.missing or ANSWERS_NAME not in bundle.manifest.files:
        return VerifyReport(bundle, files, ())
    records = read_answers(bundle)
    items = list(_items(bundle, [record["file"] for record in records], limits or Limits.from_environment()))
    replays = tuple(_replay(bundle, records, items, runtime, precision) for runtime, precision in _pairs(bundle))
    return VerifyReport(bundle, files, replays)


def _pairs(bundle: Bundle) -> list[tuple[str, str]]:
    """What may be chosen, and what may only be asked for: a file that loses too much to be chosen must still give its answers."""
    allowed = candidates(bundle)
    others = (("onnxruntime", precision) for precision in bundle.manifest.precisions if precision != "fp32")
    return [*allowed, *(pair for pair in others if pair not in allowed)]


def record_answers(bundle: Bundle, engine: Engine, photos: Iterable[str]) -> list[Record]:
    """What ``engine`` (at export: the trained network itself) answers about photos of the bundle folder, named relative to it.

    The bundle must be sealed, so that its manifest and arrays decide; seal it again after write_answers.
    Raises: the PhotoError of a photo that cannot be read.
    """
    names = list(photos)
    records = []
    for name, item in zip(names, _items(bundle, names, Limits.from_environment()), strict=True):
        if item.error is not None:
            raise item.error
        answer, embedding = _answer(bundle, engine, _pixels(item))
        records.append(
            _record(bundle.manifest, answer, embedding) | {"file": name, "sha256": sha256_of(bundle.root / name), "engine": engine.name}
        )
    return records


def write_answers(root: Path | str, records: Iterable[Record]) -> None:
    """Write answers.jsonl into a bundle folder that is still to be sealed (bundle.seal)."""
    lines = (json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n" for record in records)
    (Path(root) / ANSWERS_NAME).write_text("".join(lines), encoding="utf-8")


def read_answers(bundle: Bundle) -> list[Record]:
    """The stored answers. Raises: BundleError for lines that are not what write_answers writes."""
    needed = {"file": str, "sha256": str, "embedding_head": list}
    module = answer_module(bundle.manifest.task)
    records: list[Record] = []
    try:
        for line in bundle.file(ANSWERS_NAME).read_text(encoding="utf-8").splitlines():
            record = json.loads(line, parse_constant=_refuse_constant)
            if not all(isinstance(record[key], kind) for key, kind in needed.items()):
                raise ValueError("a field has another form")
            record = module.stored(record)
            record["embedding_head"] = [float(value) for value in record["embedding_head"]]
            bundle.file(record["file"])
            records.append(record)
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise BundleError("bundle_damaged", f"{ANSWERS_NAME} cannot be read: {error}.", "Export the bundle again.") from None
    return records


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number")


def _items(bundle: Bundle, names: list[str], limits: Limits) -> Iterator[Item]:
    """The photos as every use verb reads them."""
    with Pool(bundle.manifest.input, limits=limits) as pool:
        yield from pool.map(bundle.root / name for name in names)


def _pixels(item: Item) -> NDArray[np.uint8]:
    if item.prepared is None:
        raise BundleError("bundle_damaged", f"{item.name} gave no picture.", "Export the bundle again.")
    return item.prepared


def _answer(bundle: Bundle, engine: Engine, prepared_hwc_u8: NDArray[np.uint8]) -> tuple[Any, NDArray[np.float32]]:
    """One picture alone: (answer, embedding (d,)); answer.road, kept apart here because the embedding is compared too."""
    module = answer_module(bundle.manifest.task)
    outputs = engine.run(normalise(prepared_hwc_u8[None], bundle.manifest.input), wants(bundle.manifest))
    embedding = outputs["embedding"][0] if "embedding" in outputs else np.zeros(0, np.float32)
    return module.decode(outputs, bundle.manifest, bundle.arrays)[0], embedding


def _record(manifest: Manifest, answer: Any, embedding: NDArray[np.float32]) -> Record:
    own = answer_module(manifest.task).record(answer, manifest)
    return own | {"embedding_head": [float(value) for value in embedding[:EMBEDDING_HEAD]]}


def _replay(bundle: Bundle, records: list[Record], items: list[Item], runtime: str, precision: str) -> Replay:
    tolerance = TOLERANCES.get(precision, TOLERANCES["fp32"])
    name = f"{runtime} {precision}"
    try:
        engine = make(bundle, runtime, precision)
    except RuntimeUnavailable as error:
        if error.code == "model_refused":
            return Replay(name, tolerance, mismatches=(str(error),))
        return Replay(name, tolerance, skipped=str(error))
    module = answer_module(bundle.manifest.task)
    worst, mismatches = 0.0, []
    for record, item in zip(records, items, strict=True):
        if item.error is not None:
            mismatches.append(f"{record['file']}: {item.error}")
            continue
        if bundle.manifest.files[record["file"]] != record["sha256"]:
            mismatches.append(f"{record['file']}: the answer was recorded from another photo")
        now = module.stored(_record(bundle.manifest, *_answer(bundle, engine, _pixels(item))))
        found = module.compared(record, now, bundle.manifest, tolerance)
        worst = max(worst, found.worst)
        mismatches += [f"{record['file']}: {what}" for what in found.differences]
        # The embedding is not squashed into 0 to 1; its error is taken relative to its largest recorded value.
        if not _embedding_difference(record, now) <= tolerance * UNSQUASHED:
            mismatches.append(f"{record['file']}: the embedding differs")
    return Replay(name, tolerance, len(records), worst, tuple(mismatches))


def _embedding_difference(then: Record, now: Record) -> float:
    a, b = np.asarray(then["embedding_head"]), np.asarray(now["embedding_head"])
    if a.shape != b.shape:
        return float("inf")
    return float(np.abs(a - b).max(initial=0.0) / max(float(np.abs(a).max(initial=0.0)), 1e-6))
