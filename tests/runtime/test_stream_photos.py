"""The pool on real photos and on hostile files."""

from __future__ import annotations

import csv
import hashlib
from pathlib import Path

import numpy as np
import pytest

from landsight.errors import PHOTO_CODES, PhotoError
from landsight.photo.limits import Limits
from landsight.photo.prepare import Preparation, prepare
from landsight.photo.read import read
from landsight.runtime.stream import FACTS, Item, Pool

PREPARATION = Preparation(224, 192)


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "INDEX.csv").open(encoding="utf-8", newline="") as stream:
        return [row for row in csv.DictReader(stream) if (folder / row["file"]).is_file()]


def digests(paths: list[Path]) -> list[str]:
    return [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths]


@pytest.mark.data
def test_every_hostile_file_gets_an_answer_or_a_reason_and_is_not_touched(data_dir: Path) -> None:
    listed = rows(data_dir / "hostile")
    paths = [data_dir / "hostile" / row["file"] for row in listed]
    before = digests(paths)
    with Pool(PREPARATION, workers=2) as pool:
        items = list(pool.map(paths))
    assert len(items) > 400
    assert [item.source for item in items] == paths
    assert digests(paths) == before
    wrong = [(row["file"], str(item.error)) for row, item in zip(listed, items, strict=True) if not _is_as_expected(row["expected"], item)]
    assert wrong == []


def _is_as_expected(expected: str, item: Item) -> bool:
    if item.error is None:
        return expected != "refuse" and item.prepared is not None and item.prepared.shape == (192, 224, 3)
    is_said = item.error.code in PHOTO_CODES and bool(item.error.reason) and "\n" not in str(item.error)
    # A file may be refused for what it is; that a decoder died of it would be our fault.
    return expected != "photo" and is_said and item.error.code not in ("decoder_crashed", "too_slow") and item.prepared is None


@pytest.mark.data
def test_the_pool_reads_what_one_process_reads(data_dir: Path) -> None:
    folder = data_dir / "photos_exif"
    paths = [folder / row["file"] for row in rows(folder)][::4]
    with Pool(PREPARATION, workers=2) as pool:
        for path, item, facts_only in zip(paths, pool.map(paths), list(pool.map(paths, FACTS)), strict=True):
            try:
                photo = read(path, limits=Limits(), decode_px=PREPARATION.decode_px)
            except PhotoError as error:
                assert item.error is not None
                assert (item.error.code, item.error.reason) == (error.code, error.reason)
                continue
            assert (item.error, item.facts, item.size_px, item.warnings) == (None, photo.facts, photo.size_px, photo.warnings)
            assert item.prepared is not None
            np.testing.assert_array_equal(item.prepared, prepare(photo.pixels_hwc_u8, PREPARATION))
            assert facts_only.facts.position == photo.facts.position
