"""Looks before training: first batches, the rate finder, the dry run, one batch by heart; and balanced draws in a plan."""

from __future__ import annotations

import csv
import math
import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from landsight.cli.app import cli
from landsight.studio.data.balance import Balance
from landsight.studio.data.check import check
from landsight.studio.data.loader import Plan, TrainingViews, batches
from landsight.studio.recipe import Recipe, to_toml
from landsight.studio.train import find_rate, first_batches
from landsight.studio.train.dry_run import dry_run
from landsight.studio.train.find_rate import curve_of, smoothed
from landsight.studio.train.first_batches import write_first_batches
from landsight.studio.train.loop import take_step
from landsight.studio.train.overfit import overfit
from landsight.studio.train.prepare import prepare
from landsight.studio.train.run import train

from .conftest import tiny_recipe, write_folder


def _opened(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def _silent(line: str) -> None:
    assert line


@pytest.fixture(autouse=True)
def _own_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that what a trial leaves can be seen."""
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))


def test_a_balanced_plan_draws_classes_equally_and_repeats_look_different() -> None:
    classes = [0] * 20 + [1] * 4
    plan = Plan(24, 6, ((32, 3),), seed=1, balance=Balance(classes))
    assert plan.per_epoch == 4
    addresses = [a for step in range(plan.steps) for a in plan.addresses(step)]
    for step in range(plan.steps):
        assert Counter(classes[i] for *_, i in plan.addresses(step)) == {0: 3, 1: 3}
    assert len(set(addresses)) == len(addresses) == 72
    # 36 draws of 4 pictures: 9 each.
    assert {n for i, n in Counter(i for *_, i in addresses).items() if i >= 20} == {9}
    halves = replace(plan, accumulate=2, batch=3)
    assert [halves.part(2, 0) + halves.part(2, 1)] == [plan.addresses(2)]


def test_balanced_training_is_asked_for_in_the_recipe(tmp_path: Path) -> None:
    root = write_folder(tmp_path / "d", each=6)
    for extra in (root / "train" / "blue").glob("*.png"):
        with Image.open(extra) as image:
            image.rotate(90, expand=True).save(extra.with_name(f"more{extra.name}"))
    prepared = prepare(tiny_recipe(root, "train.balanced=true", "train.batch=6"), tmp_path / "run", _silent)
    truths = [s.truth for s in prepared.checked.train.items]
    assert Counter(truths)[0] > Counter(truths)[1]
    assert Counter(truths[i] for *_, i in prepared.trainer.plan.addresses(0)) == {0: 2, 1: 2, 2: 2}


def test_first_batches_are_those_of_training(folder: Path, tmp_path: Path) -> None:
    recipe = tiny_recipe(folder, "train.cutmix=1.0")
    prepared = prepare(recipe, tmp_path, _silent)
    views = TrainingViews(prepared.checked.train, prepared.checked.cache, prepared.task, 0)
    state = torch.random.get_rng_state()
    write_first_batches(views, prepared.trainer, tmp_path / first_batches.NAME)
    assert torch.equal(state, torch.random.get_rng_state())
    picture = _opened(tmp_path / first_batches.NAME)
    # 32 pictures of 32 px, three times as large, 8 in a row, two lines below each; the first is the mixed view of the first address.
    assert picture.shape == (4 * (96 + 2 * 15 + 8) + 8, 8 * (96 + 8) + 8, 3)
    seen: list[torch.Tensor] = []
    prepared.trainer.net.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].detach().clone()))
    take_step(prepared.trainer, iter(batches(views, prepared.trainer.plan)), False)
    shown = picture[8 : 8 + 96 : 3, 8 : 8 + 96 : 3]
    truly = (seen[0][0].permute(1, 2, 0) * torch.tensor(recipe.input.std) + torch.tensor(recipe.input.mean)).round().numpy()
    assert np.abs(shown - truly).max() <= 1


def test_training_leaves_them_in_the_run(folder: Path, tmp_path: Path) -> None:
    train(tiny_recipe(folder, "schedule.stages=[[32, 1]]"), tmp_path / "run", say=_silent)
    assert _opened(tmp_path / "run" / "views.png").shape[1] > 500


def test_rate_curve_by_hand() -> None:
    rates = np.geomspace(1e-6, 1.0, 61)  # ten a decade
    x = np.log10(rates)
    # A fall of logistic shape about 1e-3, then a wall from 1e-1 on, which smoothing feels a little before: steepest at 1e-3, least at 10^-1.6.
    losses = 2 - 1.5 / (1 + np.exp(-4 * (x + 3))) + np.where(x > -1, (x + 1) * 3, 0)
    curve = curve_of(rates, losses.tolist())
    assert curve.steepest == pytest.approx(1e-3)
    assert curve.tenth == pytest.approx(10**-2.6)
    assert curve.suggestion == curve.steepest
    assert curve_of(rates, np.linspace(1, 5, 61).tolist()).suggestion is None
    assert curve_of(rates, [3.0]).suggestion is None
    # The same fall among batches that differ by a tenth of it is read off; batches that differ alone, whatever their least, are not.
    noise = np.random.default_rng(0).normal(0, 0.15, (200, 61))
    found = curve_of(rates, (losses + noise[0]).tolist())
    assert found.deviation == pytest.approx(0.15, rel=0.4)
    assert found.suggestion == pytest.approx(1e-3, rel=1)
    wall = np.where(x > -1, (x + 1) * 3, 0)
    assert sum(curve_of(rates, (1.7 + wall + row).tolist()).suggestion is not None for row in noise) <= 6  # of 200
    assert smoothed(np.full(7, 2.5), 3.0) == pytest.approx(np.full(7, 2.5))


def test_finding_a_rate_trains_nothing_and_suggests_one_that_learns(folder: Path, tmp_path: Path) -> None:
    recipe = tiny_recipe(folder)
    curve = find_rate.find_rate(recipe, tmp_path / "run", _silent, steps=50)
    assert abs(curve.losses[0] - math.log(3)) < 0.4
    assert curve.suggestion is not None
    assert 1e-5 < curve.suggestion < 0.3
    assert {p.name for p in (tmp_path / "run").iterdir()} == {"find_rate.png", "find_rate.csv", "cache"}
    rows = list(csv.DictReader((tmp_path / "run" / "find_rate.csv").read_text().splitlines()))
    assert len(rows) == len(curve.losses)
    assert float(rows[0]["rate"]) == 1e-6
    assert _opened(tmp_path / "run" / "find_rate.png").shape[:2] == (684, 1296)


def test_dry_run_goes_through_everything_and_leaves_nothing(folder: Path, tmp_path: Path) -> None:
    done = dry_run(tiny_recipe(folder, "export.int8=false"), _silent)
    assert done.pictures == 8
    assert [name.split()[0] for name in done.seconds] == ["read,", "first", "look", "export,"]
    assert all(s > 0 for s in done.seconds.values())
    assert done.peak > 50e6
    assert list((tmp_path / "tmp").iterdir()) == []


def test_one_batch_is_learnt_by_heart_or_not(folder: Path, tmp_path: Path) -> None:
    found = overfit(tiny_recipe(folder, "train.label_smoothing=0.2", "net.dropout=0.9"), _silent)
    assert found.passed
    assert found.steps < 200
    assert found.lines()[0].startswith("passed")
    stuck = overfit(tiny_recipe(folder, "optimise.rate=1e-9"), _silent, steps=5)
    assert not stuck.passed
    assert "--find-rate" in stuck.lines()[1]
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_first_try_reads_few_pictures_of_every_class(folder: Path, tmp_path: Path) -> None:
    checked = check(tiny_recipe(folder, "data.most=12").data, 0, tmp_path)
    assert [len(checked.train) + len(checked.subsets["validation"]), *checked.train.counts()] == [
        12,
        4,
        4,
        3,
    ]  # 4 of each, of which one small red one validates
    few = check(tiny_recipe(folder, "data.most=1").data, 0, tmp_path)
    assert len(few.train) + len(few.subsets["validation"]) == 9


@pytest.mark.parametrize("option", ["--overfit", "--find-rate"])
def test_the_command_says_what_it_found(folder: Path, tmp_path: Path, option: str) -> None:
    recipe: Recipe = tiny_recipe(folder)
    (tmp_path / "r.toml").write_text(to_toml(recipe))
    result = CliRunner().invoke(cli, ["train", str(tmp_path / "r.toml"), "-o", str(tmp_path / "run"), option])
    assert result.exit_code == 0
    assert {"--overfit": "passed: loss", "--find-rate": "suggestion: --set optimise.rate="}[option] in result.output
    assert (tmp_path / "run").exists() == (option == "--find-rate")
