"""What learns when: frozen blocks, the head alone, the last blocks, gradual unfreezing, rates by stage, frozen norms, auxiliary heads."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from landsight.errors import RecipeError
from landsight.photo.prepare import Preparation
from landsight.studio.engine import open_run
from landsight.studio.nets import table
from landsight.studio.nets.fine_tune import frozen_blocks, held, unfreeze
from landsight.studio.nets.net import StagedNet
from landsight.studio.recipe import NetRecipe, OptimiseRecipe, Recipe
from landsight.studio.tasks.classify import Classify
from landsight.studio.train.checkpoint import load_checkpoint
from landsight.studio.train.loop import Event, StopTraining, Trainer
from landsight.studio.train.optimise import optimiser, parameter_groups, set_rate
from landsight.studio.train.run import train

from ..conftest import tiny_recipe

_RESNET = NetRecipe(name="resnet", depth=10, width=0.125, pretrained=False, dropout=0.0)
_IMAGE = Preparation(32, 32)
_NAMES = [name for name in table.NETS if name != "pretrained"]


def narrow(name: str, **fields: object) -> NetRecipe:
    """A recipe of a network that is quick to make."""
    width = {"mlp": {"hidden": (24, 16)}}.get(name, {"width": 0.25} if name in table.OPTIONS else {})
    return NetRecipe(name=name, pretrained=False, dropout=0.0, **width, **fields)  # type: ignore[arg-type]


def made(recipe: NetRecipe) -> StagedNet:
    torch.manual_seed(0)
    return table.build(recipe, 3, _IMAGE)


def learning(net: StagedNet) -> set[str]:
    """Children of the network (blocks by number) with weights that learn."""
    names = [n for n, p in net.named_parameters() if p.requires_grad]
    return {".".join(n.split(".")[: 2 if n.startswith("blocks.") else 1]) for n in names}


def changed_in_a_step(net: StagedNet) -> set[str]:
    """Names of tensors that one optimiser step changes."""
    before = {n: t.clone() for n, t in net.state_dict().items()}
    step = optimiser(net, OptimiseRecipe(name="sgd", rate=1.0, weight_decay=0.1))
    net.train()(torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(1)) + 3)["logits"].square().sum().backward()
    step.step()
    return {n for n, t in net.state_dict().items() if not torch.equal(t, before[n])}


@pytest.mark.parametrize("name", _NAMES)
def test_head_alone(name: str) -> None:
    """Also: no running statistic moves, and everything else is run without a graph."""
    net = made(narrow(name, head_only=True))
    assert changed_in_a_step(net) == {"head.weight", "head.bias"}
    assert not net.train()(torch.randn(2, 3, 32, 32))["embedding"].requires_grad


@pytest.mark.parametrize("name", [n for n in _NAMES if n != "mlp"])
def test_frozen_blocks_do_not_change_in_a_step(name: str) -> None:
    net = made(narrow(name, frozen_blocks=1))
    changed = changed_in_a_step(net)
    frozen = ("stem.", "blocks.0.") if hasattr(net, "stem") else ("blocks.0.", "blocks.1.")
    assert not [n for n in changed if n.startswith(frozen)]
    assert any(n.startswith("blocks.2.") and "running_mean" in n for n in changed)


def test_the_last_blocks() -> None:
    assert learning(made(replace(_RESNET, last_blocks=2))) == {"blocks.3", "blocks.4", "head"}
    assert learning(made(NetRecipe(name="efficientnet_lite0", pretrained=False, last_blocks=1))) == {"blocks.15", "last", "head"}


def test_frozen_norms_keep_their_statistics_and_learn_their_scale() -> None:
    changed = changed_in_a_step(made(replace(_RESNET, freeze_norm=True)))
    assert not [n for n in changed if "running" in n]
    assert "blocks.1.branch.1.norm.weight" in changed


def test_what_suits_when_the_recipe_does_not_say() -> None:
    assert frozen_blocks(NetRecipe()) == frozen_blocks(NetRecipe(name="pretrained")) == 5
    assert frozen_blocks(NetRecipe(pretrained=False)) == frozen_blocks(NetRecipe(name="resnet")) == 0
    assert frozen_blocks(NetRecipe(frozen_blocks=2)) == 2


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"frozen_blocks": 5}, r"net\.frozen_blocks: received 5, the network has 4"),
        ({"last_blocks": 5}, r"net\.last_blocks: received 5, the network has 4"),
        ({"frozen_blocks": -2}, r"net\.frozen_blocks: received -2"),
        ({"head_only": True, "last_blocks": 1}, "contradict"),
    ],
)
def test_impossible_parts_are_refused(fields: dict[str, object], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        made(replace(_RESNET, **fields))  # type: ignore[arg-type]


def test_gradual_unfreezing_by_hand() -> None:
    """A stem and four blocks, one more every half epoch; the tail goes with the last block."""
    recipe = replace(_RESNET, unfreeze_epochs=0.5)
    assert [held(recipe, 5, e) for e in (0, 0.49, 0.5, 1.0, 2.0, 2.5, 9)] == [
        (5, True), (5, True), (4, False), (3, False), (1, False), (0, False), (0, False),
    ]  # fmt: skip
    kept = replace(recipe, frozen_blocks=1)
    assert [held(kept, 5, e) for e in (0, 0.5, 1.5, 9)] == [(5, True), (4, False), (2, False), (2, False)]
    later = replace(recipe, last_blocks=2)
    assert [held(later, 5, e) for e in (0, 0.5, 1.5)] == [(3, False), (2, False), (0, False)]


def test_the_optimiser_knows_from_the_start_of_all_that_will_learn() -> None:
    recipe = replace(_RESNET, unfreeze_epochs=1, frozen_blocks=1)
    net = made(recipe)
    known = {id(p) for group in optimiser(net, OptimiseRecipe()).param_groups for p in group["params"]}
    assert unfreeze(net, recipe, 0)
    assert learning(net) == {"head"}
    assert not unfreeze(net, recipe, 0.9)
    assert unfreeze(net, recipe, 7)
    assert learning(net) == {"blocks.2", "blocks.3", "blocks.4", "head"}
    assert {id(p) for p in net.parameters() if p.requires_grad} == known
    assert not unfreeze(made(_RESNET), _RESNET, 3)


def test_rates_fall_from_the_head_to_the_stem() -> None:
    net = made(replace(_RESNET, values=2, frozen_blocks=1))
    groups = optimiser(net, OptimiseRecipe(rate=0.1, layer_decay=0.5, head_factor=3.0)).param_groups
    assert [g["lr"] for g in groups] == pytest.approx([0.1, 0.05, 0.025, 0.3])
    assert [{id(p) for p in g["params"]} for g in groups[:3]] == [{id(p) for p in net.blocks[n].parameters()} for n in (4, 3, 2)]  # type: ignore[index, union-attr]
    assert [tuple(p.shape) for p in groups[3]["params"]] == [(3, 64), (3,), (2, 64), (2,)]
    made_by = optimiser(net, OptimiseRecipe(rate=0.1, layer_decay=0.5))
    assert set_rate(made_by, 0.5) == 0.05


@pytest.mark.parametrize("name", _NAMES)
@pytest.mark.parametrize("decay", [1.0, 0.9])
def test_every_weight_is_in_one_group(name: str, decay: float) -> None:
    with torch.device("meta"):
        net = made(narrow(name, frozen_blocks=0, values=1))
    grouped = [id(p) for params, _ in parameter_groups(net, OptimiseRecipe(layer_decay=decay)) for p in params]
    assert sorted(grouped) == sorted(id(p) for p in net.parameters())


@pytest.mark.parametrize(("name", "key"), [("sgd", "momentum"), ("adam", "betas"), ("adamw", "betas")])
def test_momentum_of_every_optimiser(name: str, key: str) -> None:
    group = optimiser(made(_RESNET), OptimiseRecipe(name=name, momentum=0.8)).param_groups[0]
    assert group[key] in (0.8, (0.8, 0.999))
    plain = optimiser(made(_RESNET), OptimiseRecipe(name="sgd", momentum=0.0)).param_groups[0]
    assert not plain["nesterov"]


def test_adam_decays_through_the_gradient_and_adamw_beside_it() -> None:
    """One step on a weight of 1 without a gradient of its own: Adam moves by the rate, AdamW by rate x decay."""
    for name, expected in (("adam", 1 - 0.1), ("adamw", 1 - 0.1 * 0.2)):
        net = made(_RESNET)
        with torch.no_grad():
            net.head.weight.fill_(1.0)
        step = optimiser(net, OptimiseRecipe(name=name, rate=0.1, head_factor=1.0, weight_decay=0.2))
        net.head.weight.grad = torch.zeros_like(net.head.weight)
        step.step()
        assert net.head.weight[0, 0].item() == pytest.approx(expected, abs=1e-6)


def test_a_run_that_unfreezes_resumes_to_the_same_weights(folder: Path, tmp_path: Path) -> None:
    """Stopped while one block learns, and its moments are the only ones that Adam has."""
    settings = ("net.unfreeze_epochs=0.5", "schedule.stages=[[32,3]]", "optimise.layer_decay=0.7")
    recipe: Recipe = tiny_recipe(folder, *settings)
    seen: list[int] = []

    def note(event: Event, trainer: Trainer) -> None:
        if event is Event.STEP:
            seen.append(trainer.net.frozen_stages)

    def stop(event: Event, trainer: Trainer) -> None:
        if event is Event.STEP and trainer.step == 4:
            raise StopTraining

    assert train(recipe, tmp_path / "whole", say=lambda _: None, listeners=(note,)).finished
    # Three steps an epoch: half an epoch is over before steps 2 and 4, counted from 0; the stem comes last.
    assert seen == [3, 3, 2, 1, 1, 0, 0, 0, 0]
    assert not train(recipe, tmp_path / "halves", say=lambda _: None, listeners=(stop,)).finished
    assert train(recipe, tmp_path / "halves", say=lambda _: None).finished
    whole, halves = (load_checkpoint(tmp_path / run / "last").tensors for run in ("whole", "halves"))
    assert whole.keys() == halves.keys()
    assert all(torch.equal(whole[n], halves[n]) for n in whole)
    assert open_run(tmp_path / "whole", "last").net.frozen_stages == 0


def test_auxiliary_heads_are_heard_in_training_alone() -> None:
    recipe = replace(NetRecipe(name="inception", width=0.125, pretrained=False, dropout=0.0), auxiliary=0.25)
    net = made(recipe)
    x = torch.randn(4, 3, 32, 32)
    assert "auxiliary" not in net.eval()(x)
    outputs = net.train()(x)
    assert outputs["auxiliary"].shape == (4, 2, 3)
    task = Classify(Recipe(net=recipe), ("a", "b", "c"), [True] * 3, [True] * 3)
    no = torch.zeros(4, dtype=torch.bool)
    targets = {"label": torch.tensor([0, 1, 2, 0]), "sharp": no, "small": no}
    heads = [F.cross_entropy(outputs["auxiliary"][:, n], targets["label"]) for n in (0, 1)]
    expected = F.cross_entropy(outputs["logits"], targets["label"]) + 0.25 * (heads[0] + heads[1])
    torch.testing.assert_close(task.losses(outputs, targets)["cross_entropy"], expected)
    alone = {name: outputs[name] for name in ("logits", "embedding")}
    torch.testing.assert_close(task.losses(alone, targets)["cross_entropy"], F.cross_entropy(outputs["logits"], targets["label"]))
    assert not made(replace(recipe, auxiliary=0.0)).auxiliary
    # Heads of stages that are frozen are silent: blocks.3 is 4a, blocks.6 is 4d.
    assert made(replace(recipe, frozen_blocks=4)).train()(x)["auxiliary"].shape == (4, 1, 3)
    assert "auxiliary" not in made(replace(recipe, head_only=True)).train()(x)
