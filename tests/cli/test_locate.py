"""``landsight locate`` as people and programs call it."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import signal
import threading
from pathlib import Path

import pytest

from bundle_factory import COLOURS, draw_photo
from landsight.whereabouts.predictor import Predictor

from .conftest import Landsight


def lines_of(text: str) -> list[dict]:
    return [json.loads(line) for line in text.splitlines()]


def test_table_names_places_counts_everything_and_ends_with_one_for_a_broken_photo(
    landsight: Landsight, bundle: Path, photos: Path
) -> None:
    result = landsight("locate", photos, "--bundle", bundle)
    assert result.code == 1
    words = " ".join(result.out.split())
    for expected in ("Red Rock, Yulara, Australia", "Sydney, Australia", "conflict:", "error: damaged", "https://osm.org/?mlat=-33.8568"):
        assert expected in words
    assert "4 photos: 1 by position in the file, 2 landmarks, 1 error (damaged); 1 conflict" in result.out
    assert "1 other file (not photos)" in result.out
    assert "notes.txt" not in result.out
    assert "\x1b" not in result.out
    assert result.err == ""


def test_jsonl_keeps_the_order_and_has_a_line_for_every_file(landsight: Landsight, bundle: Path, photos: Path) -> None:
    result = landsight("locate", "--format", "jsonl", "--bundle", bundle, "--top-k", 2, photos)
    lines = lines_of(result.out)
    assert [Path(line["path"]).name for line in lines] == ["a red.jpg", "b gps.jpg", "c broken.jpg", "notes.txt", "d blue.png"]
    assert [line["outcome"] for line in lines] == ["landmark", "gps", "error", "error", "landmark"]
    assert len(lines[0]["candidates"]) == 2
    assert result.err.startswith("4 photos:")


def test_no_recursive_stays_in_the_folder_and_quiet_says_nothing(landsight: Landsight, bundle: Path, photos: Path) -> None:
    result = landsight("locate", "-q", "-f", "jsonl", "--no-recursive", "--bundle", bundle, photos)
    assert "d blue.png" not in result.out
    assert result.err == ""


def test_what_is_no_photo_fails_only_when_named(landsight: Landsight, bundle: Path, photos: Path) -> None:
    (photos / "c broken.jpg").unlink()
    assert landsight("locate", "--bundle", bundle, photos).code == 0
    named = landsight("locate", "--bundle", bundle, photos / "notes.txt")
    assert named.code == 1
    assert "error: not_a_photo" in named.out


def test_a_missing_file_is_one_error_and_the_run_goes_on(landsight: Landsight, bundle: Path, photos: Path) -> None:
    result = landsight("locate", "-f", "jsonl", "--bundle", bundle, photos / "none.jpg", photos / "a red.jpg")
    assert result.code == 1
    assert [line["error"]["code"] if line["error"] else None for line in lines_of(result.out)] == ["unreadable", None]


def test_csv_and_geojson(landsight: Landsight, bundle: Path, photos: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(landsight("locate", "-f", "csv", "--bundle", bundle, photos).out, newline="")))
    assert [row["outcome"] for row in rows] == ["landmark", "gps", "error", "error", "landmark"]
    document = json.loads(landsight("locate", "-f", "geojson", "--bundle", bundle, photos).out)
    of = [feature["properties"].get("of") for feature in document["features"]]
    assert of == ["shown", "camera", "shown", None, None, "shown"]


def test_only_gps_opens_no_pixels_and_no_gps_no_position(landsight: Landsight, bundle: Path, photos: Path) -> None:
    only = landsight(
        "locate", "-f", "jsonl", "--only-gps", "--bundle", photos / "no bundle needed", photos / "b gps.jpg", photos / "a red.jpg"
    )
    gps, none = lines_of(only.out)
    assert (gps["outcome"], gps["looked"], none["error"]["code"], only.code) == ("gps", None, "no_position", 1)
    (looked,) = lines_of(landsight("locate", "-f", "jsonl", "--no-gps", "--bundle", bundle, photos / "b gps.jpg").out)
    assert (looked["outcome"], looked["camera"]) == ("landmark", None)


@pytest.mark.parametrize(
    ("option", "value", "code"),
    [("--max-bytes", "300", "too_many_bytes"), ("--max-pixels", "2000", "too_many_pixels"), ("--max-seconds", "0.000001", "too_slow")],
)
def test_limits_are_options_and_variables_and_the_option_wins(
    landsight: Landsight, bundle: Path, photos: Path, monkeypatch: pytest.MonkeyPatch, *, option: str, value: str, code: str
) -> None:
    def answered(*options: str) -> str | None:
        result = landsight("locate", "-f", "jsonl", "--bundle", bundle, *options, photos / "a red.jpg")
        assert result.code in (0, 1), result.err
        (line,) = lines_of(result.out)
        return line["error"]["code"] if line["error"] else None

    assert answered(option, value) == code
    monkeypatch.setenv("LANDSIGHT_" + option.removeprefix("--").replace("-", "_").upper(), value)
    assert answered() == code
    assert answered(option, "1000000") is None


def test_out_takes_the_format_of_its_name_and_is_not_one_of_the_photos(landsight: Landsight, bundle: Path, photos: Path) -> None:
    out = photos / "answers.jsonl"
    assert landsight("locate", "--bundle", bundle, "--out", out, photos).out == ""
    assert len(lines_of(out.read_text(encoding="utf-8"))) == 5
    landsight("locate", "--bundle", bundle, "--out", out, photos)
    assert len(lines_of(out.read_text(encoding="utf-8"))) == 5
    assert not out.with_name("answers.jsonl.part").exists()


@pytest.mark.parametrize("name", ["a red.jpg", "sub", "nowhere/x.jsonl"])
def test_out_never_writes_over_a_photo_nor_into_nothing(landsight: Landsight, bundle: Path, photos: Path, name: str) -> None:
    before = hashes(photos)
    result = landsight("locate", "--bundle", bundle, "-f", "jsonl", "--out", photos / name, photos)
    assert result.code == 2
    assert result.err.count("\n") == 1
    assert hashes(photos) == before


def test_a_photo_called_part_is_not_written_over(landsight: Landsight, bundle: Path, photos: Path) -> None:
    (photos / "x.jsonl.part").write_bytes(draw_photo(COLOURS["red_rock"]))
    assert landsight("locate", "--bundle", bundle, "--out", photos / "x.jsonl", photos).code == 2


def test_an_unusable_bundle_leaves_an_existing_output_as_it_was(landsight: Landsight, tmp_path: Path, photos: Path) -> None:
    out = tmp_path / "x.jsonl"
    out.write_text("precious\n", encoding="utf-8")
    result = landsight("locate", "--bundle", tmp_path / "none", "--out", out, photos)
    assert (result.code, out.read_text(encoding="utf-8")) == (3, "precious\n")
    assert result.err.startswith("landsight: error: There is no bundle at")


def test_photos_are_never_written_to(landsight: Landsight, bundle: Path, photos: Path) -> None:
    before = hashes(photos)
    for options in ([], ["--only-gps"], ["--no-gps"], ["-f", "csv"]):
        landsight("locate", "--bundle", bundle, *options, photos)
    assert hashes(photos) == before
    landsight("locate", "--bundle", bundle, "--write-sidecar", photos)
    after = hashes(photos)
    assert {name: after[name] for name in before} == before


def test_sidecars_hold_measured_positions_and_mark_estimates(landsight: Landsight, bundle: Path, photos: Path) -> None:
    landsight("locate", "--bundle", bundle, "--write-sidecar", photos)
    assert sorted(path.name for path in photos.rglob("*.xmp")) == ["a red.jpg.xmp", "b gps.jpg.xmp", "d blue.png.xmp"]
    (again,) = lines_of(landsight("locate", "-f", "jsonl", "--bundle", bundle, photos / "a red.jpg").out)
    assert (again["outcome"], again["camera"]) == ("landmark", None)
    measured = (photos / "b gps.jpg.xmp").read_text(encoding="utf-8")
    assert "GPSLatitude" in measured
    assert "Sydney" in measured


def test_a_sidecar_that_cannot_be_written_is_a_warning(landsight: Landsight, bundle: Path, photos: Path) -> None:
    (photos / "a red.jpg.xmp").write_text("<broken", encoding="utf-8")
    result = landsight("locate", "-f", "jsonl", "--bundle", bundle, "--write-sidecar", photos / "a red.jpg")
    (line,) = lines_of(result.out)
    assert "sidecar_refused" in [warning["code"] for warning in line["warnings"]]
    assert (line["outcome"], result.code, "1 sidecar not written" in result.err) == ("landmark", 1, True)
    assert (photos / "a red.jpg.xmp").read_text(encoding="utf-8") == "<broken"


ODD_NAMES = [".hidden.jpg", "[bold]x[b].jpg", "a\x1b[2Jb.jpg", "-rf.jpg", "line\nbreak.jpg", 'quote".jpg', "<b>&amp;.jpg", "rtl\u202egpj.jpg", "=1+1.jpg", "写真 é.jpg", "n" * 200 + ".jpg"]  # fmt: skip


def test_odd_file_names(landsight: Landsight, bundle: Path, tmp_path: Path) -> None:
    folder = tmp_path / "odd"
    folder.mkdir()
    data = draw_photo(COLOURS["red_rock"], size=(40, 40))
    for name in ODD_NAMES:
        (folder / name).write_bytes(data)
    Path(os.fsdecode(os.fsencode(folder) + b"/bad\xff.jpg")).write_bytes(data)
    table = landsight("locate", "--bundle", bundle, folder)
    assert (table.code, "\x1b" in table.out, "\u202e" in table.out) == (0, False, False)
    assert "12 photos: 12 landmarks" in table.out
    lines = lines_of(landsight("locate", "-f", "jsonl", "--bundle", bundle, folder).out)
    assert {Path(line["path"]).name for line in lines} >= set(ODD_NAMES)
    dashed = landsight("locate", "-f", "jsonl", "--bundle", bundle, "--", folder / "-rf.jpg")
    assert lines_of(dashed.out)[0]["outcome"] == "landmark"


def test_interrupted_in_the_middle_keeps_whole_lines(
    landsight: Landsight, bundle: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Predictor.locate_many

    def interrupted(self: Predictor, sources):  # type: ignore[no-untyped-def]
        for number, located in enumerate(whole(self, sources)):
            if number == 2:
                os.kill(os.getpid(), signal.SIGINT)
            yield located

    monkeypatch.setattr(Predictor, "locate_many", interrupted)
    for name, read in (("x.jsonl", lines_of), ("x.geojson", lambda text: json.loads(text)["features"])):
        out = tmp_path / name
        result = landsight("locate", "--bundle", bundle, "--out", out, photos)
        assert result.code == 130
        assert result.err.startswith("interrupted after 2 photos")
        assert len(read(out.read_text(encoding="utf-8"))) in (2, 3)
    assert threading.current_thread() is threading.main_thread()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def hashes(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*") if path.is_file()}
