"""Tagging: any number of labels a picture, each asked on its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from landsight.answer.calibration import logistic
from landsight.answer.tag import THRESHOLD, TagAnswer
from landsight.bundle.manifest import Metric
from landsight.errors import RecipeError
from landsight.photo.prepare import ImageU8
from landsight.studio import tag_metrics
from landsight.studio.data.check import Checked
from landsight.studio.data.samples import Sample
from landsight.studio.data.views import view
from landsight.studio.recipe import Recipe
from landsight.studio.resolve import resolve
from landsight.studio.tasks.losses import TAG_LOSSES, positive_weights
from landsight.studio.tasks.task import Answered, TaskReport

#: Of the table of predictions. Labels are joined with ";", most probable first; ``missed`` and ``wrong``: what should have been told, and not.
COLUMNS = ("truth", "told", "probabilities", "missed", "wrong")
#: A label with fewer pictures among those that thresholds are chosen on keeps the threshold 0.5: few pictures choose by chance.
_LEAST = 5
#: No threshold comes nearer to 0 or 1: beyond, a label would always or never be told.
_EDGE = 0.02


class Tag:
    """Any number of labels a picture (none, too), learnt by binary cross-entropy. A truth is a tuple of label indices; one index is one label.

    ``counts``: training pictures of each label, out of ``pictures``, for train.class_weights: a rare label's yes then weighs as much as its no.
    """

    name = "tag"
    main_metric = "mean_average_precision"

    def __init__(self, recipe: Recipe, labels: Sequence[str], counts: Sequence[int] = (), pictures: int = 0) -> None:
        if recipe.net.values:
            raise RecipeError("bad_value", "net.values: the task 'tag' predicts no numbers.", "Leave it out, or choose task = 'classify'.")
        self.recipe = recipe
        self.labels = tuple(labels)
        self.counts = tuple(counts)
        self.pictures = pictures
        weights = positive_weights(counts, pictures) if recipe.train.class_weights and counts else None
        self._losses = {name: partial(resolve(TAG_LOSSES, name, "loss of tag"), positive_weights=weights) for name in recipe.train.losses}

    @classmethod
    def from_data(cls, recipe: Recipe, checked: Checked) -> Tag:
        """Labels and their counts from the training part."""
        return cls(recipe, checked.labels, checked.train.counts(), len(checked.train))

    @classmethod
    def from_state(cls, recipe: Recipe, state: Mapping[str, Any]) -> Tag:
        """The inverse of ``state``."""
        return cls(recipe, state["labels"], state["counts"], state["pictures"])

    def state(self) -> dict[str, Any]:
        """JSON-ready."""
        return {"labels": list(self.labels), "counts": list(self.counts), "pictures": self.pictures}

    def constants(self) -> dict[str, Any]:
        """None: thresholds come from ``calibrate``."""
        return {}

    def view(self, image_hwc_u8: ImageU8, sample: Sample, side: int, rng: np.random.Generator) -> tuple[ImageU8, dict[str, NDArray[Any]]]:
        """Targets: labels (k,) float32, 1 for those that the picture has."""
        image, _ = view(image_hwc_u8, sample.small, side, self.recipe.views, rng, like=self.recipe.input)
        return image, self.targets(sample)

    def targets(self, sample: Sample) -> dict[str, NDArray[Any]]:
        """Views move no label."""
        labels = np.zeros(len(self.labels), np.float32)
        labels[list(sample.label_indices)] = 1
        return {"labels": labels}

    def losses(self, outputs: Mapping[str, Tensor], targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Shape: outputs["logits"] (n, k), auxiliary (n, heads, k) where there are auxiliary heads; targets labels (n, k)."""
        smoothing = self.recipe.train.label_smoothing
        terms = {name: loss(outputs["logits"].float(), targets["labels"], smoothing) for name, loss in self._losses.items()}
        if "auxiliary" in outputs:
            for head in outputs["auxiliary"].float().unbind(1):
                for name, loss in self._losses.items():
                    terms[name] = terms[name] + self.recipe.net.auxiliary * loss(head, targets["labels"], smoothing)
        return terms

    @staticmethod
    def score(answers: Sequence[TagAnswer], truths: Sequence[Any], values: Sequence[tuple[float, ...]] = ()) -> dict[str, Metric]:
        """mean_average_precision, micro_f1, macro_f1, exact_match. Those of each label stand in the report."""
        if not answers:
            return {}
        probabilities, told = stacked(answers)
        return tag_metrics.tagging(probabilities, told, marked(truths, told.shape[1]))

    @staticmethod
    def marks(answers: Sequence[TagAnswer], truths: Sequence[Any]) -> NDArray[np.float64]:
        """Jaccard index of a picture: labels that are both told and true, of those that are either; 1 when there is neither."""
        if not answers:
            return np.zeros(0)
        _, told = stacked(answers)
        true = marked(truths, told.shape[1])
        either = (told | true).sum(axis=1)
        return np.where(either > 0, (told & true).sum(axis=1) / np.maximum(1, either), 1.0)

    @staticmethod
    def columns(labels: Sequence[str]) -> tuple[str, ...]:
        """See COLUMNS."""
        return COLUMNS

    @staticmethod
    def row(answer: TagAnswer, truth: Any, labels: Sequence[str]) -> list[str]:
        """Probabilities of what is told, with six decimals."""
        true, told = indices(truth), answer.labels
        columns: list[Sequence[int]] = [true, told, [i for i in true if i not in told], [i for i in told if i not in true]]
        has, says, missed, wrong = (";".join(labels[i] for i in column) for column in columns)
        return [has, says, ";".join(f"{answer.probabilities[i]:.6f}" for i in told), missed, wrong]

    @staticmethod
    def report(answered: Answered) -> TaskReport:
        """See tasks.tag_report."""
        from landsight.studio.tasks.tag_report import report

        return report(answered)

    def calibrate(self, outputs: Mapping[str, NDArray[Any]], truths: Sequence[Any]) -> dict[str, Any]:
        """The thresholds, one a label: where its F1 is best on these pictures."""
        probabilities = logistic(np.asarray(outputs["logits"], np.float64))
        true = marked(truths, len(self.labels))
        return {"thresholds": [best_threshold(p, t) for p, t in zip(probabilities.T, true.T, strict=True)]}

    def focus(self, outputs: Mapping[str, Tensor], what: int) -> Tensor:
        """Sum over the batch of the logit of label ``what``."""
        return outputs["logits"][:, what].sum()


