"""EfficientNet-Lite0 twice from a shared start: one branch fine-tuned, the other as ImageNet left it; the head sees both.

Fine-tuning makes a network better at its labels and worse at everything else: it forgets what other things look like. A branch that was
never tuned remembers, and its mistakes are others. Both branches are one network here: features side by side, one linear head, named
outputs like any other. studio/join.py makes one from a finished run. Kin: side-tuning, Zhang et al. 2020 (arXiv 1912.13503), and the
ensembles of zero-shot and fine-tuned networks of Wortsman et al. 2022 (WiSE-FT, arXiv 2109.01903).
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from landsight.errors import RecipeError
from landsight.photo.prepare import Preparation
from landsight.studio.nets import efficientnet_lite
from landsight.studio.nets.efficientnet_lite import FEATURES, ConvNorm, EfficientNetLite
from landsight.studio.nets.fine_tune import frozen_blocks
from landsight.studio.nets.initialise import initialise_head
from landsight.studio.nets.net import StagedNet, channels
from landsight.studio.recipe import NetRecipe

Branches = tuple[Tensor, Tensor]


class Both(nn.Module):
    """One stage of either branch; the first one after the shared blocks is given one map, the others a pair."""

    def __init__(self, tuned: nn.Module, kept: nn.Module) -> None:
        super().__init__()
        self.tuned = tuned
        self.kept = kept

    def forward(self, x: Tensor | Branches) -> Branches:
        """Shape: (n, c, h, w), or two of these, -> two of (n, c', h', w')."""
        tuned, kept = (x, x) if isinstance(x, Tensor) else x
        return self.tuned(tuned), self.kept(kept)


class TwoBranch(StagedNet):
    """Stem and ``shared`` blocks once, the other blocks twice; embedding and feature map are [tuned, kept], 2 x 1280 channels."""

    def __init__(self, outputs: int, *, shared: int, dropout: float, norm_momentum: float, channels: int = 3) -> None:
        super().__init__()
        tuned = EfficientNetLite(outputs, dropout=dropout, norm_momentum=norm_momentum, channels=channels)
        kept = copy.deepcopy(tuned)
        if not 0 <= shared < len(tuned.blocks):
            raise RecipeError(
                "bad_value", f"net.frozen_blocks: received {shared}, the network has {len(tuned.blocks)}.", "Share fewer blocks."
            )
        self.stem = tuned.stem
        pairs = [Both(a, b) for a, b in zip(tuned.blocks[shared:], kept.blocks[shared:], strict=True)]
        self.blocks = nn.ModuleList([*tuned.blocks[:shared], *pairs])
        self.last = Both(tuned.last, kept.last)
        self.dropout = nn.Dropout(dropout)
        self.head = initialise_head(nn.Linear(2 * FEATURES, outputs))

    def stages(self) -> list[nn.Module]:
        """Stem and 16 blocks."""
        return [self.stem, *self.blocks]

    def finish(self, x: Tensor) -> Tensor:
        """Shape: two of (n, 320, h, w) -> (n, 2560, h, w)."""
        return torch.cat(self.last(x), 1)

    def tail(self) -> list[nn.Module]:
        """The last convolution of either branch."""
        return [self.last]


def build(recipe: NetRecipe, outputs: int, image: Preparation) -> TwoBranch:
    """From a recipe: ``frozen_blocks`` are shared; ``pretrained`` takes both branches from ImageNet.

    Trained as it is, both branches learn; for one that stays as it was, train ``efficientnet_lite0`` and join the run (studio/join.py).
    """
    shared = frozen_blocks(recipe)
    net = TwoBranch(outputs, shared=shared, dropout=recipe.dropout, norm_momentum=recipe.norm_momentum, channels=channels(image))
    if recipe.pretrained:
        one = efficientnet_lite.build(recipe, outputs, image)
        joined = from_branches(one, one, shared=shared)
        net.load_state_dict({**joined.state_dict(), **{f"head.{name}": t for name, t in net.head.state_dict().items()}})
    return net


def from_branches(tuned: EfficientNetLite, kept: EfficientNetLite, *, shared: int) -> TwoBranch:
    """Both networks in one: stem and shared blocks of ``tuned``, its head on its own half of the embedding, nothing on the other.

    Raises: RecipeError when the blocks to share differ.
    """
    weights = tuned.state_dict()
    for name, tensor in kept.state_dict().items():
        # Whole numbers count batches, which is no weight.
        if tensor.is_floating_point() and _is_shared(name, shared) and not torch.equal(tensor, weights[name]):
            raise RecipeError("bad_value", f"The two networks differ in {name}, which is to be shared.", "Share fewer blocks.")
    net = TwoBranch(
        tuned.head.out_features, shared=shared, dropout=tuned.dropout.p, norm_momentum=tuned.stem.norm.momentum or 0.0,
        channels=tuned.stem.conv.in_channels,
    )  # fmt: skip
    state = {name: tensor for name, tensor in weights.items() if _is_shared(name, shared)}
    for branch, part in (("tuned", weights), ("kept", kept.state_dict())):
        state |= {
            _inside(name, branch): t for name, t in part.items() if name.startswith(("blocks.", "last.")) and not _is_shared(name, shared)
        }
    state["head.weight"] = torch.cat([weights["head.weight"], torch.zeros_like(weights["head.weight"])], 1)
    state["head.bias"] = weights["head.bias"]
    net.load_state_dict(state)
    net.eval()
    return net


@torch.no_grad()
def fold_norms(net: nn.Module) -> None:
    """Move every batch norm into its convolution, in place; what is left of the norm only adds a bias. For a network that is finished."""
    for module in net.modules():
        if isinstance(module, ConvNorm):
            norm = module.norm
            if norm.running_mean is None or norm.running_var is None:
                continue
            scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
            module.set_folded(module.conv.weight * scale[:, None, None, None], norm.bias - norm.running_mean * scale)


def _is_shared(name: str, shared: int) -> bool:
    part, _, rest = name.partition(".")
    return part == "stem" or (part == "blocks" and int(rest.partition(".")[0]) < shared)


def _inside(name: str, branch: str) -> str:
    """Where a tensor of one branch lies in the joined network: blocks.7.expand... -> blocks.7.tuned.expand..."""
    part, _, rest = name.partition(".")
    if part == "last":
        return f"last.{branch}.{rest}"
    number, _, rest = rest.partition(".")
    return f"blocks.{number}.{branch}.{rest}"
