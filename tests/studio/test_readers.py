"""Readers of tables and idx files, and which one a folder gets."""

from __future__ import annotations

import gzip
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest

from landsight.errors import DataError, RecipeError
from landsight.photo.prepare import Preparation
from landsight.studio.collect import prepared_pictures
from landsight.studio.data.check import check, without
from landsight.studio.data.readers import open_reader
from landsight.studio.data.readers.csv import CsvReader
from landsight.studio.data.readers.folder import FolderReader
from landsight.studio.data.readers.idx import IdxReader
from landsight.studio.data.readers.parts import part_of
from landsight.studio.data.split import carve, parts_csv, read_parts
from landsight.studio.evaluate import read_part
from landsight.studio.recipe import DataRecipe
from landsight.studio.tasks.classify import Classify

from .conftest import draw, tiny_recipe, write_folder


def table(root: Path, text: str, *names: str, file: str = "labels.csv") -> Path:
    """A table, and a small picture under each name."""
    root.mkdir(exist_ok=True)
    (root / file).write_text(text, encoding="utf-8")
    for number, name in enumerate(names):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        draw("red", number, (20, 16)).save(root / name, "PNG")
    return root


def idx(root: Path, part: str, images: np.ndarray, labels: list[int], *, packed: bool = False) -> None:
    """Both files of a part as MNIST has them."""
    root.mkdir(exist_ok=True)
    for name, array in (("images-idx3-ubyte", images), ("labels-idx1-ubyte", np.array(labels, np.uint8))):
        data = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.astype(np.uint8).tobytes()
        (root / f"{part}-{name}{'.gz' if packed else ''}").write_bytes(gzip.compress(data) if packed else data)


def digits(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n, 28, 28)).astype(np.uint8)


def test_a_table_with_usual_columns(tmp_path: Path) -> None:
    root = table(tmp_path / "d", "Filename,Class,split\nb.png,cat,train\na.png,dog,val\nc.png,dog,train\n", "a.png", "b.png", "c.png")
    reader = open_reader(DataRecipe(root=str(root)))
    assert isinstance(reader, CsvReader)
    assert set(reader.splits()) == {"train", "validation"}
    train = reader.read("train")
    assert train.labels == ("cat", "dog")
    assert [(s.name, s.truth) for s in train.items] == [("b.png", 0), ("c.png", 1)]
    assert [(s.name, s.truth) for s in reader.read("validation", train.labels).items] == [("a.png", 1)]
    assert train.items[0].source() == root / "b.png"


def test_columns_by_name_groups_values_semicolons_and_awkward_names(tmp_path: Path) -> None:
    name = 'a "b",\n<i>.png'
    quoted = '"' + name.replace('"', '""') + '"'
    text = f"﻿nr;img;what;burst;x;y\n1;{quoted};cat;7;0.5;-1\n2;images/b.png;dog;7;1e3;0\n3;c.png;dog;;2;3\n"
    root = table(tmp_path / "d", text, name, "images/b.png", "images/c.png", file="t.csv")
    recipe = DataRecipe(
        reader="csv", root=str(root), labels_file="t.csv", file_column="img", label_column="what", group_column="burst",
        value_columns=("x", "y"),
    )  # fmt: skip
    samples = open_reader(recipe).read("train")
    by_name = {s.name: s for s in samples.items}
    assert by_name[name].values == (0.5, -1.0)
    assert by_name["images/b.png"].values == (1000.0, 0.0)
    assert by_name[name].group == by_name["images/b.png"].group >= 0
    assert by_name["c.png"].group == -1
    assert by_name["c.png"].path == root / "images" / "c.png"


def test_several_labels_by_separator_or_by_rows(tmp_path: Path) -> None:
    names = ("a.png", "b.png", "c.png")
    by_separator = table(tmp_path / "d", "file,labels\na.png,sun | sea\nb.png,\nc.png,sea\n", *names)
    samples = open_reader(DataRecipe(root=str(by_separator), label_separator="|")).read("train")
    assert samples.labels == ("sea", "sun")
    assert [s.truth for s in samples.items] == [(0, 1), (), (0,)]
    assert samples.counts() == [2, 1]
    by_rows = table(tmp_path / "e", "file,label\na.png,sun\nb.png,sea\na.png,sea\na.png,sun\n", *names)
    assert [s.truth for s in open_reader(DataRecipe(root=str(by_rows))).read("train").items] == [(0, 1), (0,)]
    fewer = without(samples, ("sun",))
    assert [(s.name, s.truth) for s in fewer.items] == [("b.png", ()), ("c.png", (0,))]
    rest, taken = carve(samples, 0.4, 0)
    assert len(rest) + len(taken) == 3


