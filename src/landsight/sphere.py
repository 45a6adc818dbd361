"""Distance on the sphere: the one formula that photo, places and whereabouts share. No NumPy, so that reading facts starts fast."""

from __future__ import annotations

import math

#: Mean radius of the Earth (IUGG). The sphere errs by at most 0.6 % against the ellipsoid, less than what distances are used for here.
EARTH_RADIUS_M = 6_371_008.8


def distance_m(latitude_a: float, longitude_a: float, latitude_b: float, longitude_b: float) -> float:
    """Great-circle distance in metres between two points in degrees (haversine, exact also for near and opposite points)."""
    phi_a, phi_b = math.radians(latitude_a), math.radians(latitude_b)
    half_dphi = (phi_b - phi_a) / 2
    half_dlambda = math.radians(longitude_b - longitude_a) / 2
    chord = math.sin(half_dphi) ** 2 + math.cos(phi_a) * math.cos(phi_b) * math.sin(half_dlambda) ** 2
    return 2 * EARTH_RADIUS_M * math.asin(math.sqrt(min(1.0, chord)))
