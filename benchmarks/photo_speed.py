"""Side by side on the same files, cores and bundle: landsight light and fast, the straight pipeline, and the floor of decoding alone."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from common import SIDES, Figure, Ran, landsight_command, ratio, run, stop

from landsight.bundle.load import Bundle

FLOORS = ("threads", "processes")


@dataclass(frozen=True, slots=True)
class Target:
    """What a comparison has to reach; None: told only."""

    against_straight: float
    fast_to_floor: float | None = None
    light_to_floor: float | None = None


@dataclass(slots=True)
class Bench:
    """The sides over one set of files. ``folder`` is what landsight is given; ``files`` what the others are."""

    folder: Path
    files: Sequence[Path]
    bundle: Bundle
    scratch: Path
    threads: int
    layout_runs: int = 40
    layout: str = ""
    details: dict[str, Any] = field(default_factory=dict)

    def prepare(self) -> None:
        """Write the lists; let doctor measure as a user would; find the faster memory layout of the straight side."""
        (self.scratch / "files.txt").write_text("\n".join(map(str, self.files)), encoding="utf-8")
        (self.scratch / "preparation.json").write_text(json.dumps(self.bundle.manifest.input.to_dict()), encoding="utf-8")
        run(landsight_command("doctor", "--bundle", str(self.bundle.root)), env=self._cache("measured"))
        layouts = json.loads(self._straight("--layouts", "--runs", str(self.layout_runs)).stdout)
        self.layout = min(layouts, key=lambda name: layouts[name])
        timings = measured(self.scratch / "measured")
        self.details |= {
            "files": len(self.files),
            "megabytes": round(sum(path.stat().st_size for path in self.files) / 1e6, 1),
            "doctor_measured_pictures_per_s": {name: round(speed, 1) for name, speed in timings.items()},
            "straight_network_ms": {name: round(value, 2) for name, value in layouts.items()},
            "straight_layout": self.layout,
        }

    def sides(self) -> dict[str, Callable[[], Any]]:
        """Name -> what runs it once. "light measured" is there when doctor finds a faster precision than fp32 in ONNX Runtime."""
        found: dict[str, Callable[[], Any]] = {
            "straight": self.straight,
            "light": lambda: self.landsight("empty", "--runtime", "onnxruntime"),
            "fast": lambda: self.landsight("measured"),
        }
        own = [name for name in measured(self.scratch / "measured") if name.startswith("onnxruntime")]
        if own and own[0] != "onnxruntime fp32":
            found["light measured"] = lambda: self.landsight("measured", "--runtime", "onnxruntime")
        return found | {f"floor, {kind}": lambda kind=kind: self.floor(kind) for kind in FLOORS}

    def landsight(self, cache: str, *options: str) -> Ran:
        """The command as a user starts it, its lines to a file."""
        command = landsight_command("locate", str(self.folder), "--format", "jsonl", "--bundle", str(self.bundle.root), *options)
        ran = run(command, env=self._cache(cache), may_fail=True)
        if len(ran.stdout.splitlines()) != len(self.files):
            stop(f"landsight answered {len(ran.stdout.splitlines())} of {len(self.files)} files")
        return ran

    def straight(self) -> tuple[Ran, dict[str, Any]]:
        """The straight pipeline, and what it says about itself."""
        ran = self._straight("--list", str(self.scratch / "files.txt"), "--layout", self.layout)
        return ran, json.loads(ran.stdout)

    def floor(self, kind: str) -> tuple[Ran, dict[str, Any]]:
        """Decoding alone, and what it says about itself."""
        size = str(self.bundle.manifest.input.decode_px)
        command = [sys.executable, str(SIDES / "floor.py"), "--list", str(self.scratch / "files.txt"), "--min-px", size, "--with", kind]
        ran = run(command)
        return ran, json.loads(ran.stdout)

    def _straight(self, *arguments: str) -> Ran:
        model, preparation = str(self.bundle.model_path("fp32")), str(self.scratch / "preparation.json")
        side = [sys.executable, str(SIDES / "straight.py"), "--model", model, "--preparation", preparation, "--threads", str(self.threads)]
        # The straight side may use all cores in every library, whatever this shell says.
        return run([*side, *arguments], env={"OMP_NUM_THREADS": str(self.threads), "MKL_NUM_THREADS": str(self.threads)})

    def _cache(self, name: str) -> dict[str, str]:
        return {"LANDSIGHT_CACHE": str(self.scratch / name)}


def measured(cache: Path) -> dict[str, float]:
    """What doctor wrote into a cache folder: "runtime precision" -> pictures per second, fastest first."""
    timings = [timing for path in cache.glob("choices/*.json") for timing in json.loads(path.read_text(encoding="utf-8"))["timings"]]
    speeds = {f"{timing['runtime']} {timing['precision']}": float(timing["pictures_per_s"]) for timing in timings}
    return dict(sorted(speeds.items(), key=lambda item: -item[1]))


def figures(results: Mapping[str, list[Any]], target: Target, count: int) -> list[Figure]:
    """Ratios first, with their targets, then what each side took.

    Twice each: whole processes on both sides, as a user sees them, and, strictly, landsight's whole process against the others' loops
    alone, with their start, imports and loading of the model left out.
    """
    floor = min((results[f"floor, {kind}"] for kind in FLOORS), key=lambda rows: sorted(_loops(rows))[len(rows) // 2])
    rows: list[Figure] = []
    ours = [name for name in ("fast", "light", "light measured") if name in results]
    for name in ours:
        own = [ran.wall_s for ran in results[name]]
        rows += [
            Figure(f"straight / {name}, whole processes", "x", ratio(_walls(results["straight"]), own), target.against_straight, ">="),
            Figure(
                f"straight's loop / {name}'s whole process", "x", ratio(_loops(results["straight"]), own), target.against_straight, ">="
            ),
        ]
    for name in ours:
        own = [ran.wall_s for ran in results[name]]
        limit = target.fast_to_floor if name == "fast" else target.light_to_floor
        rows += [
            Figure(f"{name} / floor, whole processes", "x", ratio(own, _walls(floor)), limit),
            Figure(f"{name}'s whole process / floor's loop", "x", ratio(own, _loops(floor)), limit),
        ]
    for name in ours:
        rows.append(Figure(f"{name}, whole process", "ms a photo", [1000 * ran.wall_s / count for ran in results[name]]))
        rows.append(Figure(f"{name}, processor time", "ms a photo", [1000 * ran.cpu_s / count for ran in results[name]]))
    for name in ("straight", *(f"floor, {kind}" for kind in FLOORS)):
        rows.append(Figure(f"{name}, whole process", "ms a photo", [1000 * value / count for value in _walls(results[name])]))
        rows.append(Figure(f"{name}, loop alone", "ms a photo", [1000 * value / count for value in _loops(results[name])]))
    return rows


def details(results: Mapping[str, list[Any]], bundle: Bundle) -> dict[str, Any]:
    """Do the sides do the same work: how often the straight side names the same best label, and what the floor could not decode."""
    top1 = results["straight"][-1][1]["top1"]
    floor = results[f"floor, {FLOORS[0]}"][-1][1]
    same = {name: agreement(rows[-1].stdout, top1, bundle.manifest.labels) for name, rows in results.items() if isinstance(rows[-1], Ran)}
    return {
        "same_best_label_as_straight": same,
        "refused_by_straight": sum(index < 0 for index in top1),
        "refused_by_floor": floor["refused"],
        "peak_mb_largest_process": {name: round(max(_ran(row).peak_mb for row in rows), 1) for name, rows in results.items()},
    }


def agreement(lines: str, top1: Sequence[int], labels: Sequence[str]) -> float:
    """Share of photos, answered by both, whose first candidate is the same. Both are in the order of the files."""
    pairs = [
        (answer["candidates"][0]["class"], labels[index])
        for answer, index in zip(map(json.loads, lines.splitlines()), top1, strict=True)
        if answer["candidates"] and index >= 0
    ]
    return round(sum(a == b for a, b in pairs) / max(1, len(pairs)), 4)


def _ran(row: Any) -> Ran:
    ran: Ran = row if isinstance(row, Ran) else row[0]
    return ran


def _walls(rows: Sequence[Any]) -> list[float]:
    return [_ran(row).wall_s for row in rows]


def _loops(rows: Sequence[tuple[Ran, dict[str, Any]]]) -> list[float]:
    return [float(said["loop_s"]) for _, said in rows]


NOTES = (
    "All sides run on the same cores and find the files in the page cache; they take turns, every second round backwards.",
    "light: --runtime onnxruntime without a measurement (fp32). fast: openvino installed, what `landsight doctor` measured here.",
    "straight: Pillow full decode, exif_transpose, RGB, bicubic resize, torch fp32, one photo at a time, all cores in torch; the same "
    "weights with batch norms folded in, in the memory layout that was faster in this run.",
    "floor: file read and DCT-scaled simplejpeg decode in two workers, threads or processes, whichever was faster.",
)
