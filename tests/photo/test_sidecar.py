"""Sidecars: found, read, and written without losing a byte of anybody else's."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.photo.exif_blocks import app1_exif, exif_block, jpeg, packet

from landsight.errors import LandsightError, PhotoError
from landsight.photo import sidecar_write, xmp
from landsight.photo.facts import CaptureTime, Facts, Position
from landsight.photo.limits import Limits
from landsight.photo.sidecar import SidecarEntry, SidecarPlace, find, read_sidecar, with_sidecar, write_sidecar

WHEN = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
CAMERA = SidecarPlace("exif", False, -33.4518558, -70.6504661, city="Santiago & <b>", region="RM", country="Chile", country_code="CL")
SHOWN = SidecarPlace(
    "landmark", True, 48.8584, 2.2945, name='Tour "Eiffel" 塔', city="Paris", country="France", radius_m=150.0, probability=0.97
)
FULL = SidecarEntry(CAMERA, SHOWN, WHEN)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "IMG.jpg"
    path.write_bytes(jpeg(app1_exif(exif_block({}))))
    return path


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["IMG.xmp", "IMG.jpg.xmp"], "IMG.jpg.xmp"),
        (["IMG.xmp"], "IMG.xmp"),
        (["IMG.XMP"], "IMG.XMP"),
        (["IMG.jpg.XMP", "IMG.xmp"], "IMG.jpg.XMP"),
        (["OTHER.xmp", "IMG.png.xmp"], None),
    ],
)
def test_find(photo: Path, names: list[str], expected: str | None) -> None:
    for name in names:
        photo.with_name(name).touch()
    assert find(photo) == (photo.with_name(expected) if expected else None)
    assert find(photo.with_name("IMG.xmp")) is None
    assert find(Path()) is None


def test_read_apple_form_with_separate_references(photo: Path) -> None:
    path = photo.with_suffix(".xmp")
    path.write_bytes(
        packet(
            'exif:GPSLatitude="33.4518" exif:GPSLatitudeRef="S" exif:GPSLongitude="70.65" exif:GPSLongitudeRef="W"'
            ' exif:GPSHPositioningError="4" photoshop:DateCreated="2000-01-01T12:00:00+02:00" tiff:Model="X1"'
        )
    )
    facts = read_sidecar(path, Limits())
    assert facts.position == Position(-33.4518, -70.65, "sidecar", accuracy_m=4.0)
    assert facts.captured == CaptureTime("2000-01-01T12:00:00+02:00", True)
    assert facts.camera == "X1"


@pytest.mark.parametrize("content", [b"", b"no xml", b"\xff\xd8\xff\xe0", b"<a/>", b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'])
def test_read_what_is_no_xmp(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.xmp"
    path.write_bytes(content)
    facts = read_sidecar(path, Limits())
    assert (facts.position, [w.code for w in facts.warnings]) == (None, ["xmp_broken"])


def test_read_refuses_what_is_no_file_or_too_large(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.xmp")
    (tmp_path / "large.xmp").write_bytes(b" " * 200)
    for name, code in {"pipe.xmp": "unreadable", "missing.xmp": "unreadable", "large.xmp": "too_many_bytes"}.items():
        with pytest.raises(PhotoError) as caught:
            read_sidecar(tmp_path / name, Limits(max_bytes=100))
        assert caught.value.code == code


def test_with_sidecar_the_photo_comes_first(tmp_path: Path) -> None:
    path = tmp_path / "a.xmp"
    path.write_bytes(packet('exif:GPSLatitude="10,0N" exif:GPSLongitude="10,0E" tiff:Model="X1" tiff:Orientation="3"'))
    found = with_sidecar(Facts(), path)
    assert found.position == Position(10.0, 10.0, "sidecar")
    assert (found.gps_status, found.camera, found.orientation) == ("present", "X1", 1)
    own = Facts(position=Position(10.1, 10.0, "exif"), gps_status="present", camera="mine")
    found = with_sidecar(own, path)
    assert (found.position, found.camera) == (own.position, "mine")
    assert [w.code for w in found.warnings] == ["sidecar_differs"]
    assert with_sidecar(Facts(gps_status="zeroed"), path).position == Position(10.0, 10.0, "sidecar")


def test_write_and_read_back(photo: Path) -> None:
    before = photo.read_bytes()
    path = write_sidecar(photo, FULL)
    assert path == photo.with_name("IMG.jpg.xmp")
    position = read_sidecar(path, Limits()).position
    assert position is not None and position.source == "sidecar"
    assert (position.latitude, position.longitude) == pytest.approx((-33.4518558, -70.6504661), abs=1e-9)
    properties = xmp.parse(path.read_bytes()).properties
    assert properties[xmp.PHOTOSHOP, "City"] == "Santiago & <b>"
    assert (xmp.IPTC_EXT, "LocationShown") in properties and (xmp.IPTC_EXT, "LocationCreated") in properties
    written = path.read_text(encoding="utf-8")
    assert 'Tour "Eiffel" 塔' in written and "<landsight:Probability>0.9700</landsight:Probability>" in written
    assert photo.read_bytes() == before
    assert sorted(p.name for p in photo.parent.iterdir()) == ["IMG.jpg", "IMG.jpg.xmp"]


def test_what_is_shown_is_not_where_the_camera_stood(photo: Path) -> None:
    facts = read_sidecar(write_sidecar(photo, SidecarEntry(shown=SHOWN)), Limits())
    assert (facts.position, facts.gps_status, facts.warnings) == (None, "absent", ())


def test_an_estimate_is_marked_and_is_not_evidence(photo: Path) -> None:
    path = write_sidecar(photo, SidecarEntry(camera=replace(CAMERA, source="track", estimate=True), written=WHEN))
    assert (xmp.EXIF, "GPSLatitude") in xmp.parse(path.read_bytes()).properties
    facts = read_sidecar(path, Limits())
    assert (facts.position, [w.code for w in facts.warnings]) == (None, ["sidecar_estimate"])
    # Somebody puts the true position in its place, and leaves our mark behind: now it counts.
    path.write_bytes(path.read_bytes().replace(b'GPSLatitude="33,27', b'GPSLatitude="33,28'))
    position = read_sidecar(path, Limits()).position
    assert position is not None and position.latitude == pytest.approx(-33.4685225, abs=1e-6)


def test_a_second_run_gives_the_same_bytes_and_a_new_answer_replaces_only_ours(photo: Path) -> None:
    path = write_sidecar(photo, FULL)
    first, node = path.read_bytes(), path.stat().st_ino
    write_sidecar(photo, replace(FULL, written=datetime(2030, 1, 1, tzinfo=UTC)))
    assert (path.read_bytes(), path.stat().st_ino) == (first, node)
    write_sidecar(photo, SidecarEntry(CAMERA, replace(SHOWN, city="Lutetia"), WHEN))
    second = path.read_bytes()
    assert b"Lutetia" in second and b"Paris" not in second
    write_sidecar(photo, FULL)
    assert path.read_bytes() == first


def test_a_run_without_gps_keeps_the_position_measured_before_but_no_estimate(photo: Path) -> None:
    path = write_sidecar(photo, FULL)
    before = path.read_bytes()
    write_sidecar(photo, SidecarEntry(shown=SHOWN, written=WHEN))
    assert path.read_bytes() == before
    write_sidecar(photo, SidecarEntry(shown=replace(SHOWN, city="Lutetia"), written=WHEN))
    assert path.read_bytes() != before and b"Chile" in path.read_bytes()
    assert read_sidecar(path, Limits()).position is not None
    write_sidecar(photo, SidecarEntry(camera=replace(CAMERA, estimate=True), written=WHEN))
    write_sidecar(photo, SidecarEntry(shown=SHOWN, written=WHEN))
    assert b"Chile" not in path.read_bytes() and b"Paris" in path.read_bytes()


FOREIGN = packet(
    'photoshop:City="Mine" xmlns:dt="http://darktable.sf.net/" dt:history="8"',
    "<!-- kept --><dt:list><rdf:Seq><rdf:li>é > ü</rdf:li></rdf:Seq></dt:list>",
)


@pytest.mark.parametrize(
    "existing",
    [
        FOREIGN,
        b"\xef\xbb\xbf<?xpacket begin='' id='W5M0MpCehiHzreSzNTczkc9d'?>\r\n" + FOREIGN + b"\r\n<?xpacket end='w'?>   \n",
        b'<?xml version="1.0" encoding="UTF-8"?>' + FOREIGN.replace(b"rdf:", b"r:").replace(b"xmlns:rdf", b"xmlns:r"),
    ],
)
def test_merge_keeps_every_byte_of_others(photo: Path, existing: bytes) -> None:
    path = photo.with_name("IMG.xmp")
    path.write_bytes(existing)
    path.chmod(0o640)
    assert write_sidecar(photo, FULL) == path
    merged = path.read_bytes()
    at = next(i for i in range(len(existing)) if existing[: i + 1] != merged[: i + 1])
    assert merged.endswith(existing[at:])
    properties = xmp.parse(merged).properties
    assert properties[xmp.PHOTOSHOP, "City"] == "Mine"
    assert properties[xmp.PHOTOSHOP, "Country"] == "Chile"
    assert properties["http://darktable.sf.net/", "list"] == "é > ü"
    assert read_sidecar(path, Limits()).position is not None
    assert path.stat().st_mode & 0o777 == 0o640
    write_sidecar(photo, FULL)
    assert path.read_bytes() == merged


@pytest.mark.parametrize("empty", ["/>", "></r:RDF>", ">\n</r:RDF>"])
def test_an_empty_document_takes_the_block(photo: Path, empty: str) -> None:
    path = photo.with_name("IMG.xmp")
    path.write_text(f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><r:RDF xmlns:r="{xmp.RDF}" {empty}</x:xmpmeta>')
    write_sidecar(photo, FULL)
    assert read_sidecar(path, Limits()).position is not None


def test_never_over_a_position_that_is_there(photo: Path) -> None:
    path = photo.with_name("IMG.jpg.xmp")
    path.write_bytes(packet('exif:GPSLatitude="1,0N" exif:GPSLongitude="2,0E"'))
    write_sidecar(photo, FULL)
    written = path.read_text()
    assert written.count("exif:GPSLatitude=") == 1
    assert "Chile" not in written, "names of a place far from the position that is there"
    assert "Paris" in written
    assert read_sidecar(path, Limits()).position == Position(1.0, 2.0, "sidecar")


def test_a_block_that_somebody_changed_is_his(photo: Path) -> None:
    path = write_sidecar(photo, FULL)
    path.write_bytes(path.read_bytes().replace(b'photoshop:Country="Chile"', b'photoshop:Country="Mine"'))
    changed = path.read_bytes()
    write_sidecar(photo, SidecarEntry(replace(CAMERA, country="Other"), SHOWN, WHEN))
    assert path.read_bytes() == changed


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"a shopping list",
        b"<a/>",
        packet()[:-4],
        packet('exif:X="1"').decode().encode("utf-16"),
        b'<?xml version="1.0" encoding="ISO-8859-1"?>' + packet(),
        b'<!DOCTYPE a [<!ENTITY b "c">]>' + packet(),
        b" " * (xmp.MAX_PACKET_BYTES + 1),
    ],
    ids=["empty", "text", "other_xml", "cut", "utf16", "latin1", "dtd", "large"],
)
def test_what_is_not_xmp_is_refused_and_left(photo: Path, content: bytes) -> None:
    path = photo.with_name("IMG.xmp")
    path.write_bytes(content)
    with pytest.raises(LandsightError, match="No sidecar written") as caught:
        write_sidecar(photo, FULL)
    assert caught.value.code == "sidecar_refused"
    assert path.read_bytes() == content
    assert sorted(p.name for p in photo.parent.iterdir()) == ["IMG.jpg", "IMG.xmp"]


def test_a_sidecar_changed_meanwhile_is_refused_and_left(photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = photo.with_name("IMG.xmp")
    path.write_bytes(packet())
    merge = sidecar_write.merge

    def slow(document: bytes, entry: SidecarEntry, target: Path) -> bytes:
        path.write_bytes(FOREIGN)
        return merge(document, entry, target)

    monkeypatch.setattr(sidecar_write, "merge", slow)
    with pytest.raises(LandsightError, match="changed while"):
        write_sidecar(photo, FULL)
    assert path.read_bytes() == FOREIGN
    assert len(list(photo.parent.iterdir())) == 2


def test_links_missing_photos_and_empty_entries_are_refused(photo: Path) -> None:
    link = photo.with_name("link.jpg")
    link.symlink_to(photo)
    with pytest.raises(LandsightError, match="a link"):
        write_sidecar(link, FULL)
    with pytest.raises(LandsightError, match="not a regular file"):
        write_sidecar(photo.with_name("missing.jpg"), FULL)
    with pytest.raises(LandsightError, match="nothing to write"):
        write_sidecar(photo, SidecarEntry())
    photo.with_name("elsewhere").write_bytes(packet())
    photo.with_name("IMG.xmp").symlink_to(photo.with_name("elsewhere"))
    with pytest.raises(LandsightError, match="sidecar is a link"):
        write_sidecar(photo, FULL)
    assert photo.with_name("elsewhere").read_bytes() == packet()


@pytest.mark.parametrize("step", ["open", "fsync"])
def test_a_folder_or_disk_that_cannot_be_written_to(photo: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    # Tests may run as root, whom no permission stops: the refusal is played.
    path = photo.with_name("IMG.xmp")
    path.write_bytes(FOREIGN)

    def refuse(*_: object) -> int:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(sidecar_write.os, step, refuse)
    with pytest.raises(LandsightError, match="Read-only file system"):
        write_sidecar(photo, FULL)
    monkeypatch.undo()
    assert path.read_bytes() == FOREIGN
    assert len(list(photo.parent.iterdir())) == 2


@settings(deadline=None, max_examples=50)
@given(
    st.floats(-90, 90),
    st.floats(-180, 180),
    st.text(max_size=20),
    st.sampled_from([sidecar_write._EMPTY, FOREIGN]),
)
def test_any_names_and_positions_survive(latitude: float, longitude: float, name: str, document: bytes) -> None:
    entry = SidecarEntry(SidecarPlace(name or "x", False, latitude, longitude, country=name), replace(SHOWN, name=name), WHEN)
    merged = sidecar_write.merge(document, entry, Path("a.xmp"))
    assert sidecar_write.merge(merged, entry, Path("a.xmp")) == merged
    properties = xmp.parse(merged).properties
    from landsight.photo import gps

    reading = gps.from_xmp(properties, "sidecar")
    if reading.position is None:
        assert reading.status == "zeroed" and max(abs(latitude), abs(longitude)) < 2e-6
    else:
        assert (reading.position.latitude, reading.position.longitude) == pytest.approx((latitude, longitude), abs=1e-8)
    kept = sidecar_write._FORBIDDEN.sub("", name)
    if kept:
        assert properties[xmp.PHOTOSHOP, "Country"].split() == kept.split()
