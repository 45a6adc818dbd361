"""Which files a run is about."""

from __future__ import annotations

import inspect
import os
import sys
from pathlib import Path

import pytest

from landsight.photo import collect as module
from landsight.photo.collect import Found, collect


def fill(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def names(found: list[Found], folder: Path) -> list[str]:
    return [str(item.path.relative_to(folder)) for item in found]


def test_a_folder_in_order_by_content_not_name(tmp_path: Path) -> None:
    fill(tmp_path, "b.jpg", "a.txt", "c", ".hidden.jpg", "sub/d.jpg", "sub/deep/e.jpg", "sub2/f.jpg", ".thumbs/g.jpg")
    assert names(list(collect([tmp_path], recursive=False)), tmp_path) == [".hidden.jpg", "a.txt", "b.jpg", "c"]
    assert names(list(collect([tmp_path], recursive=True)), tmp_path) == [
        ".hidden.jpg",
        "a.txt",
        "b.jpg",
        "c",
        "sub/d.jpg",
        "sub/deep/e.jpg",
        "sub2/f.jpg",
    ]
    assert not any(item.named for item in collect([tmp_path], recursive=True))


def test_sidecars_go_with_their_photos_and_lone_ones_are_rows(tmp_path: Path) -> None:
    fill(tmp_path, "1.jpg", "1.jpg.xmp", "1.xmp", "2.jpg", "2.XMP", "3.xmp", "4.heic", "5.jpg.xmp")
    found = {item.path.name: item.sidecar and item.sidecar.name for item in collect([tmp_path], recursive=False)}
    assert found == {"1.jpg": "1.jpg.xmp", "2.jpg": "2.XMP", "3.xmp": None, "4.heic": None, "5.jpg.xmp": None}


def test_named_files_come_as_they_are(tmp_path: Path) -> None:
    fill(tmp_path, "b.jpg", "b.xmp", ".a.jpg")
    paths = [tmp_path / "missing.jpg", tmp_path / "b.jpg", tmp_path / ".a.jpg", tmp_path / "b.xmp"]
    assert list(collect(paths, recursive=False)) == [
        Found(paths[0], True),
        Found(paths[1], True, tmp_path / "b.xmp"),
        Found(paths[2], True),
        Found(paths[3], True),
    ]


def test_only_regular_files_and_links_to_them(tmp_path: Path) -> None:
    fill(tmp_path, "a.jpg")
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "dangling.jpg").symlink_to("nowhere")
    (tmp_path / "self.jpg").symlink_to("self.jpg")
    (tmp_path / "link.jpg").symlink_to("a.jpg")
    assert names(list(collect([tmp_path], recursive=True)), tmp_path) == ["a.jpg", "link.jpg"]


def test_loops_of_links_end_and_no_folder_is_walked_twice(tmp_path: Path) -> None:
    fill(tmp_path, "x/a.jpg", "y/b.jpg")
    for folder in ("x", "y"):
        (tmp_path / folder / "up").symlink_to(tmp_path)
        (tmp_path / folder / "z").symlink_to(tmp_path / "y")
    found = [item.path.name for item in collect([tmp_path], recursive=True)]
    assert sorted(found) == ["a.jpg", "b.jpg"]


def test_names_that_are_no_text_survive(tmp_path: Path) -> None:
    raw = os.fsencode(tmp_path) + b"/caf\xe9 \n'\".jpg"
    Path(os.fsdecode(raw)).touch()
    Path(os.fsdecode(raw + b".xmp")).touch()
    (found,) = collect([tmp_path], recursive=False)
    assert os.fsencode(found.path) == raw
    assert found.sidecar is not None and os.fsencode(found.sidecar) == raw + b".xmp"


def test_a_folder_deeper_than_the_call_stack(tmp_path: Path) -> None:
    photo = tmp_path.joinpath(*["d"] * 300, "a.jpg")
    fill(photo.parent, photo.name)
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack()) + 150)
    try:
        assert [item.path for item in collect([tmp_path], recursive=True)] == [photo]
    finally:
        sys.setrecursionlimit(limit)
        # pytest removes old temporary folders with a recursive walk, which this depth may exceed.
        photo.unlink()
        os.removedirs(photo.parent)


def test_a_folder_that_cannot_be_listed_is_yielded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path, "ok/a.jpg", "shut/b.jpg")
    listing = module._list

    def refuse(folder: Path) -> tuple[list[str], list[str]]:
        if folder.name == "shut":
            raise PermissionError(13, "Permission denied")
        return listing(folder)

    monkeypatch.setattr(module, "_list", refuse)
    assert list(collect([tmp_path], recursive=True)) == [Found(tmp_path / "ok" / "a.jpg", False), Found(tmp_path / "shut", False)]


def test_it_streams_without_a_look_per_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path, *(f"{i:05d}.jpg" for i in range(2000)), "00007.xmp")

    def forbidden(*_: object) -> bool:
        raise AssertionError("a file of a folder was asked for by itself")

    monkeypatch.setattr(module, "find", forbidden)
    monkeypatch.setattr(Path, "is_file", forbidden)
    found = collect([tmp_path], recursive=False)
    assert next(found).path.name == "00000.jpg"
    assert sum(item.sidecar is not None for item in found) == 1
