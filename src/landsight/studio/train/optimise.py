"""Optimisers by name, parameter groups, and which precision this processor is fast in."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from landsight.studio.nets.net import StagedNet
from landsight.studio.recipe import OptimiseRecipe
from landsight.studio.resolve import resolve

#: Name of an optimiser -> function (groups, weight_decay) -> Optimizer. Each group carries its own lr.
OPTIMISERS: dict[str, str] = {
    "adamw": "landsight.studio.train.optimise:adamw",
    "sgd": "landsight.studio.train.optimise:sgd",
}
#: Processor flags that make bf16 faster than fp32 rather than emulated.
_BF16_FLAGS = frozenset({"avx512_bf16", "amx_bf16", "bf16"})


def optimiser(net: StagedNet, recipe: OptimiseRecipe) -> torch.optim.Optimizer:
    """Two groups, body and head; frozen weights are in none. Each group keeps its highest rate as "base_rate"."""
    head = list(net.head.parameters())
    ours = {id(p) for p in head}
    body = [p for p in net.parameters() if p.requires_grad and id(p) not in ours]
    groups = [
        {"params": params, "lr": rate, "base_rate": rate}
        for params, rate in ((body, recipe.rate), (head, recipe.rate * recipe.head_factor)) if params
    ]  # fmt: skip
    made: torch.optim.Optimizer = resolve(OPTIMISERS, recipe.name, "optimiser")(groups, recipe.weight_decay)
    return made


def adamw(groups: list[dict[str, object]], weight_decay: float) -> torch.optim.Optimizer:
    """AdamW; foreach: one call for all tensors."""
    return torch.optim.AdamW(groups, weight_decay=weight_decay, foreach=True)


def sgd(groups: list[dict[str, object]], weight_decay: float) -> torch.optim.Optimizer:
    """SGD with Nesterov momentum 0.9."""
    return torch.optim.SGD(groups, lr=0.1, momentum=0.9, nesterov=True, weight_decay=weight_decay, foreach=True)


def set_rate(made: torch.optim.Optimizer, factor: float) -> float:
    """Every group's rate = its highest rate x factor; returns the body's."""
    for group in made.param_groups:
        group["lr"] = group["base_rate"] * factor
    return float(made.param_groups[0]["lr"])


def uses_bf16(precision: str, device: torch.device) -> bool:
    """Whether training computes in bf16 (weights stay fp32). "auto": where the hardware has it; emulated bf16 is slower than fp32."""
    if precision != "auto":
        return precision == "bf16"
    return torch.cuda.is_bf16_supported() if device.type == "cuda" else bool(_processor_flags() & _BF16_FLAGS)


def clip(net: nn.Module, norm: float) -> None:
    """Scale the gradient down to ``norm`` (Euclidean, over all weights); 0: leave it."""
    if norm > 0:
        nn.utils.clip_grad_norm_(net.parameters(), norm)


def _processor_flags() -> frozenset[str]:
    """Of the first processor, as Linux tells; empty elsewhere, so fp32."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return frozenset()
    return next((frozenset(line.partition(":")[2].split()) for line in lines if line.startswith(("flags", "Features"))), frozenset())
