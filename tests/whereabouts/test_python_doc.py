"""docs/python.md names every public name and every option, with its default."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import landsight
from landsight.answer.replay import TOLERANCES

TEXT = (Path(__file__).parents[2] / "docs" / "python.md").read_text(encoding="utf-8")


def test_every_public_name_is_documented() -> None:
    for name in set(landsight.__all__) - {"__version__"}:
        assert re.search(rf"`{name}\b", TEXT), name


def test_every_option_stands_with_its_default() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| `([^`]+)` \|", TEXT, re.MULTILINE))
    parameters = inspect.signature(landsight.Predictor).parameters
    assert rows == {name: repr(p.default).replace("'", '"') for name, p in parameters.items()}


def test_the_tolerances_are_those_of_the_code() -> None:
    words = " ".join(TEXT.split())
    assert f"{TOLERANCES['fp32']:.0e}".replace("e-0", "e-") + " in fp32" in words
    assert f"{TOLERANCES['bf16']} in bf16, {TOLERANCES['int8']} in int8" in words
