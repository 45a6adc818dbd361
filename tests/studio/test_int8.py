"""The gate of the 8-bit model: verdicts from given numbers, and what export does with each."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from landsight.answer.replay import verify
from landsight.bundle.load import load
from landsight.runtime.choose import candidates
from landsight.studio import export as exports
from landsight.studio import int8
from landsight.studio.engine import open_run
from landsight.studio.export import export
from landsight.studio.int8 import Trial, judged, timed, try_int8
from landsight.studio.train.run import train

from .conftest import tiny_recipe


@pytest.fixture(scope="module")
def run(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained run; validation is carved, so its parts are known to the run alone."""
    out = tmp_path_factory.mktemp("int8") / "run"
    train(tiny_recipe(folder, "export.calibration_pictures=6", "export.int8=true"), out, say=lambda _: None)
    return out


def verdict(lost: float, times: list[tuple[float, float]]) -> Trial:
    return judged("top1", 200, lost, np.array(times), 2)


def test_kept_only_when_it_loses_little_and_is_faster() -> None:
    faster, slower, equal = [(10.0, 5.0)] * 3, [(10.0, 12.0)] * 3, [(10.0, 9.8)] * 3
    assert verdict(0.3, faster).kept
    assert verdict(-1.0, faster).kept  # a gain is no loss
    assert not verdict(0.31, faster).kept
    assert not verdict(0.0, slower).kept
    assert not verdict(0.0, equal).kept  # 2 % are noise
    assert not verdict(float("nan"), faster).kept
    both = verdict(2.5, slower)
    assert both.why.startswith("it loses more than 0.3 points and it is not faster on this machine: +2.50 points of top1 lost on 200")
    assert (both.points_lost, both.fp32_ms, both.int8_ms, both.time_share, both.threads) == (2.5, 10.0, 12.0, 1.2, 2)


def test_a_busy_moment_decides_nothing() -> None:
    # Medians: fp32 10 ms, INT8 5 ms; quotients 0.5, 0.5, 20 -> 0.5. The mean of INT8 would be 70 ms.
    found = verdict(0.0, [(10.0, 5.0), (10.0, 5.0), (10.0, 200.0)])
    assert (found.kept, found.fp32_ms, found.int8_ms, found.time_share) == (True, 10.0, 5.0, 0.5)


def test_calibration_pictures_are_training_pictures(run: Path) -> None:
    trained = open_run(run)
    drawn = exports._calibration_pictures(trained, run)
    validation = exports._validation(trained, run)
    assert validation is not None
    assert len(drawn) == 6
    assert {s.name for s in drawn}.isdisjoint({s.name for s in validation.items})
    assert all(s.name.startswith("train/") for s in drawn)


def test_both_numbers_are_measured_and_written_down(run: Path, tmp_path: Path) -> None:
    bundle = export(run, tmp_path / "bundle")
    trial = bundle.manifest.calibration["int8"]
    assert trial["pictures"] == 6  # a fifth of thirty
    assert trial["fp32_ms"] > 0 < trial["int8_ms"]
    assert trial["points_lost"] is not None
    assert trial["kept"] == ("int8" in bundle.manifest.precisions) == (tmp_path / "bundle/model.int8.onnx").is_file()
    assert trial["why"] in (tmp_path / "bundle/card.md").read_text()
    assert verify(bundle.root).ok


def test_one_that_is_not_worth_it_leaves_no_file(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(int8, "try_int8", lambda *_: verdict(5.0, [(1.0, 2.0)]))
    bundle = export(run, tmp_path / "bundle")
    assert (set(bundle.manifest.precisions), bundle.manifest.calibration["int8"]["kept"]) == ({"fp32"}, False)
    assert "precisions_checked" not in bundle.manifest.calibration
    assert not list(bundle.root.rglob("*int8*"))
    assert export(run, tmp_path / "none", int8_wanted=False).manifest.calibration == {}


def test_one_whose_stored_answers_differ_is_left_out_and_the_bundle_stays(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(fp32: Path, path: Path, _batches: object) -> None:
        import onnx
        from onnx import numpy_helper

        model = onnx.load(str(fp32))
        for tensor in model.graph.initializer:
            tensor.CopyFrom(numpy_helper.from_array(-numpy_helper.to_array(tensor), tensor.name))
        onnx.save(model, str(path))

    monkeypatch.setattr(exports, "write_int8", broken)
    monkeypatch.setattr(int8, "try_int8", lambda *_: verdict(0.0, [(2.0, 1.0)]))
    bundle = export(run, tmp_path / "bundle")
    assert set(bundle.manifest.precisions) == {"fp32"}
    assert "stored answers differ" in bundle.manifest.calibration["int8"]["why"]
    assert ("onnxruntime", "int8") not in candidates(bundle)
    assert verify(bundle.root).ok


def test_without_validation_pictures_it_is_not_judged(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "_validation", lambda *_: None)
    trial = export(run, tmp_path / "bundle").manifest.calibration["int8"]
    assert (trial["kept"], "validation pictures are not there" in trial["why"]) == (False, True)


def test_the_trial_runs_both_files_over_the_same_pictures(run: Path, tmp_path: Path) -> None:
    bundle = load(export(run, tmp_path / "bundle", int8_wanted=False).root)
    validation = exports._validation(open_run(run), run)
    assert validation is not None
    same = try_int8(bundle.model_path("fp32"), bundle.model_path("fp32"), bundle.manifest, validation)
    assert (same.points_lost, same.pictures, same.metric) == (0.0, len(validation), "top1")


def test_times_are_taken_in_turns() -> None:
    order: list[str] = []

    class Fake:
        output_names = ("logits",)

        def __init__(self, name: str) -> None:
            self.name = name

        def run(self, batch: np.ndarray, wants: tuple[str, ...]) -> dict[str, np.ndarray]:
            order.append(self.name)
            return {"logits": batch}

    rows = timed([Fake("a"), Fake("b")], tiny_recipe(Path()).input)
    assert order[:9] == ["a"] * 3 + ["b"] * 3 + ["a"] * 3
    assert (len(rows), len(rows[0]), len(order)) == (15, 2, 96)
