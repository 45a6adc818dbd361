"""Distance and bearing on the sphere."""

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


def bearing_deg(latitude_a: float, longitude_a: float, latitude_b: float, longitude_b: float) -> float:
    """Initial bearing from a to b, degrees clockwise from true north, 0 <= bearing < 360; 0 when the points are the same."""
    phi_a, phi_b = math.radians(latitude_a), math.radians(latitude_b)
    dlambda = math.radians(longitude_b - longitude_a)
    east = math.sin(dlambda) * math.cos(phi_b)
    north = math.cos(phi_a) * math.sin(phi_b) - math.sin(phi_a) * math.cos(phi_b) * math.cos(dlambda)
    bearing = math.degrees(math.atan2(east, north)) % 360.0
    return 0.0 if bearing == 360.0 else bearing  # a tiny negative angle rounds up to 360
