"""Explanations with gradients: the target layer is found in every network, Grad-CAM keeps its theorem, and maps lie on what decides."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from landsight.answer.road import answer_module
from landsight.errors import UsageError
from landsight.explain.activation_map import WEIGHTS, contributions
from landsight.explain.heat import enlarged, positive
from landsight.explain.source import explained
from landsight.photo.prepare import Preparation, normalise
from landsight.studio.engine import Trained, manifest_of, open_run
from landsight.studio.explain import Field, GradCam, Pass, around_its_middle, grad_cam, of_run, of_trained
from landsight.studio.nets import table
from landsight.studio.recipe import Recipe, from_dict
from landsight.studio.resolve import resolve
from landsight.studio.tasks import TASKS
from landsight.studio.tasks.task import Task
from landsight.studio.train.run import train

from .conftest import tiny_recipe
from .explain_pictures import COLOURS, SIDE, picture, share_on_square, write_squares


def untrained(name: str, *settings: str, side: int = 64, task: str = "classify") -> Trained:
    """A network of the table with random weights, and a task of three labels for it."""
    tree = {"task": task, "input": {"width": side, "height": side}, "net": {"name": name, "pretrained": False, "frozen_blocks": 0}}
    if task == "tag":
        tree["train"] = {"losses": {"binary_cross_entropy": 1.0}}
    recipe: Recipe = from_dict(tree, settings)
    state = {"labels": ["a", "b", "c"], "has_large": [True] * 3, "has_small": [False] * 3, "counts": [5, 5, 5], "pictures": 15}
    made: Task = resolve(TASKS, task, "task").from_state(recipe, state)
    torch.manual_seed(0)
    net = table.build(recipe.net, 3, recipe.input)
    with torch.no_grad():
        for parameter in net.head.parameters():
            parameter.normal_(0, 0.3)  # a head starts near 0, and a zero says nothing
    return Trained(recipe, made, net.eval(), {})


def noise(trained: Trained) -> np.ndarray:
    p = trained.recipe.input
    return np.random.default_rng(3).integers(0, 256, (p.height, p.width, 3)).astype(np.uint8)


@pytest.fixture(scope="module")
def squares(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that tells squares of three colours apart, wherever they are."""
    root = write_squares(tmp_path_factory.mktemp("squares") / "data")
    run = tmp_path_factory.mktemp("runs") / "squares"
    recipe = tiny_recipe(root, 'net.name="resnet"', "net.depth=10", "net.width=0.25", "net.hidden=[]", "schedule.stages=[[32, 14]]", "views.colour=0.0", "data.small_px=8")  # fmt: skip
    assert train(recipe, run, say=lambda _: None).finished
    return run


@pytest.mark.parametrize("task", list(TASKS))
def test_focus_and_its_numpy_twin_are_the_same(task: str) -> None:
    trained = untrained("cnn", side=32, task=task)
    module, batch = answer_module(task), normalise(np.stack([noise(trained)] * 2), trained.recipe.input)
    outputs = trained.engine().run(batch, ("logits", "embedding"))
    for what in range(3):
        differentiated = trained.task.focus({k: torch.from_numpy(v) for k, v in outputs.items()}, what)
        assert float(differentiated) == pytest.approx(float(module.focus(outputs, what).sum()), rel=1e-6)
    manifest = manifest_of(trained.recipe, trained.task)
    answer = module.decode(outputs, manifest, {})[0]
    for subject in module.subjects(answer, manifest):
        assert module.confidence(outputs, subject.what, manifest)[0] == pytest.approx(subject.probability, rel=1e-5)
        assert manifest.labels[subject.what] == subject.name


#: Where the last map is: what is tested is that it is found, so the names are written down.
LAST = {
    "cnn": "blocks.2.dropout", "vgg": "blocks.4", "resnet": "blocks.8.activation", "inception": "blocks.9.cat", "fcn": "blocks.2.3.activation",
    "pretrained": "last.relu6", "efficientnet_lite0": "last.relu6", "efficientnet_lite1": "last.relu6", "efficientnet_lite2": "last.relu6",
    "efficientnet_lite0_two_branch": "cat", "efficientnet_lite2_two_branch": "cat", "efficientnet_lite2_with_lite0": "cat",
}  # fmt: skip


@pytest.mark.parametrize("name", [n for n in table.NETS if n != "mlp"])
def test_the_last_map_is_found_in_every_network(name: str) -> None:
    trained = untrained(name)
    explainer = GradCam(trained.net, trained.task, trained.recipe.input)
    maps = explainer.maps(noise(trained), [0, 2])
    shapes = trained.net(torch.zeros(1, 3, 64, 64))["feature_map"].shape
    assert maps.shape == (2, *shapes[2:])
    assert np.abs(maps).max() > 0
    assert not np.allclose(maps[0], maps[1], atol=1e-3 * np.abs(maps).max())
    assert explainer.layer.startswith(LAST[name])
    assert explainer.layer in explainer.about
    assert all(p.requires_grad for p in trained.net.parameters()), "the network itself is left alone"


@pytest.mark.parametrize("name", ["fcn", "resnet", "inception", "efficientnet_lite0", "efficientnet_lite0_two_branch"])
def test_grad_cam_is_the_class_activation_map_where_the_head_is_linear_in_the_mean(name: str) -> None:
    """Selvaraju et al., section 3.2: d logit / d A is w / (h w) everywhere, so the two differ by h w alone."""
    source, trained = None, untrained(name)
    source = of_trained(trained)
    batch = normalise(noise(trained)[None], trained.recipe.input)
    feature_map = source.engine.run(batch, ("feature_map",))["feature_map"][0]
    passed = Pass(trained.net, trained.task, batch)
    for what in range(3):
        signed, _ = grad_cam(passed, what)
        expected = contributions(feature_map, source.arrays[WEIGHTS][what]) / signed.size
        assert signed == pytest.approx(expected, abs=float(2e-3 * np.abs(expected).max()))
    activation = source.explainer("activation").maps(noise(trained), [1])[0]
    assert positive(activation) == pytest.approx(positive(grad_cam(passed, 1)[0]), abs=5e-3)


