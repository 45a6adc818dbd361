"""Are explanations worth believing: class-activation maps of the shipped bundle over landmarks/test, Grad-CAM of a small network on MNIST.

    python benchmarks/explain_sanity.py [--sample 1373] [--runs runs/explain]     writes benchmarks/results/explain_sanity.json

Hiding the hottest fifth of a picture must cost more of the answer than hiding as much by chance (studio/sanity/deletion.py), and maps must
change when weights are random (studio/sanity/randomise.py). MNIST's network (recipes/mnist.toml, two epochs) is trained first.
Looks at test parts are counted: of the bundle beside the other benchmarks' in results/looks.json, of MNIST in its run folder.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from common import RESULTS, ROOT, commit, machine, settings, versions
from rich.console import Console
from rich.table import Table

from landsight.bundle.load import load
from landsight.bundle.manifest import Metric
from landsight.explain.source import of_bundle
from landsight.studio import recipe as recipes
from landsight.studio.evaluate import count_look, read_part
from landsight.studio.recipe import DataRecipe
from landsight.studio.robustness import stratified
from landsight.studio.sanity.check import measure, readable, sanity
from landsight.studio.sanity.deletion import FILLED_WITH, KINDS, Deletion
from landsight.studio.sanity.randomise import Randomised, of_onnx
from landsight.studio.train.run import train

#: What every margin has to do: stay above 0 with its whole interval. And how alike maps with random weights may be.
AGAINST = ("random", "moved")
MOST_ALIKE = 0.5


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--sample", type=int, default=1_000_000)
    parser.add_argument("--digits", type=int, default=1000)
    parser.add_argument("--runs", type=Path, default=Path("runs/explain"))
    own, rest = parser.parse_known_args()
    chosen = settings(__doc__.splitlines()[0] if __doc__ else "", rest)
    if chosen.quick:
        print("quick mode: nothing to try here without looking at a test part")
        return
    figures = {"landmarks/test": _bundle(chosen.bundle, chosen.data, own.sample), "mnist/test": _mnist(own.runs, own.digits)}
    _print(figures)
    record = {
        "benchmark": "explain_sanity", "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "goals": f"margins against {' and '.join(AGAINST)} above 0 with their intervals; rank correlation with all weights random within {MOST_ALIKE} of 0",
        "met": all(figure["met"] for figure in figures.values()), "figures": figures,
        "commit": commit(), "machine": machine(), "versions": versions(),
    }  # fmt: skip
    (RESULTS / "explain_sanity.json").write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print("kept in benchmarks/results/explain_sanity.json")


def _bundle(path: Path | None, data: Path, sample: int) -> dict[str, Any]:
    """Class-activation maps of the bundle."""
    bundle = load(path)
    source = of_bundle(path, runtime="onnxruntime", precision="fp32")
    looks = count_look(RESULTS, "test", f"{bundle.bundle_hash[:12]} sanity of activation maps")
    samples = stratified(read_part(DataRecipe(root=str(data / "landmarks")), "test", bundle.manifest.labels), sample)
    began = time.monotonic()
    found = measure(source, of_onnx(bundle), "activation", readable(samples, source), say=_say)
    return _figure(bundle.manifest.name, "activation", found.deletion, found.randomised, look=looks, seconds=time.monotonic() - began)


def _mnist(runs: Path, digits: int) -> dict[str, Any]:
    """Grad-CAM of a small convolutional network, trained for it."""
    run = runs / "mnist"
    recipe = recipes.load(ROOT / "recipes" / "mnist.toml", ("schedule.stages=[[28, 2]]",))
    if not train(recipe, run, say=_say).finished:
        sys.exit("interrupted; give the same command again")
    began = time.monotonic()
    found = sanity(run, method="gradcam", which="last", part="test", sample=digits, say=_say)
    return _figure(
        "cnn, two epochs of MNIST", "gradcam", found.deletion, found.randomised, look=found.looks, seconds=time.monotonic() - began
    )


def _figure(name: str, method: str, deletion: Deletion, randomised: Randomised, *, look: int | None, seconds: float) -> dict[str, Any]:
    last = randomised.steps[-1].likeness
    margins = [deletion.margin[fill][kind] for fill in FILLED_WITH for kind in AGAINST]
    met = all(m.low > 0 for m in margins) and max(abs(last.low), abs(last.high)) < MOST_ALIKE
    return {
        "network": name, "method": method, "met": met, "look": look, "minutes": round(seconds / 60, 1),
        "deletion": asdict(deletion), "randomised": asdict(randomised),
    }  # fmt: skip


def _print(figures: dict[str, dict[str, Any]]) -> None:
    table = Table(title="Confidence after hiding a fifth of the picture, and what the hottest fifth costs more than chance")
    for column in ("pictures", "hidden by", "before", "hottest", *(KINDS[k] for k in AGAINST), "margins (95 %)", "met"):
        table.add_column(column)
    for part, figure in figures.items():
        d = figure["deletion"]
        for fill in FILLED_WITH:
            after, margin = d["after"][fill], [Metric(**d["margin"][fill][kind]) for kind in AGAINST]
            words = "; ".join(f"{m.value:+.3f} ({m.low:+.3f} to {m.high:+.3f})" for m in margin)
            cells = [f"{v:.3f}" for v in (d["before"], after["hottest"], *(after[k] for k in AGAINST))]
            table.add_row(f"{part}, {d['n']}", fill, *cells, words, "yes" if figure["met"] else "NO")
    Console(width=160).print(table)
    for part, figure in figures.items():
        r = figure["randomised"]
        steps = ", ".join(f"{s['layers']}: {s['likeness']['value']:+.2f}" for s in r["steps"])
        print(
            f"{part}: maps with random weights in the last layers of {r['layers']}: {steps}; maps of two pictures: {r['others']['value']:+.2f}"
        )


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
