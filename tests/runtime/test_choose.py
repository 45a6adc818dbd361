"""The choice of runtime and precision: measured, remembered, never looser than what the bundle allows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tiny_nets import tiny_bundle

from landsight.bundle.load import Bundle
from landsight.errors import BundleError, RuntimeUnavailable
from landsight.runtime import choose
from landsight.runtime.choose import Timing, cache_folder, cache_path, candidates, make, measure, pick, recall, remember
from landsight.runtime.openvino import OpenVinoEngine

CHECKED = {
    "precisions_checked": {"openvino bf16": 0.1, "onnxruntime int8": 0.2, "openvino int8": 0.31, "tensorrt fp16": 0.0, "openvino int4": 0.0}
}


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANDSIGHT_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return tiny_bundle(tmp_path / "bundle", calibration=CHECKED)


def timing(runtime: str, precision: str, speed: float) -> Timing:
    return Timing(runtime, precision, 1.0, speed)


def test_only_checked_precisions_are_candidates(bundle: Bundle, tmp_path: Path) -> None:
    fp32 = [("onnxruntime", "fp32"), ("openvino", "fp32")]
    assert candidates(bundle) == [*fp32, ("openvino", "bf16"), ("onnxruntime", "int8")]
    assert candidates(tiny_bundle(tmp_path / "unchecked")) == fp32
    for garbage in ("bf16", ["openvino bf16"], {"openvino bf16": "0.1"}, {"openvino bf16": None}, {"openvino bf16": 0.31}):
        assert candidates(tiny_bundle(tmp_path / "garbage", calibration={"precisions_checked": garbage})) == fp32


def test_without_a_measurement_it_is_fp32_in_onnx_runtime(bundle: Bundle) -> None:
    assert recall(bundle) == []
    assert pick(bundle).name == "onnxruntime fp32"


def test_a_measurement_goes_round_and_is_used(bundle: Bundle) -> None:
    measured = measure(bundle, threads=1, seconds=0.05)
    assert {(t.runtime, t.precision) for t in measured} >= {("onnxruntime", "fp32"), ("openvino", "fp32"), ("onnxruntime", "int8")}
    assert [t.pictures_per_s for t in measured] == sorted((t.pictures_per_s for t in measured), reverse=True)
    assert all(t.single_ms > 0 for t in measured)
    path = remember(bundle, measured)
    assert path == cache_path(bundle)
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]
    assert recall(bundle) == measured
    assert pick(bundle).name == f"{measured[0].runtime} {measured[0].precision}"


def test_the_fastest_remembered_is_picked_and_narrowed_by_wishes(bundle: Bundle) -> None:
    remember(bundle, [timing("onnxruntime", "fp32", 1), timing("onnxruntime", "int8", 5), timing("openvino", "fp32", 3)])
    assert pick(bundle).name == "onnxruntime int8"
    assert pick(bundle, precision="fp32").name == "openvino fp32"
    assert pick(bundle, runtime="openvino").name == "openvino fp32"
    assert pick(bundle, runtime="onnxruntime", precision="fp32").name == "onnxruntime fp32"


def test_wishes_without_a_measurement(bundle: Bundle) -> None:
    assert pick(bundle, runtime="openvino").name == "openvino fp32"
    assert pick(bundle, precision="int8").name == "onnxruntime int8"
    with pytest.raises(RuntimeUnavailable, match="Choose one of: onnxruntime, openvino"):
        pick(bundle, runtime="tensorrt")
    with pytest.raises(RuntimeUnavailable, match="does not compute in bf16"):
        pick(bundle, runtime="onnxruntime", precision="bf16")
    with pytest.raises(BundleError, match="no precision 'fp16'"):
        pick(bundle, precision="fp16")


def test_the_cache_cannot_loosen_the_bundle(bundle: Bundle) -> None:
    remember(bundle, [timing("openvino", "int8", 99), timing("evil", "fp32", 98), timing("openvino", "fp32", 3)])
    assert recall(bundle) == [timing("openvino", "fp32", 3)]
    assert pick(bundle).name == "openvino fp32"


@pytest.mark.parametrize(
    "garbage", [b"", b"\xff\xfe", b"{}", b"[]", b"null", b"[" * 100_000, b'{"schema_version": 1, "key": {}, "timings": []}']
)
def test_a_garbled_cache_is_as_good_as_none(bundle: Bundle, garbage: bytes) -> None:
    path = cache_path(bundle)
    path.parent.mkdir(parents=True)
    path.write_bytes(garbage)
    assert recall(bundle) == []
    assert pick(bundle).name == "onnxruntime fp32"


def test_another_bundle_processor_or_version_is_measured_anew(bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    remember(bundle, [timing("openvino", "fp32", 3)])
    assert recall(tiny_bundle(tmp_path / "other", side=8)) == []
    for name, value in (("processor", lambda: "another"), ("usable_cores", lambda: 999), ("_version", lambda package: f"{package} 99")):
        with monkeypatch.context() as patch:
            patch.setattr(choose, name, value)
            assert recall(bundle) == []
    assert recall(bundle) != []


def test_a_cached_key_that_was_edited_is_ignored(bundle: Bundle) -> None:
    path = remember(bundle, [timing("openvino", "fp32", 3)])
    assert path is not None
    record = json.loads(path.read_text())
    record["key"]["bundle"] = "0" * 64
    path.write_text(json.dumps(record))
    assert recall(bundle) == []


def test_a_folder_that_cannot_be_written_is_no_error(bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("LANDSIGHT_CACHE", str(tmp_path / "file"))
    assert remember(bundle, [timing("openvino", "fp32", 3)]) is None
    assert recall(bundle) == []


def test_where_the_cache_lies() -> None:
    assert cache_folder({"LANDSIGHT_CACHE": "/c", "XDG_CACHE_HOME": "/x"}) == Path("/c")
    assert cache_folder({"XDG_CACHE_HOME": "/x"}) == Path("/x/landsight")
    assert cache_folder({"XDG_CACHE_HOME": "relative"}) == Path.home() / ".cache" / "landsight"


def test_a_precision_the_processor_lacks_is_refused_not_renamed(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    original = OpenVinoEngine.__init__

    def without_bf16(self: OpenVinoEngine, model: Path, precision: str = "fp32", threads: int | None = None) -> None:
        original(self, model, "fp32", threads)

    monkeypatch.setattr(OpenVinoEngine, "__init__", without_bf16)
    with pytest.raises(RuntimeUnavailable, match="Asked for openvino bf16, this processor computes openvino fp32"):
        make(bundle, "openvino", "bf16")
    assert ("openvino", "bf16") not in {(t.runtime, t.precision) for t in measure(bundle, threads=1, seconds=0.02)}


def test_no_openvino_leaves_onnx_runtime(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    remember(bundle, [timing("openvino", "fp32", 3), timing("onnxruntime", "int8", 2)])
    monkeypatch.setitem(choose.RUNTIMES, "openvino", ("landsight.runtime.openvino", "OpenVinoEngine"))
    monkeypatch.setitem(__import__("sys").modules, "openvino", None)
    assert pick(bundle).name == "onnxruntime int8"
    assert {t.runtime for t in measure(bundle, threads=1, seconds=0.02)} == {"onnxruntime"}
