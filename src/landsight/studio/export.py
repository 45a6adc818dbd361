"""A run -> a bundle: model files, manifest, arrays, card, stored answers; then verified against the trained network, or deleted."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from landsight.answer.replay import record_answers, verify, write_answers
from landsight.bundle.card import render_card
from landsight.bundle.load import ARRAYS_NAME, Bundle, load
from landsight.bundle.manifest import BundlePlace, Manifest, Metric
from landsight.bundle.seal import seal
from landsight.errors import DataError, PhotoError, RuntimeUnavailable, UsageError, VerificationError
from landsight.photo.prepare import Preparation, normalise
from landsight.runtime.choose import candidates, make
from landsight.runtime.engine import Engine
from landsight.studio.collect import collect_outputs, prepared_pictures
from landsight.studio.data.samples import Sample
from landsight.studio.engine import Trained, open_run
from landsight.studio.evaluate import read_part
from landsight.studio.onnx_export import write_fp32, write_int8
from landsight.studio.onnx_graph import halve_weights
from landsight.studio.random import generator

#: Runtime and precision -> how far an output may be from the trained network's, relative to the largest value of that output.
#: fp32 differs by the order of sums; OpenVINO also reorders and fuses. Lower precisions are judged by their answers (answer.replay).
PARITY: dict[str, float] = {"onnxruntime fp32": 1e-4, "openvino fp32": 5e-3}
_VERSIONS = ("landsight", "torch", "onnx", "onnxruntime", "numpy", "pillow")


@dataclass(frozen=True, slots=True)
class Parity:
    """Largest difference of each output from the trained network, relative to that output's largest value."""

    engine: str
    worst: dict[str, float]
    tolerance: float


