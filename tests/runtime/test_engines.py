"""ONNX Runtime and OpenVINO behind one Protocol: the same numbers, any batch, and a clear refusal of bad models."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper
from tiny_nets import CLASSES, WIDTH, conv_net

from landsight.errors import RuntimeUnavailable
from landsight.runtime import onnxruntime as ours
from landsight.runtime.engine import Engine
from landsight.runtime.onnxruntime import OnnxRuntimeEngine
from landsight.runtime.openvino import OpenVinoEngine
from landsight.runtime.pieces import pieces

ENGINES = [OnnxRuntimeEngine, OpenVinoEngine]
EVERY = ("logits", "embedding", "feature_map")


@pytest.fixture(scope="module", params=[16, 224], ids=["many a piece", "one a piece"])
def side(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture(scope="module")
def model(side: int) -> bytes:
    return conv_net(side).SerializeToString()


def pictures(n: int, side: int) -> np.ndarray:
    return np.random.default_rng(n).standard_normal((n, 3, side, side)).astype(np.float32)


def by_hand(model: bytes, batch: np.ndarray) -> dict[str, np.ndarray]:
    """The network in NumPy: a 3 x 3 convolution of stride 2 with a border of one zero."""
    kernel, head = (onnx.numpy_helper.to_array(tensor) for tensor in onnx.load_from_string(model).graph.initializer)
    padded = np.pad(batch, ((0, 0), (0, 0), (1, 1), (1, 1)))
    half = batch.shape[2] // 2
    windows = [padded[:, :, y : y + 2 * half : 2, x : x + 2 * half : 2] for y in range(3) for x in range(3)]
    conv = np.einsum("oct,tnchw->nohw", kernel.reshape(WIDTH, 3, 9), np.stack(windows), optimize=True)
    feature_map = np.maximum(conv, 0)
    embedding = feature_map.mean((2, 3))
    return {"feature_map": feature_map, "embedding": embedding, "logits": embedding @ head}


@pytest.mark.parametrize("engine_class", ENGINES)
@pytest.mark.parametrize("threads", [1, 2])
def test_numbers_are_those_of_the_network_for_any_batch(engine_class: type, threads: int, model: bytes, side: int) -> None:
    engine: Engine = engine_class(model, "fp32", threads)
    assert set(engine.output_names) == set(EVERY)
    for n in (1, 2, 3, 5):
        batch = pictures(n, side)
        outputs = engine.run(batch, EVERY)
        for name, expected in by_hand(model, batch).items():
            assert outputs[name].dtype == np.float32
            assert outputs[name].shape == expected.shape
            np.testing.assert_allclose(outputs[name], expected, atol=1e-4)


def test_both_agree_and_only_the_wanted_is_returned(model: bytes, side: int) -> None:
    batch = pictures(3, side)
    found = [engine_class(model).run(batch, ("embedding",)) for engine_class in ENGINES]
    assert [list(outputs) for outputs in found] == [["embedding"], ["embedding"]]
    np.testing.assert_allclose(found[0]["embedding"], found[1]["embedding"], atol=1e-4)


@pytest.mark.parametrize("engine_class", ENGINES)
def test_an_answer_does_not_depend_on_its_neighbours_nor_change_later(engine_class: type, model: bytes, side: int) -> None:
    engine: Engine = engine_class(model, threads=2)
    batch = pictures(4, side)
    together = engine.run(batch, ("logits",))["logits"]
    kept = together.copy()
    for i in range(4):
        np.testing.assert_allclose(engine.run(batch[i : i + 1], ("logits",))["logits"], together[i : i + 1], atol=1e-6)
    np.testing.assert_array_equal(together, kept)


def test_a_batch_laid_out_otherwise_gives_the_same(model: bytes, side: int) -> None:
    batch = pictures(2, side)
    strided = np.ascontiguousarray(batch.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    for engine_class in ENGINES:
        engine = engine_class(model)
        np.testing.assert_allclose(engine.run(strided, ("logits",))["logits"], engine.run(batch, ("logits",))["logits"], atol=1e-6)


def test_names_say_the_precision_that_is_computed(model: bytes) -> None:
    assert OnnxRuntimeEngine(model).name == "onnxruntime fp32"
    assert OnnxRuntimeEngine(model, "int8").name == "onnxruntime int8"
    pinned = OpenVinoEngine(model, "fp32")
    assert pinned.name == "openvino fp32"
    assert pinned._compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name() == "f32"
    half = OpenVinoEngine(model, "bf16")
    assert (
        half.name
        == {"bf16": "openvino bf16", "f32": "openvino fp32"}[half._compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name()]
    )
    with pytest.raises(RuntimeUnavailable, match="no precision 'fp8'"):
        OpenVinoEngine(model, "fp8")


@pytest.mark.parametrize("engine_class", ENGINES)
def test_wrong_requests_are_refused(engine_class: type, model: bytes, side: int) -> None:
    engine: Engine = engine_class(model)
    with pytest.raises(RuntimeUnavailable, match=r"no output probabilities\. It has: "):
        engine.run(pictures(1, side), ("logits", "probabilities"))
    for bad in (pictures(1, side)[0], pictures(1, side)[:0], pictures(1, side).astype(np.float64)):
        with pytest.raises(RuntimeUnavailable, match="A batch is"):
            engine.run(bad, ("logits",))
    with pytest.raises(RuntimeUnavailable, match="refuses the model"):
        engine.run(pictures(1, side + 3), ("logits",))
    assert engine.run(pictures(1, side), ("logits",))["logits"].shape == (1, CLASSES)


@pytest.mark.parametrize("engine_class", ENGINES)
def test_bad_models_are_refused_in_one_line(engine_class: type, model: bytes, tmp_path: Path) -> None:
    two_inputs = conv_net(16)
    two_inputs.graph.input.append(helper.make_tensor_value_info("more", onnx.TensorProto.FLOAT, ["n", 3]))
    two_inputs.graph.node.append(helper.make_node("Identity", ["more"], ["again"]))
    two_inputs.graph.output.append(helper.make_tensor_value_info("again", onnx.TensorProto.FLOAT, ["n", 3]))
    unknown = conv_net(16)
    unknown.graph.node[1].op_type = "Explode"
    bad = [b"", b"\x00" * 100, b"not a model", model[: len(model) // 2], two_inputs.SerializeToString(), unknown.SerializeToString()]
    for data in bad:
        with pytest.raises(RuntimeUnavailable) as caught:
            engine_class(data)
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) < 500
    with pytest.raises(RuntimeUnavailable, match="cannot be read"):
        engine_class(tmp_path / "missing.onnx")


@pytest.mark.parametrize("engine_class", ENGINES)
def test_weights_in_other_files_are_not_followed(engine_class: type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "secret").write_bytes(np.ones(WIDTH * 27, np.float32).tobytes())
    monkeypatch.chdir(tmp_path)
    data = conv_net(16, external="secret").SerializeToString()
    (tmp_path / "model.onnx").write_bytes(data)
    for model in (data, tmp_path / "model.onnx"):
        with pytest.raises(RuntimeUnavailable, match="outside its own file"):
            engine_class(model)


def test_a_part_with_location_in_its_name_is_no_external_data() -> None:
    model = conv_net(16)
    model.graph.node[0].name = "backbone/location_head"
    model.doc_string = "location, location, location"
    assert OnnxRuntimeEngine(model.SerializeToString()).run(pictures(1, 16), ("logits",))["logits"].shape == (1, CLASSES)


def test_pieces_are_whole_and_in_order() -> None:
    for n, side in [(1, 8), (7, 224), (1000, 28), (3, 500)]:
        batch = np.arange(n, dtype=np.float32)[:, None, None, None] + np.zeros((1, 3, side, side), np.float32)
        parts = pieces(batch)
        assert all(len(part) for part in parts)
        np.testing.assert_array_equal(np.concatenate([part[:, 0, 0, 0] for part in parts]), np.arange(n))
    assert [len(part) for part in pieces(np.zeros((130, 3, 28, 28), np.float32))] == [64, 64, 2]


def test_a_missing_package_is_said_with_the_command_that_helps(model: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(RuntimeUnavailable, match=r"pip install 'landsight\[fast\]'"):
        OpenVinoEngine(model)
    with pytest.raises(RuntimeUnavailable, match="onnxruntime"):
        OnnxRuntimeEngine(model)
    assert ours.__name__ == "landsight.runtime.onnxruntime"


QUIET = """
import sys
from landsight.runtime.onnxruntime import OnnxRuntimeEngine
from landsight.runtime.openvino import OpenVinoEngine
import numpy as np
for engine in (OnnxRuntimeEngine(sys.argv[1]), OpenVinoEngine(sys.argv[1])):
    engine.run(np.zeros((3, 3, 16, 16), np.float32), ("logits",))
assert "torch" not in sys.modules
"""


def test_engines_print_nothing_and_leave_torch_alone(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(conv_net(16).SerializeToString())
    done = subprocess.run([sys.executable, "-c", QUIET, str(tmp_path / "model.onnx")], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


SIGNALLED = """
import gc, os, signal, sys
from landsight.runtime.openvino import OpenVinoEngine
first, second = OpenVinoEngine(sys.argv[1]), OpenVinoEngine(sys.argv[1])
del first
gc.collect()
del second
gc.collect()
signal.signal(signal.SIGUSR1, lambda *_: print("heard"))
os.kill(os.getpid(), signal.SIGUSR1)
"""


def test_a_signal_is_survived_after_two_models_of_openvino_are_gone(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(conv_net(16).SerializeToString())
    done = subprocess.run([sys.executable, "-c", SIGNALLED, str(tmp_path / "model.onnx")], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "heard\n")
