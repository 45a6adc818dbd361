"""``landsight predict`` as people and programs call it; what it shares with locate is tested there."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
from pathlib import Path

import pytest
from rich.console import Console

from landsight.answer import classify
from landsight.answer.model import Model
from landsight.cli.predict_table import PredictTable

from .conftest import Landsight


def test_table_names_labels_counts_and_ends_with_one_for_a_broken_photo(landsight: Landsight, bundle: Path, photos: Path) -> None:
    result = landsight("predict", bundle, photos, "--top-k", 2)
    assert (result.code, result.err) == (1, "")
    words = " ".join(result.out.split())
    for expected in ("a red.jpg red_rock >99 %", "sub/d blue.png blue_bay", "c broken.jpg error: damaged"):
        assert expected in words
    assert "notes.txt" not in result.out
    assert "\x1b" not in result.out
    assert words.endswith("4 photos: 3 answered, 1 error (damaged); 1 other file (not photos)")


def test_what_else_it_may_be_stands_under_the_row() -> None:
    stream = io.StringIO()
    table = PredictTable(Console(file=stream, width=80), None, classify.said)
    candidates = [{"label": "cat", "probability": 0.7}, {"label": "dog", "probability": 0.298}, {"label": "\x1bfox", "probability": 0.002}]
    line = {
        "path": "a.jpg",
        "outcome": "answered",
        "label": "cat",
        "probability": 0.7,
        "candidates": candidates,
        "values": [],
        "warnings": [],
        "error": None,
    }
    table.write(line)
    table.write(line | {"outcome": "unknown", "label": None, "probability": None})
    table.close()
    rows = [" ".join(row.split()) for row in stream.getvalue().splitlines()[2:]]
    assert rows == ["a.jpg cat 70 %", "then: dog 30 %", "a.jpg none of the labels", "closest: cat 70 %, dog 30 %, \\x1bfox <1 %"]


def test_jsonl_csv_and_json_hold_the_same(landsight: Landsight, bundle: Path, photos: Path) -> None:
    lines = [json.loads(text) for text in landsight("predict", bundle, photos, "-f", "jsonl").out.splitlines()]
    assert [line["outcome"] for line in lines] == ["answered", "answered", "error", "error", "answered"]
    assert [line["label"] for line in lines] == ["red_rock", "green_hill", None, None, "blue_bay"]
    assert json.loads(landsight("predict", bundle, photos, "-f", "json").out) == lines
    rows = list(csv.DictReader(io.StringIO(landsight("predict", bundle, photos, "-f", "csv", "-k", 2).out, newline="")))
    assert list(rows[0]) == ["path", "outcome", "label", "probability", "known_probability", "candidates", "candidate_probabilities", "value_names", "values", "warnings", "error_code", "error_reason"]  # fmt: skip
    assert [row["label"] for row in rows] == ["red_rock", "green_hill", "", "", "blue_bay"]
    assert rows[0]["candidates"].count(";") == 1
    assert rows[2]["error_code"] == "damaged"


def test_a_run_folder_out_and_no_photos_at_all(landsight: Landsight, bundle: Path, photos: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "bundle").symlink_to(bundle)
    out = photos / "answers.json"
    assert landsight("predict", run, photos, "--out", out).code == 1
    assert landsight("locate", "--bundle", run, photos / "a red.jpg").code == 0
    assert len(json.loads(out.read_text(encoding="utf-8"))) == 5
    empty = tmp_path / "empty"
    empty.mkdir()
    assert json.loads(landsight("predict", bundle, empty, "-f", "json").out) == []
    assert landsight("predict", bundle).code == 2
    assert landsight("predict", photos, photos).code == 3


def test_limits_reach_the_reader(landsight: Landsight, bundle: Path, photos: Path) -> None:
    result = landsight("predict", bundle, photos / "a red.jpg", "-f", "jsonl", "--max-bytes", 300)
    assert (result.code, json.loads(result.out)["error"]["code"]) == (1, "too_many_bytes")


def test_interrupted_in_the_middle_keeps_a_whole_document(
    landsight: Landsight, bundle: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Model.predict_many

    def interrupted(self: Model, sources):  # type: ignore[no-untyped-def]
        for number, prediction in enumerate(whole(self, sources)):
            if number == 2:
                os.kill(os.getpid(), signal.SIGINT)
            yield prediction

    monkeypatch.setattr(Model, "predict_many", interrupted)
    result = landsight("predict", bundle, photos, "--out", tmp_path / "x.json")
    assert (result.code, result.err.startswith("interrupted after 2 photos")) == (130, True)
    assert len(json.loads((tmp_path / "x.json").read_text(encoding="utf-8"))) in (2, 3)
