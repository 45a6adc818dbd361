"""Loss terms by name. Each takes logits-like outputs and targets and returns a scalar."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

#: Name of a loss of classification -> its function (logits (n, k) float32, labels (n,) int64, label_smoothing, class_weights (k,) or None)
#: -> scalar.
LOSSES: dict[str, str] = {"cross_entropy": "landsight.studio.tasks.losses:cross_entropy"}


def cross_entropy(logits: Tensor, labels: Tensor, label_smoothing: float, class_weights: Tensor | None = None) -> Tensor:
    """Mean negative log-probability of the right label, in nats; with ``class_weights`` each picture counts as its class does.

    The sum of weighted terms is divided by the number of pictures, not by the sum of weights as torch does: so a batch that happens to hold
    frequent classes only does not count more.
    """
    if class_weights is None:
        return F.cross_entropy(logits, labels, label_smoothing=label_smoothing)
    terms = F.cross_entropy(logits, labels, label_smoothing=label_smoothing, reduction="none")
    return (terms * class_weights.to(logits.device)[labels]).mean()


def class_weights(counts: Sequence[int]) -> Tensor:
    """1 / pictures of the class, scaled so that the mean over all pictures is 1: n / (k * counts). Shape: (k,) float32."""
    of_class = torch.tensor(counts, dtype=torch.float64)
    return (of_class.sum() / (len(counts) * of_class)).float()
