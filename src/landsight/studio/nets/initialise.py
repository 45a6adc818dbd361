"""First weights by name. Each function fills one weight of two or more axes; biases start at 0, norms at 1 and 0.

The draws come from torch's generator, which the run seeds from the address (seed, "weights").
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from landsight.studio.resolve import resolve

#: Name of a start -> function (weight (outputs, inputs, ...)) that fills it in place.
INITS: dict[str, str] = {
    "kaiming": "landsight.studio.nets.initialise:kaiming",
    "kaiming_uniform": "landsight.studio.nets.initialise:kaiming_uniform",
    "xavier": "landsight.studio.nets.initialise:xavier",
    "xavier_uniform": "landsight.studio.nets.initialise:xavier_uniform",
    "lecun": "landsight.studio.nets.initialise:lecun",
    "orthogonal": "landsight.studio.nets.initialise:orthogonal",
    "truncated_normal": "landsight.studio.nets.initialise:truncated_normal",
    "normal": "landsight.studio.nets.initialise:normal",
}
#: Spread of the two starts that do not look at a layer's size, as Inception and BERT have it.
_STD = 0.02
#: Of a head: logits start near 0, so the loss starts near log(labels).
_HEAD_STD = 0.01


def initialise(net: nn.Module, name: str) -> None:
    """Fill the weights of every convolution and linear layer of ``net``. Raises: RecipeError for an unknown name."""
    fill = resolve(INITS, name, "initialisation")
    for module in net.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            fill(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def initialise_head(head: nn.Linear) -> nn.Linear:
    """Small weights, no bias; returns ``head``."""
    nn.init.normal_(head.weight, std=_HEAD_STD)
    nn.init.zeros_(head.bias)
    return head


def kaiming(weight: Tensor) -> None:
    """Normal, variance 2 / inputs: keeps the variance through ReLU. He et al. 2015 (arXiv 1502.01852)."""
    nn.init.kaiming_normal_(weight, nonlinearity="relu")


def kaiming_uniform(weight: Tensor) -> None:
    """As ``kaiming``, drawn uniformly."""
    nn.init.kaiming_uniform_(weight, nonlinearity="relu")


def xavier(weight: Tensor) -> None:
    """Normal, variance 2 / (inputs + outputs). Glorot and Bengio 2010."""
    nn.init.xavier_normal_(weight)


def xavier_uniform(weight: Tensor) -> None:
    """As ``xavier``, drawn uniformly."""
    nn.init.xavier_uniform_(weight)


@torch.no_grad()
def lecun(weight: Tensor) -> None:
    """Normal, variance 1 / inputs; what SELU needs. LeCun et al. 1998; Klambauer et al. 2017 (arXiv 1706.02515)."""
    weight.normal_(0, 1 / math.sqrt(weight[0].numel()))


def orthogonal(weight: Tensor) -> None:
    """Rows of (outputs, all inputs) at right angles, times the square root of 2 for ReLU. Saxe et al. 2014 (arXiv 1312.6120)."""
    nn.init.orthogonal_(weight, gain=math.sqrt(2))


def truncated_normal(weight: Tensor) -> None:
    """Normal with spread 0.02, nothing beyond two spreads."""
    nn.init.trunc_normal_(weight, std=_STD, a=-2 * _STD, b=2 * _STD)


def normal(weight: Tensor) -> None:
    """Normal with spread 0.02."""
    nn.init.normal_(weight, std=_STD)
