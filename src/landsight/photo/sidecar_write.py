"""Writing what was found into an XMP sidecar beside the photo, leaving every byte that is not ours as it was.

Our words stand in one rdf:Description of their own, found again by its landsight:Digest. An existing sidecar is not parsed and written
anew, which would lose comments, prefixes and order: the block is put in, or replaced, between bytes that stay.

References: XMP part 1 (rdf:Description may be repeated), IPTC Photo Metadata 2023.1 (LocationCreated, LocationShown).
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from landsight.errors import LandsightError
from landsight.photo import gps, xmp
from landsight.photo.facts import Position
from landsight.photo.xmp_splice import Spot, Spots, find_spots

_EMPTY: Final = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
    '<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="landsight">\n'
    f' <rdf:RDF xmlns:rdf="{xmp.RDF}">\n'
    " </rdf:RDF>\n"
    "</x:xmpmeta>\n"
    '<?xpacket end="w"?>\n'
).encode()
#: What XML 1.0 cannot hold.
_FORBIDDEN: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True, slots=True)
class SidecarPlace:
    """One place and how we know. Degrees WGS 84, metres, probability 0 to 1; what is None is not written.

    ``source``: the evidence ("exif", "landmark" ...). ``estimate``: True unless a device measured the position. ``name``: of the sight.
    """

    source: str
    estimate: bool
    latitude: float | None = None
    longitude: float | None = None
    name: str | None = None
    city: str | None = None
    region: str | None = None
    country: str | None = None
    country_code: str | None = None
    radius_m: float | None = None
    probability: float | None = None


@dataclass(frozen=True, slots=True)
class SidecarEntry:
    """What to write. ``camera``: where the camera stood; give it only when it is measured, or the user asked for estimates.

    ``shown``: what the picture shows. ``written``: when, default now.
    """

    camera: SidecarPlace | None = None
    shown: SidecarPlace | None = None
    written: datetime | None = None


def write_sidecar(photo_path: Path, entry: SidecarEntry) -> Path:
    """Write ``entry`` into the photo's sidecar: the one that is there, else a new IMG.jpg.xmp. Returns its path.

    Never touches the photo, nor a position or place name that another program wrote. Atomic; a second run with the same entry leaves
    the same bytes. Raises: LandsightError (sidecar_refused) for a photo that is a link, a folder that cannot be written to, a sidecar
    that is not XMP in UTF-8 or that changed while this ran; the sidecar is then as it was.
    """
    from landsight.photo.sidecar import find

    if entry.camera is None and entry.shown is None:
        raise _refused(photo_path, "there is nothing to write", "Give a camera position or what is shown.")
    if photo_path.is_symlink() or not photo_path.is_file():
        raise _refused(photo_path, "the photo is a link or not a regular file", "Name the photo itself.")
    existing = find(photo_path)
    target = existing or photo_path.with_name(photo_path.name + ".xmp")
    if target.is_symlink():
        raise _refused(target, "the sidecar is a link", "Name the photo whose sidecar it really is.")
    before = _read(target) if existing else None
    after = merge(before if before is not None else _EMPTY, entry, target)
    if after != before:
        _replace(target, before, after)
    return target


def merge(document: bytes, entry: SidecarEntry, target: Path) -> bytes:
    """``document`` with our block in it. Raises: LandsightError when it is not XMP that can be extended safely."""
    read = xmp.parse(document)
    if read.broken or not read.has_rdf or not _is_utf8(document):
        raise _refused(target, read.broken or "it holds no XMP in UTF-8", "Repair it or move it away.")
    ours = [spot for spot in _spots(document, target).descriptions if _is_ours(document[spot.start : spot.end])]
    foreign = xmp.parse(_without(document, ours)).properties
    kept = _measured_camera(document[ours[0].start : ours[0].end]) if ours and entry.camera is None else None
    block = _block(entry, foreign, read.about, kept)
    if block is None:
        return document
    if len(ours) == 1:
        start, end = ours[0].start, ours[0].end
        return document if _undated(document[start:end]) == _undated(block) else document[:start] + block + document[end:]
    document = _without(document, ours)
    spots = _spots(document, target)
    if spots.self_closed:
        opening = document[spots.rdf.start : spots.rdf.end].rstrip()[:-2].rstrip()
        closing = b"</" + opening[1:].split(None, 1)[0] + b">"
        return document[: spots.rdf.start] + opening + b">\n  " + block + b"\n" + closing + document[spots.rdf.end :]
    return document[: spots.insert] + b" " + block + b"\n " + document[spots.insert :]


@dataclass(frozen=True, slots=True)
class _Lines:
    """Lines of a block that speak of the camera, as they stand in it."""

    attributes: list[str]
    location: list[str]


def _measured_camera(block: bytes) -> _Lines | None:
    """What an untouched earlier block says of a measured camera position: a run with --no-gps must not lose it."""
    lines = block.decode("utf-8").split("\n")
    last = next(i for i, line in enumerate(lines[2:], start=2) if line.endswith(">"))
    attributes = [line.removesuffix(">") for line in lines[2 : last + 1] if line.startswith(("   exif:GPS", "   photoshop:"))]
    if not any("exif:GPS" in line for line in attributes) or any("landsight:EstimatedPosition" in line for line in lines[: last + 1]):
        return None
    first, end = "   <Iptc4xmpExt:LocationCreated>", "   </Iptc4xmpExt:LocationCreated>"
    return _Lines(attributes, lines[lines.index(first) : lines.index(end) + 1] if first in lines else [])


def _block(entry: SidecarEntry, foreign: xmp.Properties, about: str, kept: _Lines | None) -> bytes | None:
    """Our sealed rdf:Description. What others wrote already is left out of it; None when they wrote it all."""
    camera = None if _contradicts(entry.camera, foreign) else entry.camera
    attributes = kept.attributes if kept else [f"   {name}={_quoted(value)}" for name, value in _camera_attributes(camera, foreign)]
    locations = kept.location if kept else []
    for name, place in (("LocationCreated", camera), ("LocationShown", entry.shown)):
        if place is not None and (xmp.IPTC_EXT, name) not in foreign:
            locations = [*locations, *_location(name, place)]
    if not attributes and not locations:
        return None
    # Another program may have taken our block over and spread it; a property must not be there twice.
    is_first = (xmp.LANDSIGHT, "Written") not in foreign
    if is_first:
        written = (entry.written or datetime.now(UTC)).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        attributes = [f"   landsight:Written={_quoted(written)}", *attributes]
    lines = [
        f'<rdf:Description rdf:about={_quoted(about)} xmlns:rdf="{xmp.RDF}" xmlns:exif="{xmp.EXIF}" xmlns:photoshop="{xmp.PHOTOSHOP}"',
        f'   xmlns:Iptc4xmpExt="{xmp.IPTC_EXT}" xmlns:landsight="{xmp.LANDSIGHT}"',
        *attributes,
    ]
    lines[-1] += ">"
    block = "\n".join([*lines, *locations, "  </rdf:Description>"]).encode("utf-8")
    return _seal(block) if is_first else block


def _contradicts(camera: SidecarPlace | None, foreign: xmp.Properties) -> bool:
    """Somebody else's position is elsewhere: then nothing of ours is said about the camera."""
    theirs = gps.from_xmp(foreign, "sidecar").position
    if camera is None or camera.latitude is None or camera.longitude is None or theirs is None:
        return False
    return gps.distance_m(theirs, Position(camera.latitude, camera.longitude, "sidecar")) > gps.DISAGREE_M


