"""The landmark photos without pretrained weights: top-1 on the test part and minutes of training; beside it regression on pixels.

    LANDSIGHT_DATA=... python benchmarks/scratch.py [--run runs/scratch]      writes benchmarks/results/scratch.json

Trains with recipes/scratch.toml. An interrupted run goes on when the same command is given again; minutes are those of all its legs. The
test part is looked at once, when training is done, and the look is counted in the run.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from common import RESULTS, ROOT, commit, machine, use_same_cores, versions
from numpy.typing import NDArray

from landsight.bundle.manifest import Metric
from landsight.photo.prepare import Preparation
from landsight.studio import recipe as recipes
from landsight.studio.collect import prepared_pictures
from landsight.studio.engine import open_run
from landsight.studio.evaluate import evaluate, read_part
from landsight.studio.metrics import proportion
from landsight.studio.train.history import elapsed, read_rows
from landsight.studio.train.run import train

GOAL, MINUTES = 0.60, 90.0
#: Side of the pictures that the plain baseline sees.
_PIXELS = 16


def main() -> None:
    """Train what is missing, test once, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--run", type=Path, default=Path("runs/scratch"))
    options = parser.parse_args()
    if not os.environ.get("LANDSIGHT_DATA"):
        sys.exit("set LANDSIGHT_DATA (docs/data.md)")
    cores = use_same_cores()
    recipe = recipes.load(ROOT / "recipes" / "scratch.toml")
    if not train(recipe, options.run, say=lambda line: print(line, file=sys.stderr, flush=True)).finished:
        sys.exit("interrupted; give the same command again")
    minutes = elapsed(read_rows(options.run))[-1] / 60
    noted = options.run / "benchmark.json"
    if not noted.is_file():
        found = evaluate(options.run, split="test", which="last")
        noted.write_text(json.dumps({name: asdict(m) for name, m in found.metrics.items()}, indent=1) + "\n", encoding="utf-8")
    metrics = json.loads(noted.read_text(encoding="utf-8"))
    baseline = regression_on_pixels(options.run)
    top1 = metrics["top1"]
    print(
        f"from scratch: top-1 {top1['value']:.1%} ({top1['low']:.1%} to {top1['high']:.1%}), goal {GOAL:.0%}; {minutes:.0f} of {MINUTES:.0f} min"
    )
    print(f"softmax regression on {_PIXELS} x {_PIXELS} pixels: {baseline.value:.1%}")
    result = {
        "benchmark": "scratch", "date": datetime.now(UTC).isoformat(timespec="seconds"), "commit": commit(), "machine": machine(), "cores": cores,
        "versions": versions(), "goal": {"top1": GOAL, "minutes": MINUTES}, "minutes": round(minutes, 1), "epochs": recipe.epochs,
        "metrics": metrics, "baseline": {f"softmax regression on {_PIXELS} x {_PIXELS} pixels": asdict(baseline)},
    }  # fmt: skip
    (RESULTS / "scratch.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def regression_on_pixels(run: Path) -> Metric:
    """scikit-learn's, as it comes but for its iterations, on the pictures that the run learnt from."""
    from sklearn.linear_model import LogisticRegression

    trained = open_run(run, "last")
    parts = [read_part(trained.recipe.data, part, trained.task.labels, run=run) for part in ("train", "test")]
    (train_x, train_y), (test_x, test_y) = (_arrays(part.items) for part in parts)
    model = LogisticRegression(max_iter=100, C=0.01).fit(train_x, train_y)
    return proportion(model.predict(test_x) == test_y, "right at first guess, Wilson")


def _arrays(items: Any) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    pictures = [image for _, image in prepared_pictures([s.path for s in items], Preparation(_PIXELS, _PIXELS))]
    kept = [i for i, image in enumerate(pictures) if isinstance(image, np.ndarray)]
    pixels = np.stack([np.asarray(pictures[i], np.float32).ravel() for i in kept]) / 255
    return pixels, np.array([items[i].truth for i in kept], np.int64)


if __name__ == "__main__":
    main()
