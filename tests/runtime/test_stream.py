"""The guarded pool: whatever one photo does, the others are read, in order, and no process stays behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from landsight.errors import RuntimeUnavailable, UsageError
from landsight.photo.limits import Limits
from landsight.photo.prepare import Preparation
from landsight.runtime import lane
from landsight.runtime.stream import FACTS, Pool

PREPARATION = Preparation(8, 8)
QUICK = Limits(max_seconds=0.5, max_memory=600_000_000)
ROGUE = "rogue_worker"


@pytest.fixture
def pool() -> Iterator[Pool]:
    with Pool(PREPARATION, limits=QUICK, workers=2, worker_module=ROGUE) as pool:
        yield pool
        pids = pool.worker_pids()
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]


def photos(*names: str) -> list[Path]:
    return [Path("/photos") / name for name in names]


def codes(pool: Pool, names: list[str], wants: frozenset[str] | None = None) -> list[str | None]:
    items = list(pool.map(photos(*names), wants)) if wants else list(pool.map(photos(*names)))
    assert [item.name for item in items] == [f"/photos/{name}" for name in names]
    return [item.error.code if item.error else None for item in items]


def test_a_photo_that_kills_the_decoder_is_the_only_one_lost(pool: Pool) -> None:
    names = ["a", "b", "segfault.1", "c", "exit=3", "d", "segfault.2", "e", "raise", "f"]
    assert codes(pool, names) == [
        None,
        None,
        "decoder_crashed",
        None,
        "decoder_crashed",
        None,
        "decoder_crashed",
        None,
        "decoder_crashed",
        None,
    ]


def test_the_culprit_of_a_batch_is_found(pool: Pool) -> None:
    names = [f"f{i}" for i in range(200)]
    names[17], names[18], names[120], names[199] = "segfault.1", "segfault.2", "loop", "exit=0"
    expected: list[str | None] = [None] * 200
    expected[17], expected[18], expected[120], expected[199] = "decoder_crashed", "decoder_crashed", "too_slow", "decoder_crashed"
    assert codes(pool, names, FACTS) == expected


def test_limits_of_time_and_memory(pool: Pool) -> None:
    # Waiting costs no processor time: longer than the limit is no fault, six times the limit is a stall.
    names = ["loop", "sleep=600", "hog=100", "hog=900", "ok", "sleep=9000"]
    assert codes(pool, names) == ["too_slow", None, None, "too_much_memory", None, "too_slow"]


def test_memory_that_others_leaked_is_not_a_photos_fault() -> None:
    with Pool(PREPARATION, limits=replace(QUICK, max_seconds=5.0), workers=1, worker_module=ROGUE) as pool:
        assert codes(pool, ["leak=150", "hog=300", "hog=300", "leak=200", "hog=300", "hog=900"]) == [None] * 5 + ["too_much_memory"]


@pytest.mark.parametrize("kind", ["huge", "text", "nan", "list", "deep", "shape", "short", "latitude", "code", "empty"])
def test_an_illegal_reply_is_a_crash(pool: Pool, kind: str) -> None:
    assert codes(pool, ["a", f"lie={kind}", "b"]) == [None, "decoder_crashed", None]


def test_words_of_a_worker_cannot_steer_a_terminal(pool: Pool) -> None:
    item = pool.submit(photos("say=escape")[0]).result()
    assert item.error is not None
    assert item.error.reason == " [31mred   text"
    assert item.error.advice.encode("utf-8") == b"half  pair"


def test_a_fault_of_our_own_reaches_whoever_waits(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(lane, "checked", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            pool.submit(photos("a")[0]).result(timeout=20)
    assert pool.submit(photos("b")[0]).result(timeout=20).error is None


def test_kill_9_in_the_middle(pool: Pool) -> None:
    futures = [pool.submit(path) for path in photos("hold", "b", "c", "d")]
    os.kill(_holding(pool), signal.SIGKILL)
    found = [future.result(timeout=30).error for future in futures]
    assert found[0] is not None
    assert found[0].reason == "The decoder died (SIGKILL)."
    assert found[1:] == [None] * 3


def _holding(pool: Pool) -> int:
    """The process that is reading the photo "hold", once it does."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        for pid in pool.worker_pids():
            with contextlib.suppress(OSError):
                if Path(f"/proc/{pid}/comm").read_text() == "holding\n":
                    return pid
        time.sleep(0.01)
    raise AssertionError("no worker began to read")