def _spots(document: bytes, target: Path) -> Spots:
    spots = find_spots(document)
    if spots is None:
        raise _refused(target, "it does not hold exactly one rdf:RDF element", "Repair it or move it away.")
    return spots


def _is_utf8(document: bytes) -> bool:
    """Positions are counted in bytes and the block is UTF-8: other encodings are not extended."""
    declared = re.match(rb"(?:\xef\xbb\xbf)?\s*<\?xml[^>]*?encoding\s*=\s*[\"']([^\"']+)", document)
    if declared is not None and declared[1].lower() not in (b"utf-8", b"us-ascii"):
        return False
    return document[:2] not in (b"\xff\xfe", b"\xfe\xff")


def _camera_attributes(camera: SidecarPlace | None, foreign: xmp.Properties) -> Iterator[tuple[str, str]]:
    if camera is None:
        return
    has_position = any((xmp.EXIF, name) in foreign for name in ("GPSLatitude", "GPSLongitude"))
    if camera.latitude is not None and camera.longitude is not None and not has_position:
        position = _position_attributes(camera.latitude, camera.longitude)
        if camera.estimate:  # names the position it is about: see sidecar.read_sidecar
            yield "landsight:EstimatedPosition", " ".join(value for _, value in position)
        yield from position
    for name, value in (("City", camera.city), ("State", camera.region), ("Country", camera.country)):
        if value and (xmp.PHOTOSHOP, name) not in foreign:
            yield f"photoshop:{name}", value


