"""Stored answers are replayed from raw photo bytes: equal for the engine that made them, told when anything moved."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from bundle_factory import COLOURS, draw_photo, make_bundle
from landsight.answer.replay import ANSWERS_NAME, TOLERANCES, VerifyReport, read_answers, record_answers, verify, write_answers
from landsight.bundle.load import load
from landsight.bundle.seal import seal
from landsight.errors import BundleError, PhotoError
from landsight.runtime.choose import make

PHOTOS = {f"photos/{label}.jpg": draw_photo(colour, size=(61, 43)) for label, colour in COLOURS.items()} | {
    "photos/grey.png": draw_photo((120, 121, 122), format="PNG")
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("replay") / "bundle"
    (root / "photos").mkdir(parents=True)
    for name, content in PHOTOS.items():
        (root / name).write_bytes(content)
    bundle = make_bundle(root)
    write_answers(root, record_answers(bundle, make(bundle), list(PHOTOS)))
    seal(root, bundle.manifest)
    return root


@pytest.fixture
def copy(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "bundle"))


def lines(root: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (root / ANSWERS_NAME).read_text().splitlines()]


def resealed(root: Path) -> VerifyReport:
    seal(root, load(root, check_files=False).manifest)
    return verify(root)


def test_what_is_recorded(made: Path) -> None:
    first = lines(made)[0]
    assert first["file"] == "photos/red_rock.jpg"
    assert first["engine"] == "onnxruntime fp32"
    assert first["probabilities"][0][0] == "red_rock"
    assert sum(value for _, value in first["probabilities"]) == pytest.approx(1, abs=1e-6)
    # The embedding starts with the mean of red: (250 - 127) / 128, up to what JPEG and the padded border change.
    assert first["embedding_head"][0] == pytest.approx(123 / 128, abs=0.05)
    assert len(first["embedding_head"]) == 8
    assert len(read_answers(load(made))) == len(PHOTOS)


def test_an_untouched_bundle_verifies_with_every_engine_that_runs_here(made: Path) -> None:
    report = verify(made)
    assert report.ok, report.problems()
    assert report.files.checked == 3 + len(PHOTOS)
    onnxruntime = report.replays[0]
    assert (onnxruntime.engine, onnxruntime.photos, onnxruntime.skipped) == ("onnxruntime fp32", len(PHOTOS), None)
    assert onnxruntime.worst == 0
    for other in report.replays[1:]:
        assert other.skipped is not None or other.worst <= TOLERANCES["fp32"]


def test_a_changed_photo_is_told_by_its_hash_and_not_replayed(copy: Path) -> None:
    (copy / "photos" / "grey.png").write_bytes(draw_photo((250, 10, 10), format="PNG"))
    report = verify(copy)
    assert not report.ok
    assert report.files.changed == ("photos/grey.png",)
    assert report.replays == ()


def test_a_resealed_bundle_with_another_photo_is_told_by_its_answer(copy: Path) -> None:
    (copy / "photos" / "grey.png").write_bytes(draw_photo((250, 10, 10), format="PNG"))
    problems = resealed(copy).problems()
    assert any("recorded from another photo" in line for line in problems)
    assert any("probability differs" in line for line in problems)


def test_a_resealed_bundle_with_another_network_is_told(copy: Path) -> None:
    model = onnx.load(copy / "model.onnx")
    kernel = next(tensor for tensor in model.graph.initializer if tensor.name == "kernel")
    kernel.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(kernel) * np.float32(1.01), "kernel"))
    onnx.save(model, copy / "model.onnx")
    report = resealed(copy)
    assert not report.ok
    assert any("differs" in line for line in report.problems())


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"probabilities": [["blue_bay", 0.99], ["red_rock", 0.005], ["green_hill", 0.005]]}, "best label"),
        ({"embedding_head": [0.0] * 8}, "embedding"),
        ({"embedding_head": [0.0]}, "embedding"),
        ({"known_probability": 0.5}, "decision"),
        ({"looked": "landmark"}, "the answer is None"),
    ],
)
def test_a_recorded_answer_that_differs_is_told_in_words(copy: Path, change: dict[str, Any], word: str) -> None:
    records = lines(copy)
    write_answers(copy, [records[0] | change, *records[1:]])
    assert any(word in line and "red_rock.jpg" in line for line in resealed(copy).problems())


@pytest.mark.parametrize(
    "text", ["x\n", "[]\n", "{}\n", '{"file": 3}\n', "[" * 100_000, None], ids=["x", "list", "empty", "number", "deep", "nan"]
)
def test_answers_that_cannot_be_read_are_one_clear_error(copy: Path, text: str | None) -> None:
    if text is None:
        text = json.dumps(lines(copy)[0] | {"embedding_head": [float("nan")] * 8})
    (copy / ANSWERS_NAME).write_text(text)
    with pytest.raises(BundleError, match=r"answers\.jsonl"):
        resealed(copy)


def test_an_answer_about_a_file_outside_is_refused(copy: Path) -> None:
    write_answers(copy, [lines(copy)[0] | {"file": "../../etc/passwd"}])
    with pytest.raises(BundleError):
        resealed(copy)


def test_a_bundle_without_answers_has_nothing_to_replay(tmp_path: Path) -> None:
    make_bundle(tmp_path / "b")
    report = verify(tmp_path / "b")
    assert report.ok
    assert report.replays == ()


def test_a_photo_that_cannot_be_read_is_not_recorded(copy: Path) -> None:
    (copy / "photos" / "text.jpg").write_text("no photo")
    bundle = seal(copy, load(copy, check_files=False).manifest)
    with pytest.raises(PhotoError):
        record_answers(bundle, make(bundle), ["photos/text.jpg"])
