"""Schedules by hand, stages shared out, and what a watch makes of looks."""

from __future__ import annotations

import math

import pytest
import torch

from landsight.bundle.manifest import Metric
from landsight.errors import RecipeError
from landsight.studio.recipe import ScheduleRecipe
from landsight.studio.train import schedule
from landsight.studio.train.schedule import SCHEDULES, Curve, factor_at, stages_of
from landsight.studio.train.watch import Watch


def test_cosine_and_constant_by_hand() -> None:
    # 100 steps, 10 of warm-up, floor 0.02. Step 0: 1/10 of the cosine's 1. Step 4: 5/10 x (0.02 + 0.98 x (1 + cos(0.04 pi)) / 2).
    curve = Curve(100, 10, 0.02)
    assert schedule.cosine(0, curve) == pytest.approx(0.1)
    assert schedule.cosine(4, curve) == pytest.approx(0.5 * (0.02 + 0.98 * 0.99605735), abs=1e-6)
    assert schedule.cosine(50, curve) == pytest.approx(0.51)
    assert schedule.cosine(100, curve) == pytest.approx(0.02)
    assert [schedule.constant(s, Curve(9, 4)) for s in range(5)] == [0.25, 0.5, 0.75, 1.0, 1.0]
    assert schedule.constant(0, Curve(9)) == 1.0


def test_one_cycle_by_hand() -> None:
    # 100 steps: up to step 45, down to step 90, then out. Half-way up: (0.1 + 1) / 2; at 95 half-way from 0.1 to 0.1 x 0.2.
    curve = Curve(100, warmup_steps=50, floor=0.2)
    assert [schedule.one_cycle(s, curve) for s in (0, 45, 90, 100)] == pytest.approx([0.1, 1.0, 0.1, 0.02])
    assert [schedule.one_cycle(s, curve) for s in (22.5, 67.5, 95)] == pytest.approx([0.55, 0.55, 0.06])  # type: ignore[arg-type]


def test_step_and_plateau_by_hand() -> None:
    # Milestones after epochs 2 and 3 of 10 steps each: 1, then a tenth, then a hundredth.
    recipe = ScheduleRecipe(name="step", milestones=(2.0, 3.0), warmup_epochs=0.0)
    factors = [factor_at(recipe, step, steps=40, per_epoch=10) for step in (0, 19, 20, 29, 30, 39)]
    assert factors == pytest.approx([1, 1, 0.1, 0.1, 0.01, 0.01])
    recipe = ScheduleRecipe(name="plateau", gamma=0.5, floor=0.3, warmup_epochs=0.2)
    assert factor_at(recipe, 0, steps=40, per_epoch=10) == 0.5  # step 1 of 2 of warm-up
    assert [factor_at(recipe, 9, steps=40, per_epoch=10, drops=n) for n in range(3)] == [1.0, 0.5, 0.3]


def test_step_down_is_what_torch_does() -> None:
    weight = torch.nn.Parameter(torch.zeros(1))
    optimiser = torch.optim.SGD([weight], lr=1.0)
    theirs = torch.optim.lr_scheduler.MultiStepLR(optimiser, milestones=[3, 7], gamma=0.2)
    for step in range(10):
        assert schedule.steps_down(step, Curve(10, milestones=(3, 7), gamma=0.2)) == pytest.approx(optimiser.param_groups[0]["lr"])
        optimiser.step()
        theirs.step()


@pytest.mark.parametrize("name", SCHEDULES)
def test_every_schedule_stays_between_0_and_1(name: str) -> None:
    recipe = ScheduleRecipe(name=name, milestones=(1.0,), warmup_epochs=0.7)
    factors = [factor_at(recipe, step, steps=33, per_epoch=11) for step in range(33)]
    assert all(0 < f <= 1 for f in factors)
    assert max(factors) > 0.85


def test_an_unknown_schedule_names_the_nearest() -> None:
    with pytest.raises(RecipeError, match="cosine"):
        factor_at(ScheduleRecipe(name="cosin"), 0, steps=1, per_epoch=1)


@pytest.mark.parametrize(
    ("epochs", "expected"),
    [
        (12, ((144, 4), (176, 8))),
        (24, ((144, 8), (176, 16))),
        (5, ((144, 2), (176, 3))),  # 1.67 and 3.33: the larger fraction gets the spare epoch
        (2, ((144, 1), (176, 1))),  # 0.67 and 1.33: each keeps one
        (1, ((176, 1),)),
    ],
)
def test_stages_keep_their_proportions(epochs: int, expected: tuple[tuple[int, int], ...]) -> None:
    assert stages_of(((144, 4), (176, 8)), epochs) == expected


def test_stages_of_many() -> None:
    # 7 epochs over 1 + 1 + 10: shares 0.58, 0.58, 5.83; the first two are raised to 1, which leaves 5.
    assert stages_of(((64, 1), (96, 1), (128, 10)), 7) == ((64, 1), (96, 1), (128, 5))
    assert stages_of(((64, 1), (96, 1), (128, 10)), 2) == ((96, 1), (128, 1))


def look(top1: float, loss: float | None = None) -> dict[str, Metric]:
    found = {"top1": Metric(top1, 0, 1, 9, "")}
    return found if loss is None else {**found, "log_loss": Metric(loss, 0, 9, 9, "")}


def test_a_watch_counts_looks_and_drops() -> None:
    watch = Watch()
    seen = [watch.see(look(top1, loss), "top1", patience=2) for top1, loss in ((0.5, 1.0), (0.5, 0.9), (0.4, 0.9), (0.6, 1.1))]
    # Equal counts as best (later weights), but not as better; the loss stood still for two looks, so one drop, and counting begins anew.
    assert seen == [True, True, False, True]
    assert (watch.best, watch.looks_since_best) == (0.6, 0)
    assert (watch.lowest, watch.drops, watch.looks_since_lowest) == (0.9, 1, 0)
    watch.see(look(0.1, 2.0), "top1", patience=2)
    watch.see(look(0.1, 2.0), "top1", patience=2)
    assert (watch.looks_since_best, watch.drops) == (2, 2)
    assert Watch.from_state(watch.state()) == watch


def test_a_watch_without_a_loss_goes_by_the_metric_and_without_pictures_by_nothing() -> None:
    watch = Watch()
    for top1 in (0.5, 0.4, 0.45):
        watch.see(look(top1), "top1", patience=2)
    assert (watch.drops, watch.lowest) == (1, -0.5)
    fresh = Watch()
    assert fresh.see({}, "top1", patience=1)
    assert fresh == Watch()
    assert math.isinf(Watch.from_state(fresh.state()).lowest)
