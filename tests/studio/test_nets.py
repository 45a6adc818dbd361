"""Each network of the table keeps the contract; EfficientNet-Lite0 is the one of the paper."""

from __future__ import annotations

import sys
import types
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from landsight.errors import RecipeError
from landsight.studio.nets import efficientnet_lite, table
from landsight.studio.nets.net import OUTPUTS, same_padding
from landsight.studio.recipe import NetRecipe

_BARE = NetRecipe(pretrained=False, frozen_blocks=0, dropout=0.0)


@pytest.mark.parametrize("name", table.NETS)
def test_contract(name: str) -> None:
    torch.manual_seed(0)
    net = table.build(replace(_BARE, name=name), 5)
    for batch, height, width in ((1, 33, 47), (3, 64, 64)):
        net.eval()
        with torch.inference_mode():
            outputs = net(torch.randn(batch, 3, height, width))
        assert tuple(outputs) == OUTPUTS
        assert outputs["logits"].shape == (batch, 5)
        channels = outputs["embedding"].shape[1]
        assert outputs["feature_map"].shape[:2] == (batch, channels)
        assert torch.allclose(outputs["feature_map"].mean((2, 3)), outputs["embedding"])
    net.train()
    net(torch.randn(4, 3, 32, 32))["logits"].square().sum().backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in net.parameters())
    again = table.build(replace(_BARE, name=name), 5)
    again.load_state_dict(net.state_dict())
    x = torch.randn(2, 3, 32, 32)
    assert torch.equal(net.eval()(x)["logits"], again.eval()(x)["logits"])


@pytest.mark.parametrize("name", table.NETS)
def test_frozen_blocks_do_not_change_in_a_step(name: str) -> None:
    torch.manual_seed(0)
    net = table.build(replace(_BARE, name=name, frozen_blocks=1), 5).train()
    before = {n: t.clone() for n, t in net.state_dict().items()}
    optimiser = torch.optim.SGD([p for p in net.parameters() if p.requires_grad], lr=1.0)
    net(torch.randn(4, 3, 32, 32) + 3)["logits"].square().sum().backward()
    optimiser.step()
    changed = {n for n, t in net.state_dict().items() if not torch.equal(t, before[n])}
    frozen = ("blocks.0.", "blocks.1.") if name == "cnn" else ("stem.", "blocks.0.")
    assert changed
    assert not [n for n in changed if n.startswith(frozen)]
    assert any(n.startswith("blocks.2.") and "running_mean" in n for n in changed)
    with pytest.raises(RecipeError, match="frozen_blocks"):
        net.freeze(99)


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "padding"), [(224, 3, 2, (0, 1)), (225, 3, 2, (1, 1)), (56, 5, 2, (1, 2)), (7, 3, 1, (1, 1))]
)
def test_same_padding_by_hand(size: int, kernel: int, stride: int, padding: tuple[int, int]) -> None:
    """224 / 2 = 112 outputs need (112 - 1) * 2 + 3 = 225 pixels: one more, at the end."""
    assert same_padding(size, kernel, stride) == padding


def test_imagenet_weights_fit_all_1000_classes() -> None:
    """All tensors of the package have a place, and the network knows a plain picture from noise as published: 4.65 million weights."""
    weights = efficientnet_lite.package_weights()
    net = efficientnet_lite.EfficientNetLite0(1000, dropout=0.2, norm_momentum=0.01)
    net.load_state_dict(weights)
    assert sum(p.numel() for p in net.parameters()) == 4_652_008
    assert net.eval()(torch.zeros(1, 3, 224, 224))["feature_map"].shape == (1, 1280, 7, 7)


def test_pretrained_takes_everything_but_the_head() -> None:
    weights = efficientnet_lite.package_weights()
    torch.manual_seed(1)
    net = table.build(NetRecipe(), 7)
    state = net.state_dict()
    assert state["head.weight"].shape == (7, 1280)
    assert all(torch.equal(state[n], t) for n, t in weights.items() if not n.startswith("head."))
    assert net.frozen_stages == 6


def test_unknown_network_and_timm_that_does_not_import(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RecipeError, match="efficientnet_lite0"):
        table.build(replace(_BARE, name="efficientnet_lite1"), 2)
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(RecipeError, match="timm does not import"):
        table.build(replace(_BARE, name="timm:resnet18"), 2)


def test_a_timm_network_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """timm's wheels do not import beside this torch, so its protocol (create_model, num_features, forward_features) is stood in for."""

    class Body(nn.Module):
        num_features = 6

        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 6, 3, 2, 1)

        def forward_features(self, x: torch.Tensor) -> torch.Tensor:
            return F.relu(self.conv(x))

    def create_model(name: str, *, pretrained: bool, num_classes: int) -> Body:
        assert (name, pretrained, num_classes) == ("tiny", False, 0)
        return Body()

    module = types.ModuleType("timm")
    module.create_model = create_model  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "timm", module)
    outputs = table.build(replace(_BARE, name="timm:tiny"), 4)(torch.randn(2, 3, 16, 16))
    assert {name: tuple(t.shape) for name, t in outputs.items()} == {"logits": (2, 4), "embedding": (2, 6), "feature_map": (2, 6, 8, 8)}
