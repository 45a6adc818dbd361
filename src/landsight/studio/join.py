"""Joins a finished run with the network it started from: two branches, one head (nets/two_branch.py says why).

1. ``begin`` writes a run whose network has both branches, the head looking at the tuned one alone.
2. Its embeddings are collected as those of any network.
3. ``fit_kept_head`` learns what the kept branch says of the labels: softmax regression, with the same masks that hid the source of a
   picture from the tuned branch. ``choose_share`` weighs the two on validation pictures.
4. ``finish`` puts both into the one linear head.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from landsight.answer.calibration import softmax
from landsight.studio.decision import fit_temperature
from landsight.studio.engine import Trained, open_run
from landsight.studio.nets import efficientnet_lite
from landsight.studio.nets.efficientnet_lite import FEATURES, EfficientNetLite
from landsight.studio.nets.fine_tune import frozen_blocks
from landsight.studio.nets.net import StagedNet
from landsight.studio.nets.two_branch import BRANCHES, fold_norms, from_branches
from landsight.studio.onnx_export import round_to_halves
from landsight.studio.train.checkpoint import Checkpoint, save_checkpoint

#: Embeddings are scaled to this mean length, and the squares of the weights cost so much each; chosen once on frozen features (docs/log.md).
_LENGTH, _PENALTY, _ITERATIONS = 20.0, 2e-5, 150

Rows = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Head:
    """``weight`` (k, d), ``bias`` (k,) float32."""

    weight: Rows
    bias: Rows

    def logits(self, embedding: Rows) -> Rows:
        """Shape: (n, d) -> (n, k)."""
        return embedding @ self.weight.T + self.bias


@dataclass(frozen=True, slots=True)
class Seen:
    """Embeddings of the kept branch (n, d), what they show (n,), and what is added to the logits of every label while fitting (n, k)."""

    kept: Rows
    labels: NDArray[np.int64]
    offsets: Rows


def begin(run: Path, out: Path, *, which: str = "last", kept: int | None = None) -> Trained:
    """Write the joined run ``out`` from a run of an EfficientNet-Lite that froze its first blocks; the kept branch comes from ImageNet.

    ``kept``: size of the kept branch; None: that of the tuned one, and the frozen blocks are shared. Norms are folded and weights rounded to halves, so that the exported network is this one and not nearly this one.
    """
    trained = open_run(run, which)
    tuned = trained.net
    if not isinstance(tuned, EfficientNetLite):
        raise TypeError(f"only an EfficientNet-Lite can be joined, not {type(tuned).__name__}")
    recipe = trained.recipe
    size = tuned.size if kept is None else kept
    start = replace(recipe.net, name=f"efficientnet_lite{size}", pretrained=True)
    pretrained = efficientnet_lite.build(start, len(trained.task.labels), recipe.input)
    for net in (tuned, pretrained):
        fold_norms(net)
        round_to_halves(net)
    shared = frozen_blocks(recipe.net) if size == tuned.size else None
    name = next(name for name, sizes in BRANCHES.items() if sizes == (tuned.size, size))
    named = replace(recipe.net, name=name, frozen_blocks=shared or 0)
    return _write(out, replace(trained, recipe=replace(recipe, net=named)), from_branches(tuned, pretrained, shared=shared))


def finish(out: Path, kept: Head, share: float) -> Trained:
    """logits = (1 - share) * tuned head + share * kept head, as one linear layer on [tuned, kept]."""
    trained = open_run(out, "last")
    head = trained.net.head
    with torch.no_grad():
        head.weight[:, :FEATURES].mul_(1 - share)
        head.weight[:, FEATURES:].copy_(torch.from_numpy(share * kept.weight))
        head.bias.mul_(1 - share).add_(torch.from_numpy(share * kept.bias))
    round_to_halves(head)
    return _write(out, trained, trained.net)


def halves(embedding: Rows) -> tuple[Rows, Rows]:
    """Shape: (n, 2560) -> what each branch says, tuned and kept, two of (n, 1280)."""
    return embedding[:, :FEATURES], embedding[:, FEATURES:]


def offsets(absent: NDArray[np.bool_], logit: float, count: int) -> Rows:
    """What keeps the source of a picture from teaching its label: ``logit`` added to labels that its source does not have (k,) -> (n, k)."""
    return np.tile(np.where(absent, np.float32(logit), np.float32(0)), (count, 1))


def fit_kept_head(parts: Sequence[Seen]) -> Head:
    """Softmax regression with an L2 penalty, by L-BFGS to convergence (torch). Deterministic."""
    x = torch.from_numpy(np.concatenate([p.kept for p in parts]))
    labels = torch.from_numpy(np.concatenate([p.labels for p in parts]))
    offset = torch.from_numpy(np.concatenate([p.offsets for p in parts]))
    scale = _LENGTH / float(x.norm(dim=1).mean())
    weight = torch.zeros(offset.shape[1], x.shape[1], requires_grad=True)
    bias = torch.zeros(offset.shape[1], requires_grad=True)
    solver = torch.optim.LBFGS([weight, bias], max_iter=_ITERATIONS, history_size=10, line_search_fn="strong_wolfe")

    def loss() -> float:
        solver.zero_grad()
        value = F.cross_entropy(F.linear(x * scale, weight, bias) + offset, labels) + _PENALTY * weight.square().sum()
        value.backward()  # type: ignore[no-untyped-call]
        return float(value.detach())

    solver.step(loss)  # type: ignore[no-untyped-call]
    return Head((weight * scale).detach().numpy(), bias.detach().numpy())


def choose_share(tuned: Rows, kept: Rows, labels: NDArray[np.int64], candidates: Sequence[float]) -> float:
    """Of the candidates the share of the kept branch with the least negative log-likelihood of validation pictures, temperature fitted.

    Shape: logits of either branch, (n, k). Ties: the smaller share.
    """
    losses = {}
    for share in candidates:
        logits = ((1 - share) * tuned + share * kept).astype(np.float32)
        p = softmax(logits, fit_temperature(logits, labels))
        losses[share] = float(-np.log(p[np.arange(len(labels)), labels].clip(1e-12)).mean())
    return min(losses, key=lambda share: (losses[share], share))


def _write(out: Path, trained: Trained, net: StagedNet) -> Trained:
    recipe = replace(
        trained.recipe,
        net=replace(trained.recipe.net, mix_style=0.0, start="", pretrained=False),
        export=replace(trained.recipe.export, int8=False),
    )
    state = {**trained.state, "recipe": asdict(recipe)}
    save_checkpoint(out / "last", Checkpoint({f"net.{name}": t for name, t in net.state_dict().items()}, state))
    return open_run(out, "last")
