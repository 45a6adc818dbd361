"""Loss terms by name. Each takes logits-like outputs and targets and returns a scalar."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

#: Name of a loss of classification -> its function (logits (n, k) float32, labels (n,) int64, label_smoothing) -> scalar.
LOSSES: dict[str, str] = {"cross_entropy": "landsight.studio.tasks.losses:cross_entropy"}


def cross_entropy(logits: Tensor, labels: Tensor, label_smoothing: float) -> Tensor:
    """Mean negative log-probability of the right label, in nats."""
    return F.cross_entropy(logits, labels, label_smoothing=label_smoothing)
