"""XMP packets: namespace-aware, bounded, without DTD, entities or anything from outside.

Reference: ISO 16684-1 (XMP data model and its RDF/XML forms).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

RDF: Final = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
EXIF: Final = "http://ns.adobe.com/exif/1.0/"
TIFF: Final = "http://ns.adobe.com/tiff/1.0/"
XMP: Final = "http://ns.adobe.com/xap/1.0/"
PHOTOSHOP: Final = "http://ns.adobe.com/photoshop/1.0/"
IPTC_EXT: Final = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
NOTE: Final = "http://ns.adobe.com/xmp/note/"
DJI: Final = "http://www.dji.com/drone-dji/1.0/"
#: Our own: says which of a sidecar's positions are estimates.
LANDSIGHT: Final = "https://landsight.example/ns/1.0/"

MAX_PACKET_BYTES: Final = 4_000_000
MAX_DEPTH: Final = 64

Name = tuple[str, str]
Properties = dict[Name, str]


@dataclass(slots=True)
class XmpRead:
    """Top-level properties by (namespace URI, local name): the text, of a list its first item, of a structure "".

    ``broken`` says in plain words why a packet could not be read; its properties are then empty. ``about`` is rdf:about.
    """

    properties: Properties = field(default_factory=dict)
    broken: str | None = None
    about: str = ""
    has_rdf: bool = False


def parse(packet: bytes) -> XmpRead:
    """Read one XMP packet (UTF-8 or UTF-16; padding and NULs around it are fine). Never raises for its content."""
    if len(packet) > MAX_PACKET_BYTES:
        return XmpRead(broken=f"the XMP packet is larger than {MAX_PACKET_BYTES} bytes")
    # Imported here: most photos need no XMP at all, and a cold start pays for every import.
    from xml.sax import SAXException
    from xml.sax.handler import feature_namespaces

    from defusedxml import DefusedXmlException
    from defusedxml.sax import make_parser

    collector = _collector()
    parser: Any = make_parser()
    parser.setFeature(feature_namespaces, True)
    parser.forbid_dtd = True
    parser.setContentHandler(collector)
    try:
        parser.feed(packet if b"\0" in packet[:4] else packet.strip(b"\0 \t\r\n"))  # NULs early on: UTF-16
        parser.close()
    except (DefusedXmlException, _TooDeepError):
        return XmpRead(broken="the XMP holds a document type, entities, or nesting without end, which is never followed")
    except (SAXException, ValueError, LookupError):
        return XmpRead(broken="the XMP is not well-formed XML")
    read: XmpRead = collector.read
    return read


class _TooDeepError(Exception):
    """Nesting beyond MAX_DEPTH."""


def _collector() -> Any:
    from xml.sax.handler import ContentHandler

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
                raise _TooDeepError
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

    return Collector()
