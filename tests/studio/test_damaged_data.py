"""Folders and tables of pictures that cannot be what they seem."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.studio.conftest import tiny_recipe

from landsight.errors import DataError
from landsight.studio.compare.measured import read_predictions
from landsight.studio.data.check import check
from landsight.studio.data.readers import open_reader
from landsight.studio.data.split import read_parts
from landsight.studio.recipe import DataRecipe
from landsight.studio.report.plots import png


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("a.png,one,two\n", "more cells than columns"),
        ('a.png,"' + "x" * 200_000 + '"\n', "quote that is not closed"),
        ("x" * 5000 + ",one\n", "x" * 100 + r"' \(line 3\)"),
    ],
)
def test_tables_that_are_not_read_as_meant(folder: Path, tmp_path: Path, line: str, words: str) -> None:
    shutil.copy(folder / "test" / "red" / "000.png", tmp_path / "a.png")
    (tmp_path / "labels.csv").write_text("file,label\na.png,two\n" + line)
    with pytest.raises(DataError, match=words) as caught:
        open_reader(DataRecipe(root=str(tmp_path))).read("train", ("one", "two"))
    assert len(str(caught.value)) < 600


def test_empty_cells_beyond_the_heading_are_a_spreadsheets(folder: Path, tmp_path: Path) -> None:
    for name in "ab":
        shutil.copy(folder / "test" / "red" / "000.png", tmp_path / f"{name}.png")
    (tmp_path / "labels.csv").write_text("file,label\na.png,one,,\nb.png,two,,\n")
    assert len(open_reader(DataRecipe(root=str(tmp_path))).read("train")) == 2


def test_no_root_is_not_the_current_folder(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.chdir(folder)
    with pytest.raises(DataError, match=r"data\.root is empty"):
        open_reader(DataRecipe())


def test_a_class_name_that_is_no_text(folder: Path, tmp_path: Path) -> None:
    root = shutil.copytree(folder / "test", tmp_path / "root")
    (root / "red").rename(root / "caf\udce9")  # one byte, 0xe9, on the disk
    with pytest.raises(DataError) as caught:
        check(tiny_recipe(root).data, 0, tmp_path / "cache")
    assert caught.value.code == "bad_class_name"


def test_excluding_all_but_one_class(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="leaves 1 class"):
        check(tiny_recipe(folder, 'data.exclude=["red", "blue"]').data, 0, tmp_path / "cache")


def test_a_cache_cut_short_is_made_anew(folder: Path, tmp_path: Path) -> None:
    recipe = tiny_recipe(folder).data
    first = check(recipe, 0, tmp_path)
    pixels = first.cache.folder / "pixels.u8"
    content = pixels.read_bytes()
    pixels.write_bytes(content[:-1])
    check(recipe, 0, tmp_path)
    assert pixels.read_bytes() == content
    (first.cache.folder / "index.json").write_text("{")
    assert check(recipe, 0, tmp_path).cache.entries == first.cache.entries


def test_a_table_of_parts_that_is_another_table(tmp_path: Path) -> None:
    (tmp_path / "parts.csv").write_text("a:b:c\n1:2:3\n")
    with pytest.raises(DataError, match="no column 'name'"):
        read_parts(tmp_path / "parts.csv")


def test_class_names_are_no_formulas_and_need_no_letters_of_the_font() -> None:
    assert png(lambda figure, _: figure.subplots().set_title(r"$\frac{ 日本 $x_{$"), size=(2, 1)).startswith(b"\x89PNG")


def test_idx_pictures_without_pixels(tmp_path: Path) -> None:
    (tmp_path / "train-images-idx3-ubyte").write_bytes(bytes([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 9]))
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 2, 0, 1]))
    with pytest.raises(DataError, match=r"pictures of shape \(0, 9\)"):
        open_reader(DataRecipe(root=str(tmp_path))).read("train")


@pytest.mark.parametrize("content", ["file,mark,error\na.png,zzz,\n", "file,mark,error\na.png\n", "\0,\n1"])
def test_predictions_that_are_no_marks(tmp_path: Path, content: str) -> None:
    (tmp_path / "predictions-test.csv").write_text(content)
    with pytest.raises(DataError, match="Measure again"):
        read_predictions(tmp_path / "predictions-test.csv")
