"""Balanced sampling and class weights: exact counts, at every moment."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch

from landsight.errors import RecipeError
from landsight.studio.data.balance import Balance
from landsight.studio.recipe import from_dict
from landsight.studio.tasks.classify import Classify
from landsight.studio.tasks.losses import class_weights, cross_entropy

#: 8 pictures of class 0, 3 of class 1, one of class 2.
CLASSES = [0, 1, 0, 0, 2, 1, 0, 0, 0, 1, 0, 0]


def test_every_class_is_drawn_equally_often_at_every_moment() -> None:
    balance = Balance(CLASSES)
    pictures, _ = balance.drawn(5, 0, 600)
    classes = np.array(CLASSES)[pictures]
    for end in (3, 7, 50, 299, 600):
        counts = np.bincount(classes[:end], minlength=3)
        assert counts.max() - counts.min() <= 1
    # Within class 0: 200 draws of 8 pictures, 25 each; within class 1: 200 of 3, 66 or 67 each.
    counts_of = Counter(pictures.tolist())
    assert {counts_of[i] for i, c in enumerate(CLASSES) if c == 0} == {25}
    assert {counts_of[i] for i, c in enumerate(CLASSES) if c == 1} == {66, 67}
    assert counts_of[4] == 200
    # Random: the order of the classes is not always the same.
    assert len({tuple(classes[i : i + 3]) for i in range(0, 600, 3)}) == 6


def test_a_picture_that_comes_again_has_another_number() -> None:
    pictures, before = Balance(CLASSES).drawn(5, 0, 600)
    assert len(set(zip(pictures.tolist(), before.tolist(), strict=True))) == 600
    assert before[pictures == 4].tolist() == list(range(200))


@pytest.mark.parametrize(("start", "count"), [(0, 5), (5, 40), (599, 1), (255 * 3 - 1, 900)])
def test_any_stretch_is_the_same_stretch_of_the_whole(start: int, count: int) -> None:
    balance = Balance(CLASSES)
    whole, before = balance.drawn(1, 0, 2000)
    pictures, again = balance.drawn(1, start, count)
    assert np.array_equal(pictures, whole[start : start + count])
    assert np.array_equal(again, before[start : start + count])
    assert not np.array_equal(balance.drawn(2, 0, 2000)[0], whole)


def test_several_labels_a_picture_cannot_be_balanced() -> None:
    with pytest.raises(RecipeError, match="one label"):
        Balance.of([0, (1, 2)], 3)
    with pytest.raises(RecipeError, match="no training picture"):
        Balance.of([0, 2], 3)


def test_class_weights_by_hand() -> None:
    # 12 pictures, 3 classes: 12 / (3 x 8), 12 / (3 x 3), 12 / (3 x 1); the mean over pictures is (8 / 2 + 3 x 4 / 3 + 4) / 12 = 1.
    assert class_weights([8, 3, 1]).tolist() == pytest.approx([0.5, 4 / 3, 4.0])
    logits, labels = torch.zeros(2, 3), torch.tensor([0, 2])
    # Both terms are log 3; weighted 0.5 and 4, over two pictures.
    assert cross_entropy(logits, labels, 0.0, class_weights([8, 3, 1])).item() == pytest.approx(2.25 * np.log(3), abs=1e-6)


def test_the_task_weighs_classes_when_asked_and_after_a_checkpoint_too() -> None:
    targets = {"label": torch.tensor([0, 2]), "sharp": torch.tensor([False, False]), "small": torch.tensor([False, False])}
    kinds = [True, True, True], [True, True, True]
    for weighted, expected in ((False, np.log(3)), (True, 2.25 * np.log(3))):
        recipe = from_dict({"train": {"class_weights": weighted}})
        task = Classify(recipe, ["a", "b", "c"], *kinds, counts=[8, 3, 1])
        for made in (task, Classify.from_state(recipe, task.state())):
            assert made.losses({"logits": torch.zeros(2, 3)}, targets)["cross_entropy"].item() == pytest.approx(expected, abs=1e-6)
