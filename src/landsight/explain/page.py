"""Answers and their reasons as one self-contained HTML page: it loads nothing, runs no script, and whatever text goes in is escaped.

Written as it comes, head, articles, foot, so that a thousand photos need no more memory than one.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from importlib import metadata
from pathlib import Path
from string import Template

from PIL import Image

from landsight.explain.colours import bar

_TEMPLATE = Path(__file__).with_name("page.html")
_QUALITY = 86


@dataclass(frozen=True, slots=True)
class Figure:
    """A picture, what it is in bold, and small lines below it."""

    picture: Image.Image
    title: str
    lines: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """One photo: what it is called, the answer in a sentence, figures side by side. ``is_error``: the sentence says why there are none."""

    name: str
    said: str
    figures: Sequence[Figure] = field(default_factory=tuple)
    is_error: bool = False


def article(entry: Entry) -> str:
    """One photo as HTML."""
    style = ' class="error"' if entry.is_error else ""
    figures = "".join(map(_figure, entry.figures))
    row = f'\n<div class="row">{figures}</div>' if figures else ""
    return f"<article>\n<h2>{escape(entry.name)}</h2>\n<p{style}>{escape(entry.said)}</p>{row}\n</article>\n"


def head(title: str, lead: str) -> str:
    """What stands before the first article."""
    return Template(_halves()[0]).substitute(title=escape(title), lead=escape(lead), bar=_uri(bar(360, 18), "PNG"))


def foot(words: str = "") -> str:
    """What stands after the last article."""
    return Template(_halves()[1]).substitute(foot=escape(f"{words} landsight {metadata.version('landsight')}".strip()))


def _halves() -> tuple[str, str]:
    before, _, after = _TEMPLATE.read_text(encoding="utf-8").partition("$articles")
    return before, after


def _figure(figure: Figure) -> str:
    lines = "".join(f"<small>{escape(line)}</small>" for line in figure.lines)
    image = f'<img src="{_uri(figure.picture, "JPEG")}" alt="{escape(figure.title)}" loading="lazy" decoding="async">'
    return f"<figure>{image}<figcaption><b>{escape(figure.title)}</b>{lines}</figcaption></figure>"


def _uri(picture: Image.Image, kind: str) -> str:
    stream = io.BytesIO()
    picture.convert("RGB").save(stream, kind, **({"quality": _QUALITY} if kind == "JPEG" else {}))
    return f"data:image/{kind.lower()};base64,{base64.b64encode(stream.getvalue()).decode()}"