def export(
    run: Path, out: Path, *, which: str = "best", name: str | None = None, places: Mapping[str, BundlePlace] | None = None,
    calibration: Mapping[str, Any] | None = None, decision: Mapping[str, Any] | None = None, arrays: Mapping[str, NDArray[Any]] | None = None,
    metrics: Mapping[str, Metric] | None = None, data: Mapping[str, Any] | None = None, rights: str = "",
    photos: Sequence[Path] = (), calibration_pictures: Sequence[Path] | None = None, preparation: Preparation | None = None,
) -> Bundle:  # fmt: skip
    """Write the bundle folder ``out``, which must not exist.

    ``photos``: files that the bundle may carry, for its stored answers (default: four drawn pictures). ``calibration_pictures``: for
    INT8, if the recipe wants it (default: drawn from the training folder; empty: no INT8). ``calibration``, ``decision``, ``arrays``:
    what answer.calibration applies. ``preparation``: how pictures are prepared, if not as the recipe's ``input``. Raises: VerificationError when the bundle does not answer as the trained network; nothing is left then.
    """
    if out.exists():
        raise UsageError("out_exists", f"{out} exists already.", "Give another folder, or remove it.")
    trained = open_run(run, which)
    if preparation is not None:
        trained = replace(trained, recipe=replace(trained.recipe, input=preparation))
    partial = out.with_name(f".{out.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        shapes = write_fp32(trained.net, trained.recipe.input, partial / "model.onnx", opset=trained.recipe.export.opset)
        precisions = {"fp32": "model.onnx"}
        pictures = _calibration_pictures(trained, run) if calibration_pictures is None else calibration_pictures
        if trained.recipe.export.int8 and pictures:
            write_int8(partial / "model.onnx", partial / "model.int8.onnx", _batches(pictures, trained.recipe.input))
            precisions["int8"] = "model.int8.onnx"
        halve_weights(partial / "model.onnx")
        if arrays:
            # Plain: numbers of this kind shrink by a fourteenth, and unpacking them took 0.07 s at every start.
            np.savez(partial / ARRAYS_NAME, **arrays)  # type: ignore[arg-type]
        manifest = Manifest(
            name=name or trained.recipe.export.name, task=trained.task.name, made=datetime.now(UTC).isoformat(timespec="seconds"),
            input=trained.recipe.input, outputs=shapes, labels=trained.task.labels, precisions=precisions, places=dict(places or {}),
            calibration=dict(trained.calibration if calibration is None else calibration), decision=dict(decision or {}), metrics=dict(metrics or {}), data=dict(data or {}), rights=rights,
            versions={package: metadata.version(package) for package in _VERSIONS},
        )  # fmt: skip
        names = _store_photos(partial / "photos", photos)
        (partial / "card.md").write_text(render_card(manifest), encoding="utf-8")
        engine = trained.engine()
        write_answers(partial, record_answers(seal(partial, manifest), engine, names))
        bundle = seal(partial, manifest)
        require_parity(bundle, engine)
        partial.rename(out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return load(out)


def require_parity(bundle: Bundle, engine: Engine) -> list[Parity]:
    """Does the bundle answer as ``engine`` (the trained network) does, from the bytes of its photos to the final answer, in every
    runtime that is installed. Raises: VerificationError."""
    found = parity(
        bundle, engine, [bundle.root / json.loads(line)["file"] for line in bundle.file("answers.jsonl").read_text("utf-8").splitlines()]
    )
    for row in found:
        if bad := {output: value for output, value in row.worst.items() if not value <= row.tolerance}:
            worst = max(bad, key=lambda o: bad[o])
            raise VerificationError(
                "not_equal", f"{row.engine} differs from the trained network: {worst} by {bad[worst]:.2g}, allowed {row.tolerance:g}.",
                "Nothing was exported. Report this with the versions of torch and of the runtime.",
            )  # fmt: skip
    report = verify(bundle.root)
    if not report.ok:
        raise VerificationError("not_equal", f"The bundle answers differently: {report.problems()[0]}.", "Nothing was exported.")
    return found


def parity(bundle: Bundle, engine: Engine, photos: Sequence[Path], *, batch: int = 32) -> list[Parity]:
    """Outputs of each installed fp32 runtime against those of ``engine``, from files, in batches of ``batch``."""
    names = engine.output_names
    expected = collect_outputs(engine, photos, bundle.manifest.input, names, batch=batch)
    rows = []
    for runtime, precision in candidates(bundle):
        name = f"{runtime} {precision}"
        if name not in PARITY:
            continue
        try:
            other = make(bundle, runtime, precision)
        except RuntimeUnavailable as error:
            if error.code == "runtime_missing":
                continue
            raise
        got = collect_outputs(other, photos, bundle.manifest.input, names, batch=batch)
        rows.append(Parity(name, {o: _relative(expected[o], got[o]) for o in names}, PARITY[name]))
    return rows


def _relative(expected: NDArray[Any], got: NDArray[Any]) -> float:
    scale = max(float(np.abs(expected).max(initial=0.0)), 1e-6)
    return float(np.abs(expected - got).max(initial=0.0)) / scale


def _batches(pictures: Sequence[Path | Sample], preparation: Preparation, size: int = 8) -> Iterator[NDArray[np.float32]]:
    """Prepared and normalised calibration pictures; unreadable ones are left out."""
    pending = [image for _, image in prepared_pictures(pictures, preparation) if not isinstance(image, PhotoError)]
    for start in range(0, len(pending), size):
        yield normalise(np.stack(pending[start : start + size]), preparation)


def _calibration_pictures(trained: Trained, run: Path) -> list[Sample]:
    """Drawn from the training part of the recipe's data, if it is still there."""
    data = trained.recipe.data
    try:
        items = read_part(data, "train", trained.task.labels, run).items
    except DataError:
        return []
    order = generator(trained.recipe.train.seed, "calibration").permutation(len(items))
    return [items[int(i)] for i in order[: trained.recipe.export.calibration_pictures]]


def _store_photos(folder: Path, photos: Sequence[Path]) -> list[str]:
    """Copy (or draw) the photos; returns their names in the bundle."""
    folder.mkdir()
    contents = [p.read_bytes() for p in photos] or [_drawn(number) for number in range(4)]
    suffixes = [p.suffix.lower() for p in photos] or [".jpg"] * len(contents)
    names = [f"photos/{number:02d}{suffix}" for number, suffix in enumerate(suffixes)]
    for stored, content in zip(names, contents, strict=True):
        (folder.parent / stored).write_bytes(content)
    return names


def _drawn(number: int) -> bytes:
    """A JPEG of smooth coloured shapes, not square, the last one stored on its side: nobody's photo, so any bundle may carry it."""
    rng = generator(0, "drawn photo", item=number)
    coarse = Image.fromarray(rng.integers(0, 256, (5 + number, 7, 3), np.uint8))
    exif = Image.Exif()
    exif[274] = 6 if number == 3 else 1
    buffer = io.BytesIO()
    coarse.resize((320, 200 + 20 * number), Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=88, exif=exif)
    return buffer.getvalue()
