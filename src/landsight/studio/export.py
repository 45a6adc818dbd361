"""A run -> a bundle: model files, manifest, arrays, card, stored answers; then verified against the trained network, or deleted."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from landsight.answer.replay import record_answers, verify, write_answers
from landsight.bundle.card import render_card
from landsight.bundle.confused import CONFUSED_NAME
from landsight.bundle.load import ARRAYS_NAME, Bundle, load
from landsight.bundle.manifest import BundlePlace, Manifest, Metric
from landsight.bundle.seal import seal
from landsight.errors import DataError, PhotoError, VerificationError
from landsight.explain.activation_map import WEIGHTS
from landsight.photo.prepare import Preparation, normalise
from landsight.runtime.engine import Engine
from landsight.studio import int8
from landsight.studio.collect import prepared_pictures
from landsight.studio.data.samples import Sample, Samples
from landsight.studio.engine import Trained, open_run
from landsight.studio.evaluate import confused_of, read_part
from landsight.studio.folders import now, partial_folder
from landsight.studio.onnx_export import write_fp32, write_int8
from landsight.studio.onnx_graph import halve_weights
from landsight.studio.parity import Parity, drawn_photos, parity, require_equal, turned_pictures
from landsight.studio.places import places_of
from landsight.studio.random import generator
from landsight.studio.trace_file import add_trace

_VERSIONS = ("landsight", "torch", "onnx", "onnxruntime", "numpy", "pillow")
_INT8_PAIR = "onnxruntime int8"
_INT8_FILE = "model.int8.onnx"


def export(
    run: Path, out: Path, *, which: str = "best", name: str | None = None, places: Mapping[str, BundlePlace] | None = None,
    calibration: Mapping[str, Any] | None = None, decision: Mapping[str, Any] | None = None, arrays: Mapping[str, NDArray[Any]] | None = None,
    metrics: Mapping[str, Metric] | None = None, data: Mapping[str, Any] | None = None, rights: str = "", photos: Sequence[Path] = (),
    calibration_pictures: Sequence[Path] | None = None, preparation: Preparation | None = None, int8_wanted: bool | None = None,
    trace_wanted: bool | None = None,
) -> Bundle:  # fmt: skip
    """Write the bundle folder ``out``, which must not exist.

    ``places``: default: those of places.csv in the data folder, if there is one. ``photos``: files that the bundle may carry, for its
    stored answers (default: four drawn pictures). ``calibration_pictures``: for INT8, if ``int8_wanted`` (default: the recipe says;
    pictures drawn from the training part, never from another); INT8 is kept only if studio.int8 finds it worth having. ``calibration``,
    ``trace_wanted``: see studio.trace_file (default: the recipe says). ``decision``, ``arrays``: what answer.calibration applies (default of the first: what the checkpoint says of itself). ``preparation``: how
    pictures are prepared, if not as the recipe's ``input``. What ``evaluate`` found this checkpoint to take for what on the test part goes along.
    Raises: VerificationError when the bundle does not answer as the trained network; nothing is left then. PlacesError.
    """
    trained = open_run(run, which)
    if preparation is not None:
        trained = replace(trained, recipe=replace(trained.recipe, input=preparation))
    if places is None:
        places = places_of(trained.recipe.data, trained.task.labels)
    with partial_folder(out) as partial:
        shapes = write_fp32(trained.net, trained.recipe.input, partial / "model.onnx", opset=trained.recipe.export.opset)
        manifest = Manifest(
            name=name or trained.recipe.export.name, task=trained.task.name, made=now(), input=trained.recipe.input, outputs=shapes,
            labels=trained.task.labels, precisions={"fp32": "model.onnx"}, places=dict(places),
            calibration=dict(trained.calibration if calibration is None else calibration),
            decision=dict(decision or {}), metrics=dict(metrics or {}), data=dict(data or {}), rights=rights,
            versions={package: metadata.version(package) for package in _VERSIONS},
        )  # fmt: skip
        if trained.recipe.export.int8 if int8_wanted is None else int8_wanted:
            pictures = _calibration_pictures(trained, run) if calibration_pictures is None else calibration_pictures
            manifest = _with_int8(partial, manifest, pictures, _validation(trained, run))
        if trained.recipe.export.trace if trace_wanted is None else trace_wanted:
            add_trace(trained, partial)
        halve_weights(partial / "model.onnx")
        arrays = {**head_arrays(trained), **(arrays or {})}
        if arrays:
            # Plain: numbers of this kind shrink by a fourteenth, and unpacking them took 0.07 s at every start.
            np.savez(partial / ARRAYS_NAME, **arrays)  # type: ignore[arg-type]
        if confused := confused_of(run, which):
            (partial / CONFUSED_NAME).write_text(confused.to_json(), encoding="utf-8")
        names = _store_photos(partial / "photos", photos)
        _close(partial, manifest, trained.engine(), names)
    return load(out)


@torch.inference_mode()
def head_arrays(trained: Trained) -> dict[str, NDArray[Any]]:
    """The head's weights, (k, d) halves, where the logits are linear in the mean of the feature map: explain.activation_map needs them.

    Tried on noise rather than asked of the network; empty where it is not so.
    """
    net, p = trained.net.eval(), trained.recipe.input
    noise = torch.from_numpy(generator(0, "head").standard_normal((2, 3 if p.colour == "RGB" else 1, p.height, p.width)).astype(np.float32))
    outputs = net(noise)
    feature_map = outputs["feature_map"]
    if feature_map.ndim != 4 or feature_map.shape[1] != net.head.in_features:
        return {}
    linear = net.head(feature_map.mean((2, 3)))
    is_linear = torch.allclose(linear, outputs["logits"], rtol=1e-3, atol=1e-3 * float(outputs["logits"].abs().max()) + 1e-6)
    return {WEIGHTS: net.head.weight.detach().numpy().astype(np.float16)} if is_linear else {}


def require_parity(bundle: Bundle, engine: Engine, photos: Sequence[Path]) -> list[Parity]:
    """Does the bundle answer as ``engine`` (the trained network) does, from the bytes of ``photos`` to the outputs, alone and in threes, in
    every runtime that is installed; and does it give its stored answers. Raises: VerificationError."""
    found = parity(bundle, engine, photos)
    require_equal(found)
    report = verify(bundle.root)
    if not report.ok:
        raise VerificationError("not_equal", f"The bundle answers differently: {report.problems()[0]}.", "Nothing was exported.")
    return found


def _close(partial: Path, manifest: Manifest, engine: Engine, names: list[str]) -> None:
    """Card, stored answers, hashes; then the check. A precision whose stored answers differ is left out rather than the bundle."""
    (partial / "card.md").write_text(render_card(manifest), encoding="utf-8")
    write_answers(partial, record_answers(seal(partial, manifest), engine, names))
    bundle = seal(partial, manifest)
    differing = [r for r in verify(partial).replays if r.engine == _INT8_PAIR and r.mismatches]
    if differing:
        manifest = _without_int8(partial, manifest, f"its stored answers differ from the trained network's ({differing[0].mismatches[0]})")
        _close(partial, manifest, engine, names)
        return
    turned = partial.with_name(f"{partial.name}.turned")
    try:
        require_parity(bundle, engine, [*(partial / name for name in names), *turned_pictures(turned)])
    finally:
        shutil.rmtree(turned, ignore_errors=True)


def _with_int8(partial: Path, manifest: Manifest, pictures: Sequence[Path | Sample], validation: Samples | None) -> Manifest:
    """The manifest with INT8, if that was worth having, and with what was measured in any case."""
    if not pictures or validation is None:
        what = "training" if not pictures else "validation"
        return _tried(manifest, int8.dropped(f"the {what} pictures are not there, and without them it cannot be judged"))
    write_int8(partial / "model.onnx", partial / _INT8_FILE, _batches(pictures, manifest.input))
    trial = int8.try_int8(partial / "model.onnx", partial / _INT8_FILE, manifest, validation)
    if not trial.kept:
        (partial / _INT8_FILE).unlink()
        return _tried(manifest, trial)
    checked = {**manifest.calibration.get("precisions_checked", {}), _INT8_PAIR: trial.points_lost}
    kept = replace(manifest, precisions={**manifest.precisions, "int8": _INT8_FILE})
    return _tried(replace(kept, calibration={**manifest.calibration, "precisions_checked": checked}), trial)


def _without_int8(partial: Path, manifest: Manifest, why: str) -> Manifest:
    (partial / _INT8_FILE).unlink()
    checked = {pair: lost for pair, lost in manifest.calibration["precisions_checked"].items() if pair != _INT8_PAIR}
    trial = {**manifest.calibration["int8"], "kept": False, "why": why}
    precisions = {name: file for name, file in manifest.precisions.items() if name != "int8"}
    return replace(manifest, precisions=precisions, calibration={**manifest.calibration, "precisions_checked": checked, "int8": trial})


def _tried(manifest: Manifest, trial: int8.Trial) -> Manifest:
    return replace(manifest, calibration={**manifest.calibration, "int8": trial.to_dict()})


def _batches(pictures: Sequence[Path | Sample], preparation: Preparation, size: int = 8) -> Iterator[NDArray[np.float32]]:
    """Prepared and normalised calibration pictures; unreadable ones are left out."""
    pending = [image for _, image in prepared_pictures(pictures, preparation) if not isinstance(image, PhotoError)]
    for start in range(0, len(pending), size):
        yield normalise(np.stack(pending[start : start + size]), preparation)


def _calibration_pictures(trained: Trained, run: Path) -> list[Sample]:
    """Drawn from the training part of the recipe's data, if it is still there."""
    try:
        items = read_part(trained.recipe.data, "train", trained.task.labels, run).items
    except DataError:
        return []
    order = generator(trained.recipe.train.seed, "calibration").permutation(len(items))
    return [items[int(i)] for i in order[: trained.recipe.export.calibration_pictures]]


def _validation(trained: Trained, run: Path) -> Samples | None:
    """The validation pictures of the run, if they are still there."""
    try:
        return read_part(trained.recipe.data, "validation", trained.task.labels, run)
    except DataError:
        return None


def _store_photos(folder: Path, photos: Sequence[Path]) -> list[str]:
    """Copy (or draw) the photos; returns their names in the bundle."""
    folder.mkdir()
    contents = [p.read_bytes() for p in photos] or drawn_photos()
    suffixes = [p.suffix.lower() for p in photos] or [".jpg"] * len(contents)
    names = [f"photos/{number:02d}{suffix}" for number, suffix in enumerate(suffixes)]
    for stored, content in zip(names, contents, strict=True):
        (folder.parent / stored).write_bytes(content)
    return names
