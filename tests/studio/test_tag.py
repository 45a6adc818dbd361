"""Pictures with any number of labels: from a table of labels to a verified bundle; every figure against scikit-learn."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score, f1_score

from landsight.answer.model import Model
from landsight.answer.replay import verify
from landsight.answer.tag import TagAnswer
from landsight.bundle.load import load
from landsight.errors import RecipeError, UsageError
from landsight.studio.calibrate import calibrate
from landsight.studio.data.samples import Sample
from landsight.studio.describe_report import measure_fields
from landsight.studio.describe_source import open_subject
from landsight.studio.engine import open_run
from landsight.studio.evaluate import evaluate, read_part
from landsight.studio.export import export
from landsight.studio.recipe import Recipe, from_dict
from landsight.studio.tag_metrics import average_precision, label_figures, tagging
from landsight.studio.tasks.losses import binary_cross_entropy, positive_weights
from landsight.studio.tasks.tag import Tag, best_threshold, marked
from landsight.studio.train.run import train

from .tag_pictures import LABELS, write_table


def tag_recipe(root: Path, *settings: str) -> Recipe:
    data = {
        "task": "tag",
        "data": {"root": str(root), "reader": "csv", "label_separator": "|", "validation_share": 0.25, "working_px": 32, "small_px": 32, "duplicate_distance": -1},
        "input": {"width": 32, "height": 32},
        "net": {"name": "cnn", "dropout": 0.0, "frozen_blocks": 0, "norm_momentum": 0.1, "pretrained": False},
        "optimise": {"rate": 0.005, "head_factor": 1.0, "precision": "fp32", "ema": 0.0, "weight_decay": 0.0},
        "schedule": {"stages": [[32, 12]]},
        "views": {"min_area": 0.9, "degrade_large": 0.0, "degrade_small": 0.0, "colour": 0.0, "grey": 0.0, "rotate": 0.0, "blur": 0.0, "flip": 0.0},
        "train": {"batch": 8, "workers": 0, "threads": 1, "evaluate_every": 0, "losses": {"binary_cross_entropy": 1.0}},
        "export": {"int8": False},
    }  # fmt: skip
    return from_dict(data, settings)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_table(tmp_path_factory.mktemp("tag") / "pictures")


@pytest.fixture(scope="module")
def run(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "tag"
    assert train(tag_recipe(pictures), out, say=lambda _: None).finished
    return out


@pytest.fixture(scope="module")
def bundle(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thresholds learnt on the training part: 16 validation pictures are too few to say anything."""
    trained = open_run(run)
    assert calibrate(run, read_part(trained.recipe.data, "validation", trained.task.labels, run)) == {}
    assert calibrate(run, read_part(trained.recipe.data, "train", trained.task.labels, run))
    return export(run, tmp_path_factory.mktemp("bundles") / "tag").root


def test_it_learns_and_every_figure_has_its_interval(run: Path) -> None:
    found = evaluate(run)
    assert set(found.metrics) == {"mean_average_precision", "micro_f1", "macro_f1", "exact_match"}
    assert found.metrics["mean_average_precision"].value > 0.9
    assert all(0 <= m.low <= m.value <= m.high <= 1 and m.n == 24 for m in found.metrics.values())
    figures = json.loads((run / "evaluation-test.json").read_text())
    assert [one["label"] for one in figures["labels"]] == list(LABELS)
    assert all(one["average_precision"]["low"] <= one["average_precision"]["value"] for one in figures["labels"])
    assert "Each label" in (run / "evaluation-test.html").read_text()


def test_the_table_of_predictions_says_what_was_missed(run: Path) -> None:
    found = evaluate(run)
    rows = list(csv.DictReader((run / "predictions-test.csv").read_text().splitlines()))
    exact = [set(r["truth"].split(";")) == set(r["told"].split(";")) for r in rows]
    assert np.mean(exact) == pytest.approx(found.metrics["exact_match"].value)
    for row in rows:
        true, told = (set(filter(None, row[name].split(";"))) for name in ("truth", "told"))
        assert set(filter(None, row["missed"].split(";"))) == true - told
        either = true | told
        assert float(row["mark"]) == pytest.approx(len(true & told) / len(either) if either else 1.0, abs=1e-5)


def test_learnt_thresholds_go_into_the_bundle(run: Path, bundle: Path, pictures: Path, tmp_path: Path) -> None:
    learnt = open_run(run).calibration["thresholds"]
    assert len(learnt) == 3
    assert all(0 < t < 1 for t in learnt)
    manifest = load(bundle).manifest
    assert manifest.task == "tag"
    assert manifest.calibration["thresholds"] == learnt
    report = verify(bundle)
    assert report.ok, report.problems()
    assert report.replays[0].photos == 4
    same, from_bundle = evaluate(run).metrics, evaluate(bundle, root=str(pictures_as_folders(pictures, tmp_path))).metrics
    assert same["mean_average_precision"].value > 0.9
    assert from_bundle["mean_average_precision"].n == 3


