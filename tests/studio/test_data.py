"""Reader, check, duplicates, split, cache."""

from __future__ import annotations

import pickle
import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from landsight.errors import DataError
from landsight.runtime.stream import Pool
from landsight.studio.data import cache
from landsight.studio.data.cache import Working
from landsight.studio.data.check import check, has_kind
from landsight.studio.data.readers.folder import FolderReader
from landsight.studio.data.samples import Sample, Samples
from landsight.studio.data.split import carve
from landsight.studio.random import number_of

from .conftest import CLASSES, draw, tiny_recipe, write_folder


def test_folder_reader(folder: Path) -> None:
    reader = FolderReader(folder)
    assert list(reader.splits()) == ["test", "train"]
    train = reader.read("train")
    assert train.labels == CLASSES
    assert len(train) == 30
    assert train.items[0].name == "train/blue/000.png"
    assert [s.truth for s in train.items] == [0] * 10 + [1] * 10 + [2] * 10


@pytest.mark.parametrize("name", ["valid", "validation", "val"])
def test_validation_folder_by_its_usual_names(tmp_path: Path, name: str) -> None:
    root = write_folder(tmp_path / "d", each=2)
    (root / "test").rename(root / name)
    assert set(FolderReader(root).splits()) == {"train", "validation"}
    checked = check(tiny_recipe(root).data, 0, tmp_path / "cache")
    assert (len(checked.train), len(checked.subsets["validation"])) == (6, 9)


