"""A folder that is missing, foreign, newer, incomplete or changed gives one clear error; nothing outside of it is opened."""

from __future__ import annotations

import json
import pickle
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest

from bundle_factory import PREPARATION, make_bundle, make_manifest
from landsight.bundle.load import MANIFEST_NAME, MAX_MANIFEST_BYTES, load
from landsight.bundle.seal import seal
from landsight.bundle.verify import verify_files
from landsight.errors import BundleError


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("made") / "bundle"
    root.mkdir()
    (root / "photos").mkdir()
    (root / "photos" / "a.jpg").write_bytes(b"a photo")
    make_bundle(root, arrays={"centres": np.arange(6, dtype=np.float32).reshape(2, 3)})
    return root


@pytest.fixture
def copy(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "bundle"))


def code_of(path: Path) -> str:
    with pytest.raises(BundleError) as caught:
        load(path)
    assert caught.value.exit_code == 3
    assert caught.value.advice
    assert "\n" not in str(caught.value)
    return caught.value.code


def rewrite(root: Path, **changes: object) -> None:
    data = json.loads((root / MANIFEST_NAME).read_text())
    (root / MANIFEST_NAME).write_text(json.dumps(data | changes))


def test_a_good_bundle_loads(made: Path) -> None:
    bundle = load(made)
    assert bundle.manifest.input == PREPARATION
    assert bundle.model_path("fp32") == made / "model.onnx"
    assert bundle.file("photos/a.jpg").read_bytes() == b"a photo"
    assert bundle.arrays["centres"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert len(bundle.bundle_hash) == 64
    report = verify_files(bundle)
    assert report.ok
    assert report.checked == 4
    assert report.problems() == []


def test_the_hash_names_the_content(made: Path, copy: Path) -> None:
    before = load(copy).bundle_hash
    assert before == load(made).bundle_hash
    (copy / "card.md").write_text("other words")
    assert seal(copy, load(copy, check_files=False).manifest).bundle_hash != before


def test_without_arrays_the_table_is_empty(tmp_path: Path) -> None:
    assert dict(make_bundle(tmp_path / "b").arrays) == {}


def test_halves_are_widened_once(tmp_path: Path) -> None:
    arrays = make_bundle(tmp_path / "b", arrays={"bank": np.array([0.1, 3], np.float16), "rows": np.array([7])}).arrays
    assert (arrays["bank"].dtype, arrays["rows"].dtype) == (np.dtype(np.float32), np.dtype(np.int64))
    assert arrays["bank"].tolist() == [float(np.float16(0.1)), 3]


def test_an_unknown_precision_or_file_names_the_known_ones(made: Path) -> None:
    bundle = load(made)
    with pytest.raises(BundleError, match="fp32"):
        bundle.model_path("fp64")
    with pytest.raises(BundleError, match="secret"):
        bundle.file("secret")


def test_missing_and_foreign(tmp_path: Path) -> None:
    assert code_of(tmp_path / "nowhere") == "bundle_missing"
    assert code_of(tmp_path) == "bundle_foreign"
    (tmp_path / "file").write_text("x")
    assert code_of(tmp_path / "file") == "bundle_foreign"
    (tmp_path / MANIFEST_NAME).mkdir()
    assert code_of(tmp_path) == "bundle_foreign"


def test_a_manifest_of_any_bytes_is_foreign(tmp_path: Path) -> None:
    for content in (b"\xff\xfe\x00", b"\x89PNG", b"", b"[]"):
        (tmp_path / MANIFEST_NAME).write_bytes(content)
        assert code_of(tmp_path) == "bundle_foreign"


def test_a_huge_manifest_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / MANIFEST_NAME).open("wb") as stream:
        stream.truncate(100_000_000)
    assert code_of(tmp_path) == "bundle_foreign"
    assert MAX_MANIFEST_BYTES < 100_000_000


def test_a_newer_bundle_says_so(copy: Path) -> None:
    rewrite(copy, schema_version=99)
    assert code_of(copy) == "bundle_newer"


