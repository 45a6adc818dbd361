"""``landsight places LAT LON``: country and city of a coordinate, offline."""

from __future__ import annotations

import json
import re
from typing import Any

import click

_NEGATIVE_NUMBER = re.compile(r"-[\d.]")
_POINTS = ("north", "north-east", "east", "south-east", "south", "south-west", "west", "north-west")


def degrees(text: str) -> float:
    """Decimal degrees; a comma after the first number is forgiven, because maps copy "48.8584, 2.2945". Raises: click.BadParameter."""
    try:
        return float(text.rstrip(", "))
    except ValueError:
        raise click.BadParameter(f"{text.strip()!r} is not a number of degrees, such as -33.8568.") from None


class NegativeNumbers(click.Command):
    """A command whose arguments may be negative numbers: "-33.86" is no option. A space before it tells click so; float() skips it."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse as usual after marking the numbers."""
        return super().parse_args(ctx, [f" {arg}" if _NEGATIVE_NUMBER.match(arg) else arg for arg in args])


@click.command(cls=NegativeNumbers)
@click.argument("latitude", type=degrees, metavar="LAT")
@click.argument("longitude", type=degrees, metavar="LON")
@click.option(
    "-f", "--format", "format_", type=click.Choice(["table", "json"]), default="table", show_default=True, help="table is for people."
)
def places(latitude: float, longitude: float, format_: str) -> None:
    """Name the country and city of a coordinate: latitude, then longitude, in degrees (WGS 84).

    Negative is south and west, as in: landsight places -33.8568 151.2153
    """
    from landsight.places import reverse

    place = reverse(latitude, longitude).to_dict()
    if format_ == "json":
        click.echo(json.dumps(place, ensure_ascii=False))
        return
    for name, text in describe(place):
        click.echo(f"{name:<10} {text}")


def describe(place: dict[str, Any]) -> list[tuple[str, str]]:
    """PLACE of the contracts in words: (what, text) rows; what is not known has no row, but the country always has one."""
    code = place["country_code"]
    rows = [("country", f"{place['country']} ({code})" if place["country"] else "none known (the sea, or left open on purpose)")]
    if place["region"]:
        rows.append(("region", place["region"]))
    if place["city"]:
        distance, bearing = place["distance_m"], place["bearing_deg"]
        where = ""
        if distance is not None and bearing is not None:
            where = f", {distance / 1000:.1f} km {_POINTS[round(bearing / 45) % 8]} of its centre"
        rows.append(("city", f"{place['city']}{where}"))
    if place["near_border"]:
        rows.append(("border", f"{place['near_border']} is within 5 km"))
    return rows
