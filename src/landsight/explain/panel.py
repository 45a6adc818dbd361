"""One picture that says why: the photo, and beside it the heat for the likeliest answer and the next one, with a bar of the colours.

Made for people who get one file, in mail or print. Pillow's own letters know ASCII alone, so names are written without accents here; the
page (explain.page) has them in full.
"""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Sequence
from typing import Final

from PIL import Image, ImageDraw, ImageFont

from landsight.explain.colours import bar

_SIDE, _GAP, _MARGIN = 560, 28, 36
_TITLE_PX, _TEXT_PX, _BAR_PX = 26, 20, 16
_GROUND, _INK, _SOFT = "#ffffff", "#22262b", "#5d666f"
#: Letters that no decomposition brings to ASCII.
_PLAIN: Final = str.maketrans({"ß": "ss", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "ı": "i", "đ": "d", "Đ": "D", "æ": "ae", "Æ": "Ae", "œ": "oe", "–": "-", "—": "-", "’": "'", "…": "..."})  # fmt: skip


def panel(pictures: Sequence[Image.Image], titles: Sequence[str], details: Sequence[str], caption: str, name: str) -> bytes:
    """A PNG file. Each picture has a title above it and a line of detail; ``caption`` says what the colours mean, ``name`` which photo it is."""
    scale = min(_SIDE / max(max(p.size) for p in pictures), 3.0)
    width, height = (max(1, round(side * scale)) for side in pictures[0].size)
    column = max(width, 300)
    title, text = _font(_TITLE_PX), _font(_TEXT_PX)
    head = _TITLE_PX + _TEXT_PX + 22
    whole = 2 * _MARGIN + len(pictures) * column + (len(pictures) - 1) * _GAP
    lines = _wrapped(caption, text, whole - 2 * _MARGIN - 330)
    foot = 24 + max(_BAR_PX + _TEXT_PX + 10, len(lines) * (_TEXT_PX + 6))
    sheet = Image.new("RGB", (whole, _MARGIN + _TEXT_PX + 14 + head + height + foot + _MARGIN), _GROUND)
    draw = ImageDraw.Draw(sheet)
    draw.text((_MARGIN, _MARGIN - 8), _fitted(plain(name), text, whole - 2 * _MARGIN), _SOFT, font=text)
    top = _MARGIN + _TEXT_PX + 14
    for number, (picture, words, detail) in enumerate(zip(pictures, titles, details, strict=True)):
        left = _MARGIN + number * (column + _GAP)
        draw.text((left, top), _fitted(plain(words), title, column), _INK, font=title)
        draw.text((left, top + _TITLE_PX + 8), _fitted(plain(detail), text, column), _SOFT, font=text)
        sheet.paste(picture.convert("RGB").resize((width, height), Image.Resampling.LANCZOS), (left, top + head))
    below = top + head + height + 24
    sheet.paste(bar(290, _BAR_PX), (_MARGIN, below))
    draw.text((_MARGIN, below + _BAR_PX + 6), "nothing", _SOFT, font=text)
    draw.text((_MARGIN + 290, below + _BAR_PX + 6), "most", _SOFT, font=text, anchor="ra")
    for number, line in enumerate(lines):
        draw.text((_MARGIN + 330, below - 4 + number * (_TEXT_PX + 6)), line, _SOFT, font=text)
    stream = io.BytesIO()
    sheet.save(stream, "PNG")
    return stream.getvalue()


def plain(text: str) -> str:
    """The text in ASCII: accents dropped, what has no Latin letter as "?"."""
    apart = unicodedata.normalize("NFKD", text.translate(_PLAIN))
    kept = "".join(c for c in apart if not unicodedata.combining(c))
    return "".join(c if " " <= c <= "~" else "?" for c in kept)


def _font(size: int) -> ImageFont.ImageFont | ImageFont.FreeTypeFont:
    return ImageFont.load_default(size)


def _fitted(text: str, font: ImageFont.ImageFont | ImageFont.FreeTypeFont, width: int) -> str:
    """Cut at the end until it fits."""
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "...") > width:
        text = text[:-1]
    return text + "..."


def _wrapped(text: str, font: ImageFont.ImageFont | ImageFont.FreeTypeFont, width: int) -> list[str]:
    lines = [""]
    for word in plain(text).split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and font.getlength(longer) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines
