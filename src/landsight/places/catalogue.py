"""A list of places that a network can name: ``places.csv``, read into typed rows. Errors name the line."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from landsight.errors import PlacesError

COLUMNS: Final = ("class", "name", "latitude", "longitude", "extent_m", "city", "country_code", "country")
_REQUIRED: Final = COLUMNS[:5]
#: The largest extent that still says something: a quarter of the Earth's circumference.
_MAX_EXTENT_M: Final = 10_000_000.0
_ADVICE: Final = f"The columns are {', '.join(COLUMNS)}; see docs/places.md."


@dataclass(frozen=True, slots=True)
class CataloguePlace:
    """One row. ``label`` is the column ``class``; degrees WGS 84; ``extent_m`` the radius within which the place is seen.

    City and country may be None: a country is left empty on purpose where it is disputed, and is never filled in.
    """

    label: str
    name: str
    latitude: float
    longitude: float
    extent_m: float
    city: str | None = None
    country_code: str | None = None
    country: str | None = None


def _fail(path: Path, line: int, what: str) -> PlacesError:
    return PlacesError("places_csv", f"{path.name}, line {line}: {what}.", _ADVICE)


def _number(row: Mapping[str, str], column: str, low: float, high: float) -> float:
    """Raises: ValueError that says what is wrong."""
    text = row[column].strip()
    try:
        number = float(text)
    except ValueError:
        raise ValueError(f"{column} must be a number, received {text!r}") from None
    if not (math.isfinite(number) and low <= number <= high):
        raise ValueError(f"{column} must lie between {low:g} and {high:g}, received {text!r}")
    return number


def _place(row: Mapping[str, str]) -> CataloguePlace:
    """Raises: ValueError that says what is wrong."""
    for column in ("class", "name"):
        if not row[column].strip():
            raise ValueError(f"{column} is empty")
    code = row.get("country_code", "").strip() or None
    country = row.get("country", "").strip() or None
    if code is not None and not (len(code) == 2 and code.isascii() and code.isalpha() and code.isupper()):
        raise ValueError(f"country_code must be two capital letters, received {code!r}")
    if (code is None) != (country is None):
        raise ValueError("country and country_code must be given together, or both left empty")
    return CataloguePlace(
        label=row["class"].strip(),
        name=row["name"].strip(),
        latitude=_number(row, "latitude", -90.0, 90.0),
        longitude=_number(row, "longitude", -180.0, 180.0),
        extent_m=_number(row, "extent_m", 0.0, _MAX_EXTENT_M),
        city=row.get("city", "").strip() or None,
        country_code=code,
        country=country,
    )


def _rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """(line number, row). Raises: PlacesError for a header or a row that does not fit, OSError, UnicodeDecodeError, csv.Error."""
    with path.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.reader(stream, strict=True)
        header = [cell.strip() for cell in next(reader, [])]
        if missing := [column for column in _REQUIRED if column not in header]:
            raise _fail(path, 1, f"the column {', '.join(missing)} is missing")
        if extra := [column for column in header if column not in COLUMNS]:
            raise _fail(path, 1, f"unknown column {', '.join(map(repr, extra))}")
        if len(set(header)) != len(header):
            raise _fail(path, 1, "a column is given twice")
        for cells in reader:
            if not cells:
                continue
            if len(cells) != len(header):
                raise _fail(path, reader.line_num, f"{len(header)} cells expected, received {len(cells)}")
            yield reader.line_num, dict(zip(header, cells, strict=True))


def read_catalogue(path: Path) -> dict[str, CataloguePlace]:
    """Label -> place, in the order of the file. UTF-8, with or without a byte-order mark; empty lines are passed over.

    Raises: PlacesError naming file and line for what does not fit, and for a file that cannot be read or holds no place.
    """
    places: dict[str, CataloguePlace] = {}
    try:
        for line, row in _rows(path):
            try:
                place = _place(row)
            except ValueError as error:
                raise _fail(path, line, str(error)) from None
            if place.label in places:
                raise _fail(path, line, f"the class {place.label!r} is given twice")
            places[place.label] = place
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise PlacesError("places_csv", f"{path.name} cannot be read: {error}.", _ADVICE) from None
    if not places:
        raise PlacesError("places_csv", f"{path.name} holds no place.", _ADVICE)
    return places
