"""One piece of evidence for where a photo belongs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["gps", "sidecar", "track", "neighbour", "landmark", "enrolled"]


@dataclass(frozen=True, slots=True)
class Evidence:
    """Says where the camera stood (``of="camera"``) or what is shown (``of="shown"``). Degrees WGS 84, metres; confidence 0 to 1."""

    kind: Kind
    of: Literal["camera", "shown"]
    latitude: float
    longitude: float
    radius_m: float
    confidence: float
    source: str
    detail: str = ""
    when: str | None = None