def test_facts_stand_beside_an_error(pool: Pool) -> None:
    item = pool.submit(photos("damaged")[0]).result()
    assert item.error is not None
    assert (item.error.code, item.error.reason, item.error.advice) == ("damaged", "Only half is there.", "Look for a copy.")
    assert item.prepared is None
    assert item.facts.camera is not None
    assert item.facts.camera.startswith("damaged")


def test_sidecars_complete_and_never_hide(pool: Pool) -> None:
    (source,) = photos("a")
    with_position = pool.submit(source, FACTS, sidecar=Path("/photos/a.xmp")).result()
    assert with_position.facts.position is not None
    assert (with_position.facts.position.latitude, with_position.facts.position.source, with_position.facts.gps_status) == (
        1.0,
        "sidecar",
        "present",
    )
    assert with_position.facts.camera is not None
    assert with_position.facts.camera.startswith("a ")
    broken = pool.submit(source, FACTS, sidecar=Path("/photos/broken.xmp")).result()
    assert broken.error is None
    assert [w.code for w in broken.warnings] == ["sidecar_unreadable"]


def test_order_is_kept_whatever_each_takes(pool: Pool) -> None:
    delays = np.random.default_rng(5).integers(0, 30, 60)
    assert codes(pool, [f"sleep={d}.{i}" for i, d in enumerate(delays)]) == [None] * 60


def test_look_ahead_is_bounded_and_an_endless_source_is_fine(pool: Pool) -> None:
    taken = 0

    def endless() -> Iterator[Path]:
        nonlocal taken
        while True:
            taken += 1
            yield Path(f"/photos/{taken}")

    items = pool.map(endless(), ahead=7)
    for n in range(1, 40):
        next(items)
        assert taken == n + 6
    items.close()


def test_one_worker_and_many_give_the_same() -> None:
    names = [f"p{i}" for i in range(12)]
    runs = []
    for workers in (1, 3):
        with Pool(PREPARATION, limits=QUICK, workers=workers, worker_module=ROGUE) as pool:
            runs.append([item.prepared for item in pool.map(photos(*names))])
    for one, many in zip(*runs, strict=True):
        assert one is not None
        np.testing.assert_array_equal(one, many)


def test_bytes_are_photos_too(pool: Pool) -> None:
    small, large = b"x" * 10, b"y" * 3_000_000
    wants = frozenset({"facts", "prepared", "thumbnail"})
    items = [pool.submit(data, wants, thumbnail_px=20, name=f"upload {len(data)}") for data in (large, small, large)]
    for item, data in zip([future.result() for future in items], (large, small, large), strict=True):
        assert item.name == f"upload {len(data)}"
        assert item.facts.camera is not None
        assert item.facts.camera.startswith(f"{len(data)} ")
        assert item.prepared is not None
        assert item.prepared.shape == (8, 8, 3)
        assert item.thumbnail is not None
        assert item.thumbnail.startswith(b"\xff\xd8")
        assert item.size_px == (40, 30)


def test_a_thumbnail_does_not_change_what_the_network_sees(pool: Pool) -> None:
    (source,) = photos("same")
    alone = pool.submit(source).result().prepared
    beside = pool.submit(source, frozenset({"facts", "prepared", "thumbnail"}), thumbnail_px=16).result().prepared
    np.testing.assert_array_equal(alone, beside)


def test_what_decoders_print_or_write_goes_nowhere(pool: Pool, tmp_path: Path) -> None:
    names = [f"print.{i}" for i in range(3)] + ["interrupt"]
    assert codes(pool, names) == [None] * 4
    item = pool.submit(tmp_path / f"write.{tmp_path.name}").result()
    assert item.error is None
    assert [path.stat().st_size for path in tmp_path.iterdir()] in ([], [0])


def test_one_photo_starts_one_worker(pool: Pool) -> None:
    assert pool.worker_pids() == []
    pool.submit(photos("a")[0]).result()
    assert len(pool.worker_pids()) == 1
    for future in [pool.submit(path) for path in photos(*[f"sleep=50.{i}" for i in range(6)])]:
        future.result()
    assert len(pool.worker_pids()) == 2