@pytest.mark.parametrize("name", ["model.onnx", "card.md", "arrays.npz", "photos/a.jpg"])
def test_one_flipped_bit_in_any_file_is_found(copy: Path, name: str) -> None:
    content = bytearray((copy / name).read_bytes())
    content[len(content) // 2] ^= 1
    (copy / name).write_bytes(content)
    assert code_of(copy) == "bundle_tampered"
    report = verify_files(load(copy, check_files=False))
    assert not report.ok
    assert report.changed == (name,)
    assert name in report.problems()[0]


@pytest.mark.parametrize("name", ["model.onnx", "arrays.npz", "photos/a.jpg"])
def test_a_file_that_is_gone_is_named(copy: Path, name: str) -> None:
    (copy / name).unlink()
    assert code_of(copy) == "bundle_incomplete"
    assert verify_files(load(copy, check_files=False)).missing == (name,)


def test_an_extra_file_is_reported_by_verify_alone(copy: Path) -> None:
    (copy / "extra").mkdir()
    (copy / "extra" / "x.py").write_text("print()")
    load(copy)
    assert verify_files(load(copy)).unlisted == ("extra/x.py",)


def test_a_name_or_link_that_leads_out_is_refused(copy: Path, tmp_path: Path) -> None:
    (tmp_path / "outside.onnx").write_bytes((copy / "model.onnx").read_bytes())
    files = json.loads((copy / MANIFEST_NAME).read_text())["files"]
    rewrite(copy, files=files | {"../outside.onnx": files["model.onnx"]})
    assert code_of(copy) == "bundle_foreign"
    rewrite(copy, files=files)
    load(copy)
    (copy / "model.onnx").unlink()
    (copy / "model.onnx").symlink_to(tmp_path / "outside.onnx")  # same content, so the hash alone would pass
    assert code_of(copy) == "bundle_foreign"


def test_pickled_arrays_are_never_opened(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, tuple[str, ...]]:
            return (Path.touch, (Path(tmp_path / "sprung"),))  # type: ignore[return-value]

    root = tmp_path / "b"
    root.mkdir()
    np.savez(root / "arrays.npz", centres=np.array([Trap()], dtype=object))
    bundle = make_bundle(root)
    with pytest.raises(BundleError, match="arrays"):
        _ = bundle.arrays
    (root / "arrays.npz").write_bytes(pickle.dumps(Trap()))
    bundle = seal(root, make_manifest())
    with pytest.raises(BundleError, match="arrays"):
        _ = bundle.arrays
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize(
    "member",
    [
        b"no array at all",
        b"\x93NUMPY\x01\x00v\x00{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999, 999), }".ljust(127) + b"\n",
        b"\x93NUMPY\x01\x00\x02\x00{}",
    ],
    ids=["text", "huge", "header"],
)
def test_a_table_of_something_else_is_one_error(member: bytes, tmp_path: Path) -> None:
    root = tmp_path / "b"
    root.mkdir()
    with zipfile.ZipFile(root / "arrays.npz", "w") as archive:
        archive.writestr("centres.npy", member)
    with pytest.raises(BundleError) as caught:
        _ = make_bundle(root).arrays
    assert caught.value.code == "bundle_damaged"


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_arrays_hold_finite_numbers(value: float, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="finite"):
        _ = make_bundle(tmp_path / "b", arrays={"bank": np.array([1.0, value], np.float32)}).arrays


def test_the_shipped_bundle_carries_an_answer_of_each_kind() -> None:
    bundle = load(None)
    lines = [json.loads(text) for text in bundle.file("answers.jsonl").read_text("utf-8").splitlines()]
    assert {line["looked"] for line in lines} == {"landmark", "unknown_place", "not_a_place"}


def test_seal_lists_everything_once(tmp_path: Path) -> None:
    first = make_bundle(tmp_path)
    again = seal(tmp_path, first.manifest)
    assert sorted(again.manifest.files) == ["card.md", "model.onnx"]
    assert again.bundle_hash == first.bundle_hash
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bundle.json", "card.md", "model.onnx"]
