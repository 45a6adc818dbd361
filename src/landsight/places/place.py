"""Coordinates in words: the value that ``reverse`` returns."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Place:
    """Where a point lies, in words; the fields are PLACE of the contracts, in their order.

    ``country`` is the English short name, ``country_code`` ISO 3166-1 alpha-2 (and XK for Kosovo). Both are None at sea and where
    the country is left open on purpose (docs/places.md). ``city`` is the nearest populated place within that country, or the nearest of
    all where there is no country (a quarter of a large city counts as that city); ``region`` is its first-level division. ``distance_m`` and ``bearing_deg`` lead from the city to the
    point (north 0, east 90, below 360); they are None only where the country has no populated place. ``near_border`` is the code of
    another country within 5 km.
    """

    country: str | None
    country_code: str | None
    region: str | None
    city: str | None
    distance_m: float | None
    bearing_deg: float | None
    near_border: str | None

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; numbers are finite or None."""
        return asdict(self)
