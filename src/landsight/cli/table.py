"""The table for people: one row a photo, printed as it is answered, so that it streams and its columns never jump."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from landsight.answer.line import SURROGATES
from landsight.cli.safe_text import visible

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

Line = dict[str, Any]

#: Below this width the map link gets a line of its own: a link that is broken over two lines cannot be clicked.
_WIDE: Final = 126
_LINK_WIDTH: Final = 47
_SURE_WIDTH: Final = 9
_HOW_WIDTH: Final = 15

_HOW_WE_KNOW: Final = {
    "exif": "GPS",
    "xmp": "GPS",
    "sidecar": "its sidecar",
    "track": "track log",
    "neighbour": "photos nearby",
}


class PeopleTable:
    """Prints to a console: the heading now, then one photo at a time with what there is to say under it.

    ``folder``: said once above the heading, and left out of every path below it.
    """

    def __init__(self, console: Console, folder: str | None = None) -> None:
        self._console = console
        self._folder = folder
        self._wide = console.width >= _WIDE
        rest = console.width - _SURE_WIDTH - _HOW_WIDTH - 6 - (_LINK_WIDTH + 2 if self._wide else 0)
        self._photo_width = max(12, rest * 2 // 5)
        self._place_width = max(12, rest - self._photo_width)
        begin(console, folder, self._grid(), ("photo", "place", "how we know", "how sure", *(("map",) if self._wide else ())))

    def write(self, line: Line) -> None:
        """One photo: its row, the map link when there is no room beside it, then remarks. One print, so a bar is redrawn once."""
        place, how, sure, style = headline(line)
        link = map_link(line)
        grid = self._grid()
        cells = [
            Text(visible(shown_path(line["path"], self._folder)), overflow="fold"),
            Text(visible(place), style=style),
            Text(how),
            Text(sure, justify="right"),
        ]
        grid.add_row(*cells, *((Text(link or "", style="dim"),) if self._wide else ()))
        under: list[RenderableType] = []
        if link and not self._wide:
            under.append(Text(f"  {link}", style="dim", no_wrap=True, overflow="ignore"))
        for text, remark_style in remarks(line):
            under.append(Padding(Text(visible(text), style=remark_style), (0, 0, 0, 2), expand=False))
        self._console.print(Group(grid, *under), crop=False)

    def close(self) -> None:
        """Nothing is open."""

    def _grid(self) -> Table:
        grid = Table.grid(padding=(0, 2, 0, 0), pad_edge=False)
        for width in (self._photo_width, self._place_width, _HOW_WIDTH, _SURE_WIDTH, *((_LINK_WIDTH,) if self._wide else ())):
            grid.add_column(width=width, overflow="fold")
        return grid


def begin(console: Console, folder: str | None, heading: Table, names: Sequence[str]) -> None:
    """The folder that all photos share, the heading, and a line under it."""
    if folder:
        console.print(Text(f"in {visible(folder)}", style="dim"), soft_wrap=True)
    heading.add_row(*(Text(name, style="bold") for name in names))
    console.print(heading)
    console.print(Text("─" * min(console.width, 160), style="dim"))


def shown_path(path: str, folder: str | None) -> str:
    """A path below the folder that was said once already."""
    return path.removeprefix(f"{folder}/") if folder else path


def common_folder(paths: Sequence[Path]) -> str | None:
    """The folder that holds all these files and folders, as it was written; None when there is none worth a line of its own."""
    try:
        common = os.path.commonpath([path if path.is_dir() else path.parent for path in paths])
    except (ValueError, OSError):  # absolute and relative ones together, or a name no system takes
        return None
    # As lines of answers write it: bytes of a name that are no UTF-8 become a replacement character.
    return None if common in ("", os.curdir, os.sep) else SURROGATES.sub("\ufffd", common)


def headline(line: Line) -> tuple[str, str, str, str]:
    """(place, how we know, how sure, style) of a line, in plain words."""
    outcome, camera, shown = line["outcome"], line["camera"], line["shown"]
    if outcome == "gps" and camera is not None:
        return place_words(camera), _HOW_WE_KNOW[camera["source"]], f"± {_metres(camera['radius_m'])}", "green"
    if outcome == "landmark" and shown is not None:
        return shown_words(shown), "looks like it", percent(shown["probability"]), "cyan"
    if outcome == "unknown_place":
        return "a place I do not know", "looked", "", "yellow"
    if outcome == "not_a_place":
        return "not a place", "looked", "", "yellow"
    return f"error: {line['error']['code']}" if line["error"] else "error", "", "", "red"


def remarks(line: Line) -> list[tuple[str, str]]:
    """What is said under the row: (text, style) in the order error, position of a failed photo, picture, conflict, warnings."""
    said: list[tuple[str, str]] = []
    camera, shown = line["camera"], line["shown"]
    if line["error"]:
        said.append((f"{line['error']['reason']} {line['error']['advice']}".strip(), "red"))
        if camera is not None:
            said.append((f"but it says where it was taken: {place_words(camera)} (± {_metres(camera['radius_m'])})", ""))
    if camera is not None and shown is not None:
        said.append((f"the picture looks like {shown_words(shown)} ({percent(shown['probability'])})", ""))
    if line["outcome"] == "unknown_place" and line["candidates"]:
        best = line["candidates"][0]
        said.append((f"of the places I know, {best['name']} comes closest", "dim"))
    said += [(_conflict_words(conflict), "bold magenta") for conflict in line["conflicts"]]
    said += [(f"note: {warning['text']}", "yellow") for warning in line["warnings"]]
    return said


def map_link(line: Line) -> str | None:
    """A short OpenStreetMap link to the camera's position, else to what is shown; None without either."""
    for point in (line["camera"], line["shown"]):
        if point is not None and point["latitude"] is not None:
            return f"https://osm.org/?mlat={point['latitude']:.5f}&mlon={point['longitude']:.5f}"
    return None


def place_words(camera: Line) -> str:
    """City and country of a camera position, or its coordinates when no table has the point."""
    place = camera["place"] or {}
    names = [name for name in (place.get("city"), place.get("country")) if name]
    if not names:
        return f"{camera['latitude']:.5f}, {camera['longitude']:.5f}"
    words = ", ".join(names)
    if (place.get("distance_m") or 0) >= 20_000 and place.get("city"):
        words = f"{_metres(place['distance_m'])} from {words}"
    return words


def shown_words(shown: Line) -> str:
    """The landmark with its city and country, as far as known."""
    return ", ".join(name for name in (shown["name"], shown["city"], shown["country"]) if name)


def percent(probability: float) -> str:
    """Whole percent, and never a rounded certainty: 0.9996 is ">99 %"."""
    if 0.995 <= probability < 1:
        return ">99 %"
    if 0 < probability < 0.005:
        return "<1 %"
    return f"{probability * 100:.0f} %"


def _metres(metres: float) -> str:
    if metres < 1_000:
        return f"{metres:.0f} m"
    return f"{metres / 1000:.1f} km" if metres < 10_000 else f"{metres / 1000:,.0f} km"


def _conflict_words(conflict: Line) -> str:
    return (
        f"conflict: the position in the file and what the picture shows ({percent(conflict['probability'])}) are "
        f"{_metres(conflict['distance_m'])} apart; a replica, a painting, a screenshot or a wrong position"
    )
