"""docs/nets.md names every network, choice and default that there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from landsight.errors import RecipeError
from landsight.photo.prepare import Preparation
from landsight.studio.nets import table
from landsight.studio.nets.initialise import INITS
from landsight.studio.nets.layers import ACTIVATIONS
from landsight.studio.recipe import NetRecipe

_PAGE = (Path(__file__).parents[3] / "docs" / "nets.md").read_text(encoding="utf-8")
#: The first row of the page that begins with a name.
_ROWS = {
    name: line for line in reversed(_PAGE.splitlines()) if line.startswith("| `") for name in re.findall(r"`([\w:]+)`", line.split("|")[1])
}


def test_every_network_has_a_row_with_its_own_choices() -> None:
    assert set(table.NETS) <= _ROWS.keys()
    everywhere = {"norm", "activation", "init", "width", "padding_mode", "depth", "block"}
    for name, options in table.OPTIONS.items():
        cells = _ROWS[name].split("|")
        assert set(re.findall(r"`(\w+)`", cells[6])) == set(options) - everywhere, name
        assert [bool(cells[4].strip()), bool(cells[5].strip())] == [
            name in options for name, options in (("depth", options), ("block", options))
        ]


def test_every_activation_and_start_is_named() -> None:
    for field, names in (("activation", ACTIVATIONS), ("init", INITS)):
        assert set(re.findall(r"`(\w+)`", _ROWS[field].split("|")[2])) == set(names)


def test_the_error_that_the_page_shows() -> None:
    with pytest.raises(RecipeError) as caught:
        table.build(NetRecipe(name="cnn", pretrained=False), 2, Preparation(7, 7))
    assert str(caught.value) in _PAGE
