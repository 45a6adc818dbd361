"""places.csv onto labels: complete or refused, with the class that is at fault."""

from __future__ import annotations

from pathlib import Path

import pytest

from landsight.bundle.manifest import BundlePlace
from landsight.bundle.placed import placed
from landsight.errors import PlacesError

HEADER = "class,name,latitude,longitude,extent_m,city,country_code,country\n"
ROWS = {
    "hill": "hill,Green Hill,52.5,13.4,50,Berlin,DE,Germany\n",
    "bay": "bay,Blue Bay,31.8,35.2,300,Jerusalem,,\n",
    "rock": "rock,Red Rock,-25.3,131.0,1800,Yulara,AU,Australia\n",
}


def table(folder: Path, *rows: str) -> Path:
    path = folder / "places.csv"
    path.write_text(HEADER + "".join(rows), encoding="utf-8")
    return path


def test_every_label_gets_its_place_in_the_order_of_the_labels(tmp_path: Path) -> None:
    found = placed(("rock", "bay", "hill"), table(tmp_path, *ROWS.values()))
    assert list(found) == ["rock", "bay", "hill"]
    assert found["rock"] == BundlePlace("Red Rock", -25.3, 131.0, 1800.0, "Yulara", "AU", "Australia")
    assert (found["bay"].country_code, found["bay"].country) == (None, None)


def test_rows_for_other_classes_do_nothing(tmp_path: Path) -> None:
    assert list(placed(("rock", "bay"), table(tmp_path, *ROWS.values()))) == ["rock", "bay"]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ((ROWS["hill"],), "no row for the class 'rock', nor for 1 more"),
        ((ROWS["hill"], ROWS["rock"], ROWS["bay"].replace("bay", "bat", 1)), "Did you mean 'bay'"),
        ((ROWS["hill"], ROWS["bay"], "rock,Red Rock,-125.3,131.0,1800,Yulara,AU,Australia\n"), "line 4: latitude must lie between"),
        ((ROWS["hill"], ROWS["bay"], "rock,Red Rock,,131.0,1800,Yulara,AU,Australia\n"), "line 4: latitude must be a number, received ''"),
        ((ROWS["hill"], ROWS["bay"], "rock,,-25.3,131.0,1800,,,\n"), "line 4: name is empty"),
    ],
)
def test_what_does_not_fit_is_one_error_that_names_the_class_or_line(rows: tuple[str, ...], words: str, tmp_path: Path) -> None:
    with pytest.raises(PlacesError, match=words) as caught:
        placed(("rock", "bay", "hill"), table(tmp_path, *rows))
    assert (caught.value.code, caught.value.exit_code) == ("places_csv", 2)
    assert caught.value.advice
