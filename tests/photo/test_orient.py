"""The eight turns, on numbers that tell them apart."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from landsight.photo.orient import turn, turn_size
from picture_factory import STORED_AS

STORED = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)


def test_a_quarter_turn_by_hand() -> None:
    # Orientation 6: row 0 is the right side, column 0 the top: turn clockwise.
    assert turn(STORED, 6)[:, :, 0].tolist() == [[9, 0], [12, 3], [15, 6]]
    assert turn(STORED, 2)[:, :, 0].tolist() == [[6, 3, 0], [15, 12, 9]]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_turn_undoes_what_the_camera_did(orientation: int) -> None:
    upright = Image.fromarray(STORED)
    transposition = STORED_AS[orientation]
    as_stored = upright if transposition is None else upright.transpose(transposition)
    found = turn(np.asarray(as_stored), orientation)
    assert np.array_equal(found, STORED)
    assert found.flags["C_CONTIGUOUS"]
    assert turn_size(as_stored.size, orientation) == upright.size


@pytest.mark.parametrize("orientation", [0, 9, -1, 255])
def test_illegal_values_turn_nothing(orientation: int) -> None:
    assert turn(STORED, orientation) is STORED
    assert turn_size((3, 2), orientation) == (3, 2)
