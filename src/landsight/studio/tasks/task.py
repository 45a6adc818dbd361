"""The contract that every verb of the studio is written against, once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from landsight.bundle.manifest import Metric
from landsight.photo.prepare import ImageU8
from landsight.studio.data.check import Checked
from landsight.studio.data.samples import Sample
from landsight.studio.recipe import Recipe
from landsight.studio.report.page import Section


@dataclass(frozen=True, slots=True)
class Answered:
    """Pictures and what a network answered: a row each. ``metrics``: what ``score`` said of them.

    ``thumbnails``: pictures for a page as data URIs, "" where there is none.
    """

    labels: tuple[str, ...]
    samples: Sequence[Sample]
    answers: Sequence[Any]
    metrics: Mapping[str, Metric]
    thumbnails: Callable[[Sequence[Sample]], list[str]]

    @property
    def truths(self) -> list[Any]:
        """What the pictures show."""
        return [sample.truth for sample in self.samples]


@dataclass(frozen=True, slots=True)
class TaskReport:
    """What a task has to say: sections of the page, the first one a summary; and the figures beyond ``score`` JSON-ready for programs."""

    sections: tuple[Section, ...]
    figures: dict[str, Any]


class Task(Protocol):
    """What is learnt. Built by ``from_data`` for training and by ``from_state`` for a checkpoint; pickles, since views are made in workers."""

    @property
    def name(self) -> str:
        """Key in studio.tasks.TASKS, and name of the decoder's module in landsight.answer."""
        ...

    @property
    def labels(self) -> tuple[str, ...]:
        """What the outputs stand for, in order."""
        ...

    @property
    def main_metric(self) -> str:
        """Which value of ``score`` says that a checkpoint is better than another; higher is better."""
        ...

    @classmethod
    def from_data(cls, recipe: Recipe, checked: Checked) -> Task:
        """From what the data check found."""
        ...

    @classmethod
    def from_state(cls, recipe: Recipe, state: Mapping[str, Any]) -> Task:
        """From a checkpoint's JSON; the inverse of ``state``."""
        ...

    def state(self) -> dict[str, Any]:
        """JSON-ready: all that from_state needs."""
        ...

    def constants(self) -> dict[str, Any]:
        """What the decoder needs to know beside the labels, fixed by the training data: part of a bundle's calibration."""
        ...

    def view(self, image_hwc_u8: ImageU8, sample: Sample, side: int, rng: np.random.Generator) -> tuple[ImageU8, dict[str, NDArray[Any]]]:
        """One augmented picture (height, width, c) of ``views.view_size(side, input)`` and its targets, moved along with it."""
        ...

    def targets(self, sample: Sample) -> dict[str, NDArray[Any]]:
        """What a picture that is shown as it is should answer: the same names and forms as from ``view``."""
        ...

    def losses(self, outputs: Mapping[str, Tensor], targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Named terms, each a scalar; the recipe's train.losses weighs them."""
        ...

    @staticmethod
    def score(answers: Sequence[Any], truths: Sequence[Any], values: Sequence[tuple[float, ...]] = ()) -> dict[str, Metric]:
        """Figures of quality with 95 % intervals, from decoded answers. ``values``: numbers to predict, a row a picture. Empty for no pictures."""
        ...

    @staticmethod
    def marks(answers: Sequence[Any], truths: Sequence[Any]) -> NDArray[np.float64]:
        """(n,) each picture's own mark in [0, 1]: what paired comparisons (corrupted with clean, run with run) are made of."""
        ...

    @staticmethod
    def columns(labels: Sequence[str]) -> tuple[str, ...]:
        """Of the table of predictions, beside ``file``, ``mark`` and ``error``."""
        ...

    @staticmethod
    def row(answer: Any, truth: Any, labels: Sequence[str]) -> list[str]:
        """One picture's cells, a cell a column."""
        ...

    @staticmethod
    def report(answered: Answered) -> TaskReport:
        """All that is worth knowing about the answers to at least one picture."""
        ...

    def calibrate(self, outputs: Mapping[str, NDArray[Any]], truths: Sequence[Any]) -> dict[str, Any]:
        """The scalars of a bundle's calibration, from outputs for pictures that were not trained on; a row of each output a truth."""
        ...

    def focus(self, outputs: Mapping[str, Tensor], what: int) -> Tensor:
        """The scalar that an explanation differentiates: how strongly the outputs speak for ``what``."""
        ...
