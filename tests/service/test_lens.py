"""The lens's routes: what a page, or a program, gets of the network that answers."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from starlette.testclient import TestClient

from landsight.service.app import create_app
from landsight.service.lens import Lens
from landsight.service.problems import ServiceError
from landsight.service.settings import Settings
from lens_factory import make_lens_bundle
from photos_drawn import jpeg

RAW = {"content-type": "application/octet-stream"}


@pytest.fixture(scope="module")
def lens(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    bundle = make_lens_bundle(tmp_path_factory.mktemp("lens") / "cnn", "cnn", 32)
    with TestClient(create_app(Settings(bundle=bundle.root, workers=1, runtime="onnxruntime")), raise_server_exceptions=False) as made:
        yield made


def test_from_a_photo_to_every_number(lens: TestClient) -> None:
    network = lens.get("/v1/lens").json()
    assert network["unfolded"] and network["layers"][0]["shape"] == [3, 32, 32] and network["names"][4] == "label 4"
    assert [one["arithmetic"] for one in network["layers"]].count("batch_norm") == 3
    photo = lens.get("/v1/lens/photo")
    assert photo.status_code == 200
    seen = lens.post("/v1/lens/look", content=photo.content, headers=RAW).json()
    prepared = base64.b64decode(seen["prepared"])
    assert len(prepared) == 32 * 32 * 3 and len(seen["layers"]) == len(network["layers"])
    last = network["layers"][-1]
    reply = lens.post("/v1/lens/tensors", params={"numbers": f"0,{last['number']}"}, content=prepared, headers=RAW)
    numbers = np.frombuffer(reply.content, "<f4")
    assert numbers.size == 3 * 32 * 32 + 5
    best = seen["answer"]["candidates"][0]
    assert numbers[-5:].max() == pytest.approx(best["probability"], abs=1e-5)
    assert numbers[-5:].sum() == pytest.approx(1, abs=1e-5)
    convolution = network["layers"][1]
    stored = np.frombuffer(lens.get("/v1/lens/weights/1").content, "<f4")
    assert stored.size == sum(int(np.prod(one["shape"])) for one in convolution["weights"]) == convolution["parameters"]


@pytest.mark.parametrize(
    ("method", "path", "content", "refused"),
    [
        ("POST", "/v1/lens/look", b"no photo", (415, "not_a_photo")),
        ("POST", "/v1/lens/look", b"", (415, "not_a_photo")),
        ("POST", "/v1/lens/tensors?numbers=1", b"short", (422, "bad_picture")),
        ("POST", "/v1/lens/tensors?numbers=1,99", bytes(3072), (404, "no_layer")),
        ("POST", "/v1/lens/tensors?numbers=1,1", bytes(3072), (422, "bad_parameter")),
        ("POST", "/v1/lens/tensors?numbers=-1", bytes(3072), (422, "bad_parameter")),
        ("POST", "/v1/lens/tensors?numbers=" + "1," * 16 + "1", bytes(3072), (422, "bad_parameter")),
        ("POST", "/v1/lens/tensors", bytes(3072), (422, "bad_parameter")),
        ("GET", "/v1/lens/weights/99", b"", (404, "no_layer")),
        ("GET", "/v1/lens/weights/x", b"", (422, "bad_parameter")),
    ],
)
def test_what_is_refused(lens: TestClient, method: str, path: str, content: bytes, refused: tuple[int, str]) -> None:
    reply = lens.request(method, path, content=content, headers=RAW)
    assert (reply.status_code, reply.json()["code"]) == refused
    assert lens.get("/health").status_code == 200


def test_numbers_that_nobody_reads_are_bounded() -> None:
    """A reply is held until its reader has it; beyond the bound the next is told to come back, and one alone never is."""
    inside = Lens()
    first = inside.reply(bytes(200_000_000))
    with pytest.raises(ServiceError, match="wait") as refused:
        inside.reply(bytes(100_000_000))
    assert refused.value.http_status == 503

    async def read() -> None:
        async def send(message: object) -> None:
            await asyncio.sleep(0)

        await first({"type": "http"}, None, send)  # type: ignore[arg-type]  # nothing is received

    asyncio.run(read())
    inside.reply(bytes(100_000_000))
    inside.close()


def test_a_bundle_without_a_trace_is_shown_as_it_runs(client: TestClient) -> None:
    """The shipped one: norms are in the convolutions."""
    network = client.get("/v1/lens").json()
    assert not network["unfolded"]
    assert {one["arithmetic"] for one in network["layers"]} >= {
        "convolution",
        "function",
        "add",
        "concatenate",
        "mean",
        "linear",
        "softmax",
    }
    seen = client.post("/v1/lens/look", content=jpeg(seed=1), headers=RAW).json()
    assert len(seen["layers"]) == len(network["layers"])


def test_the_token_guards_the_numbers_and_not_the_page(tmp_path: Path) -> None:
    bundle = make_lens_bundle(tmp_path / "cnn", "cnn", 32)
    with TestClient(create_app(Settings(bundle=bundle.root, workers=1, token="t"))) as made:
        assert made.get("/lens").status_code == 200
        for path in ("/v1/lens", "/v1/lens/photo", "/v1/lens/weights/1"):
            assert made.get(path).status_code == 401
            assert made.get(path, headers={"authorization": "Bearer t"}).status_code == 200
