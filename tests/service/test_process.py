"""The service as a program: where it may listen, that it ends what it has begun, and that a new bundle takes over without a lost request."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import ExitStack
from pathlib import Path

import pytest

from landsight.bundle.load import load
from landsight.bundle.seal import seal
from landsight.errors import UsageError
from landsight.service.settings import Settings, check, is_loopback
from photos_drawn import jpeg
from serve_child import running


def located(address: str, photo: bytes) -> int:
    """The status of one photo posted."""
    request = urllib.request.Request(f"{address}/v1/locate", photo, {"Content-Type": "image/jpeg"})
    with urllib.request.urlopen(request, timeout=60) as reply:
        json.load(reply)
        return int(reply.status)


def test_other_machines_need_a_token() -> None:
    for host in ("0.0.0.0", "192.168.1.4", "::", "example.org"):
        with pytest.raises(UsageError, match="lets other machines in"):
            check(Settings(host=host))
        check(Settings(host=host, token="x"))
        check(Settings(host=host, open=True))
    assert is_loopback("127.0.0.1") and is_loopback("::1") and is_loopback("localhost")
    ran = subprocess.run(
        [sys.executable, "-m", "landsight", "serve", "--host", "0.0.0.0"], capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.returncode == 2 and "--token" in ran.stderr


def test_it_ends_what_it_has_begun() -> None:
    photo = jpeg(3000, 2000)
    head = (
        f"POST /v1/locate HTTP/1.1\r\nHost: x\r\nContent-Type: image/jpeg\r\nContent-Length: {len(photo)}\r\nExpect: 100-continue\r\n\r\n"
    )
    with running() as (program, address):
        host, _, port = address.removeprefix("http://").partition(":")
        with ExitStack() as stack:
            sockets = [stack.enter_context(socket.create_connection((host, int(port)), timeout=30)) for _ in range(6)]
            for one in sockets:
                one.sendall(head.encode())
                assert one.recv(100).startswith(b"HTTP/1.1 100"), "the service has not begun to read"
                one.sendall(photo[:1000])
            program.send_signal(signal.SIGTERM)
            time.sleep(0.3)
            for one in sockets:
                one.sendall(photo[1000:])
            assert [one.recv(100)[:12] for one in sockets] == [b"HTTP/1.1 200"] * 6
        program.wait(timeout=30)


def test_another_bundle_takes_over_without_a_lost_request(tmp_path: Path) -> None:
    first = load(None)
    shutil.copytree(first.root, tmp_path / "bundle")
    shutil.copytree(first.root, tmp_path / "next")
    manifest = load(tmp_path / "next").manifest
    seal(tmp_path / "next", type(manifest)(**{**{f: getattr(manifest, f) for f in manifest.__dataclass_fields__}, "name": "second"}))
    with running("--bundle", str(tmp_path / "bundle")) as (_, address):

        def name() -> str:
            with urllib.request.urlopen(f"{address}/v1/models", timeout=60) as reply:
                return str(json.load(reply)["models"][0]["bundle"])

        assert name() == first.manifest.name
        (tmp_path / "bundle").rename(tmp_path / "old")
        (tmp_path / "next").rename(tmp_path / "bundle")
        statuses, until = [], time.monotonic() + 20
        while name() != "second" and time.monotonic() < until:
            statuses.append(located(address, jpeg()))
        statuses.append(located(address, jpeg()))
        assert name() == "second" and set(statuses) == {200}
