"""How well "I don't know" works, each source measured with that source left out of what the decision was learnt from.

    python benchmarks/unknown.py sources --run runs/world_joined   coco, flowers, architecture; writes benchmarks/results/unknown_sources.json
    python benchmarks/unknown.py folds --run runs/world_joined     22 of the classes left out, five times; writes .../unknown_places.json

``sources`` asks the shipped network; the threshold is the one at which 90 % of the validation photos are answered. ``folds`` learns five
cheap networks that never saw the classes they are asked about: the branch that ImageNet left, and softmax regression on it. (The tuned
branch saw all 110.) Both use what recipes/world.py stored in RUN. The plain baseline beside it is the largest softmax alone.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from common import RESULTS, ROOT, commit, machine, versions
from numpy.typing import NDArray

sys.path.insert(0, str(ROOT / "recipes"))
import world

from landsight.answer.calibration import known_features, known_probability, logistic, place_log_odds, softmax
from landsight.answer.classify import WANTS
from landsight.bundle.load import load
from landsight.runtime.choose import make
from landsight.studio import join
from landsight.studio.collect import collect_outputs
from landsight.studio.decision import Decision, Looks, fit, fit_temperature
from landsight.studio.evaluate import count_look, read_part
from landsight.studio.metrics import wilson
from landsight.studio.random import generator
from landsight.studio.recipe import DataRecipe

#: (AUROC at least, share named at most)
GOALS = {"coco": (0.992, 0.01), "flowers": (0.992, 0.01), "architecture": (0.98, 0.04), "unknown places": (0.965, 0.06)}
FOLDS = 5


def main() -> None:
    """One of the two."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("what", choices=["sources", "folds"])
    parser.add_argument("--run", type=Path, default=Path("runs/world_joined"))
    options = parser.parse_args()
    data = Path(os.environ.get("LANDSIGHT_DATA") or sys.exit("set LANDSIGHT_DATA (docs/data.md)"))
    if options.what == "sources":
        _keep("unknown_sources", sources(options.run, data))
    else:
        _keep("unknown_places", folds(options.run))


def sources(run: Path, data: Path) -> dict[str, Any]:
    """Each source of photos of other things, with the decision learnt from the other two alone."""
    bundle = load(None)
    stored = {name: _load(run / f"looks_{name}.npz") for name in ("train", "validation", *world.OTHERS)}
    temperature = float(bundle.manifest.calibration["temperature"])
    samples = read_part(DataRecipe(root=str(data / "landmarks")), "test", bundle.manifest.labels)
    count_look(RESULTS, "test", f"{bundle.bundle_hash[:12]} known beside other things")
    found = collect_outputs(make(bundle, "onnxruntime", "fp32"), [s.path for s in samples.items], bundle.manifest.input, WANTS)
    landmarks = Looks(np.asarray(found["logits"], np.float32), np.asarray(found["embedding"], np.float32))
    rows: dict[str, Any] = {}
    places: dict[str, float] = {}
    for name in world.OTHERS:
        rest = {other: stored[other] for other in world.OTHERS if other != name}
        decision = fit(
            stored["train"],
            stored["validation"],
            rest,
            places=world.PLACES_AMONG_OTHERS & rest.keys(),
            temperature=temperature,
            axes=world.AXES,
            scenes=world.imagenet_scenes(),
        )
        rows[name] = _row(name, _known(landmarks, decision, temperature), _known(stored[name], decision, temperature), decision)
        said = logistic(place_log_odds(stored[name].embedding, decision.scalars, decision.arrays)) >= 0.5
        places[name] = float(said.mean() if name in world.PLACES_AMONG_OTHERS else 1 - said.mean())
    shipped = Decision(bundle.manifest.decision, dict(bundle.arrays))
    seen = {n: _row(n, _known(landmarks, shipped, temperature), _known(stored[n], shipped, temperature), shipped) for n in world.OTHERS}
    return {"left_out": rows, "place_or_not_right_left_out": places, "shipped_decision_learnt_on_all_no_proof": seen}


def folds(run: Path) -> dict[str, Any]:
    """Five times: learn without 22 classes, learn the decision from photos of other things, ask about the 22."""
    train_part, validation = world.parts(run)
    stored = {name: _load(run / f"looks_{name}.npz") for name in ("train", "validation", *world.OTHERS)}
    kept = {name: join.halves(looks.embedding)[1] for name, looks in stored.items()}
    truths = {name: np.array([s.truth for s in part.items]) for name, part in (("train", train_part), ("validation", validation))}
    order = generator(0, "folds").permutation(len(train_part.labels))
    rows: dict[str, Any] = {}
    for fold in range(FOLDS):
        rows[f"fold {fold}"] = _fold(kept, truths, order[fold::FOLDS])
        print(fold, json.dumps(rows[f"fold {fold}"]), flush=True)
    mean = {
        key: float(np.mean([row[key] for row in rows.values()]))
        for key in ("auroc", "named", "said_place", "top1", "largest_softmax_alone")
    }
    n = sum(row["n"] for row in rows.values())
    low, high = wilson(round(mean["named"] * n), n)
    goal = GOALS["unknown places"]
    mean |= {"named_low": low, "named_high": high, "met": mean["auroc"] >= goal[0] and mean["named"] <= goal[1]}
    return {"folds": rows, "mean": mean, "goal": goal, "network": "softmax regression on the branch that ImageNet left"}


