"""Every number of a recipe has a range, and NaN, infinities and the impossible are outside of all of them."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from typing import Any

import pytest

from landsight.errors import RecipeError
from landsight.studio.recipe import Recipe, flat, from_dict
from landsight.studio.recipe_ranges import RANGES, Range
from landsight.studio.typed_toml import toml_value


def _is_numeric(value: Any) -> bool:
    if isinstance(value, Mapping):
        return True
    return isinstance(value, int | float) and not isinstance(value, bool)


def test_every_number_has_a_range() -> None:
    numeric = {name for name, value in flat(Recipe()).items() if _is_numeric(value) and not name.startswith("input.")}
    assert numeric <= RANGES.keys()  # input's are Preparation's own
    assert RANGES.keys() <= flat(Recipe()).keys()


@pytest.mark.parametrize("name", [name for name, value in flat(Recipe()).items() if type(value) is float])
@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_no_field_takes_what_is_no_number(name: str, value: str) -> None:
    with pytest.raises(RecipeError, match=name) as caught:
        from_dict({}, [f"{name}={value}"])
    assert caught.value.code == "bad_value"


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("views.flip=1.5", r"in \[0, 1\]: received 1.5"),
        ("views.degrade_large_px=[90.0, 80.0]", "smaller to the larger"),
        ("views.scale=[0.0, 1.0]", "0.01"),
        ("train.losses={cross_entropy = -1.0}", "train.losses"),
        ("train.losses={cross_entropy = 0.0}", "none has a weight above 0"),
        ("train.batch=1000000000000000000000000", r"received 1e\+24"),
        ("schedule.stages=[[32, 1000000000]]", "schedule.stages"),
        ("data.duplicate_distance=1000", "duplicate_distance"),
        ("input.hide_px=0", "hide_px"),
        ('data.root="a\\u0000b"', "without NUL"),
    ],
)
def test_the_impossible_is_refused(setting: str, words: str) -> None:
    with pytest.raises(RecipeError, match=words):
        from_dict({}, [setting])


def test_a_path_that_is_no_text_is_refused() -> None:
    with pytest.raises(RecipeError, match="text in UTF-8"):
        from_dict({"data": {"root": "caf\udce9"}})


def test_open_ends() -> None:
    assert Range(0, 1, above=True, below=True).holds(0.5)
    assert not any(Range(0, 1, above=True, below=True).holds(n) for n in (0, 1, float("nan")))


def test_odd_keys_and_characters_come_back_from_toml() -> None:
    text = f"value = {toml_value({'a b': 'x' + chr(127)})}"
    assert tomllib.loads(text) == {"value": {"a b": "x\x7f"}}
