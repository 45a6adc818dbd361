"""What the benchmarks share: settings, timed programs, rounds, and one report: a table to read and a JSON to keep.

Nothing here knows what is measured. A result names the processor, cores and memory, never a path or a host.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from rich import box
from rich.console import Console
from rich.table import Table

from landsight.bundle.load import Bundle, load
from landsight.errors import LandsightError

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
SIDES = ROOT / "benchmarks" / "sides"
#: Every comparison runs on so many cores, the same ones for all sides.
CORES = 2
_PACKAGES = ("landsight", "numpy", "pillow", "simplejpeg", "onnxruntime", "openvino", "torch")


@dataclass(frozen=True, slots=True)
class Settings:
    """``quick``: a few files and two rounds, to see that a script works; nothing is written then."""

    rounds: int
    quick: bool
    bundle: Path | None
    data: Path


@dataclass(frozen=True, slots=True)
class Ran:
    """One finished program: wall and processor seconds of it and of all its children, largest memory of one of its
    processes (ru_maxrss, which Linux never counts below that of the program that started it)."""

    wall_s: float
    cpu_s: float
    peak_mb: float
    stdout: str


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured thing: a value for each round, and what it has to be (None: told for comparison)."""

    name: str
    unit: str
    rounds: Sequence[float]
    target: float | None = None
    sense: Literal["<=", ">="] = "<="

    @property
    def median(self) -> float:
        """Of the rounds."""
        return statistics.median(self.rounds)

    @property
    def met(self) -> bool | None:
        """Whether the median reaches the target; None without one."""
        if self.target is None:
            return None
        return self.median <= self.target if self.sense == "<=" else self.median >= self.target

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "name": self.name,
            "unit": self.unit,
            "median": _short(self.median),
            "low": _short(min(self.rounds)),
            "high": _short(max(self.rounds)),
            "rounds": [_short(value) for value in self.rounds],
            "target": None if self.target is None else f"{self.sense} {self.target:g}",
            "met": self.met,
        }


@dataclass(slots=True)
class Report:
    """Prints and keeps what one script measured."""

    name: str
    title: str
    settings: Settings
    bundle: Bundle | None = None
    notes: list[str] = field(default_factory=list)
    details: dict[str, Any] = field(default_factory=dict)
    started: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    load_average: float = field(default_factory=lambda: os.getloadavg()[0])

    def finish(self, figures: Sequence[Figure]) -> None:
        """The table on standard output; the JSON in benchmarks/results, except in quick mode."""
        console = Console(width=118, highlight=False)
        console.print(table_of(self.title, figures))
        for note in self.notes:
            console.print(f"- {note}", markup=False)
        if self.settings.quick:
            console.print("quick mode: few files, two rounds, nothing kept")
            return
        RESULTS.mkdir(parents=True, exist_ok=True)
        text = json.dumps(self.to_dict(figures), indent=1, ensure_ascii=False)
        (RESULTS / f"{self.name}.json").write_text(text + "\n", encoding="utf-8")
        console.print(f"kept in benchmarks/results/{self.name}.json")

    def to_dict(self, figures: Sequence[Figure]) -> dict[str, Any]:
        """The whole record."""
        return {
            "benchmark": self.name,
            "title": self.title,
            "date": self.started,
            "figures": [figure.to_dict() for figure in figures],
            "notes": self.notes,
            "details": self.details,
            "bundle": None if self.bundle is None else {"name": self.bundle.manifest.name, "sha256": self.bundle.bundle_hash},
            "commit": commit(),
            "machine": machine() | {"load_average_at_start": round(self.load_average, 2)},
            "versions": versions(),
        }


def table_of(title: str, figures: Iterable[Figure]) -> Table:
    """One row a figure: median, spread, target."""
    table = Table(title=title, box=box.SIMPLE, title_justify="left", title_style="bold")
    for column in ("measured", "median", "low .. high", "unit", "target", "met"):
        table.add_column(column, justify="left" if column in ("measured", "unit") else "right")
    for figure in figures:
        row = figure.to_dict()
        met = {True: "yes", False: "NO", None: ""}[figure.met]
        table.add_row(figure.name, f"{row['median']:g}", f"{row['low']:g} .. {row['high']:g}", figure.unit, row["target"] or "", met)
    return table


