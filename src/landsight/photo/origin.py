"""What made the picture: camera, software, and whether it looks like a screenshot or a scan. Only clear signs count."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from landsight.photo import tiff, xmp
from landsight.photo.tiff import ExifTags, Tag, clean_text

_MAX_TEXT: Final = 120
_SCREENSHOT: Final = re.compile(r"screen\s?shot|screen\s?capture|\bspectacle\b|\bflameshot\b|\bsnipping\b|\bgrim\b", re.IGNORECASE)
_SCANNER: Final = re.compile(
    r"vuescan|silverfast|epson scan|\bscan(ner|snap|jet|wizard)|canoscan|photoscan|\bperfection\b|opticfilm|coolscan|\bmf[cp]\b|\blide ?\d{2,3}\b",
    re.IGNORECASE,
)
#: EXIF FileSource: 1 a film scanner, 2 a reflection print scanner, 3 a camera.
_SCANNER_SOURCES: Final = frozenset({1, 2})


def camera(tags: ExifTags, properties: Mapping[xmp.Name, str]) -> str | None:
    """Make and model as one name, the make not said twice: "Canon EOS 40D", "NIKON D300"."""
    make = _text(tags.ifd0, tiff.MAKE) or properties.get((xmp.TIFF, "Make"), "")
    model = _text(tags.ifd0, tiff.MODEL) or properties.get((xmp.TIFF, "Model"), "")
    make, model = (" ".join(text.split())[:_MAX_TEXT] for text in (make, model))
    if not make or not model:
        return make or model or None
    said = {word.casefold() for word in re.findall(r"\w+", make)}
    first = re.match(r"\w+", model)
    if first and first[0].casefold() in said:
        return model
    return f"{make} {model}"


def software(tags: ExifTags, properties: Mapping[xmp.Name, str], png_text: str | None) -> str | None:
    """The program or firmware that wrote the file, as it names itself."""
    text = _text(tags.ifd0, tiff.SOFTWARE) or properties.get((xmp.XMP, "CreatorTool"), "") or png_text or ""
    return " ".join("".join(c for c in text if c.isprintable()).split())[:_MAX_TEXT] or None


def is_screenshot(tags: ExifTags, properties: Mapping[xmp.Name, str], camera_name: str | None, software_name: str | None) -> bool:
    """The file calls itself a screenshot (iOS, macOS and Android do so in UserComment, desktops in Software), and names no lens."""
    comment = _user_comment(tags) or properties.get((xmp.EXIF, "UserComment"), "")
    if comment.strip().casefold() == "screenshot":
        return True
    return camera_name is None and bool(_SCREENSHOT.search(software_name or ""))


def is_scan(tags: ExifTags, camera_name: str | None, software_name: str | None) -> bool:
    """The device or program is a scanner by its own account."""
    source = tags.exif.get(tiff.FILE_SOURCE)
    if source is not None and source.type == 7 and source.raw[:1] and source.raw[0] in _SCANNER_SOURCES:
        return True
    return bool(_SCANNER.search(camera_name or "") or _SCANNER.search(software_name or ""))


def _user_comment(tags: ExifTags) -> str:
    """The comment behind its eight bytes of character code."""
    tag = tags.exif.get(tiff.USER_COMMENT)
    if tag is None:
        return ""
    code, body = tag.raw[:8], tag.raw[8:]
    if code == b"UNICODE\0":
        return body.decode("utf-16-le" if tag.order == "<" else "utf-16-be", errors="replace").strip("\0 ")
    return clean_text(body if code in (b"ASCII\0\0\0", b"\0" * 8) else tag.raw)


def _text(tags: Mapping[int, Tag], tag: int) -> str:
    return tags[tag].text() if tag in tags else ""
