"""Slow, cut and lying requests: refused with a reason or dropped, and the service still answers."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
import time
import zipfile
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from PIL import Image
from starlette.testclient import TestClient

from landsight.service.app import create_app
from landsight.service.settings import Settings
from photos_drawn import jpeg

Receive = Callable[[], Awaitable[dict[str, Any]]]


async def posted(app: Any, receive: Receive, kind: bytes = b"image/jpeg") -> list[dict[str, Any]]:
    """What an application sends for a photo whose body ``receive`` gives."""
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    headers = [(b"content-type", kind), (b"host", b"x")]
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http", "path": "/v1/locate", "raw_path": b"/v1/locate",
        "query_string": b"", "root_path": "", "headers": headers, "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 2), "state": {},
    }  # fmt: skip
    await app(scope, receive, send)
    return sent


def test_a_slow_upload_is_ended_and_a_cut_one_harms_nobody() -> None:
    app = create_app(Settings(workers=1, upload_s=0.3))

    async def slow() -> dict[str, Any]:
        await asyncio.sleep(0.2)
        return {"type": "http.request", "body": b"\xff\xd8", "more_body": True}

    pieces = [{"type": "http.request", "body": b"\xff\xd8", "more_body": True}, {"type": "http.disconnect"}]

    async def cut() -> dict[str, Any]:
        return pieces.pop(0)

    async def both() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        async with app.router.lifespan_context(app):
            return await posted(app, slow), await posted(app, cut)

    slowly, cut_off = asyncio.run(both())
    assert slowly[0]["status"] == 408 and json.loads(slowly[1]["body"])["code"] == "too_slow_upload"
    assert cut_off[0]["status"] == 400 and json.loads(cut_off[1]["body"])["code"] == "cut_off"


def test_nobody_works_for_a_client_that_has_left() -> None:
    app = create_app(Settings(workers=1))
    photos = [jpeg(3000, 2000, seed=seed) for seed in range(8)]
    parts = [b'--b\r\nContent-Disposition: form-data; name="files"; filename="a.jpg"\r\n\r\n' + photo + b"\r\n" for photo in photos]
    pieces = [{"type": "http.request", "body": b"".join(parts) + b"--b--\r\n"}, {"type": "http.disconnect"}]

    async def leaves() -> dict[str, Any]:
        return pieces.pop(0)

    async def asked() -> tuple[list[dict[str, Any]], int, int]:
        async with app.router.lifespan_context(app):
            sent = await posted(app, leaves, b"multipart/form-data; boundary=b")
            return sent, app.state.station._serving.in_work, app.state.station._waiting

    began = time.monotonic()
    sent, in_work, waiting = asyncio.run(asked())
    assert (sent[0]["status"], in_work, waiting) == (400, 0, 0) and json.loads(sent[1]["body"])["code"] == "cut_off"
    assert time.monotonic() - began < 60


def bomb() -> bytes:
    """A zip of ten megabytes of nothing in a few kilobytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("a", b"\0" * 10_000_000)
    return out.getvalue()


def wide() -> bytes:
    """A PNG that is 10,000 pixels wide."""
    out = io.BytesIO()
    Image.new("L", (10_000, 8)).save(out, "PNG")
    return out.getvalue()


def huge() -> bytes:
    """A PNG that declares 40,000 x 40,000 pixels and has none of them."""
    content = bytearray(wide())
    content[16:24] = (40_000).to_bytes(4, "big") * 2
    return bytes(content)


@pytest.mark.parametrize(
    ("content", "statuses"),
    [
        (bomb(), {415}),
        (gzip.compress(jpeg()), {415}),
        (wide(), {200}),
        (huge(), {422}),
        (jpeg() + bomb(), {200}),
        (b"<svg onload='alert(1)'/>", {415}),
    ],
    ids=["zip bomb", "gzip", "wide", "huge", "photo with a tail", "svg"],
)
def test_content_decides_whatever_it_is_called(client: TestClient, content: bytes, statuses: set[int]) -> None:
    reply = client.post("/v1/locate", files={"files": ("holiday.jpg", content, "image/jpeg")})
    assert reply.status_code in statuses, reply.text


def test_fields_that_are_no_files_and_too_many_of_them(client: TestClient) -> None:
    assert client.post("/v1/locate", data={"files": "text"}, files={"other": b"x"}).json()["code"] == "no_files"
    many = [("files", (f"{i}.jpg", b"x")) for i in range(1001)]
    reply = client.post("/v1/locate", files=many)
    assert (reply.status_code, reply.json()["code"]) == (400, "bad_form")


def test_methods_and_paths_that_are_not_there(client: TestClient) -> None:
    assert client.get("/v1/locate").status_code in (404, 405)
    assert client.put("/v2/models/world110/infer").status_code == 405
    assert client.get("/%2e%2e/%2e%2e/etc/passwd").status_code == 404
