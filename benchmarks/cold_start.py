"""One photo from a cold process, `landsight --help`, and `import landsight`: fresh interpreters, files in the page cache.

LANDSIGHT_DATA=... python benchmarks/cold_start.py [--quick] [--rounds 5] [--bundle DIR]
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from common import Figure, Ran, Report, in_turns, landsight_command, open_bundle, run, settings, use_same_cores

ONE_PHOTO_S, HELP_S = 1.2, 0.3


def main() -> None:
    """See the module."""
    chosen = settings(__doc__ or "")
    bundle = open_bundle(chosen)
    use_same_cores()
    report = Report("cold_start", "from a cold process", chosen, bundle)
    large = sorted((chosen.data / "camera").glob("*.jpg"))[-1]
    small = next(path for path in sorted((chosen.data / "landmarks" / "test").rglob("*")) if path.is_file())
    with tempfile.TemporaryDirectory(prefix="landsight-bench-") as scratch:
        measured, empty = {"LANDSIGHT_CACHE": f"{scratch}/measured"}, {"LANDSIGHT_CACHE": f"{scratch}/empty"}
        run(landsight_command("doctor", "--bundle", str(bundle.root)), env=measured)

        def locate(photo: Path, cache: dict[str, str], *options: str) -> Callable[[], Ran]:
            command = landsight_command("locate", str(photo), "--bundle", str(bundle.root), "--quiet", *options)
            return lambda: run(command, env=cache)

        sides = {
            "locate a camera photo, light": locate(large, empty, "--runtime", "onnxruntime"),
            "locate a camera photo, fast": locate(large, measured),
            "locate a small photo, light": locate(small, empty, "--runtime", "onnxruntime"),
            "locate --only-gps": lambda: run(landsight_command("locate", str(large), "--only-gps", "--quiet"), may_fail=True),
            "landsight --help": lambda: run(landsight_command("--help")),
            "import landsight": lambda: run([sys.executable, "-c", "import landsight"]),
            "Python alone": lambda: run([sys.executable, "-c", "pass"]),
        }
        for side in sides.values():
            side()
        results = in_turns(sides, chosen.rounds)
    report.notes += [
        "Each run is a fresh process on a warm page cache; wall time from its start to its end. One run of each is not counted.",
        "light: ONNX Runtime fp32. fast: what `landsight doctor` measured here, with openvino installed.",
        "A machine that was just started also reads files from disk; that depends on the disk and is not in these figures.",
    ]
    report.finish(figures(results))


def figures(results: dict[str, list[Ran]]) -> list[Figure]:
    """Wall seconds of each; every way of locating a photo has the same limit."""
    limits = {"landsight --help": HELP_S} | {name: ONE_PHOTO_S for name in results if name.startswith("locate a ")}
    return [Figure(name, "s", [ran.wall_s for ran in rows], limits.get(name)) for name, rows in results.items()]


if __name__ == "__main__":
    main()
