"""Tiny networks as ONNX files, with the outputs that every bundle of ours names."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from landsight.bundle.load import Bundle, load
from landsight.bundle.manifest import Manifest
from landsight.photo.prepare import Preparation

CLASSES, WIDTH = 5, 6


def conv_net(side: int, *, external: str | None = None) -> onnx.ModelProto:
    """(n, 3, side, side) -> feature_map (n, 6, side/2, side/2), embedding (n, 6), logits (n, 5). ``external``: a file to take weights from."""
    rng = np.random.default_rng(3)
    weights = {
        "kernel": rng.standard_normal((WIDTH, 3, 3, 3)).astype(np.float32) / 5,
        "head": rng.standard_normal((WIDTH, CLASSES)).astype(np.float32),
    }
    initializers = [numpy_helper.from_array(array, name) for name, array in weights.items()]
    if external is not None:
        initializers[0].ClearField("raw_data")
        initializers[0].data_location = TensorProto.EXTERNAL
        initializers[0].external_data.add(key="location", value=external)
    nodes = [
        helper.make_node("Conv", ["image", "kernel"], ["conv"], strides=[2, 2], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["conv"], ["feature_map"]),
        helper.make_node("ReduceMean", ["feature_map"], ["embedding"], axes=[2, 3], keepdims=0),
        helper.make_node("MatMul", ["embedding", "head"], ["logits"]),
    ]
    outputs = {"logits": ["n", CLASSES], "embedding": ["n", WIDTH], "feature_map": ["n", WIDTH, side // 2, side // 2]}
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, side, side])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()],
        initializers,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def tiny_bundle(folder: Path, *, side: int = 16, calibration: dict[str, object] | None = None) -> Bundle:
    """A bundle around conv_net; its "int8" file holds the same network, which is all that choosing needs."""
    folder.mkdir(parents=True, exist_ok=True)
    model = conv_net(side).SerializeToString()
    for name in ("model.onnx", "model.int8.onnx"):
        (folder / name).write_bytes(model)
    digest = hashlib.sha256(model).hexdigest()
    manifest = Manifest(
        name="tiny",
        task="classify",
        made="2026-01-01",
        input=Preparation(side, side),
        outputs={"logits": ["n", CLASSES], "embedding": ["n", WIDTH]},
        labels=tuple("abcde"),
        precisions={"fp32": "model.onnx", "int8": "model.int8.onnx"},
        calibration=calibration or {},
        files={"model.onnx": digest, "model.int8.onnx": digest},
    )
    (folder / "bundle.json").write_text(manifest.to_json(), encoding="utf-8")
    return load(folder)
