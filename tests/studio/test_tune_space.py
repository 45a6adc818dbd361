"""What a search may change: the forms of a space, its grid by hand, and what is refused."""

from __future__ import annotations

import math
import tomllib
from pathlib import Path

import pytest

from landsight.errors import RecipeError
from landsight.studio.recipe import Recipe, load
from landsight.studio.tune.plan import plan_of, recipe_differences, require_same
from landsight.studio.tune.space import Dimension, default_space, from_json, known_keys, recipe_with, space_of


def _space(toml: str, *settings: str) -> dict[str, Dimension]:
    return {d.key: d for d in space_of(Recipe(), tomllib.loads(toml), settings)}


def test_a_table_and_settings_say_the_same() -> None:
    table = _space(
        '[space]\n"optimise.rate" = {low=1e-4, high=1e-2, log=true}\nnet.name = ["cnn", "efficientnet_lite0"]\n"train.batch" = {low=16, high=128, step=16}'
    )
    settings = _space("", "optimise.rate=1e-4:1e-2:log", 'net.name=["cnn","efficientnet_lite0"]', "train.batch=16:128:16")
    assert table == settings
    assert table["train.batch"].whole
    assert not table["optimise.rate"].whole
    assert _space('[space]\n"optimise.rate" = [1e-3]', "optimise.rate=1e-3:1e-1") == {
        "optimise.rate": Dimension("optimise.rate", low=1e-3, high=1e-1)
    }
    assert _space("", "optimise.rate={low=1e-3,high=1e-1}") == _space("", "optimise.rate=1e-3:1e-1")


def test_without_a_space_what_most_often_matters_varies_around_the_recipe() -> None:
    space = {d.key: d for d in default_space(Recipe())}
    assert set(space) == {
        "optimise.rate",
        "optimise.weight_decay",
        "net.dropout",
        "views.min_area",
        "views.colour",
        "train.label_smoothing",
    }
    assert (space["optimise.rate"].low, space["optimise.rate"].high) == pytest.approx((6e-5, 6e-3))
    assert _space("") == space
    digits = recipe_with({}, {"views.min_area": 1.0, "views.colour": 0.0, "views.affine": 0.9})
    assert {d.key for d in default_space(digits)} - set(space) == {"views.affine"}
    assert "views.colour" not in {d.key for d in default_space(digits)}
    assert set(space) <= set(known_keys())


def test_grid_by_hand() -> None:
    assert Dimension("a", low=16, high=64, step=16, whole=True).grid() == [16, 32, 48, 64]
    assert Dimension("a", low=1e-4, high=1e-2, log=True).grid() == pytest.approx([1e-4, 1e-3, 1e-2])
    assert Dimension("a", low=0.0, high=0.4, points=5).grid() == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])
    assert Dimension("a", low=1, high=2, whole=True).grid() == [1, 2]
    assert Dimension("a", low=1, high=100, log=True, whole=True).grid() == [1, 10, 100]
    assert Dimension("a", choices=("x", True, 3)).grid() == ["x", True, 3]


def test_choices_that_are_lists_are_sampled_as_text_and_come_back_as_they_were() -> None:
    dimension = _space("", "schedule.stages=[[[32,2]],[[32,1],[48,1]]]")["schedule.stages"]
    assert dimension.names() == ["[[32, 2]]", "[[32, 1], [48, 1]]"]
    stages = dimension.value("[[32, 1], [48, 1]]")
    assert recipe_with({}, {"schedule.stages": stages}).schedule.stages == ((32, 1), (48, 1))
    assert from_json([dimension.to_json()]) == (dimension,)


def test_a_weight_of_a_loss_may_vary() -> None:
    space = _space("", "train.losses.cross_entropy=0.5:2")
    assert recipe_with({}, {"train.losses.cross_entropy": space["train.losses.cross_entropy"].high}).train.losses == {"cross_entropy": 2.0}


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("optimise.rat=1:2", "Did you mean 'optimise.rate'"),
        ("optimise.rate=2:1", "low must be below high"),
        ("optimise.rate=0:1:log", "must lie above 0"),
        ("net.dropout=0:0.5:0.6", "larger than the range"),
        ("net.dropout=0:2", r"must be in \[0, 1\)"),
        ("train.batch=8.5:16", "whole"),
        ("net.name=1:2", "is no number"),
        ('net.activation={low=0,high=1}', "is no number"),
        ("optimise.rate=[]", "list of different values"),
        ("optimise.rate=[0.1,0.1]", "list of different values"),
        ("optimise.rate=0.1", "a list, or low and high"),
        ("optimise.rate=fast", "neither a range nor a list"),
        ("optimise.rate=1:2:3:4", "neither a range nor a list"),
        ("optimise.rate", "key=values"),
        ("optimise.rate={low=1,hi=2}", "a list, or low and high"),
        ("optimise.rate={low=1,high=2,stp=1}", "Did you mean 'step'"),
        ("optimise.rate={low=1,high=2,log=true,step=0.5}", "exclude each other"),
        ("views.policy=['none','randaugmnt']", "Did you mean 'randaugment'"),
        ("train.seed={low=1,high=inf}", "finite"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_in_words(setting: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        _space("", setting)


def test_steps_end_where_the_last_one_reaches() -> None:
    # 8, 24, 40, 56: the next would be 72, above 64.
    assert _space("", "train.batch=8:64:16")["train.batch"].high == 56


def test_train_leaves_the_table_of_the_search_aside(tmp_path: Path) -> None:
    path = tmp_path / "r.toml"
    path.write_text('[optimise]\nrate = 0.5\n[tune.space]\n"optimise.rate" = [0.1, 0.2]\n', encoding="utf-8")
    assert load(path).optimise.rate == 0.5
    with pytest.raises(RecipeError, match=r"tune\.spaces"):
        space_of(Recipe(), {"spaces": {}})


def test_another_study_is_told_apart_by_its_first_difference() -> None:
    space = default_space(Recipe())
    plan = plan_of(Recipe(), space)
    require_same(plan_of(recipe_with({}, {"data.root": "/elsewhere", "train.threads": 3}), space), plan, "s")
    for other, message in (
        (plan_of(Recipe(), space, seed=3), "another seed: received 3, it has 0"),
        (plan_of(Recipe(), space[1:]), r"another space of optimise\.rate: received none"),
        (plan_of(recipe_with({}, {"train.batch": 3}), space), r"another recipe in train\.batch: received 3, it has 64"),
    ):
        with pytest.raises(RecipeError, match=message):
            require_same(other, plan, "s")
    assert recipe_differences(recipe_with({}, {"train.batch": 3}), Recipe()) == {"train.batch": (3, 64)}
    assert math.isfinite(plan.recipe.optimise.rate)