def test_workers_are_renewed(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lane, "_RECYCLE_PHOTOS", 10)
    items = list(pool.map(photos(*[f"p{i}" for i in range(60)])))
    pids = {item.facts.camera.split()[1] for item in items if item.facts.camera}
    assert all(item.error is None for item in items)
    assert len(pids) >= 4


def test_closing_without_waiting_drops_what_is_left() -> None:
    pool = Pool(PREPARATION, limits=QUICK, workers=2, worker_module=ROGUE)
    futures = [pool.submit(path) for path in photos(*[f"sleep=1000.{i}" for i in range(20)])]
    while len(pool.worker_pids()) < 2:
        time.sleep(0.01)
    pids = pool.worker_pids()
    start = time.monotonic()
    pool.close(wait=False)
    assert time.monotonic() - start < 4  # waiting would take 10 s
    assert all(future.cancelled() or isinstance(future.exception(), CancelledError) for future in futures)
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]
    with pytest.raises(UsageError, match="closed"):
        pool.submit(Path("x"))


#: A shell that starts a program in the background has it ignore SIGINT; the program takes it up again, as the command line does.
PROGRAM = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from pathlib import Path
from landsight.runtime.stream import Pool
from landsight.photo.limits import Limits
from landsight.photo.prepare import Preparation
with Pool(Preparation(8, 8), limits=Limits(max_seconds=30), workers=2, worker_module="rogue_worker") as pool:
    futures = [pool.submit(Path(f"/photos/sleep=60000.{i}")) for i in range(9)]
    while len(pool.worker_pids()) < 2: pass
    print(*pool.worker_pids(), flush=True)
    futures[0].result()
"""


@pytest.mark.parametrize(("how", "returncode"), [(signal.SIGINT, -signal.SIGINT), (signal.SIGKILL, -signal.SIGKILL)])
def test_no_worker_outlives_the_program(how: signal.Signals, returncode: int) -> None:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
    ) as program:
        assert program.stdout is not None
        pids = [int(pid) for pid in program.stdout.readline().split()]
        assert len(pids) == 2
        program.send_signal(how)
        try:
            assert program.wait(timeout=10) == returncode
        finally:
            program.kill()
    deadline = time.monotonic() + 5
    while (alive := [pid for pid in pids if is_running(pid)]) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not alive


def is_running(pid: int) -> bool:
    """False for a process that is gone, or dead and only waits to be counted by whoever adopted it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_worker_that_cannot_start_is_said_once_and_plainly() -> None:
    with (
        Pool(None, workers=1, worker_module="no_such_module") as pool,
        pytest.raises(RuntimeUnavailable, match="No module named no_such_module"),
    ):
        pool.submit(Path("a"), FACTS).result(timeout=20)


def test_a_folder_of_photos_is_not_where_modules_come_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('owned')")
    monkeypatch.chdir(tmp_path)
    with Pool(None, workers=1, worker_module=ROGUE) as pool:
        assert pool.submit(Path("a"), FACTS).result().error is None


def test_impossible_wants_are_refused(pool: Pool) -> None:
    for wants, thumbnail_px in [(frozenset(), None), (frozenset({"pixels"}), None), (frozenset({"thumbnail"}), None), (FACTS, 100)]:
        with pytest.raises(UsageError, match="Impossible wants"):
            pool.submit(Path("a"), wants, thumbnail_px=thumbnail_px)
    with Pool(None) as without, pytest.raises(UsageError, match="no preparation"):
        without.submit(Path("a"))
    with pytest.raises(UsageError, match="at least one"):
        Pool(None, workers=0)


def test_names_of_any_bytes_reach_the_worker(pool: Pool) -> None:
    names = [os.fsdecode(b"caf\xe9\xff"), "ünïcödé", 'quo"te\n', "🗿"]
    for name in names:
        item = pool.submit(Path("/photos") / name, FACTS).result()
        assert item.error is None
        assert item.name == f"/photos/{name}"


def test_several_threads_may_submit(pool: Pool) -> None:
    found: list[int] = []

    def use(start: int) -> None:
        found.extend(item.error is None for item in pool.map(photos(*[f"{start}-{i}" for i in range(30)])))

    threads = [threading.Thread(target=use, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 120
