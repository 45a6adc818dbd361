"""Loss terms by name. Each takes logits-like outputs and targets and returns a scalar."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

#: Name of a loss of classification -> its function (logits (n, k) float32, labels (n,) int64, label_smoothing, class_weights (k,) or None)
#: -> scalar.
LOSSES: dict[str, str] = {"cross_entropy": "landsight.studio.tasks.losses:cross_entropy"}
#: Of pictures with any number of labels: function (logits (n, k) float32, labels (n, k) in [0, 1], label_smoothing, positive_weights (k,) or
#: None) -> scalar.
TAG_LOSSES: dict[str, str] = {"binary_cross_entropy": "landsight.studio.tasks.losses:binary_cross_entropy"}
#: Of numbers predicted beside the labels: function (values (n, v) float32, truths (n, v), both standardised) -> scalar.
VALUE_LOSSES: dict[str, str] = {"smooth_l1": "landsight.studio.tasks.losses:smooth_l1"}


def cross_entropy(logits: Tensor, labels: Tensor, label_smoothing: float, class_weights: Tensor | None = None) -> Tensor:
    """Mean negative log-probability of the right label, in nats; with ``class_weights`` each picture counts as its class does.

    The sum of weighted terms is divided by the number of pictures, not by the sum of weights as torch does: so a batch that happens to hold
    frequent classes only does not count more.
    """
    if class_weights is None:
        return F.cross_entropy(logits, labels, label_smoothing=label_smoothing)
    terms = F.cross_entropy(logits, labels, label_smoothing=label_smoothing, reduction="none")
    return (terms * class_weights.to(logits.device)[labels]).mean()


def binary_cross_entropy(logits: Tensor, labels: Tensor, label_smoothing: float, positive_weights: Tensor | None = None) -> Tensor:
    """Negative log-probability of each label's yes or no, summed over labels, mean over pictures, in nats.

    Summed, because every label is a problem of its own: one more label does not make the others weaker. ``label_smoothing``: yes becomes
    1 - s / 2, no becomes s / 2. ``positive_weights``: how much more a yes counts.
    """
    aims = labels * (1 - label_smoothing) + label_smoothing / 2
    weights = None if positive_weights is None else positive_weights.to(logits.device)
    return F.binary_cross_entropy_with_logits(logits, aims, pos_weight=weights, reduction="none").sum(1).mean()


def smooth_l1(values: Tensor, truths: Tensor) -> Tensor:
    """Half the square up to a deviation of one, then linear, so that outliers do not lead; mean over values and pictures (Girshick 2015)."""
    return F.smooth_l1_loss(values, truths)


def class_weights(counts: Sequence[int]) -> Tensor:
    """1 / pictures of the class, scaled so that the mean over all pictures is 1: n / (k * counts). Shape: (k,) float32."""
    of_class = torch.tensor(counts, dtype=torch.float64)
    return (of_class.sum() / (len(counts) * of_class)).float()


def positive_weights(counts: Sequence[int], pictures: int) -> Tensor:
    """Pictures without a label / pictures with it, so that yes and no weigh the same; at most 100. Shape: (k,) float32."""
    of_label = torch.tensor(counts, dtype=torch.float64)
    return ((pictures - of_label) / of_label.clamp_min(1)).clamp(0.01, 100).float()
