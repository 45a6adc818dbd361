"""``landsight explain`` as people and programs call it: with a light bundle, with a run, with files that are none."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bundle_factory import CHANNELS, COLOURS, LABELS, draw_photo, make_bundle, make_manifest
from landsight.bundle.confused import CONFUSED_NAME, Confused
from landsight.bundle.seal import seal

from .conftest import Landsight


@pytest.fixture(scope="module")
def explainable(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The drawn bundle with its head's weights, and with what was taken for what."""
    root = tmp_path_factory.mktemp("explain") / "bundle"
    weights = np.zeros((3, CHANNELS), np.float16)
    weights[:, :3] = 4 * np.eye(3)
    make_bundle(root, arrays={"head_weights": weights})
    (root / CONFUSED_NAME).write_text(Confused.of_table(LABELS, [[8, 0, 2], [0, 5, 0], [0, 0, 0]], "drawn").to_json(), encoding="utf-8")
    seal(root, make_manifest())
    return root


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written without --out goes into a folder of its own."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")


def test_a_picture_a_photo_and_a_page(landsight: Landsight, explainable: Path, photos: Path) -> None:
    result = landsight("explain", explainable, photos)
    assert result.code == 1
    words = " ".join(result.out.split())
    assert "a red.jpg red_rock >99 %" in words
    assert "test photos of it taken for: Blue Bay (2 of 10)" in words
    assert "c broken.jpg error: damaged" in words
    assert words.endswith("4 photos: 3 answered, 1 error (damaged); 1 other file (not photos)")
    assert "drawn3, activation: 3 pictures and explained.html in explained" in result.err
    made = sorted(p.name for p in Path("explained").iterdir())
    assert made == ["a_red.jpg.why.png", "b_gps.jpg.why.png", "d_blue.png.why.png", "explained.html"]
    with Image.open("explained/a_red.jpg.why.png") as picture:
        assert picture.width > 3 * 300
    html = Path("explained/explained.html").read_text(encoding="utf-8")
    assert html.count("<article>") == 4
    assert "most often confused with: Blue Bay (2 of 10 test photos)" in html
    assert "never taken for another in the test" in html
    assert 'class="error"' in html


def test_its_own_pictures_are_no_photos_and_a_photo_is_never_written_over(landsight: Landsight, explainable: Path, photos: Path) -> None:
    before = {p: p.read_bytes() for p in photos.rglob("*") if p.is_file()}
    for _ in range(2):
        lines = [json.loads(t) for t in landsight("explain", explainable, photos, "--out", photos, "-f", "jsonl").out.splitlines()]
        assert len([line for line in lines if line["outcome"] == "answered"]) == 3
    assert {p: p.read_bytes() for p in before} == before


def test_lines_for_programs_hold_the_maps(landsight: Landsight, explainable: Path, tmp_path: Path) -> None:
    half = np.zeros((48, 64, 3), np.uint8)
    half[:, :32, 0], half[:, 32:, 2] = 250, 240
    photo = tmp_path / "half.png"
    Image.fromarray(half).save(photo)
    line = json.loads(landsight("explain", explainable, photo, "-f", "jsonl", "--out", tmp_path / "o").out)
    red, blue = line["reasons"]
    assert (line["method"], red["class"], red["name"], blue["class"]) == ("activation", "red_rock", "Red Rock", "blue_bay")
    assert red["often_confused_with"] == [{"class": "blue_bay", "name": "Blue Bay", "count": 2, "of": 10}]
    assert blue["often_confused_with"] is None  # no test photo of it
    grid = np.array(red["grid"])
    assert grid.shape == (16, 16)
    assert grid[:, :7].min() > 0.9
    assert grid[:, 9:].max() == 0
    assert np.array(blue["grid"])[:, 9:].min() > 0.9
    assert Path(line["picture"]).is_file()
    asked = json.loads(landsight("explain", explainable, photo, "-f", "jsonl", "--what", "green_hill", "--method", "occlusion").out)
    assert [r["class"] for r in asked["reasons"]] == ["green_hill", "red_rock"]
    assert np.array(asked["reasons"][1]["grid"]).shape == (32, 32)
    assert (
        json.loads(landsight("explain", explainable, photo, "-f", "jsonl", "--what", "Green Hill").out)["reasons"][0]["class"]
        == "green_hill"
    )


