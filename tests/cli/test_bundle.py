"""``landsight bundle``: the card in the terminal, and an import that every use verb then accepts."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from bundle_factory import COLOURS, LABELS, PLACES, draw_photo
from foreign_factory import GIVEN, Foreign, foreign

from .conftest import Landsight


@pytest.fixture
def model(tmp_path: Path) -> Path:
    (tmp_path / "labels.csv").write_text("index,label\n" + "".join(f"{i},{label}\n" for i, label in enumerate(LABELS)))
    path = tmp_path / "colours.onnx"
    path.write_bytes(foreign(Foreign(layout="NHWC", end="softmax")))
    return path


def test_show_prints_the_card(landsight: Landsight, bundle: Path, tmp_path: Path) -> None:
    shown = landsight("bundle", "show", bundle)
    assert shown.code == 0
    assert shown.out.startswith("# Model card: drawn3\n")
    assert "test_top1 | 0.9000 | 0.8500 to 0.9500" in shown.out
    assert landsight("bundle", "show", "--bundle", bundle).out == shown.out
    assert landsight("bundle", "show", bundle, "--bundle", bundle).code == 2
    assert landsight("bundle", "show", tmp_path).code == 3


def test_what_is_imported_every_use_verb_accepts(landsight: Landsight, model: Path, photos: Path, tmp_path: Path) -> None:
    made = landsight("bundle", "import", model, "--labels", model.with_name("labels.csv"), *GIVEN, "--rights", "Drawn by the tests.")
    assert made.code == 0, made.err
    assert made.out.startswith(f"{model.with_suffix('')}: colours, 3 labels, no places\n")
    assert "its scores are probabilities" in made.out
    out = model.with_suffix("")
    lines = [json.loads(line) for line in landsight("predict", out, photos, "-f", "jsonl").out.splitlines()]
    assert [line["label"] for line in lines] == ["red_rock", "green_hill", None, None, "blue_bay"]
    located = json.loads(landsight("locate", "--bundle", out, photos / "a red.jpg", "-f", "jsonl").out)
    assert (located["outcome"], located["shown"]["class"], located["shown"]["latitude"]) == ("landmark", "red_rock", None)
    assert landsight("verify", out).code == 0
    assert landsight("doctor", "--bundle", out, "--no-measure").code == 0
    for label, colour in COLOURS.items():
        (tmp_path / "data/test" / label).mkdir(parents=True)
        (tmp_path / "data/train" / label).mkdir(parents=True)
        for number in range(2):
            for part in ("train", "test"):
                (tmp_path / "data" / part / label / f"{number}.jpg").write_bytes(draw_photo(colour, size=(50 + number, 40)))
    measured = landsight("evaluate", out, "--data", tmp_path / "data", "--format", "json")
    assert measured.code == 0, measured.err
    assert json.loads(measured.out)["metrics"]["top1"]["value"] == 1.0
    assert "Drawn by the tests." in landsight("bundle", "show", out).out


def test_places_make_it_a_locator(landsight: Landsight, model: Path, photos: Path, tmp_path: Path) -> None:
    rows = [f"{label},{p.name},{p.latitude},{p.longitude},{p.radius_m}" for label, p in PLACES.items()]
    (tmp_path / "places.csv").write_text("class,name,latitude,longitude,extent_m\n" + "\n".join(rows))
    options = ("--labels", model.with_name("labels.csv"), "--places", tmp_path / "places.csv", *GIVEN)
    made = landsight("bundle", "import", model, *options, "-o", tmp_path / "located", "--name", "mine")
    assert made.out.startswith(f"{tmp_path / 'located'}: mine, 3 labels, 3 places\n")
    located = json.loads(landsight("locate", "--bundle", tmp_path / "located", photos / "a red.jpg", "-f", "jsonl").out)
    assert located["shown"]["latitude"] == PLACES["red_rock"].latitude
    again = landsight("bundle", "import", model, *options, "-o", tmp_path / "located")
    assert (again.code, "exists already" in again.err) == (2, True)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((), "--colour RGB, BGR or L; --resize squash, crop or letterbox; --filter"),
        (("--size", "large"), "'large' is no size"),
        (("--mean", "a,b"), "'a,b' is not one number"),
        (("--mean", "0.485,0.456,0.406", *GIVEN[:2], *GIVEN[4:]), "it is --mean 123.675,116.28,103.53"),
    ],
)
def test_what_must_be_said_is_one_line(landsight: Landsight, model: Path, options: tuple[str, ...], words: str) -> None:
    result = landsight("bundle", "import", model, "--labels", model.with_name("labels.csv"), *options)
    assert (result.code, result.err.count("\n"), words in result.err) == (2, 1, True), result.err


def test_without_onnx_it_says_what_to_install(landsight: Landsight, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    result = landsight("bundle", "import", model, "--labels", model.with_name("labels.csv"), *GIVEN)
    assert (result.code, "pip install 'landsight[import]'" in result.err) == (2, True)