def test_an_mlp_has_no_map_and_the_error_names_what_works(squares: Path) -> None:
    trained = untrained("mlp", "net.hidden=[16]", side=16)
    source = of_trained(trained)
    with pytest.raises(UsageError, match=r"every unit sees the whole picture.*--method occlusion"):
        source.explainer("gradcam")
    assert source.explainer().method == "occlusion"
    assert of_trained(untrained("cnn", side=32)).explainer().method == "gradcam"  # laid flat: no class-activation map
    assert of_run(squares).explainer().method == "activation"


def test_what_the_focus_reads_is_no_layer_to_look_at() -> None:
    """A network whose answer is itself a map, as in segmentation: the layer before it is looked at."""

    class Dense(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = torch.nn.Conv2d(3, 4, 3, padding=1)
            self.head = torch.nn.Conv2d(4, 2, 1)

        def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
            return {"logits": self.head(torch.relu(self.body(x)))}

    class Sum:
        def focus(self, outputs: dict[str, torch.Tensor], what: int) -> torch.Tensor:
            return outputs["logits"][:, what].sum()

    net = Dense().requires_grad_(False)
    looked, _ = Pass(net, Sum(), np.random.default_rng(0).normal(size=(1, 3, 8, 8))).target(1)  # type: ignore[arg-type]
    assert looked.name == "relu"
    assert looked.output.shape == (1, 4, 8, 8)


def test_a_branch_that_the_answer_does_not_use_is_passed_over() -> None:
    class Branches(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.used, self.idle = torch.nn.Conv2d(3, 4, 3), torch.nn.Conv2d(3, 5, 3)

        def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
            used, idle = self.used(x), self.idle(x)
            return {"logits": used.mean((2, 3)) + 0 * idle.mean((1, 2, 3))[:, None], "idle": idle}

    class First:
        def focus(self, outputs: dict[str, torch.Tensor], what: int) -> torch.Tensor:
            return outputs["logits"][:, what].sum()

    passed = Pass(Branches().requires_grad_(False), First(), np.ones((1, 3, 8, 8)))  # type: ignore[arg-type]
    assert passed.target(0)[0].name == "used"


def test_maps_of_every_method_lie_on_the_square(squares: Path) -> None:
    """Squares of 8 px on 32 px: with the cells around them they are at most a quarter of a picture, and maps must hold far more than that there.

    A gradient is noisy: pixels of noise move the answer a little everywhere, so that its field holds less.
    """
    source = of_run(squares)
    shares: dict[str, list[float]] = {}
    for method in ("activation", "gradcam", "occlusion", "field"):
        explainer = source.explainer(method)
        for name in COLOURS:
            for number in range(4):
                pixels, place = picture(name, 2000 + number)
                found = explained(source, explainer, pixels)
                assert found.reasons[0].subject.name == name
                heat = enlarged(found.reasons[0].grid, SIDE, SIDE)
                shares.setdefault(method, []).append(share_on_square(heat, place))
    means = {method: round(float(np.mean(values)), 3) for method, values in shares.items()}
    assert means.pop("field") > 0.32
    assert min(means.values()) > 0.6, means
    assert means["activation"] == pytest.approx(means["gradcam"], abs=0.01)


def test_a_field_says_how_large_it_is(squares: Path) -> None:
    trained = open_run(squares)
    field = Field(trained.net, trained.task, trained.recipe.input)
    heat = field.maps(picture("red", 2001)[0], [0])[0]
    assert heat.shape == (SIDE, SIDE)
    assert heat.min() >= 0
    assert field.remark(heat).startswith("half of the heat lies within")
    assert field.remark(np.zeros_like(heat)) == "no gradient arrives"
    lone = np.zeros((9, 9), np.float32)
    lone[1:4, 5:8] = 1
    assert around_its_middle(lone).side_95 == 3  # around its own middle, not the picture's


def test_grey_pictures_of_one_channel(tmp_path: Path) -> None:
    p = Preparation(width=16, height=12, colour="L", mean=(127.0,), std=(128.0,))
    recipe = from_dict({"net": {"name": "fcn", "pretrained": False, "frozen_blocks": 0, "width": 0.1}, "input": p.to_dict() | {"mean": [127.0], "std": [128.0]}})  # fmt: skip
    state = {"labels": ["a", "b"], "has_large": [True] * 2, "has_small": [False] * 2}
    task = resolve(TASKS, "classify", "task").from_state(recipe, state)
    source = of_trained(Trained(recipe, task, table.build(recipe.net, 2, p).eval(), {}))
    grey = np.random.default_rng(0).integers(0, 255, (12, 16, 1)).astype(np.uint8)
    for method in ("activation", "gradcam", "occlusion", "field"):
        assert source.explainer(method).maps(grey, [0]).ndim == 3


def test_what_names_a_class_and_a_name_that_is_none(squares: Path) -> None:
    source = of_run(squares)
    pixels, _ = picture("red", 2002)
    found = explained(source, source.explainer("gradcam"), pixels, what="blue")
    assert [r.subject.name for r in found.reasons] == ["blue", "red"]
    with pytest.raises(UsageError, match="Did you mean 'blue'"):
        explained(source, source.explainer(), pixels, what="bluee")
    with pytest.raises(UsageError, match="There are 3"):
        explained(source, source.explainer(), pixels, what="zzz")
