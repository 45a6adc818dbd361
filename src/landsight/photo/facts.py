"""What a photo file says about itself: position, time, camera. Plain data, no decoding here."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

GpsStatus = Literal["present", "absent", "zeroed", "malformed"]
PositionSource = Literal["exif", "xmp", "sidecar"]


@dataclass(frozen=True, slots=True)
class PhotoWarning:
    """Something the user should know that did not stop the answer. ``code`` is stable (docs/errors.md)."""

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Position:
    """Where the camera stood, as the file says. Degrees WGS 84, metres, degrees clockwise from true north."""

    latitude: float
    longitude: float
    source: PositionSource
    altitude_m: float | None = None
    accuracy_m: float | None = None
    direction_deg: float | None = None
    time_utc: str | None = None


@dataclass(frozen=True, slots=True)
class CaptureTime:
    """``iso`` is ISO 8601, with an offset exactly when ``has_zone``."""

    iso: str
    has_zone: bool


@dataclass(frozen=True, slots=True)
class Facts:
    """What metadata says. ``gps_status`` tells why there is no position: absent, zeroed (0, 0) or malformed.

    ``orientation`` is EXIF's 1 to 8, what the file asks for (photo.read has already applied it to the pixels).
    """

    position: Position | None = None
    gps_status: GpsStatus = "absent"
    gps_detail: str | None = None
    captured: CaptureTime | None = None
    camera: str | None = None
    software: str | None = None
    orientation: int = 1
    is_screenshot: bool = False
    is_scan: bool = False
    warnings: tuple[PhotoWarning, ...] = field(default=())

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; the inverse of from_dict. Crosses the border of the guarded worker, so no pickle."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Facts:
        """Rebuild from to_dict's JSON."""
        data = dict(data)
        if data.get("position") is not None:
            data["position"] = Position(**data["position"])
        if data.get("captured") is not None:
            data["captured"] = CaptureTime(**data["captured"])
        data["warnings"] = tuple(PhotoWarning(**w) for w in data.get("warnings", ()))
        return cls(**data)
