"""Which part of a network learns when: frozen blocks, the head alone, the last blocks, one more block after every so many epochs."""

from __future__ import annotations

from landsight.errors import RecipeError
from landsight.studio.nets.net import StagedNet
from landsight.studio.recipe import NetRecipe

#: Blocks that a pretrained EfficientNet keeps when the recipe says -1: what edges and colours look like is the same everywhere.
PRETRAINED_KEPT = 5
_PRETRAINED = ("pretrained", "efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2")
_TWO_BRANCH = ("efficientnet_lite0_two_branch", "efficientnet_lite2_two_branch", "efficientnet_lite2_with_lite0")


def has_learnt_before(recipe: NetRecipe) -> bool:
    """Does this network begin with weights of ImageNet: net.pretrained says so, and there are some."""
    return recipe.pretrained and (recipe.name in (*_PRETRAINED, *_TWO_BRANCH) or recipe.name.startswith("timm:"))


def frozen_blocks(recipe: NetRecipe) -> int:
    """net.frozen_blocks; for -1 what suits the start: 5 of an EfficientNet's blocks when it has learnt before, else none."""
    if recipe.frozen_blocks < -1:
        raise RecipeError("bad_value", f"net.frozen_blocks: received {recipe.frozen_blocks}.", "Give 0 or more, or -1 for what suits.")
    if recipe.frozen_blocks >= 0:
        return recipe.frozen_blocks
    if recipe.name in _TWO_BRANCH:
        return PRETRAINED_KEPT  # it is built of them, whatever its weights
    return PRETRAINED_KEPT if recipe.name in _PRETRAINED and recipe.pretrained else 0


def held(recipe: NetRecipe, stages: int, epoch: float) -> tuple[int, bool]:
    """How many of a network's stages keep their weights at ``epoch`` (counted in epochs done, with fractions), and whether the tail does.

    Without net.unfreeze_epochs the epoch does not matter: head_only freezes everything but the head, last_blocks all but so many blocks,
    frozen_blocks the first ones. With it, training starts at the head alone (at last_blocks, if given), and one more block from the end
    learns after every so many epochs, until only frozen_blocks are left. (Howard and Ruder 2018, arXiv 1801.06146.)
    """
    kept = frozen_blocks(recipe)
    fewest = kept + 1 if kept else 0
    if recipe.last_blocks:
        start, tail = stages - recipe.last_blocks, False
    elif recipe.head_only or recipe.unfreeze_epochs:
        start, tail = stages, True
    else:
        return fewest, False
    thawed = int(epoch / recipe.unfreeze_epochs) if recipe.unfreeze_epochs else 0
    if not thawed:
        return start, tail
    return max(min(fewest, start), start - thawed), False


def set_learning(net: StagedNet, recipe: NetRecipe) -> None:
    """Let everything learn that ever will, so that the optimiser knows of it.

    Raises: RecipeError for more blocks than there are, or for head_only beside last_blocks.
    """
    stages = len(net.stages())
    for field, value in (("net.frozen_blocks", frozen_blocks(recipe)), ("net.last_blocks", recipe.last_blocks)):
        if value >= stages:
            raise RecipeError("bad_value", f"{field}: received {value}, the network has {stages - 1}.", "Take fewer blocks.")
    if recipe.head_only and recipe.last_blocks:
        raise RecipeError(
            "bad_value", f"net.head_only and net.last_blocks = {recipe.last_blocks} contradict each other.", "Give one of them."
        )
    net.norm_frozen = recipe.freeze_norm
    frozen, tail = held(recipe, stages, (stages + 1) * recipe.unfreeze_epochs)
    net.hold(frozen, tail=tail)


def unfreeze(net: StagedNet, recipe: NetRecipe, epoch: float) -> bool:
    """Freeze what is not to learn at ``epoch``; True when that changed. Called before every step: it follows from the step alone, so a
    resumed run does the same. What is frozen has no gradient, and the optimiser passes over it."""
    if not recipe.unfreeze_epochs:
        return False
    frozen, tail = held(recipe, len(net.stages()), epoch)
    if (frozen, tail) == (net.frozen_stages, net.tail_frozen):
        return False
    net.hold(frozen, tail=tail)
    return True