def settings(description: str, argv: Sequence[str] | None = None) -> Settings:
    """The options every script has. Ends the program with a sentence when LANDSIGHT_DATA is not set."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--rounds", type=int, default=5, help="rounds, in which all sides take turns (default 5)")
    parser.add_argument("--quick", action="store_true", help="few files, two rounds, nothing kept: only to see that it works")
    parser.add_argument("--bundle", type=Path, default=None, help="default: the shipped one")
    given = parser.parse_args(argv)
    data = os.environ.get("LANDSIGHT_DATA", "")
    if not data or not Path(data).is_dir():
        stop("this benchmark needs the photos that LANDSIGHT_DATA points to (see docs/data.md)")
    bundle = given.bundle.resolve() if given.bundle else None
    return Settings(2 if given.quick else max(1, given.rounds), given.quick, bundle, Path(data).resolve())


def open_bundle(chosen: Settings) -> Bundle:
    """The bundle of --bundle, or the shipped one; ends the program when it cannot be used."""
    try:
        return load(chosen.bundle)
    except LandsightError as error:
        stop(str(error))


def stop(sentence: str) -> Any:
    """End with a sentence and exit code 2: nothing was measured."""
    print(f"{Path(sys.argv[0]).name}: {sentence}", file=sys.stderr)
    raise SystemExit(2)


def use_same_cores() -> int:
    """Bind this program, and so everything it starts, to the first CORES of its cores. Returns how many those are."""
    cores = sorted(os.sched_getaffinity(0))[:CORES]
    os.sched_setaffinity(0, cores)
    return len(cores)


def landsight_command(*arguments: str) -> list[str]:
    """The installed command beside this Python, as a user starts it."""
    script = Path(sys.executable).with_name("landsight")
    return [str(script) if script.is_file() else sys.executable, *([] if script.is_file() else ["-m", "landsight"]), *arguments]


@contextmanager
def serving(bundle: Path, *options: str) -> Iterator[tuple[int, str]]:
    """`landsight serve` at a free port: its process and address. No engine is measured meanwhile."""
    command = landsight_command(
        "serve", "--port", "0", "--bundle", str(bundle), "--runtime", "onnxruntime", "--precision", "fp32", *options
    )
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as program:
        assert program.stderr is not None
        found = re.search(r"http://[^ ]+", program.stderr.readline())
        if found is None:
            program.kill()
            stop("the service did not start")
        try:
            yield program.pid, found[0]
        finally:
            program.send_signal(signal.SIGTERM)


def run(command: Sequence[str], *, env: Mapping[str, str] | None = None, may_fail: bool = False) -> Ran:
    """Run a program to its end. Ends the benchmark when it fails, unless ``may_fail`` (exit code 1: some files were no photos)."""
    # Files rather than pipes: nobody has to read while the clock runs.
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env={**os.environ, **(env or {})})
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        if process.returncode not in ((0, 1) if may_fail else (0,)):
            stop(f"{Path(command[0]).name} ended with {process.returncode}: {err.read()[-800:]}")
        return Ran(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, out.read())


def in_turns(sides: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, list[Any]]:
    """Call each side once a round, every second round in reverse order, so that a slow minute hits none alone."""
    results: dict[str, list[Any]] = {name: [] for name in sides}
    for number in range(rounds):
        for name in list(sides)[:: 1 if number % 2 == 0 else -1]:
            print(f"round {number + 1} of {rounds}: {name}", file=sys.stderr, flush=True)
            results[name].append(sides[name]())
    return results


def warm(paths: Iterable[Path]) -> int:
    """Read every file once, so that all sides find it in the page cache. Returns the bytes."""
    return sum(len(path.read_bytes()) for path in paths)


def ratio(above: Sequence[float], below: Sequence[float]) -> list[float]:
    """Round by round."""
    return [a / b for a, b in zip(above, below, strict=True)]


def machine() -> dict[str, Any]:
    """What it ran on. The cores are those in use, not all there are."""
    model = platform.processor() or platform.machine()
    memory_kb = 0
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), model)
        first = Path("/proc/meminfo").read_text(encoding="utf-8").splitlines()[0]
        memory_kb = int(first.split()[1])
    except (OSError, ValueError, IndexError):
        pass  # not Linux: the names above stand
    return {
        "processor": model,
        "cores_used": len(os.sched_getaffinity(0)),
        "memory_gb": round(memory_kb / 1024**2, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }


def versions() -> dict[str, str]:
    """Of the packages whose speed is in question."""
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "absent"
    return found


def commit() -> str:
    """Of the code; with "+" when src or benchmarks differ from it, results aside."""
    try:
        head = subprocess.run(["git", "rev-parse", "--short=12", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True)
        parts = ["src", "benchmarks", ":!benchmarks/results"]
        changed = subprocess.run(["git", "status", "--porcelain", "--", *parts], cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return head.stdout.strip() + ("+" if changed.stdout.strip() else "")


def _short(value: float) -> float:
    """Four digits that count."""
    return float(f"{value:.4g}")
