"""What --write-sidecar puts beside a photo: the measured position with its names, and what is shown, marked as an estimate."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from landsight.cli.tally import SIDECAR_REFUSED
from landsight.errors import LandsightError

if TYPE_CHECKING:
    from landsight.cli.formats import Line
    from landsight.photo.sidecar_write import SidecarEntry
    from landsight.whereabouts.located import Located

#: Evidence that a device measured. Anything else is an estimate, and stays out of the camera's position.
_MEASURED = frozenset({"exif", "xmp", "sidecar"})


def write_for(located: Located) -> list[Line]:
    """Write the photo's sidecar when there is something to say. Returns the warnings of the line: none when all went well."""
    from landsight.photo.sidecar_write import write_sidecar

    entry = entry_for(located)
    if entry.camera is None and entry.shown is None:
        return []
    try:
        write_sidecar(Path(located.path), entry)
    except LandsightError as error:
        return [{"code": SIDECAR_REFUSED, "text": str(error)}]
    return []


def entry_for(located: Located) -> SidecarEntry:
    """What is known of the photo, in the sidecar's words. The camera's position only when it was measured, never from a landmark."""
    from landsight.photo.sidecar_write import SidecarEntry, SidecarPlace

    camera = shown = None
    if located.camera is not None and located.camera.source in _MEASURED:
        place = located.camera.place
        camera = SidecarPlace(
            source=located.camera.source,
            estimate=False,
            latitude=located.camera.latitude,
            longitude=located.camera.longitude,
            city=place.city if place else None,
            region=place.region if place else None,
            country=place.country if place else None,
            country_code=place.country_code if place else None,
            radius_m=located.camera.radius_m,
        )
    if located.shown is not None:
        shown = SidecarPlace(
            source="landmark",
            estimate=True,
            latitude=located.shown.latitude,
            longitude=located.shown.longitude,
            name=located.shown.name,
            city=located.shown.city,
            country=located.shown.country,
            country_code=located.shown.country_code,
            radius_m=located.shown.radius_m,
            probability=located.shown.probability,
        )
    return SidecarEntry(camera=camera, shown=shown)
