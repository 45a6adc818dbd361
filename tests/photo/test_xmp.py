"""XMP packets of both RDF forms, and those made to hurt."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.photo.exif_blocks import packet

from landsight.photo import xmp


def test_attributes_and_elements_are_the_same() -> None:
    as_attribute = xmp.parse(packet('exif:GPSLatitude="48,51.5N"')).properties
    as_element = xmp.parse(packet("", "<exif:GPSLatitude> 48,51.5N\n</exif:GPSLatitude>")).properties
    assert as_attribute == as_element == {(xmp.EXIF, "GPSLatitude"): "48,51.5N"}


def test_namespaces_count_by_uri_not_by_prefix() -> None:
    renamed = packet('exif:GPSLatitude="1,0N"').replace(b"exif:", b"e:").replace(b"xmlns:exif", b"xmlns:e")
    foreign = packet('exif:GPSLatitude="1,0N"').replace(xmp.EXIF.encode(), b"http://example.org/")
    assert xmp.parse(renamed).properties == {(xmp.EXIF, "GPSLatitude"): "1,0N"}
    assert xmp.parse(foreign).properties == {("http://example.org/", "GPSLatitude"): "1,0N"}


def test_lists_give_their_first_item_and_structures_are_only_present() -> None:
    children = (
        "<exif:A><rdf:Seq><rdf:li>one</rdf:li><rdf:li>two</rdf:li></rdf:Seq></exif:A>"
        '<exif:B><rdf:Alt><rdf:li xml:lang="x-default">text</rdf:li></rdf:Alt></exif:B>'
        '<exif:C exif:Fired="True"/>'
        '<iptc:LocationShown><rdf:Bag><rdf:li rdf:parseType="Resource"><exif:GPSLatitude>9,0N</exif:GPSLatitude></rdf:li></rdf:Bag></iptc:LocationShown>'
        '<exif:D rdf:parseType="Resource"><exif:GPSLatitude>8,0N</exif:GPSLatitude></exif:D>'
        '<exif:E xml:lang="de">plain</exif:E>'
    )
    found = xmp.parse(packet("", children)).properties
    assert {name: value for (_, name), value in found.items()} == {
        "A": "one",
        "B": "text",
        "C": "",
        "LocationShown": "",
        "D": "",
        "E": "plain",
    }


def test_the_first_of_two_descriptions_wins() -> None:
    one = packet('exif:X="1"')
    two = one.replace(b"</rdf:RDF>", b'<rdf:Description xmlns:e="' + xmp.EXIF.encode() + b'" e:X="2" e:Y="3"/></rdf:RDF>')
    assert xmp.parse(two).properties == {(xmp.EXIF, "X"): "1", (xmp.EXIF, "Y"): "3"}


@pytest.mark.parametrize(
    "wrap", [lambda p: p + b"\0" * 100, lambda p: b"\xef\xbb\xbf" + p, lambda p: p.decode().encode("utf-16"), lambda p: b"\n " + p]
)
def test_padding_and_encodings(wrap: object) -> None:
    assert callable(wrap)
    assert xmp.parse(wrap(packet('exif:X="é"'))).properties == {(xmp.EXIF, "X"): "é"}


BOMB = (
    b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">' + b"".join(b'<!ENTITY %c "%s">' % (98 + i, b"&%c;" % (97 + i) * 10) for i in range(8)) + b"]>"
)


@pytest.mark.parametrize(
    "hostile",
    [
        BOMB + packet('exif:X="&h;"'),
        b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/hostname">]>' + packet("", "<exif:X>&e;</exif:X>"),
        b'<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd">' + packet(),
        b"<a>" * 100_000,
        packet("", "<exif:X>" * 1000 + "</exif:X>" * 1000),
        packet('exif:X="1"') + b" " * xmp.MAX_PACKET_BYTES,
        packet('exif:X="1"')[:-5],
        b"",
        b"\0\0\0",
        b"not xml",
        b'<?xml version="1.0" encoding="no-such"?><a/>',
    ],
    ids=["bomb", "external", "dtd", "deep", "deep_inside", "large", "cut", "empty", "nul", "text", "encoding"],
)
def test_hostile_packets_are_broken_and_fast(hostile: bytes) -> None:
    started = time.process_time()
    read = xmp.parse(hostile)
    assert read.broken and not read.properties
    assert time.process_time() - started < 1


@settings(deadline=5000, max_examples=150)
@given(st.binary(max_size=40), st.integers(0, 400), st.integers(0, 20))
def test_mutated_packets_never_raise(noise: bytes, at: int, removed: int) -> None:
    good = packet('exif:GPSLatitude="48,51.5N"', "<exif:A><rdf:Seq><rdf:li>one</rdf:li></rdf:Seq></exif:A>")
    read = xmp.parse(good[:at] + noise + good[at + removed :])
    assert all(isinstance(value, str) for value in read.properties.values())
