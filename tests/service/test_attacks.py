"""Over a real socket: uploads that crawl, end in the middle, lie about their length, or hide something large; and it goes on answering."""

from __future__ import annotations

import io
import json
import socket
import struct
import time
import urllib.request
import zlib
from collections.abc import Iterator

import pytest
from PIL import Image
from starlette.testclient import TestClient

from photos_drawn import jpeg
from serve_child import running

HEAD = "POST /v1/locate HTTP/1.1\r\nHost: x\r\nContent-Type: image/jpeg\r\n"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A service of its own."""
    with running() as (_, found):
        yield found


def connected(address: str) -> socket.socket:
    host, _, port = address.removeprefix("http://").partition(":")
    return socket.create_connection((host, int(port)), timeout=30)


def answered(address: str) -> dict[str, object]:
    """The line of an ordinary photo."""
    request = urllib.request.Request(f"{address}/v1/locate", jpeg(), {"Content-Type": "image/jpeg"})
    with urllib.request.urlopen(request, timeout=60) as reply:
        line: dict[str, object] = json.load(reply)["results"][0]
        return line


def test_connections_that_end_anywhere_leave_nothing_behind(address: str) -> None:
    photo = jpeg(1600, 1000)
    whole = (HEAD + f"Content-Length: {len(photo)}\r\n\r\n").encode() + photo
    for end in (0, 1, 20, len(HEAD) - 3, len(whole) - len(photo), len(whole) - 10, len(whole)):
        for _ in range(3):
            with connected(address) as one:
                one.sendall(whole[:end])
                if end % 2:  # reset instead of a clean end
                    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert answered(address)["outcome"] != "error"
    until = time.monotonic() + 20
    while in_work(address) and time.monotonic() < until:
        time.sleep(0.05)
    assert in_work(address) == 0


def in_work(address: str) -> float:
    with urllib.request.urlopen(f"{address}/metrics", timeout=30) as reply:
        text = reply.read().decode()
    return float(next(line for line in text.splitlines() if line.startswith("landsight_photos_in_work ")).split()[1])


def test_many_that_crawl_do_not_keep_others_waiting(address: str) -> None:
    crawling = [connected(address) for _ in range(60)]
    try:
        for one in crawling:
            one.sendall((HEAD + "Content-Length: 100000\r\n\r\n").encode() + b"\xff\xd8")
        began = time.monotonic()
        assert answered(address)["outcome"] != "error"
        assert time.monotonic() - began < 10
    finally:
        for one in crawling:
            one.close()


@pytest.mark.parametrize(
    "head",
    [
        "Content-Length: -5\r\n\r\n",
        "Content-Length: 5\r\nContent-Length: 50\r\n\r\nhello",
        "Content-Length: ten\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\nZZ\r\nhello\r\n",
        "X: " + "a" * 300_000,
        "Content-Type: image/png\r\nno colon\r\n\r\n",
    ],
    ids=["negative", "two lengths", "words", "chunks that are none", "endless header", "no header"],
)
def test_heads_that_lie(address: str, head: str) -> None:
    with connected(address) as one:
        one.sendall((HEAD + head).encode())
        assert one.recv(100)[:12] == b"HTTP/1.1 400"
    assert answered(address)["outcome"] != "error"


def test_a_length_beyond_the_limit_is_refused_before_it_comes(address: str) -> None:
    with connected(address) as one:
        one.sendall((HEAD + "Content-Length: 90000000000\r\n\r\n").encode() + b"\xff\xd8")
        reply = one.recv(2000)
        while piece := one.recv(2000):  # the head may come alone
            reply += piece
    assert reply[:12] == b"HTTP/1.1 413" and b"too_many_bytes" in reply


def chunk(kind: bytes, content: bytes) -> bytes:
    """Of a PNG."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def with_chunk(kind: bytes, head: bytes) -> bytes:
    """A PNG with a chunk that is 300 kB here and 300 MB unpacked."""
    out = io.BytesIO()
    Image.new("RGB", (64, 48), (10, 200, 30)).save(out, "PNG")
    plain, packer = out.getvalue(), zlib.compressobj(9)
    packed = b"".join([*(packer.compress(bytes(1_000_000)) for _ in range(300)), packer.flush()])
    return plain[:33] + chunk(kind, head + packed) + plain[33:]


def wide_jpeg() -> bytes:
    """A JPEG of 10,000 x 4,000 pixels."""
    out = io.BytesIO()
    Image.new("RGB", (10_000, 4_000), (90, 120, 200)).save(out, "JPEG", quality=30)
    return out.getvalue()


@pytest.mark.parametrize(
    "content",
    [with_chunk(b"zTXt", b"a\0\0"), with_chunk(b"iCCP", b"a\0\0"), with_chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0"), wide_jpeg()],
    ids=["packed text", "packed profile", "packed XMP", "10,000 pixels wide"],
)
def test_what_is_small_and_grows_is_answered_or_refused(client: TestClient, content: bytes) -> None:
    reply = client.post("/v1/locate?explain=true&thumbnail=256", files={"files": ("holiday.jpg", content)})
    assert reply.status_code in (200, 422), reply.text
    assert client.post("/v1/locate", files={"files": ("a.jpg", jpeg())}).status_code == 200


def test_a_thumbnail_carries_nothing_of_the_file(client: TestClient) -> None:
    """What stands in the metadata ends with the file: the page shows a picture that was drawn anew."""
    import base64

    exif = Image.Exif()
    exif[0x010E] = "<script>alert(1)</script>"
    reply = client.post("/v1/locate?thumbnail=64", files={"files": ("a.jpg", jpeg(exif=exif.tobytes()))})
    assert reply.headers["content-type"] == "application/json"
    small = base64.b64decode(reply.json()["results"][0]["thumbnail"].partition(",")[2])
    assert b"script" not in small and not Image.open(io.BytesIO(small)).getexif()


def test_answers_cannot_be_taken_for_a_page(client: TestClient) -> None:
    name = "<script>alert(1)</script>.jpg"
    for content in (jpeg(), b"<html>"):
        reply = client.post("/v1/locate", files={"files": (name, content)})
        assert "html" not in reply.headers["content-type"] and reply.headers["x-content-type-options"] == "nosniff"


def test_a_service_that_fails_says_no_more_than_that(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object, **__: object) -> None:
        raise RuntimeError("secret.jpg at 48.8583, 2.2945")

    monkeypatch.setattr(client.app.state.station, "locate", broken)  # type: ignore[attr-defined]
    reply = client.post("/v1/locate", files={"files": ("a.jpg", jpeg())})
    assert (reply.status_code, reply.json()["code"]) == (500, "internal") and "secret" not in reply.text
