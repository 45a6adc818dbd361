"""Hostile files, in a process of its own with the memory limit: a native crash fails a test here, not pytest."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from landsight.errors import PHOTO_CODES
from picture_factory import corners, encode

#: Reads the files named on standard input (one JSON string a line); says of each, on one line, what came of it.
READER = """
import json, resource, sys, time
resource.setrlimit(resource.RLIMIT_AS, (1_000_000_000, 1_000_000_000))
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
from landsight.errors import PhotoError
from landsight.photo.limits import Limits
from landsight.photo.read import read
for line in sys.stdin:
    path, started = json.loads(line), time.process_time()
    print(json.dumps({"start": path}), flush=True)
    try:
        photo = read(path, limits=Limits(), decode_px=224)
        shape, kind = photo.pixels_hwc_u8.shape, str(photo.pixels_hwc_u8.dtype)
        answer = {"outcome": "photo", "shape": shape, "dtype": kind, "size": photo.size_px, "warnings": [w.code for w in photo.warnings],
                  "texts": [w.text for w in photo.warnings]}
    except PhotoError as error:
        answer = {"outcome": "refuse", "code": error.code, "texts": [error.reason, error.advice]}
    except BaseException as error:
        answer = {"outcome": "escaped", "error": repr(error)}
    print(json.dumps({**answer, "path": path, "seconds": time.process_time() - started}), flush=True)
"""


def read_all(paths: list[Path]) -> dict[str, dict[str, Any]]:
    """What the reader says of each path. Fails when its process dies."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    ended = subprocess.run(
        [sys.executable, "-c", READER],
        input="".join(json.dumps(str(path)) + "\n" for path in paths),
        capture_output=True,
        text=True,
        errors="replace",
        timeout=120,
        check=False,
        env=environment,
    )
    lines = [json.loads(line) for line in ended.stdout.splitlines()]
    assert ended.returncode == 0, f"the reader died ({ended.returncode}) after {lines[-1:]}: {ended.stderr[-400:]}"
    answers = {line["path"]: line for line in lines if "path" in line}
    assert len(answers) == len(paths)
    return answers


def complaints(name: str, expected: str, answer: dict[str, Any]) -> list[str]:
    """What is wrong with one answer."""
    wrong = []
    if answer["outcome"] == "escaped" or expected not in ("either", answer["outcome"]):
        wrong.append(f"{name}: {answer['outcome']} instead of {expected}: {answer}")
    if answer["outcome"] == "refuse" and answer["code"] not in PHOTO_CODES:
        wrong.append(f"{name}: unknown code {answer['code']}")
    if answer["outcome"] == "photo" and (answer["dtype"] != "uint8" or answer["shape"][2] != 3):
        wrong.append(f"{name}: {answer}")
    if any(not text.isprintable() or len(text) > 300 for text in answer.get("texts", [])):
        wrong.append(f"{name}: a reason that is not one short line: {answer['texts']}")
    if answer["seconds"] > 5:
        wrong.append(f"{name}: {answer['seconds']:.1f} s")
    return wrong


@pytest.mark.data
def test_every_hostile_file_gets_what_its_row_says(data_dir: Path, tmp_path: Path) -> None:
    folder = data_dir / "hostile"
    with (folder / "INDEX.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    with zipfile.ZipFile(folder / "odd_names.zip") as archive:
        for number, info in enumerate(archive.infolist()):
            place = tmp_path / str(number)
            place.mkdir()
            (place / info.filename).write_bytes(archive.read(info))
    odd = {path.name: path for path in tmp_path.glob("*/*")}
    paths = {row["file"]: odd[row["file"].split("!", 1)[1]] if "!" in row["file"] else folder / row["file"] for row in rows}
    answers = read_all(list(paths.values()))
    wrong: list[str] = []
    for row in rows:
        answer = answers[str(paths[row["file"]])]
        wrong += complaints(row["file"], row["expected"], answer)
        if answer["outcome"] == "photo" and row["width"] and sorted(answer["size"]) != sorted((int(row["width"]), int(row["height"]))):
            wrong.append(f"{row['file']}: {answer['size']} instead of {row['width']} x {row['height']}")
    assert len(rows) > 500
    assert wrong == []


@pytest.mark.data
def test_every_original_photo_is_read_or_refused_in_one_line(data_dir: Path) -> None:
    folder = data_dir / "photos_exif"
    with (folder / "INDEX.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    answers = read_all([folder / row["file"] for row in rows])
    wrong: list[str] = []
    for row in rows:
        expected = {"yes": "photo", "no": "either", "": "refuse"}[row["pixels_readable"]]
        wrong += complaints(row["file"], expected, answers[str(folder / row["file"])])
    assert wrong == []


def test_mutations_of_good_files_never_crash_or_escape(tmp_path: Path) -> None:
    import random

    random.seed(8)
    paths: list[Path] = []
    variants: list[tuple[str, dict[str, Any]]] = [
        ("JPEG", {}),
        ("JPEG", {"progressive": True}),
        ("PNG", {}),
        ("GIF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("TIFF", {"compression": "jpeg"}),
        ("BMP", {}),
        ("WEBP", {}),
        ("AVIF", {}),
    ]
    for number, (name, options) in enumerate(variants):
        good = encode(corners(), name, **options)
        for turn in range(40):
            data = bytearray(good)
            for _ in range(random.randint(1, 8)):
                data[random.randrange(min(len(data), 700))] = random.randrange(256)
            path = tmp_path / f"{number}_{turn}"
            path.write_bytes(data[: random.choice([len(data), random.randrange(1, len(data))])])
            paths.append(path)
    wrong = [text for path, answer in read_all(paths).items() for text in complaints(path, "either", answer)]
    assert wrong == []
