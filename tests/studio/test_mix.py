"""Mixing pictures: shares that are true, statistics that are blended, nothing in evaluation."""

from __future__ import annotations

import pytest
import torch

from landsight.studio.train.mix import MixStyle, mix


def _batch() -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    image = torch.arange(4, dtype=torch.float32)[:, None, None, None].expand(4, 3, 20, 20).clone()
    return image, {"label": torch.arange(4)}


def test_nothing_is_mixed_at_chance_zero() -> None:
    image, targets = _batch()
    mixed = mix(image, targets, cutmix=0.0, mixup=0.0)
    assert mixed.other is None
    assert mixed.share == 1.0
    assert torch.equal(mixed.image, image)


@pytest.mark.parametrize("seed", range(6))
def test_the_share_is_the_share_of_own_pixels(seed: int) -> None:
    torch.manual_seed(seed)
    image, targets = _batch()
    mixed = mix(image, targets, cutmix=1.0, mixup=0.0)
    assert mixed.other is not None
    for i in range(4):
        own, other = float(i), float(mixed.other["label"][i])
        if own != other:
            assert (mixed.image[i] == own).float().mean().item() == pytest.approx(mixed.share, abs=1e-6)
            assert mixed.image[i].mean().item() == pytest.approx(mixed.share * own + (1 - mixed.share) * other, abs=1e-4)


def test_mixup_blends_in_proportion() -> None:
    torch.manual_seed(3)
    image, targets = _batch()
    mixed = mix(image, targets, cutmix=0.0, mixup=1.0)
    assert mixed.other is not None
    expected = mixed.share * image + (1 - mixed.share) * mixed.other["label"].float()[:, None, None, None]
    torch.testing.assert_close(mixed.image, expected)


def test_mix_style_is_the_identity_in_evaluation_and_keeps_the_set_of_means_between_the_two_in_training() -> None:
    torch.manual_seed(0)
    style = MixStyle(1.0)
    x = torch.randn(2, 3, 8, 8) * torch.tensor([1.0, 5.0])[:, None, None, None] + torch.tensor([0.0, 10.0])[:, None, None, None]
    assert torch.equal(style.eval()(x), x)
    y = style.train()(x)
    low, high = x.mean((2, 3)).min(0).values, x.mean((2, 3)).max(0).values
    assert bool(((y.mean((2, 3)) >= low - 1e-4) & (y.mean((2, 3)) <= high + 1e-4)).all())
    # What is where stays: each normalised map is the same picture.
    normal = (y - y.mean((2, 3), keepdim=True)) / y.std((2, 3), keepdim=True)
    before = (x - x.mean((2, 3), keepdim=True)) / x.std((2, 3), keepdim=True)
    torch.testing.assert_close(normal, before, atol=1e-3, rtol=1e-3)