def _location(name: str, place: SidecarPlace) -> Iterator[str]:
    """One IPTC location structure, in the bag that the standard asks for, with our marks of how it is known."""
    fields = [
        ("Iptc4xmpExt:City", place.city),
        ("Iptc4xmpExt:ProvinceState", place.region),
        ("Iptc4xmpExt:CountryName", place.country),
        ("Iptc4xmpExt:CountryCode", place.country_code),
        *(_position_attributes(place.latitude, place.longitude) if place.latitude is not None and place.longitude is not None else ()),
        ("landsight:Estimate", str(place.estimate)),
        ("landsight:Source", place.source),
        ("landsight:RadiusM", None if place.radius_m is None else f"{place.radius_m:.0f}"),
        ("landsight:Probability", None if place.probability is None else f"{place.probability:.4f}"),
    ]
    yield f"   <Iptc4xmpExt:{name}>"
    yield "    <rdf:Bag>"
    yield '     <rdf:li rdf:parseType="Resource">'
    if place.name:  # a language alternative in the standard
        alternative = f'<rdf:Alt><rdf:li xml:lang="x-default">{_escaped(place.name)}</rdf:li></rdf:Alt>'
        yield f"      <Iptc4xmpExt:LocationName>{alternative}</Iptc4xmpExt:LocationName>"
    yield from (f"      <{tag}>{_escaped(value)}</{tag}>" for tag, value in fields if value)
    yield "     </rdf:li>"
    yield "    </rdf:Bag>"
    yield f"   </Iptc4xmpExt:{name}>"


def _position_attributes(latitude: float, longitude: float) -> list[tuple[str, str]]:
    return [("exif:GPSLatitude", _coordinate(latitude, "NS")), ("exif:GPSLongitude", _coordinate(longitude, "EW"))]


def _coordinate(degrees: float, letters: str) -> str:
    """XMP's "48,51.5030000N": degrees and minutes; seven decimals of a minute are 0.2 mm."""
    minutes_e7 = round(abs(degrees) * 60 * 10**7)
    whole, rest = divmod(minutes_e7, 60 * 10**7)
    return f"{whole},{rest // 10**7}.{rest % 10**7:07d}{letters[degrees < 0]}"


def _escaped(text: str) -> str:
    return _FORBIDDEN.sub("", text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _quoted(text: str) -> str:
    """An attribute's value. Line ends would be read back as blanks; xml.sax.saxutils, which knows that too, imports urllib.request."""
    value = _escaped(text).replace('"', "&quot;")
    return '"' + value.replace("\n", "&#10;").replace("\r", "&#13;").replace("\t", "&#9;") + '"'


def _seal(block: bytes) -> bytes:
    """Put the digest of the rest in: whoever changes the block makes it his own, and it is then never replaced."""
    digest = hashlib.sha256(block).hexdigest()[:32].encode()
    return block.replace(b"\n   landsight:Written=", b'\n   landsight:Digest="' + digest + b'"\n   landsight:Written=', 1)


def _is_ours(block: bytes) -> bool:
    match = re.search(rb'\n   landsight:Digest="([0-9a-f]{32})"', block)
    return match is not None and hashlib.sha256(block[: match.start()] + block[match.end() :]).hexdigest()[:32].encode() == match[1]


def _undated(block: bytes) -> bytes:
    return re.sub(rb'\n   landsight:(?:Written|Digest)="[^"]*"', b"", block)


def _without(document: bytes, spots: list[Spot]) -> bytes:
    for spot in sorted(spots, key=lambda s: s.start, reverse=True):
        document = document[: spot.start] + document[spot.end :]
    return document


def _read(target: Path) -> bytes:
    try:
        if target.stat().st_size > xmp.MAX_PACKET_BYTES:
            raise _refused(target, f"it is larger than {xmp.MAX_PACKET_BYTES} bytes", "Is it a sidecar?")
        return target.read_bytes()
    except OSError as error:
        raise _refused(target, f"it cannot be read ({error.strerror})", "Check its permissions.") from None


def _replace(target: Path, before: bytes | None, after: bytes) -> None:
    """Write beside, flush to disk, look once more that nobody changed the target, then put it in place in one step."""
    temporary = target.with_name(f".landsight-{os.urandom(8).hex()}.tmp")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise _refused(target, f"its folder cannot be written to ({error.strerror})", "Check the folder's permissions.") from None
    try:
        with os.fdopen(descriptor, "wb") as file:
            if before is not None:
                os.fchmod(descriptor, stat.S_IMODE(target.stat().st_mode))
            file.write(after)
            file.flush()
            os.fsync(descriptor)
        if (target.read_bytes() if target.exists() else None) != before:
            raise _refused(target, "it was changed while landsight was at work", "Run again.")
        temporary.replace(target)
        _flush_folder(target.parent)
    except OSError as error:
        raise _refused(target, f"it cannot be written ({error.strerror})", "Check the disk and the folder's permissions.") from None
    finally:
        temporary.unlink(missing_ok=True)


def _flush_folder(folder: Path) -> None:
    """The new name survives a power cut too, on file systems that let folders be flushed."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with contextlib.suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _refused(path: Path, reason: str, advice: str) -> LandsightError:
    name = str(path).encode("utf-8", "backslashreplace").decode()
    return LandsightError("sidecar_refused", f"No sidecar written for {name}: {reason}.", advice)
