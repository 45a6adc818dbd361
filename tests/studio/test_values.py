"""A number beside the label: learnt, measured in its own unit, exported, told."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import torch

from landsight.answer.model import Model
from landsight.answer.replay import verify
from landsight.errors import RecipeError
from landsight.studio.data.samples import Sample, Samples
from landsight.studio.evaluate import evaluate
from landsight.studio.export import export
from landsight.studio.recipe import Recipe, from_dict
from landsight.studio.tasks.losses import smooth_l1
from landsight.studio.tasks.values import Values, value_errors
from landsight.studio.train.run import train

from .tag_pictures import draw


def value_recipe(root: Path, *settings: str) -> Recipe:
    data = {
        "data": {"root": str(root), "reader": "csv", "label_column": "labels", "value_columns": ["brightness", "metres"], "validation_share": 0.1, "working_px": 32, "small_px": 32, "duplicate_distance": -1},
        "input": {"width": 32, "height": 32},
        "net": {"name": "cnn", "dropout": 0.0, "norm_momentum": 0.1, "values": 2},
        "optimise": {"rate": 0.01, "head_factor": 1.0, "precision": "fp32", "ema": 0.0},
        "schedule": {"stages": [[32, 12]]},
        "views": {"min_area": 0.9, "degrade_large": 0.0, "degrade_small": 0.0, "colour": 0.0, "grey": 0.0, "rotate": 0.0, "blur": 0.0, "flip": 0.0},
        "train": {"batch": 8, "workers": 0, "threads": 1, "evaluate_every": 0, "losses": {"cross_entropy": 1.0, "smooth_l1": 1.0}},
        "export": {"int8": False},
    }  # fmt: skip
    return from_dict(data, settings)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One disc, red or blue, on a ground of known brightness; "metres" are the same in another unit, ten thousand times as large."""
    root = tmp_path_factory.mktemp("values") / "pictures"
    root.mkdir()
    rows = [["file", "labels", "split", "brightness", "metres"]]
    for number in range(72):
        label, ground = ("red", "blue")[number % 2], 60 + (number * 37) % 140
        draw((label,), ground, number).save(root / f"{number:03d}.png")
        rows.append([f"{number:03d}.png", label, "train" if number < 56 else "test", str(ground / 255), str(ground * 1e4 + 5e6)])
    with (root / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return root


@pytest.fixture(scope="module")
def run(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "values"
    assert train(value_recipe(pictures), out, say=lambda _: None).finished
    return out


def test_it_learns_values_in_their_own_units(run: Path) -> None:
    """Grounds are spread over 140 of 255: who always says the middle is 35 / 255 = 0.137 off on average."""
    found = evaluate(run).metrics
    assert found["top1"].value > 0.9
    error = found["mae_brightness"]
    assert error.low <= error.value <= error.high
    assert error.value < 0.06
    assert found["mae_metres"].value < 0.06 * 255e4


def test_a_bundle_tells_them_and_stored_answers_hold_them(run: Path, pictures: Path, tmp_path: Path) -> None:
    bundle = export(run, tmp_path / "bundle")
    assert bundle.manifest.outputs["values"] == ["n", 2]
    report = verify(tmp_path / "bundle")
    assert report.ok, report.problems()
    with Model(tmp_path / "bundle") as model:
        line = next(iter(model.predict_many([pictures / "060.png"]))).to_line()
    truth = (60 + (60 * 37) % 140) / 255
    assert [v["name"] for v in line["values"]] == ["brightness", "metres"]
    assert line["values"][0]["value"] == pytest.approx(truth, abs=0.12)
    assert line["label"] == "red"


def test_loss_and_standard_by_hand() -> None:
    """0.5 x 0.5^2 = 0.125 inside one, 3 - 0.5 = 2.5 outside: mean 1.3125."""
    assert float(smooth_l1(torch.tensor([[0.5, 3.0]]), torch.zeros(1, 2))) == pytest.approx((0.125 + 2.5) / 2)
    recipe = from_dict(
        {"data": {"value_columns": ["a"]}, "net": {"values": 1}, "train": {"losses": {"cross_entropy": 1.0, "smooth_l1": 1.0}}}
    )
    samples = [Sample(Path(), str(i), i, 0, values=(float(v),)) for i, v in enumerate((10, 20, 30))]
    values = Values.from_data(recipe, Samples(("x", "y"), tuple(samples)))
    # Mean 20, standard deviation sqrt(200 / 3) = 8.165.
    assert values.constants() == {"values": {"names": ["a"], "mean": [20.0], "scale": [pytest.approx(8.16497, abs=1e-4)]}}
    assert values.targets(samples[2])["values"].tolist() == [pytest.approx(10 / 8.16497, abs=1e-5)]
    # While a head is fitted to embeddings the network tells no values.
    assert values.losses({"logits": torch.zeros(1, 2)}, {}) == {}


def test_errors_by_hand() -> None:
    found = value_errors([{"a": 1.0}, {"a": 4.0}], [(2.0,), (2.0,)])
    assert found["mae_a"].value == pytest.approx(1.5)
    assert (found["mae_a"].low, found["mae_a"].high) == (1.0, 2.0)
    assert value_errors([None], [()]) == {}


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (("train.losses={cross_entropy=1.0}",), "nothing in train.losses teaches them"),
        (("net.values=1",), "value_columns names 2"),
        (("net.values=0", "data.value_columns=[]"), "has 'smooth_l1' for none"),
    ],
)
def test_recipe_and_data_must_say_the_same(pictures: Path, tmp_path: Path, settings: tuple[str, ...], said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        train(value_recipe(pictures, *settings), tmp_path / "run", say=lambda _: None)


def test_a_constant_value_is_no_division_by_zero() -> None:
    recipe = from_dict(
        {"data": {"value_columns": ["a"]}, "net": {"values": 1}, "train": {"losses": {"cross_entropy": 1.0, "smooth_l1": 1.0}}}
    )
    samples = Samples(("x",), tuple(Sample(Path(), str(i), i, 0, values=(3.0,)) for i in range(3)))
    values = Values.from_data(recipe, samples)
    assert np.isfinite(values.targets(samples.items[0])["values"]).all()
