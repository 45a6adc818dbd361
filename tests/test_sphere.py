"""Distances on the sphere, and that every part of the package measures by the same one."""

from __future__ import annotations

import numpy as np
import pytest

from landsight.photo import gps
from landsight.photo.facts import Position
from landsight.places.reverse import _distances_m
from landsight.sphere import distance_m


def test_distances_by_hand() -> None:
    # A degree of latitude is pi/180 * 6,371,008.8 m = 111,195.1 m.
    assert distance_m(0, 0, 1, 0) == pytest.approx(111_195.1, abs=0.1)
    assert distance_m(0, 179.5, 0, -179.5) == pytest.approx(111_195.1, abs=0.1)
    assert distance_m(90, 0, -90, 0) == pytest.approx(20_015_114.4, abs=1)
    assert distance_m(12.3, 45.6, 12.3, 45.6) == 0


def test_photo_and_places_measure_alike() -> None:
    rng = np.random.default_rng(5)
    points_ud = np.stack([rng.integers(-90_000_000, 90_000_000, 50), rng.integers(-180_000_000, 180_000_000, 50)]).astype(np.int32)
    here = Position(48.858370, 2.294481, "exif")
    each = [distance_m(here.latitude, here.longitude, lat * 1e-6, lon * 1e-6) for lat, lon in points_ud.T]
    assert _distances_m(here.latitude, here.longitude, *points_ud).tolist() == pytest.approx(each, rel=1e-9)
    assert [gps.distance_m(here, Position(lat * 1e-6, lon * 1e-6, "xmp")) for lat, lon in points_ud.T] == each
