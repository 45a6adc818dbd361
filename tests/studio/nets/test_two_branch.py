"""Two branches in one network: each computes what it did alone, norms fold without a trace, and a bundle's weights can be read back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from landsight.errors import DataError, RecipeError
from landsight.photo.prepare import Preparation
from landsight.studio.engine import RoundedEngine, TorchEngine
from landsight.studio.nets import cnn, table
from landsight.studio.nets.efficientnet_lite import FEATURES, EfficientNetLite
from landsight.studio.nets.read_onnx import read_efficientnet_lite
from landsight.studio.nets.two_branch import BRANCHES, fold_norms, from_branches
from landsight.studio.onnx_export import round_to_halves, write_fp32
from landsight.studio.onnx_graph import halve_weights
from landsight.studio.recipe import NetRecipe

SHARED = 5


def lite(seed: int, outputs: int = 4, size: int = 0) -> EfficientNetLite:
    """Untrained weights, and norms that do something."""
    torch.manual_seed(seed)
    net = EfficientNetLite(outputs, dropout=0.1, norm_momentum=0.05, size=size)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.8, 1.2)
            nn.init.uniform_(module.bias, -0.1, 0.1)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
    net.eval()
    return net


def sharing(tuned: EfficientNetLite, kept: EfficientNetLite) -> None:
    """Give ``kept`` the stem and the first blocks of ``tuned``."""
    for ours, theirs in zip(kept.stages()[: SHARED + 1], tuned.stages()[: SHARED + 1], strict=True):
        ours.load_state_dict(theirs.state_dict())


@pytest.fixture(scope="module")
def pictures() -> torch.Tensor:
    return torch.randn(3, 3, 64, 48, generator=torch.Generator().manual_seed(3))


@torch.inference_mode()
def test_each_branch_computes_what_it_did_alone(pictures: torch.Tensor) -> None:
    tuned, kept = lite(1), lite(2)
    sharing(tuned, kept)
    joined = from_branches(tuned, kept, shared=SHARED)(pictures)
    alone = tuned(pictures)
    assert joined["embedding"].shape == (3, 2 * FEATURES)
    torch.testing.assert_close(joined["logits"], alone["logits"])
    torch.testing.assert_close(joined["embedding"][:, :FEATURES], alone["embedding"])
    torch.testing.assert_close(joined["embedding"][:, FEATURES:], kept(pictures)["embedding"])
    assert not torch.allclose(joined["embedding"][:, :FEATURES], joined["embedding"][:, FEATURES:])


@torch.inference_mode()
def test_branches_of_different_sizes_share_nothing_but_the_picture(pictures: torch.Tensor) -> None:
    tuned, kept = lite(1, size=2), lite(2)
    joined = from_branches(tuned, kept, shared=None)
    assert len(joined.stages()) == len(tuned.stages()) > len(kept.stages())
    outputs = joined(pictures)
    torch.testing.assert_close(outputs["logits"], tuned(pictures)["logits"])
    torch.testing.assert_close(outputs["embedding"][:, :FEATURES], tuned(pictures)["embedding"])
    torch.testing.assert_close(outputs["embedding"][:, FEATURES:], kept(pictures)["embedding"])
    with pytest.raises(RecipeError, match="different sizes share none"):
        from_branches(tuned, kept, shared=SHARED)


@pytest.mark.parametrize("name", BRANCHES)
def test_each_pair_of_the_table_is_built_by_name(name: str) -> None:
    net = table.build(NetRecipe(name=name, pretrained=False), 3, Preparation(64, 64))
    assert net.eval()(torch.zeros(1, 3, 64, 64))["feature_map"].shape == (1, 2 * FEATURES, 2, 2)


def test_networks_that_differ_where_they_should_be_one_are_refused() -> None:
    with pytest.raises(RecipeError, match=r"stem\.conv\.weight"):
        from_branches(lite(1), lite(2), shared=SHARED)


@torch.inference_mode()
def test_folding_norms_changes_no_answer(pictures: torch.Tensor) -> None:
    net = lite(4)
    before = net(pictures)["feature_map"]
    fold_norms(net)
    torch.testing.assert_close(net(pictures)["feature_map"], before, rtol=1e-4, atol=1e-5)
    assert all(torch.equal(m.weight, torch.ones_like(m.weight)) for m in net.modules() if isinstance(m, nn.BatchNorm2d))


@torch.inference_mode()
@pytest.mark.parametrize("size", [0, 2])
def test_weights_come_back_out_of_an_exported_model(pictures: torch.Tensor, tmp_path: Path, size: int) -> None:
    net = lite(5, outputs=7, size=size)
    write_fp32(net, Preparation(48, 64), tmp_path / "model.onnx", opset=18)
    again = read_efficientnet_lite(tmp_path / "model.onnx")
    assert again.size == size
    for name, output in net(pictures).items():
        torch.testing.assert_close(again(pictures)[name], output, rtol=1e-4, atol=1e-5)


@torch.inference_mode()
def test_the_tuned_branch_comes_back_out_of_a_joined_model_of_halves(pictures: torch.Tensor, tmp_path: Path) -> None:
    tuned, kept = lite(5, outputs=7, size=2), lite(6, outputs=7)
    for net in (tuned, kept):
        fold_norms(net)
        round_to_halves(net)
    write_fp32(from_branches(tuned, kept, shared=None), Preparation(48, 64), tmp_path / "model.onnx", opset=18)
    assert halve_weights(tmp_path / "model.onnx")
    again = read_efficientnet_lite(tmp_path / "model.onnx")
    torch.testing.assert_close(again(pictures)["logits"], tuned(pictures)["logits"], rtol=1e-4, atol=1e-5)


def test_another_network_is_not_taken_for_it(tmp_path: Path) -> None:
    write_fp32(
        cnn.build(NetRecipe(name="cnn", pretrained=False), 3, Preparation(32, 32)), Preparation(32, 32), tmp_path / "model.onnx", opset=18
    )
    with pytest.raises(DataError, match="holds no EfficientNet-Lite"):
        read_efficientnet_lite(tmp_path / "model.onnx")


def test_rounding_to_bf16_changes_a_little_and_leaves_the_network_alone(pictures: torch.Tensor) -> None:
    net = lite(6)
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    batch = pictures.numpy()
    exact = TorchEngine(net).run(batch, ("feature_map",))["feature_map"]
    rounded = RoundedEngine(net).run(batch, ("feature_map",))["feature_map"]
    assert 1e-4 < np.abs(rounded - exact).mean() / np.abs(exact).mean() < 0.1
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())