def test_classify_says_that_it_learns_one_label(tmp_path: Path) -> None:
    root = table(tmp_path / "d", "file,label\na.png,x y\nb.png,x\nc.png,y\nd.png,x\n", "a.png", "b.png", "c.png", "d.png")
    recipe = tiny_recipe(root, 'data.label_separator=" "', "data.validation_share=0", "data.test_share=0")
    checked = check(recipe.data, 0, tmp_path / "cache")
    with pytest.raises(DataError, match=r"classify learns one each: received 'a\.png' with 2"):
        Classify.from_data(recipe, checked)


@pytest.mark.parametrize(
    ("text", "options", "what"),
    [
        (
            "file,label\na.png,x\nno.png,y\nneither.png,y\n",
            {},
            r"2 picture\(s\) that are not there: 'neither.png' \(line 4\), 'no.png' \(line 3\)",
        ),
        ("file,label\na.png,x\nb.png,\n", {}, r"line 3: 'b.png' has no label.*data.label_separator"),
        ("file,label\na.png,x\nb.png\n", {}, "line 3: too few cells"),
        ("file,label\na.png,x\n../b.png,y\n", {}, "leads out of the folder"),
        ("file,label\n", {}, "no line below its heading"),
        ("file,label\na.png,x\nb.png,x\n", {}, "Give at least two"),
        ("file,name2\na.png,x\n", {}, "Which column of labels.csv is the label"),
        ("", {}, "is empty"),
        ("file,label\na.png,x\n", {"label_column": "lable"}, "no column 'lable'. Did you mean 'label'"),
        ("file,label,x\na.png,x,1\nb.png,y,nan\n", {"value_columns": ("x",)}, "line 3: x is no number: received 'nan'"),
        ("file,label,split\na.png,x,train\na.png,y,test\n", {}, "lines 2 and 3: 'a.png' is in two parts"),
        ("file,label,split\na.png,x,test\nb.png,y,test\n", {}, "no part 'train'"),
        ("file,label\na.png,x\n", {"labels_file": "other.csv"}, "no table 'other.csv'"),
    ],
)
def test_errors_of_a_table_name_the_line(tmp_path: Path, text: str, options: dict[str, object], what: str) -> None:
    root = table(tmp_path / "d", text, "a.png", "b.png")
    with pytest.raises(DataError, match=what):
        open_reader(DataRecipe(reader="csv", root=str(root), **options)).read("train")  # type: ignore[arg-type]


def test_which_table_must_be_clear(tmp_path: Path) -> None:
    root = table(tmp_path / "d", "file,label\na.png,x\n", "a.png", file="one.csv")
    assert open_reader(DataRecipe(reader="csv", root=str(root))).splits() == {"train": root / "one.csv"}
    table(root, "file,label\n", file="two.csv")
    with pytest.raises(DataError, match=r"found one\.csv, two\.csv"):
        open_reader(DataRecipe(reader="csv", root=str(root)))


@pytest.mark.parametrize("packed", [False, True])
def test_idx_files_are_read_by_the_one_road(tmp_path: Path, packed: bool) -> None:
    images = digits(6)
    idx(tmp_path / "m", "train", images, [3, 1, 1, 3, 10, 10], packed=packed)
    idx(tmp_path / "m", "t10k", images[:2], [1, 10], packed=packed)
    reader = open_reader(DataRecipe(root=str(tmp_path / "m")))
    assert isinstance(reader, IdxReader)
    assert list(reader.splits()) == ["test", "train"]
    train = reader.read("train")
    assert train.labels == ("1", "3", "10")
    assert [s.truth for s in train.items] == [1, 0, 0, 1, 2, 2]
    assert [s.truth for s in reader.read("test", train.labels).items] == [0, 2]
    assert len({s.key for s in train.items}) == 6
    # Pillow widens a palette of greys to three equal channels; no resizing takes place at 28 x 28.
    seen = dict(prepared_pictures([train.items[4]], Preparation(28, 28)))
    assert np.array_equal(seen[0], np.repeat(images[4][:, :, None], 3, 2))
    assert pickle.loads(pickle.dumps(train)).items[2].content() == images[2].tobytes()


