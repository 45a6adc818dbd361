"""Classification: one label a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from landsight.answer.classify import ClassAnswer
from landsight.bundle.manifest import Metric
from landsight.errors import DataError
from landsight.photo.prepare import ImageU8
from landsight.studio import metrics
from landsight.studio.data.check import Checked, has_kind
from landsight.studio.data.samples import Sample
from landsight.studio.data.views import view
from landsight.studio.decision import fit_temperature
from landsight.studio.recipe import Recipe
from landsight.studio.resolve import resolve
from landsight.studio.tasks.losses import LOSSES, VALUE_LOSSES, class_weights
from landsight.studio.tasks.task import Answered, TaskReport
from landsight.studio.tasks.values import Values, value_errors

#: Of the table of predictions. ``rank``: the truth's place among the answers, from 1. Columns are only ever added, at the end.
COLUMNS = (
    "truth", "guess", "probability", "second", "third", "looked", "known_probability",
    "rank", "truth_probability", "second_probability", "third_probability", "fourth", "fifth",
)  # fmt: skip


class Classify:
    """One label a picture, learnt by cross-entropy.

    ``has_large``, ``has_small``: for each label whether training has a picture of that kind. Sharp views weaken the labels without a large
    one in their softmax (train.absent_large_logit): else being sharp would teach that it cannot be one of them, and people's photos are sharp.
    ``counts``: training pictures of each label, for train.class_weights; empty: not known. ``values``: numbers that are predicted beside
    the label (net.values of them).
    """

    name = "classify"
    main_metric = "top1"

    def __init__(
        self, recipe: Recipe, labels: Sequence[str], has_large: Sequence[bool], has_small: Sequence[bool], counts: Sequence[int] = (),
        *, values: Values | None = None,
    ) -> None:  # fmt: skip
        self.recipe = recipe
        self.labels = tuple(labels)
        self.has_large = tuple(has_large)
        self.has_small = tuple(has_small)
        self.counts = tuple(counts)
        weights = class_weights(counts) if recipe.train.class_weights and counts else None
        self.values = values or Values(recipe, (), ())
        own = [name for name in recipe.train.losses if name not in VALUE_LOSSES]
        self._losses = {name: partial(resolve(LOSSES, name, "loss"), class_weights=weights) for name in own}
        self._absent_large = _absent(has_large) * recipe.train.absent_large_logit
        self._absent_shrunk = _absent(has_large) * recipe.train.absent_shrunk_logit
        self._absent_small = _absent(has_small) * recipe.train.absent_small_logit

    @classmethod
    def from_data(cls, recipe: Recipe, checked: Checked) -> Classify:
        """Labels and kinds from the training part. Raises: DataError when a picture has several labels, or none."""
        odd = next((s for s in checked.train.items if isinstance(s.truth, tuple)), None)
        if odd is not None:
            raise DataError(
                "several_labels",
                f"Pictures of this data have any number of labels, and classify learns one each: received {odd.name!r} with {len(odd.truth)}.",
                "Set task = 'tag', or give each picture one label.",
            )
        large, small = (has_kind(checked.train, small=kind) for kind in (False, True))
        return cls(recipe, checked.labels, large, small, checked.train.counts(), values=Values.from_data(recipe, checked.train))

    @classmethod
    def from_state(cls, recipe: Recipe, state: Mapping[str, Any]) -> Classify:
        """The inverse of ``state``."""
        values = Values(recipe, state.get("value_mean", ()), state.get("value_scale", ()))
        return cls(recipe, state["labels"], state["has_large"], state["has_small"], state.get("counts", ()), values=values)

    def state(self) -> dict[str, Any]:
        """JSON-ready."""
        kinds = {"has_large": list(self.has_large), "has_small": list(self.has_small)}
        values = {"value_mean": list(self.values.mean), "value_scale": list(self.values.scale)}
        return {"labels": list(self.labels), **kinds, "counts": list(self.counts), **values}

    def constants(self) -> dict[str, Any]:
        """Names, means and spreads of the values."""
        return self.values.constants()

    def view(self, image_hwc_u8: ImageU8, sample: Sample, side: int, rng: np.random.Generator) -> tuple[ImageU8, dict[str, NDArray[Any]]]:
        """Targets: label (int64), sharp and small (bool), and values where there are any."""
        image, sharp = view(image_hwc_u8, sample.small, side, self.recipe.views, rng, like=self.recipe.input)
        return image, {**self.targets(sample), "sharp": np.array(sharp)}

    def targets(self, sample: Sample) -> dict[str, NDArray[Any]]:
        """As of a view that is the picture itself: a large one is sharp."""
        own = {"label": np.array(sample.truth, np.int64), "sharp": np.array(not sample.small), "small": np.array(sample.small)}
        return {**own, **self.values.targets(sample)}

    def losses(self, outputs: Mapping[str, Tensor], targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Shape: outputs["logits"] (n, k), auxiliary (n, heads, k) where there are auxiliary heads; targets label, sharp, small (n,).

        Each term is that of the logits plus net.auxiliary times that of every auxiliary head.
        """
        logits = outputs["logits"].float()
        shrunk = ~(targets["sharp"] | targets["small"])
        offset = self._absent_large.to(logits.device) * targets["sharp"][:, None].float()
        offset = offset + self._absent_shrunk.to(logits.device) * shrunk[:, None].float()
        offset = offset + self._absent_small.to(logits.device) * targets["small"][:, None].float()
        smoothing = self.recipe.train.label_smoothing
        terms = {name: loss(logits + offset, targets["label"], smoothing) for name, loss in self._losses.items()}
        if "auxiliary" in outputs:
            for head in outputs["auxiliary"].float().unbind(1):
                for name, loss in self._losses.items():
                    terms[name] = terms[name] + self.recipe.net.auxiliary * loss(head + offset, targets["label"], smoothing)
        return {**terms, **self.values.losses(outputs, targets)}

    @staticmethod
    def score(answers: Sequence[ClassAnswer], truths: Sequence[int], values: Sequence[tuple[float, ...]] = ()) -> dict[str, Metric]:
        """top1, top3, top5, mean_per_class, ece, in shares of 1; mae_NAME of each value that is predicted, in its own unit.

        Raises: FloatingPointError for probabilities that are no numbers.
        """
        if not answers:
            return {}
        probabilities = np.stack([a.probabilities for a in answers])
        if not np.isfinite(probabilities).all():
            raise FloatingPointError("the network answers with what is no number")
        orders = np.stack([a.order for a in answers])
        found = metrics.classification(probabilities, orders, np.asarray(truths, np.int64))
        return {**found, **value_errors([a.values for a in answers], values)}

    @staticmethod
    def marks(answers: Sequence[ClassAnswer], truths: Sequence[int]) -> NDArray[np.float64]:
        """1 where the first guess is right, else 0."""
        return np.array([float(a.order[0] == truth) for a, truth in zip(answers, truths, strict=True)])

    @staticmethod
    def columns(labels: Sequence[str]) -> tuple[str, ...]:
        """See COLUMNS."""
        return COLUMNS

    @staticmethod
    def row(answer: ClassAnswer, truth: int, labels: Sequence[str]) -> list[str]:
        """Probabilities with six decimals; an empty cell where there is no such answer."""
        order = answer.order.tolist()
        names = [labels[i] for i in order[:5]] + [""] * (5 - len(order))
        shares = [f"{answer.probabilities[i]:.6f}" for i in order[:3]] + [""] * (3 - len(order))
        known = "" if answer.known_probability is None else f"{answer.known_probability:.6f}"
        rank, share = str(order.index(truth) + 1), f"{answer.probabilities[truth]:.6f}"
        return [labels[truth], names[0], shares[0], *names[1:3], answer.looked or "", known, rank, share, *shares[1:3], *names[3:]]

    @staticmethod
    def report(answered: Answered) -> TaskReport:
        """See tasks.classify_report."""
        from landsight.studio.tasks.classify_report import report

        return report(answered)

    def calibrate(self, outputs: Mapping[str, NDArray[Any]], truths: Sequence[int]) -> dict[str, Any]:
        """The temperature of the softmax."""
        return {"temperature": fit_temperature(np.asarray(outputs["logits"], np.float32), np.asarray(truths, np.int64))}

    def focus(self, outputs: Mapping[str, Tensor], what: int) -> Tensor:
        """Sum over the batch of the logit of label ``what``."""
        return outputs["logits"][:, what].sum()


def _absent(present: Sequence[bool]) -> Tensor:
    """(k,) float32: 1 where a label has no picture of a kind that others have."""
    return torch.tensor([float(any(present) and not here) for here in present])
