"""Effective receptive fields: against counting where both must agree, sizes by hand, files as they are written."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from torch import nn

from landsight.errors import UsageError
from landsight.studio.describe_report import measure_fields, page, write_fields
from landsight.studio.describe_source import open_subject
from landsight.studio.effective_field import effective_field, measured


def ones(*layers: nn.Module) -> nn.Module:
    net = nn.Sequential(*layers)
    for p in net.parameters():
        nn.init.ones_(p)
    return net


def test_a_linear_network_of_ones_is_moved_as_often_as_pixels_are_used() -> None:
    """Two 3x3 on 9x9: the middle unit sees the 5x5 in the middle by [1,2,3,2,1] ways along each axis; the largest is set to 1."""
    field = effective_field(ones(nn.Conv2d(2, 3, 3, padding=1), nn.Conv2d(3, 1, 3, padding=1)), (2, 9, 9))
    expected = np.zeros((9, 9))
    ways = np.array([1, 2, 3, 2, 1])
    expected[2:7, 2:7] = np.outer(ways, ways) / 9
    assert np.allclose(field.heat, expected)
    # 25 pixels above 4.55 %: the least is 1 / 9.
    assert field.size == 5
    # Within 3x3 lie (2 + 3 + 2)^2 of (1 + 2 + 3 + 2 + 1)^2 = 49 / 81 = 60 %; within 1x1 only 9 / 81.
    assert (field.side_50, field.side_95) == (3, 5)


def test_sizes_of_a_map_of_zeros() -> None:
    assert measured(np.zeros((3, 3)), (1.0, 1.0)).size == 0


def test_dead_units_and_nets_without_a_map() -> None:
    with pytest.raises(UsageError, match="no map"):
        effective_field(nn.Sequential(nn.Flatten(), nn.Linear(16, 2)), (1, 4, 4))


def test_frozen_stages_let_gradients_through() -> None:
    subject = open_subject("cnn", image=(3, 32, 32), settings=("net.frozen_blocks=1", "net.pretrained=false"))
    fields = measure_fields(subject)
    assert set(fields.maps) == {"usage", "initialised"}
    assert 1 < fields.maps["initialised"].size <= float(fields.theory.size[0] or 0)


def test_gradients_stay_within_the_theoretical_field_and_pictures_replace_noise(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    for number in range(3):
        pixels = np.random.default_rng(number).integers(0, 256, (40, 50, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / "pictures" / f"{number}.png")
    subject = open_subject("cnn", image=(3, 48, 48), settings=("net.pretrained=false",))
    fields = measure_fields(subject, tmp_path / "pictures")
    used, moved = fields.maps["usage"].heat > 0, fields.maps["initialised"].heat > 0
    assert not (moved & ~used).any()
    assert fields.on.startswith("3 pictures of")
    files = write_fields(tmp_path / "erf", fields)
    assert sorted(p.name for p in files) == ["initialised.png", "receptive-field.json", "receptive-field.png", "usage.png"]
    for file in files[:-1]:
        with Image.open(file) as heat:
            assert heat.size[0] > 300
    assert json.loads((tmp_path / "erf" / "receptive-field.json").read_text())["usage"]["size"] > 3
    html = page(subject.description, fields)
    assert "What a unit sees" in html
    assert "http" not in html.replace("http-equiv", "")
    (tmp_path / "none").mkdir()
    with pytest.raises(UsageError, match="no readable picture"):
        measure_fields(subject, tmp_path / "none")