def test_reader_errors_say_what_and_what_to_do(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        FolderReader(tmp_path / "none")
    with pytest.raises(DataError, match=r"no part 'tets'. Did you mean 'test'"):
        FolderReader(folder).read("tets")
    with pytest.raises(DataError, match="'red'"):
        FolderReader(folder).read("test", ("blue", "green"))
    (tmp_path / "one" / "a").mkdir(parents=True)
    with pytest.raises(DataError, match="at least two folders"):
        FolderReader(tmp_path / "one").read("train")
    (tmp_path / "one" / "b").mkdir()
    with pytest.raises(DataError, match="no file in any class folder"):
        FolderReader(tmp_path / "one").read("train")


def test_corrupt_files_are_named_dropped_and_counted(tmp_path: Path) -> None:
    root = write_folder(tmp_path / "d", each=4)
    (root / "train" / "red" / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no picture")
    (root / "train" / "blue" / "note.txt").write_text("hello")
    checked = check(tiny_recipe(root).data, 0, tmp_path / "cache")
    assert sorted(c.name for c in checked.corrupt) == ["train/blue/note.txt", "train/red/broken.jpg"]
    assert all(c.reason for c in checked.corrupt)
    assert len(checked.train) + len(checked.subsets["validation"]) == 12
    assert len(checked.summary()["corrupt"]) == 2


def test_a_file_that_kills_a_decoder_is_dropped_and_never_opened_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write_folder(tmp_path / "d", each=4)
    red = root / "train" / "red"
    for name in ("segfault.1", "exit=3"):  # whole pictures, whose names make the test's worker die
        shutil.copy(red / "000.png", red / name)
    opened: list[str] = []
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "runtime")
    monkeypatch.setattr(cache, "Pool", partial(Pool, worker_module="rogue_worker"))
    monkeypatch.setattr(cache, "read_pixels", lambda path, _: opened.append(path.name) or np.asarray(Image.open(path)))
    checked = check(tiny_recipe(root).data, 0, tmp_path / "cache")
    assert [(c.name, c.code) for c in checked.corrupt] == [
        ("train/red/exit=3", "decoder_crashed"),
        ("train/red/segfault.1", "decoder_crashed"),
    ]
    assert sorted(opened) == sorted(f"{i:03d}.png" for i in range(4) for _ in CLASSES)


def test_limits_of_use_hold_in_training_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write_folder(tmp_path / "d", each=4)
    monkeypatch.setenv("LANDSIGHT_MAX_PIXELS", "2000")  # 72 x 54 are more, 32 x 32 are fewer
    checked = check(tiny_recipe(root).data, 0, tmp_path / "cache")
    assert {c.code for c in checked.corrupt} == {"too_many_pixels"}
    assert len(checked.corrupt) == 4


def test_cache_holds_small_pictures_as_they_are_and_large_ones_squashed(folder: Path, tmp_path: Path) -> None:
    checked = check(tiny_recipe(folder).data, 0, tmp_path)
    sizes = {(s.small, checked.cache[s.key].shape) for s in checked.train.items}
    assert sizes == {(True, (32, 32, 3)), (False, (48, 48, 3))}
    small = next(s for s in checked.train.items if s.small)
    assert np.array_equal(checked.cache[small.key], np.asarray(Image.open(small.path)))
    assert not checked.cache[small.key].flags.writeable
    assert has_kind(checked.train, small=False) == [True, True, False]
    assert has_kind(checked.train, small=True) == [True, True, True]


def test_size_that_gives_classes_away_is_said(tmp_path: Path) -> None:
    root = write_folder(tmp_path / "d")
    assert not any("gives classes away" in note for note in check(tiny_recipe(root).data, 0, tmp_path / "cache").notes)
    for number in range(1, 10, 2):  # the small ones
        (root / "train" / "blue" / f"{number:03d}.png").unlink()
    notes = check(tiny_recipe(root).data, 0, tmp_path / "cache").notes
    assert any(
        note.startswith("Size gives classes away: 1 of 3 have only pictures of at most 32 px, 1 only larger ones.") for note in notes
    )


def test_cache_is_made_once_for_the_same_files_and_anew_for_others(tmp_path: Path) -> None:
    root = write_folder(tmp_path / "d", each=2)
    calls: list[Path] = []

    def decode(path: Path, decode_px: int) -> np.ndarray:
        calls.append(path)
        return np.asarray(Image.open(path))

    data = tiny_recipe(root).data
    first = check(data, 0, tmp_path / "cache", decode=decode).cache
    again = check(data, 0, tmp_path / "cache", decode=decode).cache
    assert len(calls) == 6
    assert first.digest == again.digest
    draw("red", 77, (32, 32)).save(root / "train" / "red" / "000.png")
    assert check(data, 0, tmp_path / "cache", decode=decode).cache.digest != first.digest
    key = next(iter(first.entries))
    assert np.array_equal(pickle.loads(pickle.dumps(first))[key], first[key])
    assert not list((tmp_path / "cache").glob("*.partial*"))


@pytest.mark.parametrize(
    ("size", "shape", "stored"),
    [
        ((96, 96), "squash", (96, 96)),
        ((97, 96), "squash", (256, 256)),
        ((512, 768), "fit", (256, 384)),
        ((200, 300), "fit", (200, 300)),
        ((9000, 300), "fit", (1024, 256)),
    ],
)
def test_stored_size(size: tuple[int, int], shape: str, stored: tuple[int, int]) -> None:
    assert Working(256, 96, shape).size(*size) == stored  # type: ignore[arg-type]


def test_exclude_and_hold_out(folder: Path, tmp_path: Path) -> None:
    checked = check(tiny_recipe(folder, 'data.exclude=["blue"]', 'data.hold_out=["green"]').data, 0, tmp_path)
    assert checked.labels == ("green", "red")
    held = checked.subsets["held_out"]
    assert {(s.truth, s.small) for s in held.items} == {(0, False)}
    assert len(held) == 5
    assert not {s.key for s in held.items} & {s.key for s in (*checked.train.items, *checked.subsets["validation"].items)}
    with pytest.raises(DataError, match=r"'bleu'. Did you mean 'blue'"):
        check(tiny_recipe(folder, 'data.exclude=["bleu"]').data, 0, tmp_path)


def _samples(groups: list[int]) -> Samples:
    items = [Sample(Path(f"{i}"), f"{i}", number_of(f"{i}"), i % 3, small=i % 2 == 0, group=g) for i, g in enumerate(groups)]
    return Samples(("a", "b", "c"), tuple(items))


def test_split_keeps_groups_together_and_takes_the_share_of_each_kind() -> None:
    samples = _samples([i // 3 for i in range(600)])
    train, validation = carve(samples, 0.2, seed=1)
    assert not {s.group for s in train.items} & {s.group for s in validation.items}
    assert len(train) + len(validation) == 600
    assert 108 <= len(validation) <= 132
    alone = _samples(list(range(600)))
    _, validation = carve(alone, 0.1, seed=1)
    counts = [sum(s.truth == t and s.small == small for s in validation.items) for t in range(3) for small in (False, True)]
    assert counts == [10] * 6


def test_split_depends_on_the_seed_and_not_on_other_files() -> None:
    samples = _samples(list(range(300)))
    chosen = [{s.key for s in carve(samples, 0.1, seed)[1].items} for seed in (1, 1, 2)]
    assert chosen[0] == chosen[1] != chosen[2]
    fewer = samples.where(lambda s: s.truth != 2)
    assert {s.key for s in carve(fewer, 0.1, 1)[1].items} == {s.key for s in samples.items if s.key in chosen[0] and s.truth != 2}


def test_split_never_takes_the_last_group() -> None:
    train, validation = carve(_samples([-1] * 6), 0.9, seed=0)
    assert {(s.truth, s.small) for s in train.items} == {(i % 3, i % 2 == 0) for i in range(6)}
    assert len(validation) == 0


def test_the_test_part_is_never_opened(tmp_path: Path) -> None:
    root = write_folder(tmp_path / "d", each=4)
    shutil.rmtree(root / "test")
    (root / "test" / "red").mkdir(parents=True)
    (root / "test" / "red" / "x.png").symlink_to("/dev/full")
    checked = check(tiny_recipe(root).data, 0, tmp_path / "cache")
    assert not any("test" in s.name.split("/")[0] for part in (checked.train, *checked.subsets.values()) for s in part.items)
    assert len(checked.cache.entries) == 12
