"""The worker that is started ahead: taken once, only for its own program, and gone when nobody wants it."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from landsight.errors import RuntimeUnavailable
from landsight.photo.limits import Limits
from landsight.runtime import launch
from landsight.runtime.stream import FACTS, Pool

from .test_stream import is_running


@pytest.fixture(autouse=True)
def _no_spare() -> Iterator[None]:
    yield
    while launch._spare:
        _end(launch._spare.pop())


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    with process:
        process.wait(timeout=10)


def test_the_spare_one_is_taken_once() -> None:
    launch.prestart()
    launch.prestart()
    (spare,) = launch._spare
    other = launch.started("rogue_worker")
    taken, new = launch.started(launch.WORKER), launch.started(launch.WORKER)
    try:
        assert taken is spare
        assert len({spare.pid, other.pid, new.pid}) == 3
    finally:
        for process in (taken, new, other):
            _end(process)


def test_a_pool_reads_with_it() -> None:
    launch.prestart()
    pid = launch._spare[0].pid
    with Pool(None, limits=Limits(), workers=1) as pool:
        assert pool.submit(b"no photo", FACTS).result(timeout=30).error is not None
        assert pool.worker_pids() == [pid]


def test_nobody_wants_it_and_it_ends_with_the_program() -> None:
    program = """
import time
from landsight.runtime import launch
launch.prestart()
time.sleep(1.5)
print(launch._spare[0].pid, launch._spare[0].poll())
"""
    ended = subprocess.run([sys.executable, "-W", "ignore", "-c", program], capture_output=True, text=True, timeout=30, check=True)
    pid, code = ended.stdout.split()
    assert code == "None"  # it waited, rather than failing at once
    deadline = time.monotonic() + 10
    while is_running(int(pid)):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_machine_that_cannot_start_one_says_so_later(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(module: str) -> subprocess.Popen[bytes]:
        raise BlockingIOError("too many processes")

    monkeypatch.setattr(launch, "_started", refused)
    launch.prestart()
    assert not launch._spare
    with Pool(None, limits=Limits(), workers=1) as pool, pytest.raises(RuntimeUnavailable, match="No process for reading photos"):
        pool.submit(b"no photo", FACTS).result(timeout=30)
