from __future__ import annotations

from pathlib import Path

import pytest

from landsight.errors import RecipeError
from landsight.studio import recipe as recipes
from landsight.studio.recipe import Recipe


def test_defaults_load_and_survive_the_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(recipes.to_toml(Recipe()))
    assert recipes.load(path) == Recipe() == recipes.load(None)


def test_settings_override_the_file_and_survive_the_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text('[optimise]\nrate = 1e-5\n[data]\nroot = "C:\\\\a \\"b\\" é"\n')
    settings = [
        "optimise.rate=2",
        "schedule.stages=[[96, 1], [128, 2]]",
        "input.hide_px=96",
        "net.name=cnn",
        "train.losses.cross_entropy=0.5",
    ]
    recipe = recipes.load(path, settings)
    assert (recipe.optimise.rate, recipe.schedule.stages, recipe.input.hide_px) == (2.0, ((96, 1), (128, 2)), 96)
    assert (recipe.net.name, recipe.train.losses, recipe.epochs) == ("cnn", {"cross_entropy": 0.5}, 3)
    assert recipe.data.root == 'C:\\a "b" é'
    path.write_text(recipes.to_toml(recipe))
    assert recipes.load(path) == recipe


@pytest.mark.parametrize(
    ("setting", "code", "words"),
    [
        ("optimise.rat=1", "unknown_key", "'optimise.rat'. Did you mean 'rate'?"),
        ("trian.seed=1", "unknown_key", "'trian'. Did you mean 'train'?"),
        ("net.zzzz=3", "unknown_key", "Known: activation, auxiliary"),
        ("optimise.rate=fast", "wrong_type", "optimise.rate must be a number: received 'fast'"),
        ("train.seed=true", "wrong_type", "must be a whole number"),
        ("train.seed=1.5", "wrong_type", "must be a whole number"),
        ("net.pretrained=1", "wrong_type", "must be true or false"),
        ("schedule.stages=[[1]]", "wrong_type", "schedule.stages[0] must be a list of 2"),
        ("train=3", "wrong_type", "a section with keys"),
        ("input.resize=sqash", "bad_value", "Did you mean 'squash'?"),
        ("input.filter=sharp", "bad_value", "bicubic"),
        ("data.working_shape=round", "bad_value", "data.working_shape"),
        ("schedule.stages=[]", "bad_value", "above 0"),
        ("optimise.rate=nan", "bad_value", "above 0"),
        ("optimise.ema=1", "bad_value", "[0, 1)"),
        ("optimise.precision=fp8", "bad_value", "auto, fp32, bf16"),
        ("optimise.rate", "bad_setting", "section.key=value"),
        ("task.a=1", "wrong_type", "text"),
    ],
)
def test_a_bad_setting_is_named_with_what_was_received(setting: str, code: str, words: str) -> None:
    with pytest.raises(RecipeError) as caught:
        recipes.load(None, [setting])
    assert caught.value.code == code
    assert words in str(caught.value)


def test_a_file_that_is_missing_or_not_toml(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="Cannot open"):
        recipes.load(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("a = = b")
    with pytest.raises(RecipeError, match="not TOML"):
        recipes.load(tmp_path / "bad.toml")


def test_smoothing_and_a_label_taken_out_of_the_softmax_do_not_go_together() -> None:
    with pytest.raises(RecipeError, match="leave one of them off"):
        recipes.from_dict({}, ("train.label_smoothing=0.1", "train.absent_large_logit=-1e4"))
    assert recipes.from_dict({}, ("train.label_smoothing=0.1", "train.absent_large_logit=-2.3")).train.label_smoothing == 0.1
