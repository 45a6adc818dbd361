"""places.csv: what is read, and what is refused with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from landsight.errors import PlacesError
from landsight.places import CataloguePlace, read_catalogue

HEADER = "class,name,latitude,longitude,extent_m,city,country_code,country\n"


def written(tmp_path: Path, text: str, encoding: str = "utf-8") -> Path:
    path = tmp_path / "places.csv"
    path.write_bytes(text.encode(encoding))
    return path


def test_a_row_becomes_a_place(tmp_path: Path) -> None:
    path = written(tmp_path, HEADER + 'tower,"Tower, leaning",43.723,10.3966,60,Pisa,IT,Italy\n')
    assert read_catalogue(path) == {"tower": CataloguePlace("tower", "Tower, leaning", 43.723, 10.3966, 60.0, "Pisa", "IT", "Italy")}


def test_an_empty_country_stays_empty(tmp_path: Path) -> None:
    place = read_catalogue(written(tmp_path, HEADER + "dome,Dome,31.7780,35.2354,300,Jerusalem,,\n"))["dome"]
    assert (place.city, place.country_code, place.country) == ("Jerusalem", None, None)


def test_city_and_country_columns_may_be_absent_and_the_order_is_free(tmp_path: Path) -> None:
    place = read_catalogue(written(tmp_path, "name,class,longitude,latitude,extent_m\nMill,mill,4.9,52.3,40\n"))["mill"]
    assert place == CataloguePlace("mill", "Mill", 52.3, 4.9, 40.0)


def test_byte_order_mark_blank_lines_and_windows_line_ends_are_read(tmp_path: Path) -> None:
    text = HEADER.replace("\n", "\r\n") + "\r\na,A,1,2,3,,,\r\n\r\nb,Ü,-1,-2,0,,,\r\n"
    assert list(read_catalogue(written(tmp_path, text, "utf-8-sig"))) == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["line 1", "class", "missing"]),
        ("class,name,latitude\n", ["line 1", "longitude"]),
        (HEADER.replace("city", "town"), ["line 1", "'town'"]),
        (HEADER.replace("country\n", "name\n"), ["line 1", "twice"]),
        (HEADER, ["no place"]),
        (HEADER + "a,A,1,2,3,,,\na,B,1,2,3,,,\n", ["line 3", "'a'", "twice"]),
        (HEADER + "a,A,1,2,3,,,\n\nb,B,91,2,3,,,\n", ["line 4", "latitude", "91"]),
        (HEADER + "a,A,1,2,3,,,\nb,B,1,nan,3,,,\n", ["line 3", "longitude", "nan"]),
        (HEADER + "a,A,one,2,3,,,\n", ["line 2", "latitude", "'one'"]),
        (HEADER + "a,A,1,2,-3,,,\n", ["line 2", "extent_m"]),
        (HEADER + "a,A,1,2,3\n", ["line 2", "8 cells", "received 5"]),
        (HEADER + ",A,1,2,3,,,\n", ["line 2", "class is empty"]),
        (HEADER + "a, ,1,2,3,,,\n", ["line 2", "name is empty"]),
        (HEADER + "a,A,1,2,3,,ita,Italy\n", ["line 2", "country_code", "'ita'"]),
        (HEADER + "a,A,1,2,3,,IT,\n", ["line 2", "together"]),
        (HEADER + 'a,"A,1,2,3,,,\n', ["cannot be read"]),
    ],
)
def test_what_does_not_fit_is_refused_with_its_line(tmp_path: Path, text: str, words: list[str]) -> None:
    with pytest.raises(PlacesError) as caught:
        read_catalogue(written(tmp_path, text))
    assert all(word in str(caught.value) for word in [*words, "places.csv"]), str(caught.value)


def test_files_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PlacesError, match="cannot be read"):
        read_catalogue(tmp_path / "missing.csv")
    with pytest.raises(PlacesError, match="cannot be read"):
        read_catalogue(written(tmp_path, HEADER + "a,Ü,1,2,3,,,\n", "latin-1"))


@pytest.mark.data
def test_the_shared_catalogue_reads_whole(data_dir: Path) -> None:
    places = read_catalogue(data_dir / "landmarks" / "places.csv")
    assert len(places) == 110
    assert [label for label, place in places.items() if place.country_code is None] == ["dome_of_the_rock"]
