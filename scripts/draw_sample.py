"""Draw the sample that `make locate` shows: every outcome once, from pictures and metadata made here and nowhere else.

    python scripts/draw_sample.py sample/

The same files every time (with the same Pillow and NumPy). An existing folder is drawn over, other files in it are left alone.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from drawings import landmarks, scenes
from PIL import ExifTags, Image

LatLon = tuple[float, float]

SIDECAR = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about="" xmlns:exif="http://ns.adobe.com/exif/1.0/"
   exif:GPSLatitude="{latitude}" exif:GPSLongitude="{longitude}"/>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>
"""


@dataclass(frozen=True)
class Drawing:
    """One file of the sample. ``gps`` goes into its EXIF, ``sidecar`` into an XMP file beside it; ``keep`` cuts the file off."""

    name: str
    draw: Callable[[], Image.Image]
    gps: LatLon | None = None
    taken: str | None = None
    sidecar: LatLon | None = None
    keep: float = 1.0


SAMPLE: tuple[Drawing, ...] = (
    Drawing("tower.jpg", landmarks.eiffel_tower),
    Drawing("spring in Paris.jpg", landmarks.eiffel_tower, gps=(48.8556, 2.2986), taken="2024:04:17 09:41:00"),
    Drawing("poster on the wall.jpg", landmarks.eiffel_tower, gps=(38.7139, -9.1394), taken="2024:05:02 18:20:31"),
    Drawing("harbour.jpg", scenes.harbour, sidecar=(-33.0458, -71.6197)),
    Drawing("lake.jpg", scenes.lake),
    Drawing("breakfast.jpg", scenes.breakfast, gps=(-36.8485, 174.7633), taken="2023:12:24 08:05:12"),
    Drawing("flower.jpg", scenes.flower),
    Drawing("broken.jpg", scenes.street, keep=0.3),
)


def main() -> None:
    """Draw everything into the folder given."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder
    draw_sample(folder)
    print(f"{len(SAMPLE)} pictures drawn into {folder}")


def draw_sample(folder: Path) -> None:
    """Write the files of SAMPLE, and one that is no photo."""
    folder.mkdir(parents=True, exist_ok=True)
    for drawing in SAMPLE:
        data = encode(drawing.draw(), drawing)
        (folder / drawing.name).write_bytes(data[: round(len(data) * drawing.keep)])
        if drawing.sidecar is not None:
            latitude, longitude = drawing.sidecar
            text = SIDECAR.format(latitude=_xmp_degrees(latitude, "NS"), longitude=_xmp_degrees(longitude, "EW"))
            (folder / f"{drawing.name}.xmp").write_text(text, encoding="utf-8")
    (folder / "notes.txt").write_text("Not a photo: told by its content, and counted apart.\n", encoding="utf-8")


def encode(image: Image.Image, drawing: Drawing) -> bytes:
    """The picture as a file, with its metadata."""
    stream = io.BytesIO()
    if drawing.name.endswith(".png"):
        image.save(stream, "PNG", optimize=True)
    else:
        image.save(stream, "JPEG", quality=88, exif=_exif(drawing))
    return stream.getvalue()


def _exif(drawing: Drawing) -> Image.Exif:
    exif = Image.Exif()
    exif[ExifTags.Base.Software] = "landsight scripts/draw_sample.py"
    if drawing.taken is not None:
        exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = drawing.taken
    if drawing.gps is not None:
        latitude, longitude = drawing.gps
        gps = exif.get_ifd(ExifTags.IFD.GPSInfo)
        gps[ExifTags.GPS.GPSVersionID] = b"\x02\x03\x00\x00"
        gps[ExifTags.GPS.GPSLatitudeRef] = "N" if latitude >= 0 else "S"
        gps[ExifTags.GPS.GPSLatitude] = _degrees_minutes_seconds(latitude)
        gps[ExifTags.GPS.GPSLongitudeRef] = "E" if longitude >= 0 else "W"
        gps[ExifTags.GPS.GPSLongitude] = _degrees_minutes_seconds(longitude)
        gps[ExifTags.GPS.GPSMapDatum] = "WGS-84"
    return exif


def _degrees_minutes_seconds(degrees: float) -> tuple[float, float, float]:
    whole, rest = divmod(abs(degrees), 1)
    minutes, rest = divmod(rest * 60, 1)
    return whole, minutes, round(rest * 60, 4)


def _xmp_degrees(degrees: float, letters: str) -> str:
    """Degrees and decimal minutes with a letter, as the XMP specification has it: "33,2.748S"."""
    whole, rest = divmod(abs(degrees), 1)
    return f"{whole:.0f},{rest * 60:.5f}{letters[degrees < 0]}"


if __name__ == "__main__":
    main()
