"""Networks of the table on MNIST's test part, over three seeds, each with its minutes; beside them the plain baseline, logistic regression.

    python benchmarks/mnist.py [--nets mlp cnn best] [--seeds 3] [--runs runs/mnist]      writes benchmarks/results/mnist.json

Trains with recipes/mnist.toml and the settings below, two cores. A run that is there already is not trained again; its test part is looked at once.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from common import RESULTS, ROOT, commit, machine, versions
from rich.console import Console
from rich.table import Table

from landsight.bundle.manifest import Metric
from landsight.studio import recipe as recipes
from landsight.studio.data.readers import open_reader
from landsight.studio.evaluate import evaluate
from landsight.studio.metrics import proportion
from landsight.studio.train.run import train

#: name -> (goal at top-1, minutes allowed, settings over recipes/mnist.toml).
NETS: dict[str, tuple[float, float, tuple[str, ...]]] = {
    "mlp": (0.987, 15, ("net.name=mlp", "net.width=1.0", "net.hidden=[400, 400]", "schedule.stages=[[28, 12]]", "optimise.precision=fp32")),
    "cnn": (0.994, 15, ()),
    "best": (0.996, 30, ("schedule.stages=[[28, 24]]", "optimise.ema=0.998")),
}


def main() -> None:
    """Train what is missing, test once, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--nets", nargs="+", choices=list(NETS), default=list(NETS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--runs", type=Path, default=Path("runs/mnist"))
    options = parser.parse_args()
    if not os.environ.get("LANDSIGHT_DATA"):
        sys.exit("set LANDSIGHT_DATA (docs/data.md)")
    figures = {name: measured(name, options.runs, options.seeds) for name in options.nets}
    baseline = logistic_regression()
    _print(figures, baseline)
    path = RESULTS / "mnist.json"
    kept = json.loads(path.read_text(encoding="utf-8"))["figures"] if path.is_file() else {}
    result = {
        "benchmark": "mnist", "date": datetime.now(UTC).isoformat(timespec="seconds"), "commit": commit(), "machine": machine(),
        "versions": versions(), "baseline": {"logistic regression on pixels": asdict(baseline)}, "figures": kept | figures,
    }  # fmt: skip
    path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def measured(name: str, runs: Path, seeds: int) -> dict[str, Any]:
    """Mean and spread over the seeds."""
    goal, minutes, settings = NETS[name]
    rows = [_one(name, settings, seed, runs / f"{name}-{seed}") for seed in range(seeds)]
    top1 = [row["top1"]["value"] for row in rows]
    return {
        "goal": goal, "minutes_allowed": minutes, "settings": settings, "seeds": rows, "mean": statistics.mean(top1),
        "spread": statistics.stdev(top1) if seeds > 1 else 0.0, "longest_minutes": max(row["minutes"] for row in rows),
    }  # fmt: skip


def _one(name: str, settings: tuple[str, ...], seed: int, run: Path) -> dict[str, Any]:
    """One run: minutes from the empty folder to the last step, and its figures on the test part."""
    noted = run / "benchmark.json"
    if noted.is_file():
        return json.loads(noted.read_text(encoding="utf-8"))  # type: ignore[no-any-return]
    recipe = recipes.load(ROOT / "recipes" / "mnist.toml", (*settings, f"train.seed={seed}"))
    began = time.monotonic()
    if not train(recipe, run, say=lambda line: print(f"{name} {seed}: {line}", file=sys.stderr, flush=True)).finished:
        sys.exit("interrupted; give the same command again")
    minutes = (time.monotonic() - began) / 60
    found = evaluate(run, split="test", which="last")
    row = {"seed": seed, "minutes": round(minutes, 2), **{key: asdict(found.metrics[key]) for key in ("top1", "ece")}}
    noted.write_text(json.dumps(row, indent=1) + "\n", encoding="utf-8")
    return row


def logistic_regression() -> Metric:
    """scikit-learn's on pixels in [0, 1], the strength of its penalty as it comes."""
    from sklearn.linear_model import LogisticRegression

    data = recipes.load(ROOT / "recipes" / "mnist.toml").data
    train_x, train_y = _arrays(data, "train")
    test_x, test_y = _arrays(data, "test")
    model = LogisticRegression(max_iter=200).fit(train_x, train_y)
    return proportion(model.predict(test_x) == test_y, "right at first guess, Wilson")


def _arrays(data: recipes.DataRecipe, part: str) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    items = open_reader(data).read(part).items
    pixels = np.stack([np.frombuffer(s.picture.content(), np.uint8) for s in items if s.picture is not None])
    return pixels.astype(np.float32) / 255, np.array([s.truth for s in items])


def _print(figures: dict[str, dict[str, Any]], baseline: Metric) -> None:
    table = Table(title="MNIST test, 10,000 digits")
    for column in ("network", "mean top-1", "spread", "goal", "longest, min", "allowed"):
        table.add_column(column, justify="left" if column == "network" else "right")
    for name, f in figures.items():
        cells = (
            f"{100 * f['mean']:.2f} %",
            f"{100 * f['spread']:.2f}",
            f"{100 * f['goal']:.1f} %",
            f"{f['longest_minutes']:.1f}",
            f"{f['minutes_allowed']:.0f}",
        )
        table.add_row(name, *cells)
    table.add_row("logistic regression", f"{100 * baseline.value:.2f} %", "", "", "", "")
    Console().print(table)


if __name__ == "__main__":
    main()
