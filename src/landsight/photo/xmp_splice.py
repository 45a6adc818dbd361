"""Where in the bytes of an XMP document its rdf:RDF element and the descriptions directly under it stand.

Only for documents that xmp.parse has already read: that one refuses document types and entities, this one only measures.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from xml.parsers import expat

from landsight.photo import xmp

_RDF = f"{xmp.RDF} RDF"
_DESCRIPTION = f"{xmp.RDF} Description"


@dataclass(frozen=True, slots=True)
class Spot:
    """Bytes [start, end)."""

    start: int
    end: int


@dataclass(slots=True)
class Spots:
    """``insert``: where the closing tag of rdf:RDF starts. ``self_closed``: rdf:RDF is one empty tag, and ``rdf`` is that tag."""

    rdf: Spot
    insert: int
    self_closed: bool
    descriptions: list[Spot] = field(default_factory=list)


def find_spots(document: bytes) -> Spots | None:
    """Positions in bytes, for a document in UTF-8; None when there is not exactly one rdf:RDF or it is not well-formed."""
    measure = _Measure(document)
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler = lambda name, _attributes: measure.start(name, parser.CurrentByteIndex)
    parser.EndElementHandler = lambda name: measure.end(name, parser.CurrentByteIndex)
    try:
        parser.Parse(document, True)
    except expat.ExpatError:
        return None
    return measure.found[0] if len(measure.found) == 1 else None


class _Measure:
    def __init__(self, document: bytes) -> None:
        self.document = document
        self.depth = 0
        self.rdf_depth = 0
        self.rdf_start = self.description_start = 0
        self.descriptions: list[Spot] = []
        self.found: list[Spots] = []

    def start(self, name: str, at: int) -> None:
        self.depth += 1
        if name == _RDF and not self.rdf_depth:
            self.rdf_depth, self.rdf_start, self.descriptions = self.depth, at, []
        elif name == _DESCRIPTION and self.rdf_depth and self.depth == self.rdf_depth + 1:
            self.description_start = at

    def end(self, name: str, at: int) -> None:
        if name == _RDF and self.depth == self.rdf_depth:
            is_empty = self._is_empty_tag(self.rdf_start, at)
            whole = Spot(self.rdf_start, at if is_empty else self._tag_end(at))
            self.found.append(Spots(whole, at, is_empty, self.descriptions))
            self.rdf_depth = 0
        elif name == _DESCRIPTION and self.rdf_depth and self.depth == self.rdf_depth + 1:
            start = self.description_start
            self.descriptions.append(Spot(start, at if self._is_empty_tag(start, at) else self._tag_end(at)))
        self.depth -= 1

    def _is_empty_tag(self, start: int, at: int) -> bool:
        """For <a/> expat reports the end right behind the tag, for <a></a> at the start of the closing tag."""
        return self.document[at - 2 : at] == b"/>" and self._tag_end(start) == at

    def _tag_end(self, at: int) -> int:
        """Behind the ">" of the tag at ``at``; a ">" inside quotes does not count."""
        quote = 0
        for index in range(at, len(self.document)):
            byte = self.document[index]
            if quote:
                quote = 0 if byte == quote else quote
            elif byte in b"\"'":
                quote = byte
            elif byte == 0x3E:
                return index + 1
        return len(self.document)
