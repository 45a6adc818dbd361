"""Two EfficientNet-Lites in one network: one branch fine-tuned, the other as ImageNet left it; the head sees both.

Branches of the same size share their first blocks, which fine-tuning froze; branches of different sizes share nothing but the picture.

Fine-tuning makes a network better at its labels and worse at everything else: it forgets what other things look like. A branch that was
never tuned remembers, and its mistakes are others. Both branches are one network here: features side by side, one linear head, named
outputs like any other. studio/join.py makes one from a finished run. Kin: side-tuning, Zhang et al. 2020 (arXiv 1912.13503), and the
ensembles of zero-shot and fine-tuned networks of Wortsman et al. 2022 (WiSE-FT, arXiv 2109.01903).
"""

from __future__ import annotations

from dataclasses import replace
from itertools import zip_longest

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

#: Name of a network -> sizes of the tuned and of the kept branch.
BRANCHES: dict[str, tuple[int, int]] = {
    "efficientnet_lite0_two_branch": (0, 0),
    "efficientnet_lite2_two_branch": (2, 2),
    "efficientnet_lite2_with_lite0": (2, 0),
}
Branches = tuple[Tensor, Tensor]


class Both(nn.Module):
    """One stage of either branch; the first of them is given one map (or the picture), the others a pair."""

    def __init__(self, tuned: nn.Module, kept: nn.Module) -> None:
        super().__init__()
        self.tuned = tuned
        self.kept = kept

    def forward(self, x: Tensor | Branches) -> Branches:
        """Shape: (n, c, h, w), or two of these, -> two of (n, c', h', w')."""
        tuned, kept = (x, x) if isinstance(x, Tensor) else x
        return self.tuned(tuned), self.kept(kept)


class TwoBranch(StagedNet):
    """Stem and ``shared`` blocks once, the other blocks twice; embedding and feature map are [tuned, kept], 2 x 1280 channels.

    ``shared`` None: not even the stem, which is all that branches of different sizes can do.
    """

    def __init__(
        self, outputs: int, *, sizes: tuple[int, int], shared: int | None, dropout: float, norm_momentum: float, channels: int = 3
    ) -> None:
        super().__init__()
        tuned, kept = (
            EfficientNetLite(outputs, dropout=dropout, norm_momentum=norm_momentum, channels=channels, size=size) for size in sizes
        )
        _check_shared(shared, sizes, len(tuned.blocks))
        first = shared or 0
        self.stem = Both(tuned.stem, kept.stem) if shared is None else tuned.stem
        # The shallower branch waits for the deeper one.
        pairs = zip_longest(tuned.blocks[first:], kept.blocks[first:])
        self.blocks = nn.ModuleList([*tuned.blocks[:first], *(Both(a or nn.Identity(), b or nn.Identity()) for a, b in pairs)])
        self.last = Both(tuned.last, kept.last)
        self.dropout = nn.Dropout(dropout)
        self.head = initialise_head(nn.Linear(2 * FEATURES, outputs))

    def stages(self) -> list[nn.Module]:
        """Stem and the blocks, as many as the deeper branch has."""
        return [self.stem, *self.blocks]

    def finish(self, x: Tensor) -> Tensor:
        """Shape: two of (n, 320, h, w) -> (n, 2560, h, w)."""
        return torch.cat(self.last(x), 1)

    def tail(self) -> list[nn.Module]:
        """The last convolution of either branch."""
        return [self.last]


def build(recipe: NetRecipe, outputs: int, image: Preparation) -> TwoBranch:
    """From a recipe: ``frozen_blocks`` are shared if both have one size; ``pretrained`` takes both branches from ImageNet.

    Trained as it is, both branches learn; for one that stays as it was, train the tuned branch's network and join the run (studio/join.py).
    """
    sizes = BRANCHES[recipe.name]
    shared = frozen_blocks(recipe) if sizes[0] == sizes[1] else None
    net = TwoBranch(
        outputs, sizes=sizes, shared=shared, dropout=recipe.dropout, norm_momentum=recipe.norm_momentum, channels=channels(image)
    )
    if recipe.pretrained:
        tuned, kept = (efficientnet_lite.build(replace(recipe, name=f"efficientnet_lite{size}"), outputs, image) for size in sizes)
        joined = from_branches(tuned, tuned if shared is not None else kept, shared=shared)
        net.load_state_dict({**joined.state_dict(), **{f"head.{name}": t for name, t in net.head.state_dict().items()}})
    return net


def from_branches(tuned: EfficientNetLite, kept: EfficientNetLite, *, shared: int | None) -> TwoBranch:
    """Both networks in one: stem and shared blocks of ``tuned``, its head on its own half of the embedding, nothing on the other.

    Raises: RecipeError when the blocks to share differ.
    """
    _check_shared(shared, (tuned.size, kept.size), len(tuned.blocks))
    weights = tuned.state_dict()
    for name, tensor in kept.state_dict().items():
        # Whole numbers count batches, which is no weight.
        if tensor.is_floating_point() and _is_shared(name, shared) and not torch.equal(tensor, weights[name]):
            raise RecipeError("bad_value", f"The two networks differ in {name}, which is to be shared.", "Share fewer blocks.")
    net = TwoBranch(
        tuned.head.out_features, sizes=(tuned.size, kept.size), shared=shared, dropout=tuned.dropout.p,
        norm_momentum=tuned.stem.norm.momentum or 0.0, channels=tuned.stem.conv.in_channels,
    )  # fmt: skip
    state = {name: tensor for name, tensor in weights.items() if _is_shared(name, shared)}
    for branch, part in (("tuned", weights), ("kept", kept.state_dict())):
        state |= {_inside(name, branch): t for name, t in part.items() if not name.startswith("head.") and not _is_shared(name, shared)}
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


def _check_shared(shared: int | None, sizes: tuple[int, int], blocks: int) -> None:
    if shared is not None and (sizes[0] != sizes[1] or not 0 <= shared < blocks):
        raise RecipeError(
            "bad_value", f"net.frozen_blocks: received {shared}, the branches have {blocks} blocks and the sizes {sizes}.",
            "Share fewer blocks; branches of different sizes share none.",
        )  # fmt: skip


def _is_shared(name: str, shared: int | None) -> bool:
    if shared is None:
        return False
    part, _, rest = name.partition(".")
    return part == "stem" or (part == "blocks" and int(rest.partition(".")[0]) < shared)


def _inside(name: str, branch: str) -> str:
    """Where a tensor of one branch lies in the joined network: blocks.7.expand... -> blocks.7.tuned.expand..."""
    part, _, rest = name.partition(".")
    if part != "blocks":
        return f"{part}.{branch}.{rest}"
    number, _, rest = rest.partition(".")
    return f"blocks.{number}.{branch}.{rest}"
