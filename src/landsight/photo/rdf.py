"""RDF/XML as XMP writes it, heard event by event. A module of its own: most photos have no XMP, and a cold start pays for every import.

Reference: ISO 16684-1, the RDF/XML form of the XMP data model.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from xml.sax.handler import ContentHandler

from landsight.photo.xmp import RDF, Name, XmpRead

MAX_DEPTH: Final = 64


class TooDeepError(Exception):
    """Nesting beyond MAX_DEPTH."""


class Collector(ContentHandler):
    """Follows the element stack and keeps what stands directly under rdf:RDF / rdf:Description."""

    def __init__(self) -> None:
        super().__init__()
        self.read = XmpRead()
        self.stack: list[Name] = []
        self.level = 0  # depth of the rdf:Description being read, 0 outside
        self.text: list[str] = []
        self.structure = False
        self.items = 0

    def startElementNS(self, name: Name, qname: str | None, attrs: Mapping[Name, str]) -> None:  # type: ignore[override]  # noqa: N802
        stack = self.stack
        if len(stack) >= MAX_DEPTH:
            raise TooDeepError
        inside_rdf = bool(stack) and stack[-1] == (RDF, "RDF")
        stack.append(name)
        if name == (RDF, "RDF"):
            self.read.has_rdf = True
        if not self.level:
            if inside_rdf and name == (RDF, "Description"):
                self._description(attrs)
            return
        self._inside(name, attrs, len(stack) - self.level)

    def _description(self, attrs: Mapping[Name, str]) -> None:
        self.level = len(self.stack)
        self.read.about = self.read.about or attrs.get((RDF, "about"), "")
        for key, value in attrs.items():
            if key[0] and key[0] != RDF:
                self.read.properties.setdefault(key, value.strip())

    def _inside(self, name: Name, attrs: Mapping[Name, str], depth: int) -> None:
        if depth == 1:
            self.text, self.items = [], 0
            self.structure = any(key[0] == RDF or key[1] != "lang" for key in attrs.keys())  # noqa: SIM118  (no iteration over AttributesNS)
            return
        if depth == 2:
            self.text = []
            self.structure = self.structure or name not in ((RDF, "Alt"), (RDF, "Seq"), (RDF, "Bag"))
        elif depth == 3:
            self.items += 1
            if self.items == 1:
                self.text = []
        elif self.items <= 1:
            self.structure = True

    def characters(self, content: str) -> None:
        depth = len(self.stack) - self.level
        if self.level and ((depth == 1 and not self.items) or (depth == 3 and self.items == 1)):
            self.text.append(content)

    def endElementNS(self, name: Name, qname: str | None) -> None:  # type: ignore[override]  # noqa: N802
        depth = len(self.stack) - self.level
        self.stack.pop()
        if not self.level:
            return
        if depth == 0:
            self.level = 0
        elif depth == 1:
            value = "" if self.structure else "".join(self.text).strip()
            self.read.properties.setdefault(name, value)
