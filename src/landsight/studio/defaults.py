"""A recipe from what the pictures are like and how much time there is, with the reason for each choice. For people who give a folder."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import torch

from landsight.studio.nets import table
from landsight.studio.nets.fine_tune import has_learnt_before
from landsight.studio.recipe import Recipe, from_dict
from landsight.studio.survey import Survey

#: Minutes of training when nobody says: a coffee, and enough for a few thousand photos on two cores.
MINUTES: Final = 15.0
#: Longer side up to which pictures are learnt at their own size, from scratch: pretrained weights expect things larger than that.
TINY_PX: Final = 64
#: So many tiny pictures are augmented, 0.3 ms each, sooner than processes that would do it beside the training are started.
_FEW_TINY: Final = 2_000
#: Side of the pictures that the network of _PRETRAINED learnt from.
_PRETRAINED_PX: Final = 224
#: Epochs beyond which more gain little: of a pretrained network, and from scratch.
_MOST_TUNED, _MOST_SCRATCH = 12, 40
#: Fewer epochs than this do not pay for tuning the body: then the head alone is fitted.
_LEAST_TUNED: Final = 3
_PRETRAINED: Final = ("a network pretrained on ImageNet", "it knows edges, textures and things already; a few photos a class then suffice")
#: Share of the time that is left for steps once looks, export and test are done.
_FOR_STEPS: Final = 0.75


@dataclass(frozen=True, slots=True)
class Proposal:
    """``tree``: sections and values as in a recipe file. ``reasons``: (what was chosen, why), for people."""

    tree: dict[str, Any]
    reasons: tuple[tuple[str, str], ...]

    def recipe(self, settings: tuple[str, ...] = ()) -> Recipe:
        """The recipe, with ``section.key=value`` settings on top."""
        return from_dict(self.tree, settings)


def propose(
    survey: Survey, data: Mapping[str, Any], minutes: float | None = None, *, epochs: int | None = None, settings: Sequence[str] = ()
) -> Proposal:
    """``data``: the recipe's data section as far as it is given. ``minutes``: to train; None: MINUTES. ``epochs``: so many, however long.

    ``settings``: what will be put on top; epochs, time and sides of the views are chosen for the network and the input size that they leave.
    """
    budget = MINUTES if minutes is None else minutes
    tree, reasons = (_tiny if survey.side_px <= TINY_PX else _photos)(survey)
    tree["task"] = "tag" if survey.several else "classify"
    if survey.several:
        tree.setdefault("train", {})["losses"] = {"binary_cross_entropy": 1.0}
    tree["data"] = {**tree.get("data", {}), **data}
    reasons.append(("task: " + tree["task"], "pictures carry several labels" if survey.several else "one label a picture"))
    proposal = Proposal(tree, tuple(reasons))
    draft = proposal.recipe(tuple(settings))
    if tree["net"]["pretrained"] and not has_learnt_before(draft.net):
        proposal = _from_scratch(proposal, draft.net.name)
        draft = proposal.recipe(tuple(settings))
    tree["train"]["batch"] = min(tree["train"].get("batch", 64), max(8, survey.pictures // 20 // 8 * 8))
    if epochs is not None:
        return _staged(proposal, draft, epochs, "as many as asked for")
    return _timed(proposal, draft, survey, budget, is_default=minutes is None)


def _photos(survey: Survey) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    shorter = min(survey.width_px, survey.height_px)
    side = next((s for s in (96, 128, 160, 192) if shorter <= s), 224)
    tree: dict[str, Any] = {
        "data": {"working_px": max(160, round(side * 8 / 7))},
        "input": {"width": side, "height": side},
        "net": {"name": "efficientnet_lite0", "pretrained": True, "frozen_blocks": -1},
        "optimise": {"name": "adamw", "rate": 6e-4, "head_factor": 4.0, "weight_decay": 0.03, "ema": 0.99},
        "views": {"degrade_large": 0.2, "degrade_small": 0.2, "min_area": 0.35},
        "train": {"absent_large_logit": 0.0, "label_smoothing": 0.05, "evaluate_every": 1, "fit_head": True, "early_stop": 4},
    }
    if survey.most > 10 * survey.fewest:
        tree["train"]["class_weights"] = True
    reasons = [
        (f"pictures at {side} x {side} px", f"a middling picture has {survey.width_px} x {survey.height_px} px"),
        _PRETRAINED,
    ]
    if survey.most > 10 * survey.fewest:
        reasons.append(("losses weighted by class", f"classes have from {survey.fewest} to {survey.most} pictures"))
    return tree, reasons


def _tiny(survey: Survey) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    side = max(16, survey.side_px)
    channels = 1 if survey.grey else 3
    mean, std = survey.mean[:channels], survey.std[:channels]
    tree: dict[str, Any] = {
        "data": {"working_px": side, "small_px": side},
        "input": {"width": side, "height": side, "colour": "L" if survey.grey else "RGB", "mean": list(mean), "std": list(std)},
        "net": {"name": "cnn", "pretrained": False, "frozen_blocks": 0, "dropout": 0.25, "norm_momentum": 0.1},
        "optimise": {"name": "adamw", "rate": 2e-3, "head_factor": 1.0, "weight_decay": 0.02, "ema": 0.99},
        "views": {
            "min_area": 1.0, "max_aspect": 1.0, "degrade_large": 0.0, "degrade_small": 0.0, "jpeg_plain": 0.0, "blur": 0.0, "rotate": 0.0,
            "flip": 0.0 if survey.grey else 0.5, "colour": 0.0 if survey.grey else 0.5, "grey": 0.0, "affine": 0.9, "shift": 0.08,
            "scale": [0.9, 1.1], "shear_deg": 8.0,
        },
        # Threads would wait for each other longer than they compute: 93 s of processor time against 28 for 12 epochs of 1,375 digits on a busy machine.
        "train": {"batch": 128, "threads": 1, "absent_large_logit": 0.0, "evaluate_every": 1, "early_stop": 8},
    }  # fmt: skip
    if survey.pictures <= _FEW_TINY:
        tree["train"]["workers"] = 0
    reasons = [
        (f"pictures at their own {side} x {side} px", f"they are tiny ({survey.width_px} x {survey.height_px})"),
        ("a small network, from scratch", "pretrained ones were made for larger pictures"),
    ]
    if survey.grey:
        reasons.append(("grey, never mirrored", "the pictures have no colour; mirrored digits and letters would be other ones"))
    return tree, reasons


def _from_scratch(proposal: Proposal, name: str) -> Proposal:
    """What suits photos, for a network that has learnt nothing before: blocks kept and a head fitted would be those of random weights."""
    tree = proposal.tree
    tree["net"] |= {"pretrained": False, "frozen_blocks": 0, "norm_momentum": 0.1}
    tree["optimise"] |= {"rate": 2e-3, "head_factor": 1.0}
    tree["train"] |= {"fit_head": False, "early_stop": 8}
    reasons = [reason for reason in proposal.reasons if reason != _PRETRAINED]
    return Proposal(
        tree,
        (*reasons, (f"{name}, from scratch", "without ImageNet weights: expect less of few photos than of the network chosen otherwise")),
    )


def _timed(proposal: Proposal, draft: Recipe, survey: Survey, minutes: float, *, is_default: bool) -> Proposal:
    """Epochs that fit into the time, by how fast this machine trains."""
    is_pretrained = has_learnt_before(draft.net)
    most = _MOST_TUNED if is_pretrained else _MOST_SCRATCH
    rate = pictures_per_second(draft, len(survey.labels))
    fit = int(minutes * 60 * _FOR_STEPS * rate / max(1, survey.pictures))
    time_given = f"{minutes:g} minutes" + (", the default" if is_default else "")
    if is_pretrained and fit < _LEAST_TUNED:
        proposal = _at_pretrained_size(proposal)
        proposal.tree["schedule"] = {"stages": []}
        proposal.tree["net"] |= {"frozen_blocks": 0}
        proposal.tree["export"] = {"int8": False}  # weighing it against fp32 would take longer than the training
        why = f"{survey.pictures} pictures at {rate:.0f} a second leave {fit} epochs in {time_given}"
        return Proposal(proposal.tree, (*proposal.reasons, ("only the last layer is fitted", why)))
    if fit < most:
        proposal.tree["train"]["minutes"] = minutes
    why = f"{survey.pictures} pictures at about {rate:.0f} a second, {time_given}, never more than {most}"
    return _staged(proposal, draft, max(1, min(most, fit)), why)


def _at_pretrained_size(proposal: Proposal) -> Proposal:
    """A body that learns nothing sees best at the size that it was made for, even if pictures are smaller (docs/log.md)."""
    side = proposal.tree["input"]["width"]
    if side >= _PRETRAINED_PX:
        return proposal
    proposal.tree["input"] = {"width": _PRETRAINED_PX, "height": _PRETRAINED_PX}
    told = (f"pictures at {_PRETRAINED_PX} x {_PRETRAINED_PX} px", "the size that the network was pretrained at, and it stays as it is")
    return Proposal(proposal.tree, (told, *(reason for reason in proposal.reasons if reason[0] != f"pictures at {side} x {side} px")))


def _staged(proposal: Proposal, draft: Recipe, epochs: int, why: str) -> Proposal:
    """So many epochs; of a pretrained network the first third on smaller views, which cost less."""
    side = draft.input.width
    first = epochs // 3 if has_learnt_before(draft.net) else 0
    proposal.tree["schedule"] = {"stages": [[side * 3 // 4 // 16 * 16, first], [side, epochs - first]] if first else [[side, epochs]]}
    return Proposal(proposal.tree, (*proposal.reasons, (f"{epochs} epoch{'' if epochs == 1 else 's'}", why)))


def pictures_per_second(recipe: Recipe, outputs: int, *, batch: int = 16) -> float:
    """How fast this machine takes steps of the recipe's network at its input size; decoding and views are not counted."""
    net = table.build(recipe.net, outputs, recipe.input)
    net.train()
    channels = 3 if recipe.input.colour == "RGB" else 1
    image = torch.zeros(batch, channels, recipe.input.height, recipe.input.width).to(memory_format=torch.channels_last)
    taken, before = [], torch.get_num_threads()
    torch.set_num_threads(recipe.train.threads or before)
    for _ in range(3):
        began = time.perf_counter()
        net(image)["logits"].sum().backward()
        taken.append(time.perf_counter() - began)
    torch.set_num_threads(before)
    return batch / min(taken)
