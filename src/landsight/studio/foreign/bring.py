"""Somebody else's model file -> a bundle that every use verb accepts, checked against the model it came from, or nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from landsight.answer.calibration import softmax
from landsight.answer.replay import record_answers, verify, write_answers
from landsight.bundle.card import render_card
from landsight.bundle.load import Bundle, load
from landsight.bundle.manifest import Manifest
from landsight.bundle.placed import placed
from landsight.bundle.seal import seal
from landsight.errors import PhotoError, VerificationError
from landsight.photo.prepare import normalise
from landsight.runtime.choose import candidates, make
from landsight.runtime.engine import Engine
from landsight.runtime.model_file import read_model
from landsight.studio.collect import prepared_pictures
from landsight.studio.folders import now, partial_folder
from landsight.studio.foreign import onnx_classifier, tflite
from landsight.studio.foreign.given import Given, Way
from landsight.studio.foreign.labels import read_labels
from landsight.studio.foreign.scores import choose_scores
from landsight.studio.parity import drawn_photos

TASK: Final = "classify"
#: A probability may differ from the model's own by this: half precision, whole-number models, order of sums.
_ALLOWED: Final = 2e-3
_PACKAGES: Final = ("landsight", "onnx", "onnxruntime", "openvino", "numpy", "pillow")


def bring_in(model: Path, labels: Path, out: Path, *, given: Given, places: Path | None = None, name: str = "", rights: str = "") -> Bundle:
    """Write the bundle folder ``out``, which must not exist.

    Raises: UsageError for what does not fit or must be said (import_unsaid, import_unfit, import_unreadable, import_labels), PlacesError;
    RuntimeUnavailable for a file that reaches outside itself, is far too large or is refused; VerificationError when the bundle does not
    answer as the model does: nothing is left then.
    """
    data = read_model(model)
    names = read_labels(labels)
    where = placed(names, places) if places is not None else {}
    with partial_folder(out) as partial:
        photos = _write_photos(partial / "photos")
        pictures = cache(lambda way: _prepared(photos, way))
        manifest, expected, batch = _written(data, given, names, partial, pictures)
        manifest = replace(
            manifest, name=name or model.stem, places=where, rights=rights,
            data={"origin": f"imported from {model.name}", "sha256 of that file": hashlib.sha256(data).hexdigest(), **manifest.data},
        )  # fmt: skip
        _close(partial, manifest, _Check(batch, expected), [f"photos/{photo.name}" for photo in photos])
    return load(out)


@dataclass(frozen=True, slots=True)
class _Check:
    """Shape: ``batch`` (n, c, h, w), prepared and normalised; ``probabilities`` (n, k), those of the model itself."""

    batch: NDArray[np.float32]
    probabilities: NDArray[np.float64]


def _written(
    data: bytes, given: Given, labels: tuple[str, ...], partial: Path, pictures: Callable[[Way], NDArray[np.float32]]
) -> tuple[Manifest, NDArray[np.float64], NDArray[np.float32]]:
    """The model's files, what the bundle says of them, and the probabilities that the model itself gives for the pictures."""
    calibration: dict[str, Any] = {}
    if tflite.is_tflite(data):
        converted = tflite.convert(data, given, len(labels), pictures)
        (partial / "model.xml").write_bytes(converted.graph)
        (partial / "model.bin").write_bytes(converted.weights)
        file, calibration["runtimes"] = "model.xml", ["openvino"]
        found: tflite.Converted | onnx_classifier.Rebuilt = converted
        raw = converted.raw
    else:
        rebuilt = onnx_classifier.rebuild(data, given, len(labels), pictures)
        (partial / "model.onnx").write_bytes(rebuilt.model)
        file, found = "model.onnx", rebuilt
        entrance = given.input_name or onnx_classifier.input_name(data)
        raw = choose_scores(
            onnx_classifier.run_raw(data, entrance, rebuilt.way, pictures(rebuilt.way)), len(labels), given.output_name
        ).values
    manifest = Manifest(
        name="", task=TASK, made=now(), input=found.way.preparation, outputs=found.outputs, labels=labels, precisions={"fp32": file},
        calibration=calibration, versions=_versions(), data={"scores": found.kind, "notes": "; ".join(found.notes)},
    )  # fmt: skip
    is_logits = found.kind == "logits"
    probabilities = softmax(raw) if is_logits else raw.astype(np.float64) / raw.sum(axis=1, keepdims=True)
    return manifest, probabilities, pictures(found.way)


def _prepared(photos: list[Path], way: Way) -> NDArray[np.float32]:
    found = [image for _, image in prepared_pictures(photos, way.preparation) if not isinstance(image, PhotoError)]
    return normalise(np.stack(found), way.preparation)


def _close(partial: Path, manifest: Manifest, check: _Check, photos: list[str]) -> None:
    """Card, stored answers, hashes; the answers against those of the model itself. A runtime that answers otherwise is left out, and said."""
    (partial / "card.md").write_text(render_card(manifest), encoding="utf-8")
    bundle = seal(partial, manifest)
    first = make(bundle)
    _require_same(first, check)
    write_answers(partial, record_answers(bundle, first, photos))
    bundle = seal(partial, manifest)
    report = verify(partial)
    if report.ok:
        return
    failing = {replay.engine.partition(" ")[0] for replay in report.replays if replay.mismatches}
    good = [runtime for runtime, _ in candidates(bundle) if runtime not in failing]
    if not good or len(good) == len(candidates(bundle)):
        raise VerificationError("not_equal", f"The bundle answers differently: {report.problems()[0]}.", "Nothing was imported.")
    notes = "; ".join(filter(None, [manifest.data["notes"], f"{', '.join(sorted(failing))} answers otherwise and is left out"]))
    again = replace(manifest, calibration={**manifest.calibration, "runtimes": good}, data={**manifest.data, "notes": notes})
    _close(partial, again, check, photos)


def _require_same(engine: Engine, check: _Check) -> None:
    """Raises: VerificationError when probabilities are others than those of the model as it came."""
    got = softmax(engine.run(check.batch, ("logits",))["logits"])
    worst = float(np.abs(got - check.probabilities).max())
    if not worst <= _ALLOWED:
        raise VerificationError(
            "not_equal", f"The bundle differs from the model it came from: a probability by {worst:.2g}, allowed {_ALLOWED:g}.",
            "Nothing was imported. If its scores were taken for something else, say --kind.",
        )  # fmt: skip


def _write_photos(folder: Path) -> list[Path]:
    folder.mkdir()
    paths = []
    for number, content in enumerate(drawn_photos()):
        paths.append(folder / f"{number:02d}.jpg")
        paths[-1].write_bytes(content)
    return paths


def _versions() -> dict[str, str]:
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found
