"""What a network without convolutions loses when a digit moves by two pixels, and one with them does not: MNIST, paired, with intervals.

    LANDSIGHT_DATA=... python benchmarks/shift.py [--epochs 6] [--runs runs/shift]      writes benchmarks/results/shift.json

All learn from the same 12,000 pictures without any augmentation, so that what they make of a shifted digit is their own doing; they are
measured on 4,000 others of MNIST's training part. Its test part is not looked at. A run that is there is not trained again.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from common import RESULTS, commit, machine, versions
from rich.console import Console
from rich.table import Table

from landsight.studio import recipe as recipes
from landsight.studio.engine import open_run
from landsight.studio.evaluate import read_part
from landsight.studio.evaluation import evaluate_engine
from landsight.studio.robustness import Robustness, robustness
from landsight.studio.train.run import train

#: name -> settings of the network. The fcn ends in the mean over all places, so that a place means nothing to it.
NETS: dict[str, dict[str, Any]] = {
    "mlp": {"name": "mlp", "hidden": [400, 400]},
    "cnn": {"name": "cnn"},
    "fcn": {"name": "fcn", "width": 0.25},
}
#: Of MNIST's 60,000 training pictures: the first to learn from, the last to validate with; of these so many are shifted.
LEARN, VALIDATE, PICTURES = 12_000, 4_000, 2_000


def main() -> None:
    """Train what is missing, shift, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--runs", type=Path, default=Path("runs/shift"))
    options = parser.parse_args()
    if not os.environ.get("LANDSIGHT_DATA"):
        sys.exit("set LANDSIGHT_DATA (docs/data.md)")
    parts = _parts(options.runs)
    found = {name: measured(name, options.runs / name, parts, options.epochs) for name in NETS}
    result = {
        "benchmark": "shift", "date": datetime.now(UTC).isoformat(timespec="seconds"), "commit": commit(), "machine": machine(),
        "versions": versions(), "epochs": options.epochs, "pictures": PICTURES, "nets": NETS,
        "figures": {name: f.figures() for name, f in found.items()},
    }  # fmt: skip
    Console().print(table_of(found))
    (RESULTS / "shift.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def _parts(runs: Path) -> Path:
    """The file that says which pictures learn."""
    runs.mkdir(parents=True, exist_ok=True)
    path = (runs / "parts.csv").resolve()
    rows = [f"train/{i:05d},{'train' if i < LEARN else 'validation'}" for i in (*range(LEARN), *range(60_000 - VALIDATE, 60_000))]
    path.write_text("\n".join(["name,part", *rows]) + "\n", encoding="utf-8")
    return path


def measured(name: str, run: Path, parts: Path, epochs: int) -> Robustness:
    """One network under shifts."""
    if not train(recipe_of(name, parts, epochs), run, say=_say(name)).finished:
        sys.exit("interrupted; give the same command again")
    trained = open_run(run, "last")
    engine, manifest = trained.engine(), trained.manifest()
    samples = read_part(trained.recipe.data, "validation", manifest.labels, run=run)
    clean = evaluate_engine(engine, samples, manifest, {})
    return robustness(engine, samples, manifest, {}, clean, count=PICTURES, names=("shift",), say=_say(name))


def recipe_of(name: str, parts: Path, epochs: int) -> recipes.Recipe:
    """MNIST as it is: no view is moved, turned, scaled or cut."""
    still = {
        "min_area": 1.0, "max_aspect": 1.0, "degrade_large": 0.0, "degrade_small": 0.0, "jpeg_plain": 0.0, "flip": 0.0, "rotate": 0.0,
        "blur": 0.0, "colour": 0.0, "grey": 0.0,
    }  # fmt: skip
    return recipes.from_dict({
        "data": {"reader": "idx", "root": "$LANDSIGHT_DATA/mnist", "parts": str(parts), "cache": str(parts.parent / "cache"), "duplicate_distance": -1, "working_px": 28, "small_px": 28},
        "input": {"width": 28, "height": 28, "colour": "L", "mean": [33.3], "std": [78.6]},
        "views": still,
        "net": {"pretrained": False, "frozen_blocks": 0, "dropout": 0.2, "norm_momentum": 0.1, **NETS[name]},
        "optimise": {"rate": 1e-3, "head_factor": 1.0, "weight_decay": 0.01, "ema": 0.99, "precision": "fp32"},
        "schedule": {"stages": [[28, epochs]]},
        "train": {"batch": 128, "workers": 1, "threads": 1, "evaluate_every": 0},
    })  # fmt: skip


def table_of(found: dict[str, Robustness]) -> Table:
    """A row a network, a column a shift."""
    first = next(iter(found.values()))
    table = Table(title=f"MNIST, {first.clean.n:,} digits moved up, down, left or right: right at first guess, and points lost (95 %)")
    for column in ("network", "clean", *(row.words for row in first.rows)):
        table.add_column(column, justify="left" if column == "network" else "right")
    for name, f in found.items():
        cells = [
            f"{100 * r.mark.value:.1f} %\n{100 * r.change.value:+.1f} ({100 * r.change.low:+.1f} to {100 * r.change.high:+.1f})"
            for r in f.rows
        ]
        table.add_row(name, f"{100 * f.clean.value:.1f} %", *cells)
    return table


def _say(name: str) -> Any:
    return lambda line: print(f"{name}: {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
