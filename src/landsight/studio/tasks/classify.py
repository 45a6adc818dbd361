"""Classification: one label a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from landsight.answer import classify as answer
from landsight.bundle.manifest import Metric
from landsight.photo.prepare import ImageU8
from landsight.studio import metrics
from landsight.studio.data.check import Checked, has_large
from landsight.studio.data.samples import Sample
from landsight.studio.data.views import view
from landsight.studio.recipe import Recipe
from landsight.studio.resolve import resolve
from landsight.studio.tasks.losses import LOSSES

#: Added to a logit it takes the label out of the softmax without an infinity in the gradient.
_OUT = -1e4


class Classify:
    """One label a picture, learnt by cross-entropy.

    ``has_large``: for each label whether training has a large picture of it. With ``mask_sharp``, sharp views leave the labels without
    one out of their softmax: else being sharp would teach the network that it cannot be one of them, and people's photos are sharp.
    """

    name = "classify"
    main_metric = "top1"
    answer_module: ModuleType = answer

    def __init__(self, recipe: Recipe, labels: Sequence[str], has_large: Sequence[bool]) -> None:
        self.recipe = recipe
        self.labels = tuple(labels)
        self.has_large = tuple(has_large)
        self._losses = {name: resolve(LOSSES, name, "loss") for name in recipe.train.losses}
        hidden = [recipe.train.mask_sharp and any(has_large) and not large for large in has_large]
        self._mask = torch.tensor(hidden, dtype=torch.float32) * _OUT

    @classmethod
    def from_data(cls, recipe: Recipe, checked: Checked) -> Classify:
        """Labels and kinds from the training part."""
        return cls(recipe, checked.labels, has_large(checked.train))

    @classmethod
    def from_state(cls, recipe: Recipe, state: Mapping[str, Any]) -> Classify:
        """The inverse of ``state``."""
        return cls(recipe, state["labels"], state["has_large"])

    def state(self) -> dict[str, Any]:
        """JSON-ready."""
        return {"labels": list(self.labels), "has_large": list(self.has_large)}

    def view(self, image_hwc_u8: ImageU8, sample: Sample, side: int, rng: np.random.Generator) -> tuple[ImageU8, dict[str, NDArray[Any]]]:
        """Targets: label (int64) and sharp (bool)."""
        image, sharp = view(image_hwc_u8, sample.small, side, self.recipe.views, rng)
        return image, {"label": np.array(sample.truth, np.int64), "sharp": np.array(sharp)}

    def losses(self, outputs: Mapping[str, Tensor], targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Shape: outputs["logits"] (n, k); targets label (n,), sharp (n,)."""
        mask = self._mask.to(outputs["logits"].device)
        logits = outputs["logits"].float() + mask * targets["sharp"][:, None].float()
        smoothing = self.recipe.train.label_smoothing
        return {name: loss(logits, targets["label"], smoothing) for name, loss in self._losses.items()}

    def score(self, answers: Sequence[answer.ClassAnswer], truths: Sequence[int]) -> dict[str, Metric]:
        """top1, top3, mean_per_class, ece, in shares of 1."""
        if not answers:
            return {}
        probabilities = np.stack([a.probabilities for a in answers])
        orders = np.stack([a.order for a in answers])
        return metrics.classification(probabilities, orders, np.asarray(truths, np.int64))

    def focus(self, outputs: Mapping[str, Tensor], what: int) -> Tensor:
        """Sum over the batch of the logit of label ``what``."""
        return outputs["logits"][:, what].sum()