def test_a_run_is_described_before_and_after_training(run: Path) -> None:
    """The trained network's weights have moved, and with them what its units look at; 64 x 4 x 4 numbers lead to 3 labels."""
    subject = open_subject(str(run))
    assert subject.description.input == (3, 32, 32)
    assert subject.description.layer("head").parameters == 1024 * 3 + 3
    fields = measure_fields(subject)
    assert list(fields.maps) == ["usage", "initialised", "trained"]
    assert not np.allclose(fields.maps["initialised"].heat, fields.maps["trained"].heat)
    again = measure_fields(subject)
    assert all(np.array_equal(again.maps[name].heat, field.heat) for name, field in fields.maps.items())
    with pytest.raises(UsageError, match="--set"):
        open_subject(str(run), settings=("net.width=2",))


def pictures_as_folders(pictures: Path, where: Path) -> Path:
    """Those with one label alone, a folder a label: one label is a set of one."""
    root = where / "folders"
    alone: dict[str, str] = {}
    for row in csv.DictReader((pictures / "labels.csv").read_text().splitlines()):
        if row["labels"] in LABELS:
            alone.setdefault(row["labels"], row["file"])
    for part in ("train", "test"):
        for label, file in alone.items():
            (root / part / label).mkdir(parents=True)
            (root / part / label / file).write_bytes((pictures / file).read_bytes())
    return root


def test_a_bundle_tells_all_labels_and_none(bundle: Path, pictures: Path) -> None:
    truths = {r["file"]: set(filter(None, r["labels"].split("|"))) for r in csv.DictReader((pictures / "labels.csv").read_text().splitlines())}  # fmt: skip
    files = sorted(pictures.glob("*.png"))[:40]
    with Model(bundle) as model:
        lines = [p.to_line() for p in model.predict_many(files)]
    told = [{label["label"] for label in line["labels"]} for line in lines]
    right = [says == truths[Path(line["path"]).name] for line, says in zip(lines, told, strict=True)]
    assert np.mean(right) > 0.8
    assert {line["outcome"] for line in lines} == {"answered", "unknown"}
    assert all((line["outcome"] == "unknown") == (not says) for line, says in zip(lines, told, strict=True))
    assert all(len(line["candidates"]) == 3 for line in lines)
    assert (bundle / "card.md").read_text().count("asked on its own") == 1


