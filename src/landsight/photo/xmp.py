"""XMP packets: namespace-aware, bounded, without DTD, entities or anything from outside.

Reference: ISO 16684-1 (XMP data model and its RDF/XML forms).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

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

    from landsight.photo.rdf import Collector, TooDeepError

    collector = Collector()
    parser: Any = make_parser()
    parser.setFeature(feature_namespaces, True)
    parser.forbid_dtd = True
    parser.setContentHandler(collector)
    try:
        parser.feed(packet if b"\0" in packet[:4] else packet.strip(b"\0 \t\r\n"))  # NULs early on: UTF-16
        parser.close()
    except (DefusedXmlException, TooDeepError):
        return XmpRead(broken="the XMP holds a document type, entities, or nesting without end, which is never followed")
    except (SAXException, ValueError, LookupError):
        return XmpRead(broken="the XMP is not well-formed XML")
    return collector.read
