"""Limits come from defaults and the environment; nonsense is refused."""

from __future__ import annotations

import pytest

from landsight.errors import UsageError
from landsight.photo.limits import Limits


def test_defaults_are_the_contract() -> None:
    assert Limits() == Limits(max_bytes=200_000_000, max_pixels=179_000_000, max_seconds=5.0, max_memory=1_000_000_000)


def test_environment_overrides_each() -> None:
    found = Limits.from_environment(
        {"LANDSIGHT_MAX_BYTES": "1000", "LANDSIGHT_MAX_PIXELS": "2e6", "LANDSIGHT_MAX_SECONDS": "0.5", "LANDSIGHT_MAX_MEMORY": "3000"}
    )
    assert found == Limits(max_bytes=1000, max_pixels=2_000_000, max_seconds=0.5, max_memory=3000)
    assert isinstance(found.max_pixels, int)


def test_other_variables_are_left_alone() -> None:
    assert Limits.from_environment({"MAX_BYTES": "1", "LANDSIGHT_OTHER": "x"}) == Limits()


@pytest.mark.parametrize("text", ["", "many", "0", "0.5", "-0.5", "-5", "nan", "inf"])
def test_nonsense_is_refused_and_named(text: str) -> None:
    with pytest.raises(UsageError, match="LANDSIGHT_MAX_BYTES"):
        Limits.from_environment({"LANDSIGHT_MAX_BYTES": text})
