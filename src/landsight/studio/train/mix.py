"""Mixing pictures of a batch, so that a network cannot lean on what a whole picture has in common with its source.

CutMix: Yun et al. 2019 (arXiv 1905.04899). MixUp: Zhang et al. 2018 (arXiv 1710.09412). MixStyle: Zhou et al. 2021 (arXiv 2104.02008).
Random draws come from torch's global generator, which the loop seeds anew for every step.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

#: Beta distributions of the papers: CutMix 1, MixUp 0.4 (between their 0.2 and 1), MixStyle 0.3.
_CUT_ALPHA, _MIX_ALPHA, _STYLE_ALPHA = 1.0, 0.4, 0.3
_EPS = 1e-5


@dataclass(frozen=True, slots=True)
class Mixed:
    """``image`` (n, c, h, w); loss = share * loss(targets) + (1 - share) * loss(other). ``other`` is None when nothing was mixed."""

    image: Tensor
    share: float
    other: dict[str, Tensor] | None


def mix(image_nchw: Tensor, targets: Mapping[str, Tensor], *, cutmix: float, mixup: float) -> Mixed:
    """With chance ``cutmix`` paste a rectangle of another picture of the batch, with chance ``mixup`` blend with it, else leave as is."""
    draw = float(torch.rand(()))
    if draw >= cutmix + mixup or len(image_nchw) < 2:
        return Mixed(image_nchw, 1.0, None)
    order = torch.randperm(len(image_nchw), device=image_nchw.device)
    alpha = _CUT_ALPHA if draw < cutmix else _MIX_ALPHA
    share = float(torch.distributions.Beta(alpha, alpha).sample())
    if draw < cutmix:
        image, share = _pasted(image_nchw, image_nchw[order], share)
    else:
        image = share * image_nchw + (1 - share) * image_nchw[order]
    return Mixed(image, share, {name: target[order] for name, target in targets.items()})


def _pasted(image_nchw: Tensor, other_nchw: Tensor, share: float) -> tuple[Tensor, float]:
    """A rectangle of the picture's shape that covers about 1 - share of it; returns the share that truly stays."""
    height, width = image_nchw.shape[2:]
    cut = (1 - share) ** 0.5
    h, w = int(height * cut), int(width * cut)
    top, left = int(torch.randint(height - h + 1, ())), int(torch.randint(width - w + 1, ()))
    image = image_nchw.clone()
    image[:, :, top : top + h, left : left + w] = other_nchw[:, :, top : top + h, left : left + w]
    return image, 1 - h * w / (height * width)


class MixStyle(nn.Module):
    """Gives each picture's feature map, with chance ``chance``, a blend of its own and another picture's mean and spread per channel.

    Only in training; holds no weights, so an exported network does not know of it.
    """

    def __init__(self, chance: float) -> None:
        super().__init__()
        self.chance = chance

    def forward(self, x: Tensor) -> Tensor:
        """Shape: (n, c, h, w) -> the same."""
        if not self.training or self.chance == 0:
            return x
        n, channels, height, width = x.shape
        flat = x.permute(0, 2, 3, 1).reshape(n, height * width, channels).float()
        mean = flat.mean(1)
        spread = ((flat * flat).mean(1) - mean * mean).clamp_min(0).add(_EPS).sqrt()
        order = torch.randperm(n, device=x.device)
        own = torch.distributions.Beta(_STYLE_ALPHA, _STYLE_ALPHA).sample((n, 1)).to(x.device)
        own = torch.where(torch.rand(n, 1, device=x.device) < self.chance, own, torch.ones_like(own))
        factor = own + (1 - own) * spread[order] / spread
        shift = own * mean + (1 - own) * mean[order] - mean * factor
        return x * factor.to(x.dtype)[:, :, None, None] + shift.to(x.dtype)[:, :, None, None]
