"""Fixtures shared by all tests."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

if not os.environ.get("CI"):  # there Hypothesis has such a profile of its own
    # Beside other work (tests run two at a time) an example may take its time; how long one takes is measured elsewhere.
    settings.register_profile("unhurried", deadline=None)
    settings.load_profile("unhurried")


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of real photos (LANDSIGHT_DATA). Absent: the test is skipped and says so; in CI that is a failure."""
    value = os.environ.get("LANDSIGHT_DATA")
    if value and Path(value).is_dir():
        return Path(value).resolve()
    message = "needs the photos that LANDSIGHT_DATA points to (see docs/data.md)"
    if os.environ.get("CI") == "true":
        pytest.fail(f"CI must not skip: {message}")
    pytest.skip(message)


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What a run measures must neither come from nor end in the cache of the person who runs the tests."""
    before = os.environ.get("LANDSIGHT_CACHE")
    os.environ["LANDSIGHT_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    yield
    os.environ.pop("LANDSIGHT_CACHE")
    if before is not None:
        os.environ["LANDSIGHT_CACHE"] = before


@pytest.fixture(scope="session", autouse=True)
def ctrl_c_is_heard() -> None:
    """A shell that starts pytest in the background has it ignore SIGINT; tests of Ctrl-C need it as it is in front of a person."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
