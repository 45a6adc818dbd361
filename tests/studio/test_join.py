"""Joining a run with the network it started from: the head is the weighted sum that was chosen, and export loses nothing."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch

from landsight.explain.activation_map import WEIGHTS, can_explain
from landsight.studio import join
from landsight.studio.engine import open_run
from landsight.studio.export import export
from landsight.studio.nets import table
from landsight.studio.nets.efficientnet_lite import FEATURES
from landsight.studio.parity import parity
from landsight.studio.recipe import from_dict
from landsight.studio.tasks.classify import Classify
from landsight.studio.train.checkpoint import Checkpoint, save_checkpoint

LABELS = ("blue", "green", "red")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run of the pretrained network whose last blocks were moved a little."""
    recipe = from_dict({"net": {"name": "efficientnet_lite0"}, "input": {"width": 64, "height": 48}})
    torch.manual_seed(0)
    net = table.build(recipe.net, 3, recipe.input)
    with torch.no_grad():
        for name, parameter in net.named_parameters():
            if name.startswith(("blocks.9.", "last.", "head.")) and parameter.ndim > 1:
                parameter.add_(0.02 * torch.randn_like(parameter))
    state = {"recipe": asdict(recipe), "task": Classify(recipe, LABELS, [True] * 3, [True] * 3).state(), "step": 7}
    save_checkpoint(tmp_path / "run" / "last", Checkpoint({f"ema.{n}": t for n, t in net.state_dict().items()}, state))
    return tmp_path / "run"


@torch.inference_mode()
def test_the_joined_head_is_the_weighted_sum(run: Path, tmp_path: Path) -> None:
    pictures = torch.randn(2, 3, 48, 64)
    begun = join.begin(run, tmp_path / "joined")
    tuned_logits = begun.net(pictures)["logits"].numpy()
    np.testing.assert_allclose(tuned_logits, open_run(run, "last").net(pictures)["logits"].numpy(), atol=0.02)
    rng = np.random.default_rng(0)
    kept = join.Head(rng.normal(0, 0.01, (3, FEATURES)).astype(np.float32), rng.normal(0, 1, 3).astype(np.float32))
    finished = join.finish(tmp_path / "joined", kept, 0.25)
    outputs = finished.net(pictures)
    expected = 0.75 * tuned_logits + 0.25 * kept.logits(join.halves(outputs["embedding"].numpy())[1])
    np.testing.assert_allclose(outputs["logits"].numpy(), expected, atol=0.01)
    assert finished.state["step"] == 7


def test_the_exported_network_is_the_joined_one_in_half_the_room(run: Path, tmp_path: Path) -> None:
    trained = join.begin(run, tmp_path / "joined")
    bundle = export(tmp_path / "joined", tmp_path / "bundle", which="last")
    weights = sum(p.numel() for p in trained.net.parameters())
    assert bundle.model_path("fp32").stat().st_size < 2.3 * weights
    assert can_explain(bundle.manifest, bundle.arrays) and bundle.arrays[WEIGHTS].shape == (3, 2 * FEATURES)
    photos = sorted((bundle.root / "photos").iterdir())
    for row in parity(bundle, trained.engine(), photos):
        assert max(row.worst.values()) <= row.tolerance, row


def test_the_kept_head_learns_and_offsets_take_the_source_out() -> None:
    """Two sources, bright and dark, each with one label of its own: with the offsets brightness alone must not rule that label out."""
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], 200).astype(np.int64)
    bright = np.where(labels == 0, 1.0, np.where(labels == 1, -1.0, rng.choice([-1.0, 1.0], 600)))
    shape = np.eye(3)[labels] + rng.normal(0, 0.15, (600, 3))
    kept = np.column_stack([shape, bright]).astype(np.float32)
    no_bright, no_dark = np.array([False, True, False]), np.array([True, False, False])
    plain = join.fit_kept_head([join.Seen(kept, labels, join.offsets(np.zeros(3, bool), 0.0, 600))])
    masked = join.fit_kept_head(
        [
            join.Seen(kept[bright > 0], labels[bright > 0], join.offsets(no_bright, -1e4, int((bright > 0).sum()))),
            join.Seen(kept[bright < 0], labels[bright < 0], join.offsets(no_dark, -1e4, int((bright < 0).sum()))),
        ]
    )
    assert (plain.logits(kept).argmax(1) == labels).mean() > 0.95
    crossed = kept[labels == 1] * np.array([1, 1, 1, -1], np.float32)  # label 1 in the source that never showed it
    assert abs(masked.weight[1, 3]) < abs(plain.weight[1, 3])
    assert (masked.logits(crossed).argmax(1) == 1).mean() >= (plain.logits(crossed).argmax(1) == 1).mean()


def test_the_share_is_the_likeliest_on_validation() -> None:
    labels = np.array([0, 1, 0, 1] * 10, np.int64)
    right = np.where(np.arange(2) == labels[:, None], 2.0, -2.0).astype(np.float32)
    noise = np.random.default_rng(0).normal(0, 2, right.shape).astype(np.float32)
    assert join.choose_share(noise, right + noise / 9, labels, (0.0, 0.5, 1.0)) == 1.0
    assert join.choose_share(right, noise, labels, (0.0, 0.5, 1.0)) == 0.0
    assert join.choose_share(right, right, labels, (0.0, 0.5, 1.0)) == 0.0


def test_only_the_network_with_branches_can_be_joined(tmp_path: Path) -> None:
    recipe = from_dict({"net": {"name": "cnn", "frozen_blocks": 0}})
    state = {"recipe": asdict(recipe), "task": Classify(recipe, LABELS, [True] * 3, [True] * 3).state()}
    net = table.build(recipe.net, 3, recipe.input)
    save_checkpoint(tmp_path / "run" / "last", Checkpoint({f"net.{n}": t for n, t in net.state_dict().items()}, state))
    with pytest.raises(TypeError, match="EfficientNet-Lite"):
        join.begin(tmp_path / "run", tmp_path / "joined")
