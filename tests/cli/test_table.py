"""The table for people: plain words, nothing cut off, nothing of a file name taken for an instruction."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from landsight.cli.safe_text import visible
from landsight.cli.table import PeopleTable, common_folder, headline, map_link, percent

from .line_factory import CAMERA, PLACE, SHOWN, error, landmark, line


def printed(*lines: dict, width: int = 80) -> str:
    stream = io.StringIO()
    table = PeopleTable(Console(file=stream, width=width, highlight=False, markup=False, emoji=False))
    for item in lines:
        table.write(item)
    return stream.getvalue()


def test_a_common_folder_is_said_once(tmp_path: Path) -> None:
    (tmp_path / "trip").mkdir()
    stream = io.StringIO()
    table = PeopleTable(Console(file=stream, width=200, highlight=False, markup=False, emoji=False), f"{tmp_path}/trip")
    table.write(line(path=f"{tmp_path}/trip/day 1/a.jpg"))
    table.write(line(path="elsewhere/b.jpg"))
    text = stream.getvalue()
    assert text.count(str(tmp_path)) == 1
    assert text.splitlines()[0] == f"in {tmp_path}/trip"
    assert [row.split("  ")[0] for row in text.splitlines() if ".jpg" in row] == ["day 1/a.jpg", "elsewhere/b.jpg"]


def test_which_folder_is_common(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "trip/day").mkdir(parents=True)
    photo = tmp_path / "trip/day/a.jpg"
    photo.touch()
    assert common_folder([tmp_path / "trip"]) == f"{tmp_path}/trip"
    assert common_folder([photo]) == f"{tmp_path}/trip/day"
    assert common_folder([photo, tmp_path / "trip"]) == f"{tmp_path}/trip"
    monkeypatch.chdir(tmp_path)
    assert common_folder([Path("trip/day/a.jpg")]) == "trip/day"
    assert common_folder([Path("trip"), photo]) is None  # one relative, one absolute
    assert common_folder([Path("a.jpg")]) is None
    assert common_folder([Path()]) is None


ALL = [
    line(path="folder/holiday.jpg"),
    landmark(),
    landmark(outcome="gps", camera=CAMERA, conflicts=[{"kind": "camera_shown", "distance_m": 3_500_000.0, "probability": 0.97}]),
    landmark(outcome="unknown_place", looked="unknown_place", shown=None),
    line(outcome="not_a_place", camera=None),
    error(warnings=[{"code": "gps_zero", "text": "the position is 0, 0"}]),
]


@pytest.mark.parametrize("width", [40, 80, 125, 126, 200])
def test_fits_any_width_and_has_no_colour_when_it_is_no_terminal(width: int) -> None:
    text = printed(*ALL, width=width)
    assert "\x1b" not in text
    long_lines = [row for row in text.splitlines() if len(row.rstrip()) > max(width, 49)]
    assert long_lines == []


def test_says_every_kind_of_answer_in_words() -> None:
    text = " ".join(printed(*ALL, width=160).split())
    for words in (
        "Al Jīzah, Egypt",
        "GPS",
        "± 10 m",
        "Pyramids of Giza, Giza, Egypt",
        "looks like it",
        "97 %",
        "conflict:",
        "3,500 km apart",
        "a place I do not know",
        "not a place",
        "error: damaged",
        "Less than half of it could be decoded. Get another copy.",
        "note: the position is 0, 0",
    ):
        assert words in text


def test_the_map_link_is_never_broken_and_prefers_the_camera() -> None:
    link = "https://osm.org/?mlat=29.97730&mlon=31.13250"
    assert map_link(ALL[2]) == link
    assert all(link in printed(ALL[2], width=width) for width in (60, 80, 126, 140))
    assert map_link(ALL[1]) == "https://osm.org/?mlat=29.97920&mlon=31.13420"
    assert map_link(ALL[4]) is None


@pytest.mark.parametrize(
    "name", ["[bold]x[/bold].jpg", "[/].jpg", "a\x1b[31mred.jpg", "tab\there.jpg", "line\nbreak.jpg", "rtl\u202egpj.exe", "bad\udcff.jpg", ":smile:.jpg", "写真.jpg"]
)  # fmt: skip
def test_odd_names_are_shown_as_they_are_and_do_nothing(name: str) -> None:
    text = printed(line(path=name), width=200)
    assert visible(name) in text
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert len(text.splitlines()) == 3
    text.encode("utf-8")


def test_visible_names_the_character() -> None:
    assert visible("a\x1b\u202e\udcff\n") == "a\\x1b\\u202e\\xff\\n"
    assert visible("Ærø 写真 ünï") == "Ærø 写真 ünï"


def test_long_names_are_folded_not_cut() -> None:
    name = "x" * 204 + ".jpg"
    text = printed(line(path=name), width=80)
    assert text.count("x") >= 204


@pytest.mark.parametrize(
    ("probability", "text"), [(1.0, "100 %"), (0.9996, ">99 %"), (0.994, "99 %"), (0.5, "50 %"), (0.001, "<1 %"), (0.0, "0 %")]
)
def test_percent_never_rounds_to_certainty(probability: float, text: str) -> None:
    assert percent(probability) == text


def test_a_camera_without_a_named_place_shows_its_coordinates() -> None:
    assert headline(line(camera=CAMERA | {"place": None}))[0] == "29.97730, 31.13250"
    at_sea = PLACE | {"country": None, "country_code": None, "city": None}
    assert headline(line(camera=CAMERA | {"place": at_sea}))[0] == "29.97730, 31.13250"
    assert headline(line(camera=CAMERA | {"place": PLACE | {"distance_m": 120_000.0}}))[0] == "120 km from Al Jīzah, Egypt"


def test_a_landmark_without_city_has_no_stray_commas() -> None:
    assert headline(landmark(shown=SHOWN | {"city": None, "country": None}))[0] == "Pyramids of Giza"