def test_a_bundle_without_weights_is_explained_by_occlusion(landsight: Landsight, bundle: Path, photos: Path) -> None:
    line = json.loads(landsight("explain", bundle, photos / "a red.jpg", "-f", "jsonl").out)
    assert line["method"] == "occlusion"
    assert line["reasons"][0]["often_confused_with"] is None
    refused = landsight("explain", bundle, photos / "a red.jpg", "--method", "activation")
    assert refused.code == 2
    assert "--method occlusion" in refused.err


def test_photos_alone_are_explained_by_the_shipped_bundle(landsight: Landsight, photos: Path) -> None:
    result = landsight("explain", photos / "a red.jpg", "-f", "jsonl", "--runtime", "onnxruntime", "--precision", "fp32")
    line = json.loads(result.out)
    assert (result.code, line["method"], len(line["reasons"])) == (0, "activation", 2)
    assert np.array(line["reasons"][0]["grid"]).shape == (7, 7)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("BUNDLE", "PHOTO", "--method", "gradcam"), 2, "--method activation or occlusion"),
        (("BUNDLE", "PHOTO", "--method", "field"), 2, "A bundle has no gradients"),
        (("BUNDLE", "PHOTO", "--what", "red_rok"), 2, "Did you mean 'red_rock'?"),
        (("BUNDLE",), 2, "no photo to explain"),
        (("nowhere", "PHOTO"), 2, "There is nothing at nowhere"),
        (("BUNDLE", "missing.jpg"), 1, ""),
        (("BUNDLE", "PHOTO", "--out", "PHOTO"), 2, "is a file"),
        (("PHOTO", "--sanity"), 2, "needs one run folder or bundle"),
        (("BUNDLE", "--sanity"), 2, "does not know its data"),
        ((), 2, "Missing argument"),
    ],
)
def test_what_cannot_be(
    landsight: Landsight, explainable: Path, photos: Path, *, arguments: tuple[str, ...], code: int, words: str
) -> None:
    places = {"BUNDLE": explainable, "PHOTO": photos / "a red.jpg"}
    result = landsight("explain", *(places.get(a, a) for a in arguments))
    assert (result.code, words in result.err) == (code, True), result.err
    assert "Traceback" not in result.err
    assert not list(Path().rglob("*.why.png"))


def test_names_of_files_that_are_traps(landsight: Landsight, explainable: Path, tmp_path: Path) -> None:
    folder = tmp_path / "p"
    names = [
        "<img src=x onerror=alert(1)>.jpg",
        "..jpg",
        "a\nb\x1b[31m.jpg",
        "ü東京.jpg",
        "A.JPG",
        "a.jpg",
        "x" * 240 + ".jpg",
        ";$(touch pwned).jpg",
    ]
    folder.mkdir()
    for name in names:
        (folder / name).write_bytes(draw_photo(COLOURS["red_rock"]))
    out = tmp_path / "out"
    result = landsight("explain", explainable, folder, "--out", out)
    assert result.code == 0, result.err
    assert "\x1b" not in result.out
    made = [p.name for p in out.glob("*.why.png")]
    assert len(made) == len(names)
    assert all(name.replace("-", "").replace("_", "").replace(".", "").isalnum() for name in made)
    html = (out / "explained.html").read_text(encoding="utf-8")
    assert "<img src=x" not in html
    assert html.count("<article>") == len(names)


def test_hostile_files(landsight: Landsight, explainable: Path, data_dir: Path, tmp_path: Path) -> None:
    result = landsight("explain", explainable, data_dir / "hostile", "--out", tmp_path / "out", "-f", "jsonl", "--max-seconds", 5)
    lines = [json.loads(text) for text in result.out.splitlines()]
    assert result.code in (0, 1)
    assert len(lines) > 10
    assert all((line["error"] is None) == bool(line["picture"]) for line in lines)
    assert "Traceback" not in result.err
