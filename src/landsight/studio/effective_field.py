"""The effective receptive field: how much each pixel truly moves a unit, measured by gradients.

W. Luo, Y. Li, R. Urtasun, R. Zemel, "Understanding the Effective Receptive Field in Deep Convolutional Neural Networks", NIPS 2016: the
gradient of the middle unit of a map with respect to the picture, over many pictures. It is Gaussian, much smaller than the theoretical
field, and grows in training.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from landsight.errors import UsageError
from landsight.studio.nets.net import StagedNet
from landsight.studio.random import generator

#: Luo et al.: pixels above 1 - 95.45 % of the largest value belong to the field (two standard deviations of a Gaussian).
THRESHOLD = 1 - 0.9545
#: Pictures of noise over which gradients are averaged, and how many at a time.
NOISE_PICTURES = 32
_BATCH = 8


@dataclass(frozen=True, slots=True)
class EffectiveField:
    """``heat`` (h, w): mean absolute gradient of the middle unit, its largest value 1. ``size``: side in pixels of a square as large as the
    area above the threshold. ``side_50``, ``side_95``: of the least square around the unit's middle that holds so much of the heat.
    """

    heat: NDArray[np.float64]
    size: float
    side_50: int
    side_95: int


def effective_field(
    net: nn.Module, image: tuple[int, ...], *, pictures: NDArray[np.float32] | None = None, middle: tuple[float, float] | None = None,
    seed: int = 0,
) -> EffectiveField:  # fmt: skip
    """Of the last map of ``net`` (its output "feature_map", else the last output of any layer that is a map of more than one unit).

    ``pictures`` (n, c, h, w), prepared and normalised; default: noise of the normal distribution. ``middle``: (row, column) in pixels of
    what the unit sees; default: that of the picture. Raises: UsageError for a network without a map.
    """
    shadow = copy.deepcopy(net).to("cpu").float().eval().requires_grad_(False)
    thaw(shadow)
    given = pictures if pictures is not None else _noise(image, seed)
    total = np.zeros(image[1:])
    for start in range(0, len(given), _BATCH):
        batch = torch.from_numpy(np.ascontiguousarray(given[start : start + _BATCH], np.float32)).requires_grad_(True)
        unit = _last_map(shadow, batch)
        # One unit a picture, all channels: pictures do not touch each other in evaluation mode.
        unit[:, :, unit.shape[2] // 2, unit.shape[3] // 2].sum().backward()  # type: ignore[no-untyped-call]
        if batch.grad is not None:
            total += batch.grad.abs().sum((0, 1)).double().numpy()
    return measured(total, middle or ((image[1] - 1) / 2, (image[2] - 1) / 2))


def measured(heat: NDArray[np.float64], middle: tuple[float, float]) -> EffectiveField:
    """Sizes of a heat map; a map of zeros has none."""
    peak = float(heat.max())
    if peak <= 0:
        return EffectiveField(heat, 0.0, 0, 0)
    heat = heat / peak
    rows, columns = np.mgrid[: heat.shape[0], : heat.shape[1]]
    away = np.maximum(np.abs(rows - middle[0]), np.abs(columns - middle[1])).ravel()
    order = np.argsort(away, kind="stable")
    held = np.cumsum(heat.ravel()[order]) / heat.sum()
    sides = [int(np.ceil(2 * away[order][min(int(np.searchsorted(held, share)), len(held) - 1)] + 1)) for share in (0.5, 0.95 - 1e-12)]
    return EffectiveField(heat, float((heat > THRESHOLD).sum() ** 0.5), sides[0], sides[1])


def thaw(net: nn.Module) -> None:
    """Frozen stages run without a graph, and no gradient would reach the picture."""
    for module in net.modules():
        if isinstance(module, StagedNet):
            module.frozen_stages = 0
            module.tail_frozen = False


def _noise(image: tuple[int, ...], seed: int) -> NDArray[np.float32]:
    return generator(seed, "effective field").standard_normal((NOISE_PICTURES, *image), np.float32)


def _last_map(net: nn.Module, batch: Tensor) -> Tensor:
    maps: list[Tensor] = []

    def keep(_: nn.Module, __: object, output: object) -> None:
        if isinstance(output, Tensor) and output.ndim == 4:
            maps.append(output)

    handles = [module.register_forward_hook(keep) for module in net.modules()]
    try:
        outputs = net(batch)
    finally:
        for handle in handles:
            handle.remove()
    if isinstance(outputs, dict) and "feature_map" in outputs:
        return outputs["feature_map"]  # type: ignore[no-any-return]
    wide = [m for m in maps if m.shape[2] * m.shape[3] > 1]
    if not maps:
        raise UsageError("no_map", "The network has no map: every unit sees the whole picture.", "Leave --erf out.")
    return (wide or maps)[-1]
