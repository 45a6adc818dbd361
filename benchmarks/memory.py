"""Peak memory of `landsight locate` at 10,000 photos beside that at 1,000: it must not grow with their number.

LANDSIGHT_DATA=... python benchmarks/memory.py [--quick] [--rounds 5] [--bundle DIR]
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from common import Figure, Report, in_turns, landsight_command, open_bundle, ratio, settings, stop, use_same_cores

SIZES, QUICK_SIZES = (1_000, 10_000), (40, 160)
GROWTH = 1.2
_EVERY_S = 0.1


@dataclass(frozen=True, slots=True)
class Peak:
    """``tree_mb``: largest sum of PSS over the program and all it started (shared pages counted once); ``parent_mb``: the kernel's own
    high-water mark (VmHWM) of the program alone, which no sample can miss. ru_maxrss would count the program that started it too."""

    tree_mb: float
    parent_mb: float
    samples: int
    wall_s: float


def main() -> None:
    """See the module."""
    chosen = settings(__doc__ or "")
    bundle = open_bundle(chosen)
    use_same_cores()
    sizes = QUICK_SIZES if chosen.quick else SIZES
    report = Report("memory", "peak memory of locate", chosen, bundle)
    with tempfile.TemporaryDirectory(prefix="landsight-bench-") as scratch:
        # Those with a position first: the tables of places must be in the memory of both sizes.
        small = sorted(path for path in (chosen.data / "landmarks" / "test").rglob("*") if path.is_file())
        photos = sorted((chosen.data / "camera").glob("*.jpg")) + small[: sizes[0]]
        folders = {size: linked(photos, Path(scratch), size) for size in sizes}
        empty = {"LANDSIGHT_CACHE": f"{scratch}/empty"}
        sides = {
            str(size): lambda folder=folder: peak_of(
                landsight_command("locate", str(folder), "-f", "jsonl", "-o", f"{scratch}/out.jsonl", "--bundle", str(bundle.root)), empty
            )
            for size, folder in folders.items()
        }
        results = in_turns(sides, chosen.rounds)
    report.details |= {
        "photos": list(sizes),
        "sampled_every_s": _EVERY_S,
        "samples": {name: [p.samples for p in rows] for name, rows in results.items()},
    }
    report.notes += [
        f"Photos of landmarks/test and the camera photos, linked under other names; all of them, {sizes[1]:,} beside {sizes[0]:,}.",
        "Whole process tree: proportional set size (PSS) of the program and its workers, summed, the largest sample of a run.",
        "The run measures engines after 200 photos, as it does for a user who has not called doctor.",
    ]
    report.finish(figures(results, sizes))


def linked(photos: Sequence[Path], scratch: Path, count: int) -> Path:
    """A folder of ``count`` regular files: each photo copied once for all folders, then linked. The camera photos are spread evenly."""
    store, folder = scratch / "store", scratch / f"photos_{count}"
    store.mkdir(exist_ok=True)
    folder.mkdir()
    for number in range(count):
        kept = store / f"{number % len(photos):05d}.jpg"
        if not kept.exists():
            shutil.copyfile(photos[number % len(photos)], kept)
        os.link(kept, folder / f"{number:06d}.jpg")
    return folder


def peak_of(command: Sequence[str], env: dict[str, str]) -> Peak:
    """Run a program, sampling the memory of its whole tree until it ends."""
    start = time.perf_counter()
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, **env}
    )
    most_kb = parent_kb = samples = 0
    while True:
        samples += 1
        most_kb = max(most_kb, sum(map(pss_kb, tree(process.pid))))
        parent_kb = max(parent_kb, kb_of(process.pid, "status", "VmHWM:"))
        if process.poll() is not None:
            break
        time.sleep(_EVERY_S)
    if process.returncode not in (0, 1):
        stop(f"landsight ended with {process.returncode}")
    return Peak(most_kb / 1024, parent_kb / 1024, samples, time.perf_counter() - start)


def tree(pid: int) -> list[int]:
    """A process and all below it."""
    found, waiting = [], [pid]
    while waiting:
        found.append(waiting.pop())
        for path in Path(f"/proc/{found[-1]}/task").glob("*/children"):
            try:
                waiting += [int(word) for word in path.read_text().split()]
            except OSError:
                continue  # it ended meanwhile
    return found


def pss_kb(pid: int) -> int:
    """Proportional set size of one process."""
    return kb_of(pid, "smaps_rollup", "Pss:")


def kb_of(pid: int, file: str, label: str) -> int:
    """A line such as "Pss:  700 kB" of a file in /proc; 0 for a process that has ended."""
    try:
        text = Path(f"/proc/{pid}/{file}").read_text(encoding="utf-8")
    except OSError:
        return 0
    return kb_in(text, label)


def kb_in(text: str, label: str) -> int:
    """The number behind a label; 0 when it is not there."""
    return next((int(line.split()[1]) for line in text.splitlines() if line.startswith(label)), 0)


def figures(results: dict[str, list[Peak]], sizes: Sequence[int]) -> list[Figure]:
    """Growth first, with its limit."""
    small, large = (results[str(size)] for size in sizes)
    name = f"{sizes[1]:,} photos / {sizes[0]:,} photos"
    rows = [
        Figure(f"{name}, all processes", "x", ratio([p.tree_mb for p in large], [p.tree_mb for p in small]), GROWTH),
        Figure(f"{name}, the program alone", "x", ratio([p.parent_mb for p in large], [p.parent_mb for p in small]), GROWTH),
    ]
    for size, peaks in zip(sizes, (small, large), strict=True):
        rows.append(Figure(f"{size:,} photos, all processes", "MB", [p.tree_mb for p in peaks]))
        rows.append(Figure(f"{size:,} photos, the program alone", "MB", [p.parent_mb for p in peaks]))
        rows.append(Figure(f"{size:,} photos", "s", [p.wall_s for p in peaks]))
    return rows


if __name__ == "__main__":
    main()
