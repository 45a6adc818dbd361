"""What the comparison of training speeds works out; the measuring itself is no test."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

from landsight.studio import recipe as recipes

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def script() -> Iterator[ModuleType]:
    """The scripts import each other as they do when they are started by hand."""
    before = list(sys.path)
    sys.path[:0] = [str(FOLDER), str(FOLDER / "sides")]
    yield import_module("training_speed")
    sys.path[:] = before


@pytest.mark.parametrize("bf16", [True, False])
def test_the_first_epoch_counts_once_in_ten(script: ModuleType, monkeypatch: pytest.MonkeyPatch, bf16: bool) -> None:
    """100 pictures; 10 s, then 9 epochs of 5 s: 1000 pictures in 55 s. The goal against fastai is for processors with bf16."""
    monkeypatch.setattr(script, "uses_bf16", lambda *_: bf16)
    ours = script.Ran(100, 10.0, 5.0, 20.0)
    assert ours.amortised == pytest.approx(1000 / 55)
    slower = script.Ran(100, 11.0, 11.0, 40.0)  # 1000 pictures in 110 s: half as fast
    figures = script.figures("small", {"landsight": [ours], "timm": [slower], "fastai": [slower]})
    by_name = {figure.name: figure for figure in figures}
    timm, fastai = (by_name[f"small photos: times as fast as {other}, ten epochs"] for other in ("timm", "fastai"))
    assert timm.median == pytest.approx(2.0)
    assert (timm.target, fastai.target, timm.met) == (1.0, 2.0 if bf16 else None, True)
    assert by_name["small photos: landsight, first epoch"].median == pytest.approx(10.0)
    assert by_name["small photos: landsight, later epochs"].median == pytest.approx(20.0)

    with pytest.raises(SystemExit):  # a side that leaves pictures out is no side to compare with
        script.figures("small", {"landsight": [ours], "timm": [script.Ran(99, 11.0, 11.0, 40.0)], "fastai": [slower]})


def test_classes_have_as_many_pictures_each_and_validation_one(script: ModuleType, tmp_path: Path) -> None:
    sources = []
    for name in ("a", "b", "c"):
        (tmp_path / f"{name}.jpg").write_text(name)
        sources.append(tmp_path / f"{name}.jpg")
    made = script.laid_out([sources[:2], sources[2:]], tmp_path / "out", 2, 6)
    assert [file.read_text() for file in made] == ["a", "c", "b", "c", "a", "c"]  # in turns, each class anew when it is used up
    assert [file.parent.name for file in made] == ["class_00", "class_01"] * 3
    assert sorted(file.read_text() for file in (tmp_path / "out" / "validation").rglob("*.jpg")) == ["a", "c"]


def test_the_clock_counts_steps_only_but_all_of_the_first_epoch(script: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    clock_of = import_module("training_clock")
    #       made, (decoded until 7), steps end, epoch 2 begins, steps end
    times = iter([0.0, 8.0, 9.0, 20.0, 21.0, 22.5])
    monkeypatch.setattr(clock_of.time, "perf_counter", lambda: next(times))
    clock = clock_of.Clock(32)
    for _ in range(2):
        clock.epoch_begins()
        clock.step_ends()
        clock.step_ends()
        clock.epoch_ends()
    told = clock.to_dict()
    assert (told["pictures"], told["first_s"], told["later_s"]) == (64, 9.0, [2.5])


def test_our_side_s_recipe_is_one(script: ModuleType) -> None:
    recipe = recipes.load(script.SIDES / "training.toml", ["schedule.stages=[[224, 3]]"])
    assert (recipe.net.name, recipe.net.depth, recipe.epochs, recipe.optimise.precision) == ("resnet", 18, 3, "auto")


def test_without_the_other_side_nothing_is_measured(script: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "camera").mkdir()
    monkeypatch.setenv("LANDSIGHT_DATA", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["training_speed.py", "--quick", "--others", str(tmp_path / "none")])
    with pytest.raises(SystemExit) as ended:
        script.main()
    assert ended.value.code == 2
