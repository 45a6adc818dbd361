"""Any bundle asked from Python: answers in order, errors as answers, bundles with and without a decision or an embedding."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import landsight
from bundle_factory import COLOURS, LABELS, draw_photo, make_bundle, make_manifest
from landsight.answer import classify
from landsight.answer.model import Model
from landsight.answer.road import wants
from landsight.bundle.load import load
from landsight.errors import BundleError, UsageError


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("model") / "run" / "bundle"
    make_bundle(root, places={})
    return root


@pytest.fixture(scope="module")
def model(bundle: Path) -> Iterator[Model]:
    with Model(bundle, workers=1, top_k=2) as opened:
        yield opened


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    for label, colour in COLOURS.items():
        (folder / f"{label}.jpg").write_bytes(draw_photo(colour, gps=(0.0, 0.0)))
    (folder / "text.jpg").write_text("no picture")
    return folder


def test_every_label_is_told_with_its_probability(model: Model, photos: Path) -> None:
    for label in LABELS:
        prediction = model.predict(photos / f"{label}.jpg")
        assert (prediction.outcome, prediction.values["label"], prediction.error) == ("answered", label, None)
        # logits are 4 x (value - 127) / 128: about 3.84 for the colour of the class and -3.66 for the others.
        assert prediction.values["probability"] == pytest.approx(1 / (1 + 2 * np.exp(-7.5)), abs=2e-4)
        assert [c["rank"] for c in prediction.values["candidates"]] == [1, 2]
        assert [w.code for w in prediction.warnings] == ["gps_zero"]  # what is odd about a file is said, whoever asks


def test_many_keep_the_order_and_errors_are_answers(model: Model, photos: Path) -> None:
    names = ["text.jpg", "blue_bay.jpg", "none.jpg", "red_rock.jpg"] * 10
    answers = list(model.predict_many(photos / name for name in names))
    assert [a.path for a in answers] == [str(photos / name) for name in names]
    assert [a.outcome for a in answers[:4]] == ["error", "answered", "error", "answered"]
    assert [a.error.code if a.error else None for a in answers[:4]] == ["not_a_photo", None, "unreadable", None]
    assert model.predict((photos / "red_rock.jpg").read_bytes(), name="upload").to_line()["path"] == "upload"


def test_the_public_function_takes_a_run_folder_too(bundle: Path, photos: Path) -> None:
    prediction = landsight.predict(bundle.parent, photos / "red_rock.jpg", top_k=1, workers=1)
    assert (prediction.values["label"], len(prediction.values["candidates"])) == ("red_rock", 1)
    assert isinstance(prediction.answer, classify.ClassAnswer)
    with pytest.raises(UsageError, match="top_k=0"):
        Model(bundle, top_k=0)
    with pytest.raises(BundleError, match="There is no bundle"):
        Model(bundle / "nowhere")


def test_a_run_without_a_bundle_says_how_to_make_one(tmp_path: Path) -> None:
    (tmp_path / "recipe.toml").write_text("")
    with pytest.raises(BundleError, match=r"was not exported: `landsight export"):
        load(tmp_path)


def test_describe_says_what_answers(model: Model, bundle: Path) -> None:
    assert model.describe() | {"runtime": "onnxruntime"} == {
        "bundle": "drawn3",
        "bundle_hash": load(bundle).bundle_hash,
        "task": "classify",
        "labels": 3,
        "runtime": "onnxruntime",
        "precision": "fp32",
    }


def test_a_network_that_tells_nothing_but_logits_is_enough_without_a_decision() -> None:
    manifest = make_manifest()
    logits_alone = replace(manifest, outputs={"logits": ["n", 3]})
    assert wants(logits_alone) == ("logits",)
    assert wants(manifest) == classify.WANTS
    assert wants(replace(manifest, outputs={})) == classify.WANTS
    logits = np.array([[1, 3, 2]], np.float32)
    (answer,) = classify.decode({"logits": logits}, logits_alone, {})
    assert answer.order.tolist() == [1, 2, 0]
    with pytest.raises(BundleError, match="'embedding'"):
        classify.decode({"logits": logits}, replace(logits_alone, decision={"gamma": 0.1}), {})
    with pytest.raises(BundleError, match="'logits'"):
        classify.decode({"embedding": logits}, logits_alone, {})


def test_what_is_said_of_a_line() -> None:
    manifest = make_manifest()
    (answer,) = classify.decode({"logits": np.log(np.array([[0.2, 0.7, 0.1]], np.float32))}, replace(manifest, decision={}), {})
    line = classify.to_json(answer, manifest, top_k=3)
    said = classify.said(line)
    assert (said.text, said.probability) == ("green_hill", pytest.approx(0.7))
    assert [label for label, _ in said.others] == ["red_rock", "blue_bay"]
    unknown = classify.said(classify.to_json(replace(answer, looked="not_a_place"), manifest, top_k=1))
    assert (unknown.text, unknown.probability, unknown.others[0][0]) == ("none of the labels", None, "green_hill")
