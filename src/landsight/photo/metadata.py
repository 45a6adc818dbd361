"""What a photo file says about itself: EXIF and XMP of every container put together into Facts.

EXIF wins over XMP: it was written by the camera, XMP often by an editor later. XMP is parsed only when it can add something.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from landsight.errors import PhotoError
from landsight.photo import capture_time, gps, origin, tiff, xmp
from landsight.photo.bytesource import ByteSource, FileSource, MemorySource
from landsight.photo.containers import Blocks, find_blocks, join_extended_xmp
from landsight.photo.facts import CaptureTime, Facts, PhotoWarning, Position
from landsight.photo.gps import GpsReading
from landsight.photo.limits import Limits
from landsight.photo.orientation import read_orientation
from landsight.photo.sniff import SNIFF_BYTES, describe_unread, sniff
from landsight.photo.tiff import ExifTags


def facts_from_bytes(data: bytes, picture_format: str) -> Facts:
    """Facts of a whole file in memory; ``picture_format`` as photo.sniff names it. Never raises for broken metadata."""
    return _facts(MemorySource(data), picture_format)


def facts_of_file(path: Path | str, limits: Limits) -> Facts:
    """Facts of a file without reading its pixels: a JPEG costs its first 64 kB, other formats their headers.

    Raises: PhotoError unreadable (missing, no permission, not a regular file), too_many_bytes, not_a_photo.
    """
    try:
        # O_NONBLOCK: a pipe must be refused, not waited for.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        raise _unreadable(error) from None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise PhotoError("unreadable", "This is not a regular file.", "Give a photo file, or the folder that holds it.")
        if status.st_size > limits.max_bytes:
            raise PhotoError(
                "too_many_bytes", f"The file has {status.st_size} bytes; the limit is {limits.max_bytes}.", "Raise LANDSIGHT_MAX_BYTES."
            )
        source = FileSource(descriptor, status.st_size)
        picture_format = sniff(source.head[:SNIFF_BYTES])
        if picture_format is None:
            raise PhotoError(
                "not_a_photo",
                f"Not a picture that is read: {describe_unread(source.head[:SNIFF_BYTES])}.",
                "Formats are told by content, not by name.",
            )
        return _facts(source, picture_format)
    except OSError as error:
        raise _unreadable(error) from None
    finally:
        os.close(descriptor)


def combine(source: ByteSource, blocks: Blocks) -> Facts:
    """Facts out of the blocks found in ``source``."""
    damage = list(blocks.damage)
    tags = tiff.read_tags(blocks.exif) if blocks.exif is not None else ExifTags()
    packet = blocks.xmp
    if packet is None and blocks.exif is not None and tiff.XMP_PACKET in tags.ifd0:
        packet = _tiff_packet(blocks.exif, tags)
    properties, broken = _properties(source, blocks, packet, tags)
    damage += tags.damage
    warnings: list[PhotoWarning] = []
    if damage:
        warnings.append(PhotoWarning("metadata_damaged", f"Part of the metadata is damaged: {damage[0]}."))
    if broken:
        warnings.append(PhotoWarning("xmp_broken", f"XMP left aside: {broken}."))
    reading = _position(tags, properties, warnings)
    orientation, illegal = read_orientation(tags, properties)
    if illegal is not None:
        warnings.append(PhotoWarning("orientation_illegal", f"The orientation is {illegal}, which is none of 1 to 8; taken as 1."))
    camera = origin.camera(tags, properties)
    software = origin.software(tags, properties, blocks.software)
    return Facts(
        position=reading.position,
        gps_status=reading.status,
        gps_detail=reading.detail,
        captured=_captured(tags, properties, reading.position),
        camera=camera,
        software=software,
        orientation=orientation,
        is_screenshot=origin.is_screenshot(tags, properties, camera, software),
        is_scan=origin.is_scan(tags, camera, software),
        warnings=tuple(warnings),
    )


def _facts(source: ByteSource, picture_format: str) -> Facts:
    return combine(source, find_blocks(source, picture_format))


def _unreadable(error: Exception) -> PhotoError:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return PhotoError("unreadable", f"The file cannot be opened: {reason}.", "Check the path and its permissions.")


def _tiff_packet(source: ByteSource, tags: ExifTags) -> bytes | None:
    tag = tags.ifd0[tiff.XMP_PACKET]
    return source.read(tag.where, tag.length) if tag.type in (1, 2, 7) and 0 < tag.length <= xmp.MAX_PACKET_BYTES else None


def _properties(source: ByteSource, blocks: Blocks, packet: bytes | None, tags: ExifTags) -> tuple[xmp.Properties, str | None]:
    """XMP's properties, or nothing when the packet cannot add anything to what EXIF said."""
    if packet is None or not _adds_something(packet, tags):
        return {}, None
    read = xmp.parse(packet)
    if blocks.extended and (xmp.EXIF, "GPSLatitude") not in read.properties and tiff.LATITUDE not in tags.gps:
        extended = join_extended_xmp(source, blocks, packet)
        if extended is not None and b"GPS" in extended:
            return {**xmp.parse(extended).properties, **read.properties}, read.broken
    return read.properties, read.broken


def _adds_something(packet: bytes, tags: ExifTags) -> bool:
    """A search for bytes is a thousand times faster than parsing, and most packets repeat what EXIF says."""
    if b"\0" in packet[:8]:
        return True  # UTF-16
    return (
        any(mark in packet for mark in (b"GPSL", b"GpsL", b"HasExtendedXMP", b"<!DOCTYPE", b"creenshot"))
        or (tiff.ORIENTATION not in tags.ifd0 and b"Orientation" in packet)
        or (tiff.DATE_ORIGINAL not in tags.exif and b"Date" in packet)
        or (tiff.MODEL not in tags.ifd0 and b"Model" in packet)
        or (tiff.SOFTWARE not in tags.ifd0 and b"CreatorTool" in packet)
    )


def _position(tags: ExifTags, properties: xmp.Properties, warnings: list[PhotoWarning]) -> GpsReading:
    """EXIF's position, else XMP's; an EXIF position that cannot be used is warned of either way."""
    exif = gps.from_exif(tags)
    other = gps.from_xmp(properties, "xmp")
    for reading in (exif, other):
        if reading.status == "zeroed":
            warnings.append(PhotoWarning("gps_zero", reading.detail or ""))
        elif reading.status == "malformed":
            warnings.append(PhotoWarning("gps_malformed", reading.detail or ""))
    if exif.position is not None:
        if other.position is not None and gps.distance_m(exif.position, other.position) > gps.DISAGREE_M:
            apart = gps.distance_m(exif.position, other.position) / 1000
            warnings.append(PhotoWarning("gps_disagree", f"The positions in EXIF and XMP are {apart:.0f} km apart; EXIF's is given."))
        return exif
    if other.position is not None or (exif.status == "absent" and other.status != "absent"):
        return other
    return exif


def _captured(tags: ExifTags, properties: xmp.Properties, position: Position | None) -> CaptureTime | None:
    time = capture_time.from_exif(tags) or capture_time.from_xmp(properties)
    if time is not None:
        return time
    stamp = position.time_utc if position is not None and position.time_utc else capture_time.gps_time_utc(tags.gps)
    return capture_time.parse(stamp) if stamp else None
