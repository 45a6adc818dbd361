"""Positions only: `landsight locate --only-gps` beside ExifTool in its fastest batch mode, over the same files.

LANDSIGHT_DATA=... python benchmarks/only_gps.py [--quick] [--rounds 5]        needs ExifTool: apt-get install libimage-exiftool-perl
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from common import Figure, Ran, Report, in_turns, landsight_command, ratio, run, settings, stop, use_same_cores, warm

FILES, QUICK_FILES = 2_000, 200
FASTER = 3.0
_TAGS = ("-fast2", "-n", "-q", "-GPSLatitude", "-GPSLongitude")
#: ExifTool's ways of writing what it read of many files in one process. -fast2 is the fastest level that reads positions at all.
EXIFTOOL_MODES = {"csv": ("-csv",), "table": ("-T", "-filename"), "json": ("-j",)}


def main() -> None:
    """See the module."""
    if shutil.which("exiftool") is None:
        stop("ExifTool is not installed. On Debian and Ubuntu: apt-get install libimage-exiftool-perl; else https://exiftool.org")
    chosen = settings(__doc__ or "")
    use_same_cores()
    report = Report("only_gps", "positions only, beside ExifTool", chosen)
    with tempfile.TemporaryDirectory(prefix="landsight-bench-") as scratch:
        folder = Path(scratch) / "photos"
        files = repeated(sources(chosen.data), folder, QUICK_FILES if chosen.quick else FILES)
        warm(files)
        sides = sides_of(folder, files, Path(scratch))
        for side in sides.values():
            side()
        results = in_turns(sides, chosen.rounds)
    report.details |= {
        "files": len(files),
        "exiftool": run(["exiftool", "-ver"]).stdout.strip(),
        "positions": {
            "landsight": positions_of_landsight(results["landsight"][-1].stdout),
            "exiftool": positions_of_exiftool(results["exiftool, json"][-1].stdout),
        },
    }
    report.notes += [
        "The originals of photos_exif and camera under other names, sidecars left out, until there are enough; page cache warm.",
        f"ExifTool: one process, a list of files, {' '.join(_TAGS)}, in three forms of output; the fastest is compared.",
        "landsight also names country and city of every position and writes the whole line; ExifTool writes two numbers.",
        "Two ExifTool processes with half of the list each are no mode of ExifTool, and told only for comparison.",
    ]
    report.finish(figures(results, len(files)))


def sources(data: Path) -> list[Path]:
    """Photos with their original metadata; what lies beside them (lists, sidecars) is left out."""
    others = {".csv", ".md", ".xmp"}
    return [path for part in ("photos_exif", "camera") for path in sorted((data / part).iterdir()) if path.suffix.lower() not in others]


def repeated(photos: Sequence[Path], folder: Path, count: int) -> list[Path]:
    """``count`` files: each photo copied once, and then the copies linked, so that the page cache holds all of them."""
    folder.mkdir()
    files = [folder / f"{number:05d}_{photos[number % len(photos)].name}" for number in range(count)]
    for number, file in enumerate(files):
        if number < len(photos):
            shutil.copyfile(photos[number], file)
        else:
            os.link(files[number % len(photos)], file)
    return files


def sides_of(folder: Path, files: Sequence[Path], scratch: Path) -> dict[str, Callable[[], Any]]:
    """Name -> what runs it once."""
    halves = [scratch / "all.txt", scratch / "even.txt", scratch / "odd.txt"]
    for path, part in zip(halves, (files, files[::2], files[1::2]), strict=True):
        path.write_text("\n".join(map(str, part)) + "\n", encoding="utf-8")
    tags = " ".join((*_TAGS, *EXIFTOOL_MODES["csv"]))
    twice = f"exiftool {tags} -@ '{halves[1]}' > '{scratch}/1.csv' & exiftool {tags} -@ '{halves[2]}' > '{scratch}/2.csv'; wait"

    def exiftool(*mode: str) -> Callable[[], Ran]:
        return lambda: run(["exiftool", *_TAGS, *mode, "-@", str(halves[0])], may_fail=True)

    def landsight() -> Ran:
        return run(landsight_command("locate", str(folder), "--only-gps", "--format", "jsonl"), may_fail=True)

    return {
        "landsight": landsight,
        **{f"exiftool, {name}": exiftool(*mode) for name, mode in EXIFTOOL_MODES.items()},
        "two exiftools, csv": lambda: run(["bash", "-c", twice], may_fail=True),
    }


def figures(results: dict[str, list[Ran]], count: int) -> list[Figure]:
    """The ratio to the fastest form of ExifTool's, then what each took."""
    walls = {name: [ran.wall_s for ran in rows] for name, rows in results.items()}
    modes = [name for name in walls if name.startswith("exiftool, ")]
    best = min(modes, key=lambda name: sorted(walls[name])[len(walls[name]) // 2])
    rows = [Figure(f"{best} / landsight, whole processes", "x", ratio(walls[best], walls["landsight"]), FASTER, ">=")]
    if "two exiftools, csv" in walls:
        rows.append(Figure("two exiftools side by side / landsight", "x", ratio(walls["two exiftools, csv"], walls["landsight"])))
    return rows + [Figure(name, "ms a file", [1000 * value / count for value in values]) for name, values in walls.items()]


def positions_of_landsight(lines: str) -> int:
    """How many files it found a position in."""
    return sum(json.loads(line)["camera"] is not None for line in lines.splitlines())


def positions_of_exiftool(text: str) -> int:
    """The same of its JSON."""
    return sum("GPSLatitude" in row and "GPSLongitude" in row for row in json.loads(text))


if __name__ == "__main__":
    main()
