"""Hostile and original files over the whole road: a valid line for each, in order, and every file left as it was."""

from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from bundle_factory import make_bundle
from landsight.whereabouts.located import Located
from landsight.whereabouts.predictor import Predictor

SCHEMA_PATH = Path(__file__).parents[2] / "src" / "landsight" / "whereabouts" / "locate-line.schema.json"


def listed(folder: Path) -> list[dict[str, str]]:
    """Rows of INDEX.csv whose file lies in the folder itself (not within an archive)."""
    with (folder / "INDEX.csv").open(encoding="utf-8", newline="") as stream:
        return [row for row in csv.DictReader(stream) if "!" not in row["file"]]


def digest(paths: list[Path]) -> str:
    total = hashlib.sha256()
    for path in paths:
        total.update(path.read_bytes())
    return total.hexdigest()


def located(paths: list[Path], bundle: Path) -> list[Located]:
    before = digest(paths)
    with Predictor(bundle) as predictor:
        answers = list(predictor.locate_many(paths))
    assert digest(paths) == before
    assert [answer.path for answer in answers] == [str(path) for path in paths]
    return answers


def broken_lines(answers: list[Located]) -> list[str]:
    schema: dict[str, Any] = json.loads(SCHEMA_PATH.read_text(encoding="utf-8"))
    validator = jsonschema.Draft202012Validator(schema)
    return [f"{Path(a.path).name}: {e.message[:200]}" for a in answers for e in validator.iter_errors(a.to_line())]


@pytest.mark.data
@pytest.mark.slow
def test_hostile_files_are_answered_or_refused_as_listed(data_dir: Path, tmp_path: Path) -> None:
    make_bundle(tmp_path / "bundle")
    rows = listed(data_dir / "hostile")
    answers = located([data_dir / "hostile" / row["file"] for row in rows], tmp_path / "bundle")
    assert broken_lines(answers) == []
    wrong = [
        (row["file"], row["expected"], answer.outcome, answer.error)
        for row, answer in zip(rows, answers, strict=True)
        if (row["expected"] == "photo" and answer.outcome == "error") or (row["expected"] == "refuse" and answer.outcome != "error")
    ]
    assert wrong == []


@pytest.mark.data
def test_original_files_are_placed_where_their_oracle_says(data_dir: Path, tmp_path: Path) -> None:
    make_bundle(tmp_path / "bundle")
    rows = listed(data_dir / "photos_exif")
    answers = located([data_dir / "photos_exif" / row["file"] for row in rows], tmp_path / "bundle")
    assert broken_lines(answers) == []
    wrong = []
    for row, answer in zip(rows, answers, strict=True):
        # Rows of sidecars themselves are for the reader of sidecars; Located answers about photos.
        if row["has_gps"] != "yes" or Path(row["file"]).suffix.lower() == ".xmp" or "sidecar" in row["gps_source"].lower():
            continue
        camera = answer.camera
        if camera is None or abs(camera.latitude - float(row["latitude"])) > 1e-5 or abs(camera.longitude - float(row["longitude"])) > 1e-5:
            wrong.append(row["file"])
    assert wrong == []
