"""Camera photos of 8 to 16 megapixels: landsight beside the straight pipeline and beside decoding alone.

LANDSIGHT_DATA=... python benchmarks/speed_photos.py [--quick] [--rounds 5] [--bundle DIR]
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from common import Report, in_turns, open_bundle, settings, use_same_cores, warm
from photo_speed import NOTES, Bench, Target, details, figures

PHOTOS, QUICK_PHOTOS = 200, 8
TARGET = Target(against_straight=6.0, fast_to_floor=1.3, light_to_floor=1.45)


def main() -> None:
    """See the module."""
    chosen = settings(__doc__ or "")
    bundle = open_bundle(chosen)
    threads = use_same_cores()
    report = Report("speed_photos", "camera photos of 8 to 16 megapixels", chosen, bundle, notes=list(NOTES))
    with tempfile.TemporaryDirectory(prefix="landsight-bench-") as scratch:
        folder = Path(scratch) / "photos"
        files = copy_under_other_names(sorted((chosen.data / "camera").glob("*.jpg")), folder, QUICK_PHOTOS if chosen.quick else PHOTOS)
        warm(files)
        bench = Bench(folder, files, bundle, Path(scratch), 1 if chosen.quick else threads, layout_runs=3 if chosen.quick else 40)
        bench.prepare()
        results = in_turns(bench.sides(), chosen.rounds)
    report.details |= bench.details | details(results, bundle)
    report.finish(figures(results, TARGET, len(files)))


def copy_under_other_names(photos: list[Path], folder: Path, count: int) -> list[Path]:
    """``count`` files in turns of the photos, in the order in which a folder is walked."""
    folder.mkdir()
    files = [folder / f"photo_{number:05d}.jpg" for number in range(count)]
    for number, file in enumerate(files):
        shutil.copyfile(photos[number % len(photos)], file)
    return files


if __name__ == "__main__":
    main()
