"""The worker that is started ahead: taken once, only for its own program, and gone when nobody wants it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from landsight.photo.limits import Limits
from landsight.runtime import launch
from landsight.runtime.stream import FACTS, Pool


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
    program = "from landsight.runtime import launch; launch.prestart(); print(launch._spare[0].pid)"
    ended = subprocess.run([sys.executable, "-W", "ignore", "-c", program], capture_output=True, text=True, timeout=30, check=True)
    pid = int(ended.stdout)
    for _ in range(200):
        found = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout.strip()
        if not found or found.startswith("Z"):
            return
        subprocess.run(["sleep", "0.05"], check=True)
    raise AssertionError(f"worker {pid} is still there: {found}")
