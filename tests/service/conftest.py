"""The service with the shipped bundle, asked without a network between."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from landsight.service.app import create_app
from landsight.service.settings import Settings


@pytest.fixture(scope="session")
def client() -> Iterator[TestClient]:
    """Started once; tests must not change it. One runtime: after 200 photos the fastest is remembered, and would answer other digits."""
    with TestClient(create_app(Settings(workers=1, runtime="onnxruntime")), raise_server_exceptions=False) as made:
        yield made
