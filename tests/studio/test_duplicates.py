"""The same picture in other clothes is found; other pictures of the same thing are not; leaks between parts are named."""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from landsight.photo.prepare import ImageU8
from landsight.studio.data import duplicates, related
from landsight.studio.data.align import likeness
from landsight.studio.data.check import check
from landsight.studio.data.duplicates import Pair, find, groups, linked_by, print_of
from landsight.studio.data.related import leaks_csv

from .conftest import tiny_recipe, write_folder


def scene(seed: int, size: tuple[int, int] = (240, 180)) -> Image.Image:
    """Waves of all lengths, the longer the stronger, as photos have them."""
    rng = np.random.default_rng(seed)
    total = np.zeros((size[1], size[0], 3))
    for cells in (3, 6, 12, 24, 48):
        noise = Image.fromarray(rng.integers(0, 256, (cells, cells, 3)).astype(np.uint8)).resize(size, Image.Resampling.BICUBIC)
        total += (np.asarray(noise, np.float64) - 128) / cells
    return Image.fromarray(np.clip(128 + total * 2.5, 0, 255).astype(np.uint8))


def through_jpeg(image: Image.Image, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")


CHANGES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "same": lambda i: i,
    "crop": lambda i: i.crop((i.width // 50, i.height // 12, i.width // 50 + i.width * 9 // 10, i.height // 12 + i.height * 9 // 10)),
    "jpeg": lambda i: through_jpeg(i, 50),
    "mirror": lambda i: i.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    "brighter": lambda i: ImageEnhance.Brightness(i).enhance(1.25),
    "darker": lambda i: ImageEnhance.Brightness(i).enhance(0.75),
    "smaller": lambda i: i.resize((100, 80)),
    "grey": lambda i: i.convert("L").convert("RGB"),
}


def pixels(image: Image.Image) -> ImageU8:
    return np.asarray(image)


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_copy_is_found_in_either_order_and_nothing_else(change: str) -> None:
    originals = [scene(seed) for seed in range(6)]
    copy = CHANGES[change](originals[2])
    found = find([print_of(pixels(i)) for i in (*originals, copy)])
    assert [(p.a, p.b, p.is_mirrored) for p in found] == [(2, 6, change == "mirror")]
    assert found[0].likeness > 0.9
    found = find([print_of(pixels(i)) for i in (copy, *originals)])
    assert [(p.a, p.b) for p in found] == [(0, 3)]


def test_pictures_that_agree_in_their_broad_lights_alone_are_not_the_same() -> None:
    first = pixels(scene(1)).astype(np.float64)
    blurred = np.asarray(scene(1).resize((12, 9), Image.Resampling.BOX).resize((240, 180), Image.Resampling.BICUBIC), np.float64)
    other = pixels(scene(2)).astype(np.float64)
    other_blurred = np.asarray(scene(2).resize((12, 9), Image.Resampling.BOX).resize((240, 180), Image.Resampling.BICUBIC), np.float64)
    mixed = np.clip(blurred + (other - other_blurred), 0, 255).astype(np.uint8)  # the light of the one, the detail of the other
    prints = [print_of(first.astype(np.uint8)), print_of(mixed)]
    assert len(duplicates._candidates(np.stack([p.grey for p in prints if p.grey is not None]))) == 1
    assert find(prints) == []


def test_likeness_finds_the_crop_that_was_taken() -> None:
    whole = scene(5, (640, 640)).convert("L")
    crop = whole.crop((32, 64, 32 + 576, 64 + 576))  # left 5 %, top 10 %, side 90 %
    a, b = (np.asarray(i.resize((64, 64), Image.Resampling.BOX), np.float32)[None] for i in (whole, crop))
    near = np.array([[0.9, 0.08, 0.9, 0.05]], np.float32)  # three and five hundredths off
    assert likeness(a, b, near)[0] > 0.97
    assert likeness(a, b * 0.5 + 20, near)[0] > 0.97
    assert likeness(a, np.full_like(b, 90.0), near)[0] == pytest.approx(0, abs=0.05)


def test_even_and_tiny_pictures_count_only_when_their_pixels_are_equal() -> None:
    black, dark = np.zeros((90, 90, 3), np.uint8), np.full((90, 90, 3), 2, np.uint8)
    digit = pixels(scene(3, (28, 28)))
    nearly = digit.copy()
    nearly[0, 0] ^= 32
    prints = [print_of(i) for i in (black, dark, black, digit, nearly, digit)]
    assert find(prints) == [Pair(0, 2, 1.0), Pair(3, 5, 1.0)]


def test_many_copies_give_few_pairs_and_one_group() -> None:
    copies = [scene(1).crop((i, 0, 200 + i, 160)) for i in range(0, 36)]
    prints = [print_of(pixels(i)) for i in (scene(2), *copies, scene(3))]
    pairs = find(prints)
    assert len(pairs) <= 20 * duplicates._MOST * len(prints) / 2
    assert groups(len(prints), ((p.a, p.b) for p in pairs)).tolist() == [0, *[1] * 36, 37]
    assert find(prints[:1]) == find([]) == []


def test_groups_are_linked_by_steps() -> None:
    assert groups(5, [(3, 1), (4, 3)]).tolist() == [0, 1, 2, 1, 1]
    assert groups(2, []).tolist() == [0, 1]
    assert linked_by([7, -1, 3, 7, -1, 7]) == [(0, 3), (0, 5)]


@pytest.fixture
def leaky(tmp_path: Path) -> Path:
    """Ten scenes a class in train/; test/ has a mirror image and a crop of two of them, validation/ an equal file, beside pictures of its own."""
    root = tmp_path / "d"
    for label, name in enumerate(("blue", "red")):
        for part, count in (("train", 10), ("test", 2), ("val", 2)):
            (root / part / name).mkdir(parents=True)
            for number in range(count):
                scene(1000 * label + 100 * len(part) + number, (200, 160)).save(root / part / name / f"{number}.png")
    CHANGES["mirror"](Image.open(root / "train/red/3.png")).save(root / "test/red/m.png")
    CHANGES["crop"](Image.open(root / "train/blue/4.png")).save(root / "test/red/c.png")
    shutil.copy(root / "train/red/5.png", root / "val/blue/5.png")
    return root


def test_leaks_into_given_parts_are_named_and_kept(leaky: Path, tmp_path: Path) -> None:
    (leaky / "test" / "red" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n nothing")
    recipe = tiny_recipe(leaky, "data.duplicate_distance=3", "data.working_px=96").data
    checked = check(recipe, 0, tmp_path / "cache")
    assert [(leak.train, leak.part, leak.other) for leak in checked.leaks] == [
        ("train/blue/4.png", "test", "test/red/c.png"),
        ("train/red/3.png", "test", "test/red/m.png"),
        ("train/red/5.png", "validation", "val/blue/5.png"),
    ]
    assert len(checked.train) == 20
    assert any(note.startswith("Leak: 2 of 7 pictures of 'test'") and "train/red/3.png = test/red/m.png" in note for note in checked.notes)
    assert checked.summary()["leaks"] == 3
    rows = list(csv.DictReader(leaks_csv(checked.leaks).decode().splitlines()))
    assert rows[0]["other"] == "test/red/c.png"
    assert check(tiny_recipe(leaky).data, 0, tmp_path / "cache").leaks == ()  # duplicate_distance below 0: not looked for


def test_leaks_are_left_out_when_the_recipe_says_so(leaky: Path, tmp_path: Path) -> None:
    shutil.copy(leaky / "train/red/3.png", leaky / "train/red/again.png")  # a duplicate of a picture that leaks leaks too
    recipe = tiny_recipe(leaky, "data.duplicate_distance=3", "data.working_px=96", "data.drop_leaks=true").data
    checked = check(recipe, 0, tmp_path / "cache")
    assert checked.leaks == ()
    gone = {"train/blue/4.png", "train/red/3.png", "train/red/5.png", "train/red/again.png"}
    assert len(checked.train) == 21 - len(gone)
    assert not gone & {s.name for s in checked.train.items}
    assert len(checked.subsets["validation"]) == 5
    assert any("4 training picture(s)" in note and "data.drop_leaks" in note for note in checked.notes)


def test_what_was_found_is_kept_and_looked_for_again_when_a_file_changes(
    leaky: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = tiny_recipe(leaky, "data.duplicate_distance=3", "data.working_px=96").data
    searches: list[int] = []

    def counted(prints: list[duplicates.Print]) -> list[Pair]:
        searches.append(len(prints))
        return find(prints)

    monkeypatch.setattr(related, "find", counted)
    first = check(recipe, 0, tmp_path / "cache")
    again = check(recipe, 0, tmp_path / "cache")
    assert (first.leaks, first.notes) == (again.leaks, again.notes)
    assert [s.group for s in first.train.items] == [s.group for s in again.train.items]
    assert searches == [31]
    (leaky / "test" / "red" / "m.png").unlink()
    assert len(check(recipe, 0, tmp_path / "cache").leaks) == 2
    assert searches == [31, 30]


def test_a_part_that_cannot_be_compared_is_said(leaky: Path, tmp_path: Path) -> None:
    (leaky / "test" / "green").mkdir()
    checked = check(tiny_recipe(leaky, "data.duplicate_distance=3", "data.working_px=96").data, 0, tmp_path / "cache")
    assert any(note.startswith("Part 'test' was not compared") and "'green'" in note for note in checked.notes)


def test_near_duplicates_and_given_groups_stay_in_one_part(tmp_path: Path) -> None:
    root = write_folder(tmp_path / "d", each=1) / "train"
    for name in ("blue", "green", "red"):
        for number in range(5):
            picture = scene(100 * len(name) + number, (200, 160))
            for change in ("same", "crop", "mirror"):
                CHANGES[change](picture).save(root / name / f"{number}{change}.png")
    checked = check(tiny_recipe(root, "data.duplicate_distance=3", "data.working_px=96").data, 3, tmp_path / "cache")
    where = {s.name: part for part, samples in checked.parts.items() for s in samples.items}
    for name in ("blue", "green", "red"):
        for number in range(5):
            assert len({where[f"{name}/{number}{change}.png"] for change in ("same", "crop", "mirror")}) == 1
    assert {len(samples) > 0 for samples in checked.parts.values()} == {True}
    assert checked.duplicate_groups == 15
