"""Small photos (landmarks/test, 1,373): landsight beside the straight pipeline and beside decoding alone.

LANDSIGHT_DATA=... python benchmarks/speed_small.py [--quick] [--rounds 5] [--bundle DIR]

Only times are taken; the answers are not compared with the labels, so this is no look at a test part.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from common import Report, in_turns, open_bundle, settings, use_same_cores, warm
from photo_speed import NOTES, Bench, Target, details, figures

QUICK_PHOTOS = 60
TARGET = Target(against_straight=3.0)


def main() -> None:
    """See the module."""
    chosen = settings(__doc__ or "")
    bundle = open_bundle(chosen)
    threads = use_same_cores()
    report = Report("speed_small", "small photos (landmarks/test)", chosen, bundle, notes=list(NOTES))
    with tempfile.TemporaryDirectory(prefix="landsight-bench-") as scratch:
        photos = sorted(path for path in (chosen.data / "landmarks" / "test").rglob("*") if path.is_file())
        files = copy_flat(photos[:: len(photos) // QUICK_PHOTOS] if chosen.quick else photos, Path(scratch) / "photos")
        warm(files)
        bench = Bench(
            Path(scratch) / "photos", files, bundle, Path(scratch), 1 if chosen.quick else threads, layout_runs=3 if chosen.quick else 40
        )
        bench.prepare()
        for side in bench.sides().values():
            side()
        results = in_turns(bench.sides(), chosen.rounds)
    report.notes.append("One run of each side before the first round is not counted.")
    report.details |= bench.details | details(results, bundle)
    report.finish(figures(results, TARGET, len(files)))


def copy_flat(photos: list[Path], folder: Path) -> list[Path]:
    """Into one folder, numbered, so that all sides take them in the same order."""
    folder.mkdir()
    files = [folder / f"{number:05d}{photo.suffix}" for number, photo in enumerate(photos)]
    for photo, file in zip(photos, files, strict=True):
        shutil.copyfile(photo, file)
    return files


if __name__ == "__main__":
    main()