def random_tables(n: int, k: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Probabilities with ties, what is told, what is true; the last label has no picture."""
    rng = np.random.default_rng(seed)
    true = rng.random((n, k)) < 0.3
    true[:, -1] = False
    probabilities = np.clip(np.round(rng.random((n, k)) * 0.7 + 0.3 * true, 1), 0, 1)
    return probabilities, probabilities >= 0.5, true


@pytest.mark.parametrize("seed", range(5))
def test_figures_are_those_of_scikit_learn(seed: int) -> None:
    probabilities, told, true = random_tables(60, 6, seed)
    found = tagging(probabilities, told, true)
    here = np.arange(5)
    each = [average_precision_score(true[:, i], probabilities[:, i]) for i in here]
    assert found["mean_average_precision"].value == pytest.approx(np.mean(each))
    assert found["micro_f1"].value == pytest.approx(f1_score(true, told, average="micro", zero_division=0))
    assert found["macro_f1"].value == pytest.approx(f1_score(true[:, here], told[:, here], average="macro", zero_division=0))
    assert found["exact_match"].value == (true == told).all(axis=1).mean()
    labels = label_figures(probabilities, told, true)
    assert labels[-1] == (None, None)
    assert [ap.value for ap, _ in labels[:5] if ap] == pytest.approx(each)
    assert [f.value for _, f in labels[:5] if f] == pytest.approx(f1_score(true[:, here], told[:, here], average=None, zero_division=0))


def test_weighted_average_precision_is_that_of_the_pictures_drawn() -> None:
    """A picture of weight 2 is two pictures."""
    scores, true = np.array([0.9, 0.5, 0.5, 0.1]), np.array([True, False, True, True])
    weights = np.array([[1.0, 2, 0, 1], [0, 1, 3, 2], [2, 1, 1, 0]])
    expected = [average_precision_score(np.repeat(true, w.astype(int)), np.repeat(scores, w.astype(int))) for w in weights]
    assert average_precision(scores, true, weights) == pytest.approx(expected)
    # By hand, every picture once: 1 at 0.9; 2 of 3 at 0.5; 3 of 4 at 0.1: (1 + 2/3 + 3/4) / 3.
    assert average_precision(scores, true)[0] == pytest.approx((1 + 2 / 3 + 3 / 4) / 3)


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    """Exact match of independent labels is a share: its 95 % interval misses the known one in about one of twenty."""
    held = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        true = rng.random((80, 2)) < 0.5
        told = true ^ (rng.random((80, 2)) < 0.2)
        found = tagging(np.where(told, 0.9, 0.1), told, true)["micro_f1"]
        # A label is told right with 0.8: hits 0.4, told 0.5, true 0.5 of all: F1 = 0.8.
        held += found.low <= 0.8 <= found.high
    assert held >= 34


def test_a_perfect_score_has_a_width_too() -> None:
    """Wilson for 10 of 10: 10 / (10 + 1.96^2) = 0.722. For none of 10 the other end: 0.278."""
    true = np.array([[True, False], [False, True]] * 5)
    perfect = tagging(np.where(true, 0.9, 0.1), true, true)
    assert all(m.value == 1 and m.low == pytest.approx(10 / (10 + 1.959964**2)) for m in perfect.values())
    assert tagging(np.where(true, 0.1, 0.9), ~true, true)["micro_f1"].high == pytest.approx(1 - 10 / (10 + 1.959964**2))


def test_loss_by_hand() -> None:
    """logit 0 costs ln 2 whatever is true; labels are summed. Smoothing 0.2: a sure yes costs 0.1 x the logit."""
    zeros = torch.zeros(2, 3)
    assert float(binary_cross_entropy(zeros, torch.ones(2, 3), 0.0)) == pytest.approx(3 * np.log(2), rel=1e-6)
    sure = torch.full((1, 1), 50.0)
    assert float(binary_cross_entropy(sure, torch.ones(1, 1), 0.2)) == pytest.approx(5.0, rel=1e-5)
    # 2 of 10 pictures have it: a yes weighs 8 / 2 = 4 times.
    weights = positive_weights([2], 10)
    assert float(weights[0]) == pytest.approx(4)
    assert float(binary_cross_entropy(torch.zeros(1, 1), torch.ones(1, 1), 0.0, weights)) == pytest.approx(4 * np.log(2), rel=1e-6)


def test_thresholds_by_hand() -> None:
    """Told down to 0.4: 5 right, 1 wrong, all 5 found: F1 = 10 / 11; that is best, and half-way to 0.3."""
    probabilities = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2])
    true = np.array([1, 1, 0, 1, 1, 1, 0, 0], bool)
    assert best_threshold(probabilities, true) == pytest.approx(0.35)
    assert best_threshold(probabilities, np.array([1, 1, 0, 1, 1, 0, 0, 0], bool)) == 0.5  # four pictures
    assert best_threshold(probabilities, np.ones(8, bool)) == 0.5


def answer(*probabilities: float) -> TagAnswer:
    p = np.array(probabilities, np.float32)
    return TagAnswer(p, p >= 0.5, np.argsort(-p, kind="stable"))


def test_marks_and_truths_of_any_form() -> None:
    answers = [answer(0.9, 0.8, 0.1), answer(0.1, 0.2, 0.3), answer(0.9, 0.1, 0.1)]
    assert Tag.marks(answers, [(0, 2), (), 0]).tolist() == pytest.approx([1 / 3, 1.0, 1.0])
    assert marked([(0, 2), (), 1], 3).tolist() == [[True, False, True], [False] * 3, [False, True, False]]
    assert Tag.row(answers[0], (0, 2), LABELS) == ["blue;red", "blue;green", "0.900000;0.800000", "red", "green"]
    assert Tag.score([], []) == {}


def test_targets_and_auxiliary_heads() -> None:
    recipe = from_dict({"task": "tag", "train": {"losses": {"binary_cross_entropy": 1.0}}})
    task = Tag(recipe, LABELS, (1, 2, 3), 6)
    assert Tag.from_state(recipe, task.state()).state() == task.state()
    assert task.targets(Sample(Path(), "x", 0, (0, 2)))["labels"].tolist() == [1, 0, 1]
    outputs = {"logits": torch.zeros(2, 3), "auxiliary": torch.zeros(2, 2, 3)}
    terms = task.losses(outputs, {"labels": torch.zeros(2, 3)})
    # The head and 0.3 of two auxiliary ones, 3 ln 2 each.
    assert float(terms["binary_cross_entropy"]) == pytest.approx(1.6 * 3 * np.log(2), rel=1e-6)


def test_recipes_that_cannot_be() -> None:
    with pytest.raises(RecipeError, match="binary_cross_entropy"):
        Tag(from_dict({"task": "tag"}), LABELS)
    with pytest.raises(RecipeError, match=r"net\.values"):
        Tag(from_dict({"task": "tag", "net": {"values": 1}}), LABELS)