def test_idx_pictures_are_cached_without_a_worker_and_test_is_carved_when_it_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    idx(tmp_path / "m", "train", digits(60), [i % 2 for i in range(60)])
    monkeypatch.setattr("landsight.studio.data.cache.Pool", None)
    checked = check(tiny_recipe(tmp_path / "m").data, 0, tmp_path / "cache")
    sizes = {name: len(part) for name, part in checked.parts.items()}
    assert sizes == {"train": 42, "validation": 10, "test": 8}  # 15 % of 30 is 4.5, rounded to 4; then 20 % of 26 is 5.2
    assert "8 of 60 pictures were set aside" in checked.notes[0]


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda m: (m / "train-labels-idx1-ubyte").unlink(), "no file of labels"),
        (lambda m: (m / "train-images-idx3-ubyte").write_bytes(b"\0\0\x0d\3"), "begins with 00 00 0d 03"),
        (lambda m: (m / "train-images-idx3-ubyte").write_bytes((m / "train-images-idx3-ubyte").read_bytes()[:-1]), r"declares \(4, 28, 28\)"),
        (lambda m: idx(m, "train", digits(3), [0, 1, 0, 1]), "4 labels for 3 pictures|3 pictures"),
        (lambda m: idx(m, "train", np.zeros((4, 28, 28, 2)), [0, 1, 0, 1]), r"pictures of shape \(28, 28, 2\).*Known: \(n, h, w\), \(n, h, w, 3\)"),
        (lambda m: (m / "train-images-idx3-ubyte").rename(m / "train-images-idx3-ubyte.gz"), "cannot be read"),
    ],
)  # fmt: skip
def test_errors_of_idx_files(tmp_path: Path, change: object, what: str) -> None:
    root = tmp_path / "m"
    idx(root, "train", digits(4), [0, 1, 0, 1])
    change(root)  # type: ignore[operator]
    with pytest.raises(DataError, match=what):
        open_reader(DataRecipe(root=str(root))).read("train")


def test_auto_takes_folders_where_there_is_neither_table_nor_idx(folder: Path, tmp_path: Path) -> None:
    assert isinstance(open_reader(DataRecipe(root=str(folder))), FolderReader)
    with pytest.raises(DataError, match="does not exist"):
        open_reader(DataRecipe(root=str(tmp_path / "none")))


def test_parts_by_their_usual_names() -> None:
    assert [part_of(n) for n in ("Train", "valid", "validation", " val ", "TEST", "test_small", "")] == [
        "train", "validation", "validation", "validation", "test", "test_small", "",
    ]  # fmt: skip


def test_carved_parts_are_written_down_and_found_again(tmp_path: Path) -> None:
    root = write_folder(tmp_path / "d", each=10) / "train"  # classes in the root itself: no part but train
    (root / "red" / 'a "b",\n.png').write_bytes((root / "red" / "000.png").read_bytes())
    recipe = tiny_recipe(root, "data.duplicate_distance=3").data
    checked = check(recipe, 0, tmp_path / "cache")
    run = tmp_path / "run"
    run.mkdir()
    (run / "parts.csv").write_bytes(parts_csv(checked.parts))
    went = read_parts(run / "parts.csv")
    assert len(went) == 31
    assert went["red/000.png"] == went['red/a "b",\n.png']
    assert checked.test is not None
    for part, samples in checked.parts.items():
        assert [s.name for s in read_part(recipe, part, checked.labels, run).items] == [s.name for s in samples.items]
    with pytest.raises(DataError, match="no part 'test'"):
        read_part(recipe, "test", checked.labels)


def test_a_part_that_the_data_has_is_never_replaced(folder: Path, tmp_path: Path) -> None:
    checked = check(tiny_recipe(folder).data, 0, tmp_path / "cache")
    assert checked.test is None
    assert [note.split(":")[0] for note in checked.notes] == ["The data has no validation part"]
    (tmp_path / "parts.csv").write_bytes(parts_csv(checked.parts))
    assert len(read_part(tiny_recipe(folder).data, "test", checked.labels, tmp_path)) == 9
    assert len(read_part(tiny_recipe(folder).data, "train", checked.labels, tmp_path)) == len(checked.train)


def test_empty_class_and_class_of_one_picture(tmp_path: Path) -> None:
    root = write_folder(tmp_path / "d", each=4)
    for path in sorted((root / "train" / "red").iterdir())[1:]:
        path.unlink()
    recipe = tiny_recipe(root).data
    with pytest.raises(DataError, match=r"'red' has one readable picture.*data\.exclude"):
        check(recipe, 0, tmp_path / "cache")
    assert check(tiny_recipe(root, 'data.exclude=["red"]').data, 0, tmp_path / "cache").labels == ("blue", "green")
    assert len(check(tiny_recipe(root, "data.validation_share=0").data, 0, tmp_path / "cache").train) == 9
    next((root / "train" / "red").iterdir()).unlink()
    with pytest.raises(DataError, match="'red' has no readable training picture"):
        check(recipe, 0, tmp_path / "cache")


def test_a_field_for_tables_is_not_ignored_where_there_is_none(tmp_path: Path) -> None:
    root = write_folder(tmp_path / "d", each=4)
    for setting in ('data.label_column="kind"', 'data.value_columns=["height"]'):
        with pytest.raises(RecipeError, match=r"data\.\w+ is for a table, and .* was read without one"):
            open_reader(tiny_recipe(root, setting).data)
