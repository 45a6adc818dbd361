"""Sections -> one self-contained HTML page: readable on paper, on a phone and in the dark; it loads nothing from anywhere.

    Section("Per class", [Text("Sorted by F1."), Table([Column("class"), Column("n", numeric=True)], [["louvre", 98]])])

Whatever text goes in is escaped. The blocks are generic, so that the page knows neither tasks nor verbs.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph. ``tone``: "plain", "note" (set apart) or "warning" (set apart, coloured)."""

    kind: ClassVar = "text"
    text: str
    tone: str = "plain"


@dataclass(frozen=True, slots=True)
class Tile:
    """One large figure: what it is, the figure, and below it in small how sure that is."""

    name: str
    value: str
    detail: str = ""
    what: str = ""


@dataclass(frozen=True, slots=True)
class Tiles:
    """Figures side by side."""

    kind: ClassVar = "tiles"
    tiles: Sequence[Tile]


@dataclass(frozen=True, slots=True)
class Plot:
    """A picture as data URIs, one for light and one for dark surroundings (plots.plot makes both); ``alt`` says what it shows."""

    kind: ClassVar = "plot"
    light: str
    dark: str
    alt: str
    caption: str = ""
    width_px: int = 0


@dataclass(frozen=True, slots=True)
class Column:
    """A table's column. Numeric ones are set to the right. ``what``: shown when the pointer rests on the heading."""

    name: str
    numeric: bool = False
    what: str = ""


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell that is more than its text. ``order``: sort by this instead. ``share`` in [0, 1]: a bar behind the text. ``image``: data URI.

    ``detail``: a second, small line, such as an interval.
    """

    text: str
    order: float | None = None
    share: float | None = None
    image: str = ""
    detail: str = ""


#: What a table holds; None is shown as a dash.
Entry = str | int | float | Cell | None


@dataclass(frozen=True, slots=True)
class Table:
    """A row has an entry a column; a click on a heading sorts. ``folded``: shown on demand, under the caption."""

    kind: ClassVar = "table"
    columns: Sequence[Column]
    rows: Sequence[Sequence[Entry]]
    caption: str = ""
    folded: bool = False


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture of a gallery: data URI (empty: there is none), a line in bold and small lines below."""

    image: str
    title: str
    lines: Sequence[str] = ()
    marked: bool = False


@dataclass(frozen=True, slots=True)
class Gallery:
    """Pictures side by side."""

    kind: ClassVar = "gallery"
    pictures: Sequence[Picture]
    caption: str = ""
    folded: bool = False


@dataclass(frozen=True, slots=True)
class Pairs:
    """Names and values, such as settings."""

    kind: ClassVar = "pairs"
    pairs: Mapping[str, str]
    caption: str = ""
    folded: bool = False


@dataclass(frozen=True, slots=True)
class Pre:
    """Text in a fixed pitch, such as a recipe."""

    kind: ClassVar = "pre"
    text: str
    caption: str = ""
    folded: bool = False


Block = Text | Tiles | Plot | Table | Gallery | Pairs | Pre


@dataclass(frozen=True, slots=True)
class Section:
    """A heading, a sentence that says what is to be seen here, and blocks below it."""

    title: str
    blocks: Sequence[Block]
    lead: str = ""


def render(title: str, sections: Sequence[Section], *, subtitle: str = "", foot: str = "") -> str:
    """The page as text that is always valid UTF-8 (file names of odd bytes get question marks), with a table of contents.

    ``subtitle``: one line below the title; ``foot``: one below everything, such as version and date.
    """
    script = (_HERE / "page.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    html = _template().render(
        title=title, subtitle=subtitle, foot=foot, sections=list(zip(_anchors(sections), sections, strict=True)),
        script=Markup(script), script_hash=digest, is_cell=lambda value: isinstance(value, Cell),
    )  # fmt: skip
    return html.encode("utf-8", "replace").decode("utf-8")


def number(value: Any) -> str:
    """A number as a table shows it: whole ones with thousands, others with four significant digits; None as a dash."""
    if value is None:
        return "–"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["number"] = number
    return environment.get_template("page.html.j2")


def _anchors(sections: Sequence[Section]) -> list[str]:
    """A short, unique name for each section's link."""
    names: list[str] = []
    for section in sections:
        name = re.sub(r"[^a-z0-9]+", "-", section.title.lower()).strip("-") or "section"
        names.append(name if name not in names else f"{name}-{len(names)}")
    return names