def _fold(kept: dict[str, NDArray[np.float32]], truths: dict[str, NDArray[np.int64]], left_out: NDArray[np.int64]) -> dict[str, Any]:
    labels = np.setdiff1d(np.arange(int(truths["train"].max()) + 1), left_out)
    known = {name: np.isin(truths[name], labels) for name in truths}
    right = {name: np.searchsorted(labels, truths[name][known[name]]) for name in truths}
    seen = kept["train"][known["train"]]
    model = join.fit_kept_head([join.Seen(seen, right["train"], join.offsets(np.zeros(len(labels), bool), 0.0, len(seen)))])

    def asked(rows: NDArray[np.float32]) -> Looks:
        return Looks(model.logits(rows), rows)

    others = {name: asked(kept[name]) for name in world.OTHERS}
    validation = asked(kept["validation"][known["validation"]])
    # Every picture of a class that was left out is new to this network, those it might have been trained on too.
    unknown = asked(np.concatenate([kept[name][~known[name]] for name in truths]))
    temperature = fit_temperature(validation.logits, right["validation"])
    decision = fit(
        asked(seen),
        validation,
        others,
        places=world.PLACES_AMONG_OTHERS,
        temperature=temperature,
        axes=world.AXES,
        scenes=world.imagenet_scenes(),
    )
    row = _row("unknown places", _known(validation, decision, temperature), _known(unknown, decision, temperature), decision)
    said = logistic(place_log_odds(unknown.embedding, decision.scalars, decision.arrays)) >= 0.5
    alone = [softmax(looks.logits).max(axis=1) for looks in (validation, unknown)]
    return row | {
        "said_place": float(said.mean()),
        "top1": float((validation.logits.argmax(axis=1) == right["validation"]).mean()),
        "by_score": _by_score(validation, unknown, decision, temperature),
        "largest_softmax_alone": auroc(*alone),
    }


def _by_score(known: Looks, unknown: Looks, decision: Decision, temperature: float) -> dict[str, float]:
    """AUROC of each single score: the plain baselines."""
    one, other = (
        known_features(x.logits, x.embedding, temperature=temperature, decision=decision.scalars, arrays=decision.arrays)
        for x in (known, unknown)
    )
    return {name: round(auroc(one[:, i], other[:, i]), 4) for i, name in enumerate(decision.scalars["known"]["features"])}


def _known(looks: Looks, decision: Decision, temperature: float) -> NDArray[np.float64]:
    features = known_features(looks.logits, looks.embedding, temperature=temperature, decision=decision.scalars, arrays=decision.arrays)
    return known_probability(features, decision.scalars)


def _row(name: str, known: NDArray[np.float64], unknown: NDArray[np.float64], decision: Decision) -> dict[str, Any]:
    named = unknown >= decision.scalars["known_threshold"]
    low, high = wilson(int(named.sum()), len(named))
    rng = generator(0, "bootstrap auroc")
    draws = [auroc(rng.choice(known, len(known)), rng.choice(unknown, len(unknown))) for _ in range(200)]
    value, goal = auroc(known, unknown), GOALS[name]
    return {
        "auroc": value, "auroc_low": float(np.quantile(draws, 0.025)), "auroc_high": float(np.quantile(draws, 0.975)),
        "named": float(named.mean()), "named_low": low, "named_high": high, "n": len(named),
        "landmarks_answered": float((known >= decision.scalars["known_threshold"]).mean()),
        "goal": goal, "met": bool(value >= goal[0] and named.mean() <= goal[1]),
    }  # fmt: skip


def auroc(positive: NDArray[np.float64], negative: NDArray[np.float64]) -> float:
    """Chance that a positive scores above a negative, ties half (Mann-Whitney U)."""
    both = np.concatenate([positive, negative])
    _, inverse, counts = np.unique(both, return_inverse=True, return_counts=True)
    rank = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    return float((rank[: len(positive)].sum() - len(positive) * (len(positive) + 1) / 2) / (len(positive) * len(negative)))


def _load(path: Path) -> Looks:
    with np.load(path, allow_pickle=False) as stored:
        return Looks(stored["logits"], stored["embedding"])


def _keep(name: str, found: dict[str, Any]) -> None:
    record = {"benchmark": name, "date": datetime.now(UTC).isoformat(timespec="seconds"), **found, "commit": commit(), "machine": machine(), "versions": versions()}  # fmt: skip
    text = json.dumps(record, indent=1) + "\n"
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / f"{name}.json").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
