"""The head fitted to frozen features: the one optimum, the penalty by validation, and a run without epochs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression

from landsight.studio.engine import open_run
from landsight.studio.tasks.classify import Classify
from landsight.studio.train import fit_head as fitting
from landsight.studio.train.fit_head import Embedded, fit_head
from landsight.studio.train.run import train

from .conftest import tiny_recipe


def made(rng: np.random.Generator, n: int) -> Embedded:
    """Three clouds in eight dimensions, overlapping."""
    labels = rng.integers(0, 3, n)
    rows = rng.normal(size=(n, 8)) + 1.2 * np.eye(3, 8)[labels]
    marks = torch.zeros(n, dtype=torch.bool)
    return Embedded(torch.tensor(rows, dtype=torch.float32), {"label": torch.tensor(labels), "sharp": marks, "small": marks})


def task_of(tmp_path: Path) -> Classify:
    return Classify(tiny_recipe(tmp_path), ("a", "b", "c"), (True,) * 3, (True,) * 3)


def test_it_is_the_optimum_that_scikit_learn_finds(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    seen, held = made(rng, 300), made(rng, 300)
    head = fit_head(task_of(tmp_path), seen, held, {})
    assert head.penalty == min(head.loss, key=lambda p: head.loss[p])
    # The same problem in scikit-learn's form: mean loss + p |w|^2, on rows centred and scaled, is C = 1 / (2 n p) there.
    centre = seen.rows.mean(0)
    scale = fitting.LENGTH / float((seen.rows - centre).norm(dim=1).mean())
    oracle = LogisticRegression(C=1 / (2 * 300 * head.penalty), max_iter=5000, tol=1e-8)
    oracle.fit(((seen.rows - centre) * scale).numpy(), seen.targets["label"].numpy())
    ours = torch.softmax(held.rows @ head.weight.T + head.bias, 1).numpy()
    theirs = oracle.predict_proba(((held.rows - centre) * scale).numpy())
    np.testing.assert_allclose(ours, theirs, atol=2e-3)


def test_a_run_without_epochs_is_a_fitted_head(folder: Path, tmp_path: Path) -> None:
    recipe = tiny_recipe(folder, "train.fit_head=true", "schedule.stages=[]", "train.absent_large_logit=0.0")
    run = train(recipe, tmp_path / "run")
    assert run.finished and run.step == 0
    best = open_run(tmp_path / "run", "best")
    assert float(best.net.head.weight.detach().abs().sum()) > 0
    assert run.metrics["validation"]["top1"].value > 1 / 3
    again = train(recipe, tmp_path / "run")
    assert again.finished


def test_epochs_begin_from_the_fitted_head(folder: Path, tmp_path: Path) -> None:
    run = train(tiny_recipe(folder, "train.fit_head=true", "train.absent_large_logit=0.0"), tmp_path / "run")
    assert run.finished and run.step > 0
    rows = (tmp_path / "run/metrics.csv").read_text().splitlines()
    assert rows[1].startswith("0,0,")


def test_label_smoothing_is_for_epochs_and_does_not_touch_the_fitted_head(folder: Path, tmp_path: Path) -> None:
    settings = ("train.fit_head=true", "schedule.stages=[]")
    heads = []
    for smoothing in (0.0, 0.2):
        train(tiny_recipe(folder, *settings, f"train.label_smoothing={smoothing}"), tmp_path / str(smoothing))
        heads.append(open_run(tmp_path / str(smoothing), "best").net.head.weight)
    assert torch.equal(*heads)
