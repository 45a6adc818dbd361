"""XMP sidecars: found beside a photo and read. Writing them is sidecar_write's."""

from __future__ import annotations

import os
import stat
from dataclasses import replace
from pathlib import Path

from landsight.errors import PhotoError
from landsight.photo import capture_time, gps, origin, xmp
from landsight.photo.beside import candidate_names, find
from landsight.photo.bytesource import MemorySource
from landsight.photo.containers import find_exv_blocks, is_exv
from landsight.photo.facts import Facts, PhotoWarning
from landsight.photo.limits import Limits
from landsight.photo.metadata import combine
from landsight.photo.orientation import read_orientation
from landsight.photo.sidecar_write import SidecarEntry, SidecarPlace, write_sidecar
from landsight.photo.tiff import ExifTags

__all__ = ["SidecarEntry", "SidecarPlace", "candidate_names", "completed", "find", "read_sidecar", "with_sidecar", "write_sidecar"]


def read_sidecar(path: Path, limits: Limits) -> Facts:
    """Facts of a sidecar, its position with source "sidecar". Content that is no XMP gives empty Facts and a warning.

    A position that landsight wrote as an estimate is not evidence and is left out, with warning "sidecar_estimate".
    Raises: PhotoError unreadable, too_many_bytes.
    """
    data = read_regular(path, min(limits.max_bytes, xmp.MAX_PACKET_BYTES))
    if is_exv(data[:16]):
        source = MemorySource(data)
        return combine(source, find_exv_blocks(source))
    read = xmp.parse(data)
    warnings: list[PhotoWarning] = []
    if read.broken or not read.has_rdf:
        warnings.append(PhotoWarning("xmp_broken", f"Sidecar left aside: {read.broken or 'it holds no XMP'}."))
    properties = read.properties
    reading = gps.from_xmp(properties, "sidecar")
    if _is_own_estimate(properties):
        reading = gps.GpsReading("absent", detail="The sidecar's position is landsight's own estimate, which is not evidence.")
        warnings.append(PhotoWarning("sidecar_estimate", reading.detail or ""))
    if reading.status in ("zeroed", "malformed"):
        code = "gps_zero" if reading.status == "zeroed" else "gps_malformed"
        warnings.append(PhotoWarning(code, reading.detail or ""))
    orientation, illegal = read_orientation(None, properties)
    if illegal is not None:
        warnings.append(PhotoWarning("orientation_illegal", f"The orientation is {illegal}, which is none of 1 to 8; taken as 1."))
    nothing = ExifTags()
    return Facts(
        position=reading.position,
        gps_status=reading.status,
        gps_detail=reading.detail,
        captured=capture_time.from_xmp(properties),
        camera=origin.camera(nothing, properties),
        software=origin.software(nothing, properties, None),
        orientation=orientation,
        warnings=tuple(warnings),
    )


def with_sidecar(facts: Facts, sidecar: Path, limits: Limits | None = None) -> Facts:
    """The photo's facts, completed from its sidecar. Raises: PhotoError unreadable, too_many_bytes (of the sidecar)."""
    return completed(facts, read_sidecar(sidecar, limits or Limits.from_environment()))


def completed(facts: Facts, beside: Facts) -> Facts:
    """The photo's facts, completed from those of its sidecar: what the photo itself says comes first; a contradiction is a warning."""
    warnings = facts.warnings + beside.warnings
    own = facts.position
    if own is not None and beside.position is not None and (apart := gps.distance_m(own, beside.position)) > gps.DISAGREE_M:
        text = f"The sidecar's position lies {apart / 1000:.1f} km from the photo's own; the photo's own is given."
        warnings += (PhotoWarning("sidecar_differs", text),)
    if own is None and (beside.position is not None or facts.gps_status == "absent"):
        facts = replace(facts, position=beside.position, gps_status=beside.gps_status, gps_detail=beside.gps_detail or facts.gps_detail)
    return replace(facts, captured=facts.captured or beside.captured, camera=facts.camera or beside.camera, warnings=warnings)


def _is_own_estimate(properties: xmp.Properties) -> bool:
    """Our mark names the position it is about, so a position that somebody put in its place counts."""
    pair = " ".join(properties.get((xmp.EXIF, name), "?") for name in ("GPSLatitude", "GPSLongitude"))
    return properties.get((xmp.LANDSIGHT, "EstimatedPosition")) == pair


def read_regular(path: Path, max_bytes: int) -> bytes:
    """All bytes of a regular file. Raises: PhotoError unreadable, too_many_bytes."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        raise PhotoError("unreadable", f"The sidecar cannot be opened: {error}.", "Check its permissions.") from None
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise PhotoError("unreadable", "The sidecar is not a regular file.", "Move it away.")
        if status.st_size > max_bytes:
            raise PhotoError("too_many_bytes", f"The sidecar has {status.st_size} bytes; the limit is {max_bytes}.", "Is it a sidecar?")
        try:
            return file.read(max_bytes + 1)
        except OSError as error:
            raise PhotoError("unreadable", f"The sidecar cannot be read: {error.strerror}.", "Check the disk.") from None
