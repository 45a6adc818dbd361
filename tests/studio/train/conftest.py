"""Runs of these tests are about weights and files: looks take no time, nobody draws curves (train_child.lean)."""

from __future__ import annotations

import pytest

import train_child
from landsight.studio.train import keeper
from landsight.studio.train import run as running


@pytest.fixture(autouse=True)
def _lean(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper, "look", keeper.look)  # both restored afterwards
    monkeypatch.setattr(running, "followers", running.followers)
    train_child.lean()
