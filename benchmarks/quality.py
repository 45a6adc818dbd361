"""How good the shipped bundle is on the test parts of the landmark photos, each figure with its 95 % interval and its target.

    python benchmarks/quality.py [--run runs/world_joined]      writes benchmarks/results/quality.json

``--run``: the run folder that the bundle came from (RUN_joined of recipes/world.py). Then the plain baseline is measured in the same run:
logistic regression on frozen ImageNet features, which are the kept half of the embedding; and the exported network is held against
the trained one, picture by picture.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from common import RESULTS, ROOT, commit, machine, settings, versions
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(ROOT / "recipes"))
import world

from landsight.bundle.load import Bundle, load
from landsight.bundle.manifest import Metric
from landsight.errors import RuntimeUnavailable
from landsight.runtime.choose import candidates, make
from landsight.studio import join
from landsight.studio.collect import collect_outputs
from landsight.studio.engine import open_run
from landsight.studio.evaluate import Evaluation, count_look, evaluate_engine, read_part
from landsight.studio.recipe import DataRecipe

PARTS = ("test", "test_small", "fullsize")


@dataclass(frozen=True, slots=True)
class Goal:
    """What a figure has to reach."""

    part: str
    metric: str
    target: float
    at_least: bool = True

    def met(self, value: float) -> bool:
        """Reached, to the digits given."""
        return value >= self.target if self.at_least else value <= self.target


GOALS = (
    Goal("test", "top1", 0.95),
    Goal("test", "top3", 0.985),
    Goal("test", "mean_per_class", 0.945),
    Goal("test", "ece", 0.03, at_least=False),
    Goal("test_small", "top1", 0.92),
    Goal("fullsize", "top1", 33 / 39),
)


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--run", type=Path, default=None)
    own, rest = parser.parse_known_args()
    chosen = settings(__doc__.splitlines()[0] if __doc__ else "", rest)
    if chosen.quick:
        print("quick mode: nothing to try here without looking at a test part")
        return
    bundle = load(chosen.bundle)
    root = str(chosen.data / "landmarks")
    found = {part: _measure(bundle, root, part, "onnxruntime", "fp32") for part in PARTS}
    baseline = _baseline(own.run, bundle, root) if own.run else {}
    record: dict[str, Any] = {
        "benchmark": "quality",
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "figures": {f"{part} {name}": asdict(m) for part, one in found.items() for name, m in one.metrics.items()},
        "plain_baseline": baseline,
        "goals": [asdict(g) | {"value": _value(found, g), "met": g.met(_value(found, g))} for g in GOALS],
        "precisions": _precisions(bundle, root, found["test"]),
        "exported_equals_trained": _agreement(own.run, bundle, root, found) if own.run else None,
        "looks_at_test": {part: one.looks for part, one in found.items()},
        "bundle": {"name": bundle.manifest.name, "sha256": bundle.bundle_hash},
        "commit": commit(), "machine": machine(), "versions": versions(),
    }  # fmt: skip
    _print(found, baseline)
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / "quality.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print("precisions:", json.dumps(record["precisions"]), "exported = trained:", json.dumps(record["exported_equals_trained"]))


def _measure(bundle: Bundle, root: str, part: str, runtime: str, precision: str) -> Evaluation:
    looks = count_look(ROOT / "benchmarks" / "results", part, f"{bundle.bundle_hash[:12]} {runtime} {precision}")
    samples = read_part(DataRecipe(root=root), part, bundle.manifest.labels)
    return evaluate_engine(make(bundle, runtime, precision), samples, bundle.manifest, bundle.arrays, looks=looks)


def _precisions(bundle: Bundle, root: str, reference: Evaluation) -> dict[str, dict[str, float] | str]:
    """Points of test top-1 that each other allowed runtime and precision loses, and the share of pictures with another first guess."""
    rows: dict[str, dict[str, float] | str] = {}
    for runtime, precision in candidates(bundle):
        if (runtime, precision) == ("onnxruntime", "fp32"):
            continue
        try:
            make(bundle, runtime, precision)
        except RuntimeUnavailable as error:
            if error.code not in ("precision_missing", "runtime_missing"):
                raise
            rows[f"{runtime} {precision}"] = f"not measured: {error}"
            continue
        other = _measure(bundle, root, "test", runtime, precision)
        lost = 100 * (reference.metrics["top1"].value - other.metrics["top1"].value)
        rows[other.engine] = {"points_lost": round(lost, 3), "same_first_guess": round(_same(reference, other), 5)}
    return rows


def _agreement(run: Path, bundle: Bundle, root: str, found: dict[str, Evaluation]) -> dict[str, float]:
    """Share of pictures for which the trained network and the exported one have the same first guess."""
    engine = open_run(run, "last").engine()
    shares = {}
    for part in PARTS:
        samples = read_part(DataRecipe(root=root), part, bundle.manifest.labels)
        count_look(RESULTS, part, f"{bundle.bundle_hash[:12]} trained network")
        shares[part] = round(_same(found[part], evaluate_engine(engine, samples, bundle.manifest, bundle.arrays)), 5)
    return shares


def _baseline(run: Path, bundle: Bundle, root: str) -> dict[str, float]:
    """Logistic regression on the kept half of the embedding: top-1 and top-3 of each part."""
    from sklearn.linear_model import LogisticRegression

    train_part, _ = world.parts(run)
    with np.load(run / "looks_train.npz", allow_pickle=False) as looks:
        features = _unit(looks["embedding"])
    model = LogisticRegression(C=10.0, max_iter=300).fit(features, [s.truth for s in train_part.items])
    engine, rows = make(bundle, "onnxruntime", "fp32"), {}
    for part in PARTS:
        samples = read_part(DataRecipe(root=root), part, bundle.manifest.labels)
        count_look(RESULTS, part, f"{bundle.bundle_hash[:12]} plain baseline")
        found = collect_outputs(engine, [s.path for s in samples.items], bundle.manifest.input, ("embedding",))
        guesses = model.classes_[np.argsort(-model.decision_function(_unit(np.asarray(found["embedding"]))), axis=1)[:, :3]]
        right = guesses == np.array([s.truth for s in samples.items])[:, None]
        rows |= {f"{part} top1": float(right[:, 0].mean()), f"{part} top3": float(right.any(axis=1).mean())}
    return rows


def _unit(embedding: NDArray[Any]) -> NDArray[Any]:
    """The kept half, at length 10."""
    kept = join.halves(embedding)[1]
    return 10 * kept / np.linalg.norm(kept, axis=1, keepdims=True)


def _same(one: Evaluation, other: Evaluation) -> float:
    return float(np.mean([a.order[0] == b.order[0] for a, b in zip(one.answers, other.answers, strict=True)]))


def _value(found: dict[str, Evaluation], goal: Goal) -> float:
    return found[goal.part].metrics[goal.metric].value


def _print(found: dict[str, Evaluation], baseline: dict[str, float]) -> None:
    table = Table(title="Shipped bundle on the test parts")
    for column in ("part", "figure", "value", "95 % interval", "pictures", "plain baseline", "target", "met"):
        table.add_column(column)
    goals = {(g.part, g.metric): g for g in GOALS}
    for part, one in found.items():
        for name, metric in one.metrics.items():
            table.add_row(part, name, *_cells(metric, goals.get((part, name)), baseline.get(f"{part} {name}")))
    Console(width=118).print(table)


def _cells(metric: Metric, goal: Goal | None, baseline: float | None) -> list[str]:
    cells = [f"{metric.value:.4f}", f"{metric.low:.4f} to {metric.high:.4f}", str(metric.n), "" if baseline is None else f"{baseline:.4f}"]
    if goal is None:
        return [*cells, "", ""]
    return [*cells, f"{'>=' if goal.at_least else '<='} {goal.target:.3f}", "yes" if goal.met(metric.value) else "NO"]


if __name__ == "__main__":
    main()
