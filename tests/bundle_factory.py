"""A small valid bundle with a network whose answers can be worked out by hand, and small drawn photos to go with it.

The network sees 32x32 pixels, mean 127, std 128. Its embedding starts with the mean of red, green and blue, and its logits are 4 times
those: a red picture is label 0 ("red_rock"), a green one label 1 ("green_hill"), a blue one label 2 ("blue_bay").
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from PIL import ExifTags, Image

from landsight.bundle.load import Bundle
from landsight.bundle.manifest import BundlePlace, Manifest, Metric
from landsight.bundle.seal import seal
from landsight.photo.prepare import Preparation

LABELS = ("red_rock", "green_hill", "blue_bay")
COLOURS = {"red_rock": (250, 10, 10), "green_hill": (10, 250, 10), "blue_bay": (10, 10, 250)}
PLACES = {
    "red_rock": BundlePlace("Red Rock", -25.3444, 131.0369, 1800.0, "Yulara", "AU", "Australia"),
    "green_hill": BundlePlace("Green Hill", 52.5163, 13.3777, 50.0, "Berlin", "DE", "Germany"),
    "blue_bay": BundlePlace("Blue Bay", 31.7767, 35.2345, 300.0, "Jerusalem", None, None),
}
CHANNELS = 8
PREPARATION = Preparation(width=32, height=32)
#: What a bundle needs besides, to say why: the head of make_network.
HEAD = {"head_weights": np.eye(3, CHANNELS, dtype=np.float32) * 4}


def make_bundle(
    root: Path,
    *,
    places: Mapping[str, BundlePlace] = PLACES,
    calibration: Mapping[str, Any] | None = None,
    decision: Mapping[str, Any] | None = None,
    arrays: Mapping[str, np.ndarray] | None = None,
    task: str = "classify",
    preparation: Preparation = PREPARATION,
) -> Bundle:
    """Make the bundle in ``root`` (made if absent) and load it."""
    root.mkdir(parents=True, exist_ok=True)
    onnx.save(make_network(), root / "model.onnx")
    (root / "card.md").write_text("A drawn network for tests.\n", encoding="utf-8")
    if arrays is not None:
        np.savez(root / "arrays.npz", **arrays)
    return seal(root, make_manifest(places=places, calibration=calibration, decision=decision, task=task, preparation=preparation))


def make_manifest(
    *,
    places: Mapping[str, BundlePlace] = PLACES,
    calibration: Mapping[str, Any] | None = None,
    decision: Mapping[str, Any] | None = None,
    task: str = "classify",
    preparation: Preparation = PREPARATION,
) -> Manifest:
    """The manifest that goes with make_network; its list of files is filled in by seal."""
    return Manifest(
        name="drawn3",
        task=task,
        made="2026-11-22T08:00:00Z",
        input=preparation,
        outputs={"logits": ["n", 3], "embedding": ["n", CHANNELS], "feature_map": ["n", CHANNELS, 16, 16]},
        labels=LABELS,
        precisions={"fp32": "model.onnx"},
        places=dict(places),
        calibration={"temperature": 1.0} if calibration is None else dict(calibration),
        decision={} if decision is None else dict(decision),
        metrics={"test_top1": Metric(0.9, 0.85, 0.95, 200, "share of drawn pictures named right")},
        data={"train": {"pictures": 300, "source": "drawn by the tests"}},
        rights="Drawn by the tests; free to use.",
        versions={"landsight": "0.1.0"},
    )


def make_network() -> onnx.ModelProto:
    """conv 3x3 stride 2 (feature_map) -> global average (embedding) -> linear (logits); dynamic batch "n"."""
    random = np.random.default_rng(7)
    kernel = random.normal(0, 0.1, (CHANNELS, 3, 3, 3)).astype(np.float32)
    kernel[:3] = 0
    for channel in range(3):
        kernel[channel, channel, 1, 1] = 1
    weight = np.zeros((3, CHANNELS), np.float32)
    weight[:, :3] = 4 * np.eye(3, dtype=np.float32)
    nodes = [
        helper.make_node("Conv", ["image", "kernel"], ["feature_map"], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]),
        helper.make_node("GlobalAveragePool", ["feature_map"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["embedding"], axis=1),
        helper.make_node("Gemm", ["embedding", "weight", "bias"], ["logits"], transB=1),
    ]
    graph = helper.make_graph(
        nodes,
        "drawn3",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, 32, 32])],
        [
            helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", 3]),
            helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", CHANNELS]),
            helper.make_tensor_value_info("feature_map", TensorProto.FLOAT, ["n", CHANNELS, 16, 16]),
        ],
        [
            numpy_helper.from_array(array, name)
            for name, array in (("kernel", kernel), ("weight", weight), ("bias", np.zeros(3, np.float32)))
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    return model


def draw_photo(
    colour: tuple[int, int, int], *, gps: tuple[float, float] | None = None, size: tuple[int, int] = (64, 48), format: str = "JPEG"
) -> bytes:
    """The bytes of a plain picture of one colour; ``gps`` (latitude, longitude) goes into its EXIF."""
    image = Image.new("RGB", size, colour)
    exif = Image.Exif()
    if gps is not None:
        exif[ExifTags.IFD.GPSInfo] = _gps_tags(*gps)
    stream = io.BytesIO()
    image.save(stream, format, exif=exif, quality=92)
    return stream.getvalue()


def _gps_tags(latitude: float, longitude: float) -> dict[int, object]:
    return {
        ExifTags.GPS.GPSLatitudeRef: "N" if latitude >= 0 else "S",
        ExifTags.GPS.GPSLatitude: _degrees(abs(latitude)),
        ExifTags.GPS.GPSLongitudeRef: "E" if longitude >= 0 else "W",
        ExifTags.GPS.GPSLongitude: _degrees(abs(longitude)),
    }


def _degrees(value: float) -> tuple[float, float, float]:
    minutes = (value - int(value)) * 60
    return (float(int(value)), float(int(minutes)), round((minutes - int(minutes)) * 60, 4))
