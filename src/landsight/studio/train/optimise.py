"""Optimisers by name, parameter groups, and which precision this processor is fast in."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from landsight.studio.nets.net import StagedNet
from landsight.studio.recipe import OptimiseRecipe
from landsight.studio.resolve import resolve

#: Name of an optimiser -> function (groups, weight_decay, momentum) -> Optimizer. Each group carries its own lr.
OPTIMISERS: dict[str, str] = {
    "adam": "landsight.studio.train.optimise:adam",
    "adamw": "landsight.studio.train.optimise:adamw",
    "sgd": "landsight.studio.train.optimise:sgd",
}
#: Processor flags that make bf16 faster than fp32 rather than emulated.
_BF16_FLAGS = frozenset({"avx512_bf16", "amx_bf16", "bf16"})


def optimiser(net: StagedNet, recipe: OptimiseRecipe) -> torch.optim.Optimizer:
    """Groups of weights by their highest rate ("base_rate"), the body's from the end backwards, the heads last; weights that never learn are
    in none (nets.fine_tune lets all learn that ever will before this is called)."""
    groups = [
        {"params": params, "lr": rate, "base_rate": rate} for params, rate in parameter_groups(net, recipe) if params
    ]  # fmt: skip
    made: torch.optim.Optimizer = resolve(OPTIMISERS, recipe.name, "optimiser")(groups, recipe.weight_decay, recipe.momentum)
    return made


def parameter_groups(net: StagedNet, recipe: OptimiseRecipe) -> list[tuple[list[nn.Parameter], float]]:
    """(weights, highest rate). The tail and the last stage have optimise.rate, each stage before it layer_decay times the rate of the one
    after it (Howard and Ruder 2018, arXiv 1801.06146); heads have head_factor times optimise.rate."""
    taken: set[int] = set()

    def learning(module: nn.Module | None) -> list[nn.Parameter]:
        found = [p for p in module.parameters() if p.requires_grad and id(p) not in taken] if module else []
        taken.update(map(id, found))
        return found

    heads = [*learning(net.head), *learning(net.value_head), *learning(net.auxiliary)]
    body: list[tuple[list[nn.Parameter], float]] = []
    if recipe.layer_decay != 1:
        stages = [learning(stage) for stage in net.stages()]
        body = [(params, recipe.rate * recipe.layer_decay**distance) for distance, params in enumerate(reversed(stages))]
        body[0] = ([*body[0][0], *learning(net)], recipe.rate)
    else:
        body = [(learning(net), recipe.rate)]
    return [*body, (heads, recipe.rate * recipe.head_factor)]


def adam(groups: list[dict[str, object]], weight_decay: float, momentum: float) -> torch.optim.Optimizer:
    """Adam; weight decay is part of the gradient."""
    return torch.optim.Adam(groups, betas=(momentum, 0.999), weight_decay=weight_decay, foreach=True)


def adamw(groups: list[dict[str, object]], weight_decay: float, momentum: float) -> torch.optim.Optimizer:
    """AdamW; foreach: one call for all tensors."""
    return torch.optim.AdamW(groups, betas=(momentum, 0.999), weight_decay=weight_decay, foreach=True)


def sgd(groups: list[dict[str, object]], weight_decay: float, momentum: float) -> torch.optim.Optimizer:
    """SGD with Nesterov momentum; plain when momentum is 0."""
    return torch.optim.SGD(groups, lr=0.1, momentum=momentum, nesterov=momentum > 0, weight_decay=weight_decay, foreach=True)


def set_rate(made: torch.optim.Optimizer, factor: float) -> float:
    """Every group's rate = its highest rate x factor; returns that of the body's end (of the heads when they alone learn)."""
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