def indices(truth: Any) -> tuple[int, ...]:
    """A truth is a tuple of labels, or one."""
    return tuple(truth) if isinstance(truth, tuple) else (int(truth),)


def marked(truths: Sequence[Any], labels: int) -> NDArray[np.bool_]:
    """(n, k): which labels each picture has."""
    table = np.zeros((len(truths), labels), np.bool_)
    for row, truth in enumerate(truths):
        table[row, list(indices(truth))] = True
    return table


def stacked(answers: Sequence[TagAnswer]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Probabilities and what is told, (n, k) each."""
    return np.stack([a.probabilities for a in answers]).astype(np.float64), np.stack([a.present for a in answers])


def best_threshold(probabilities: NDArray[np.float64], true: NDArray[np.bool_]) -> float:
    """Where F1 is highest, half-way between the two probabilities there; 0.5 for a label of fewer than five pictures, or all of them."""
    if true.sum() < _LEAST or true.all():
        return THRESHOLD
    order = np.argsort(-probabilities, kind="stable")
    ranked = probabilities[order]
    told = np.arange(1, len(true) + 1, dtype=np.float64)
    scores = tag_metrics.f1(np.cumsum(true[order]).astype(np.float64), told, np.full(len(true), float(true.sum())))
    scores[:-1][ranked[:-1] == ranked[1:]] = -1  # equal ones are told together
    last = int(np.argmax(scores))
    below = ranked[last + 1] if last + 1 < len(ranked) else 0.0
    return float(np.clip((ranked[last] + below) / 2, _EDGE, 1 - _EDGE))
