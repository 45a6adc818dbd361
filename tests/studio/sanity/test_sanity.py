"""The sanity tests themselves: chance is fair, an honest map wins, a made-up one does not, and random weights are seen."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy.stats import spearmanr

from bundle_factory import CHANNELS, make_bundle
from landsight.cli.app import run as command
from landsight.errors import UsageError
from landsight.explain.source import of_bundle
from landsight.studio.engine import open_run
from landsight.studio.explain import of_trained
from landsight.studio.sanity.check import sanity
from landsight.studio.sanity.deletion import KINDS, cells_of, deletion, hide, masks
from landsight.studio.sanity.randomise import compare, of_onnx, of_torch, rank_correlation
from landsight.studio.train.run import train

from ..conftest import tiny_recipe
from ..explain_pictures import COLOURS, picture, write_squares


@pytest.fixture(scope="module")
def squares(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that tells small squares of three colours apart."""
    root = write_squares(tmp_path_factory.mktemp("squares") / "data")
    run = tmp_path_factory.mktemp("runs") / "squares"
    recipe = tiny_recipe(root, 'net.name="resnet"', "net.depth=10", "net.width=0.25", "net.hidden=[]", "schedule.stages=[[32, 14]]", "views.colour=0.0", "data.small_px=8")  # fmt: skip
    assert train(recipe, run, say=lambda _: None).finished
    return run


def test_every_kind_hides_as_many_cells_of_the_same_size() -> None:
    signed = np.random.default_rng(0).normal(size=(7, 7)).astype(np.float32)
    found = list(masks(signed, 224, 224, np.random.default_rng(1)))
    assert {kind for kind, _ in found} == set(KINDS)
    assert {int(mask.sum()) for _, mask in found} == {10 * 32 * 32}  # 20 % of 49 cells: 10
    hottest, coldest = (next(mask for kind, mask in found if kind == wanted) for wanted in ("hottest", "coldest"))
    assert not (hottest & coldest).any()
    assert signed[hottest[::32, ::32]].min() >= signed[~hottest[::32, ::32]].max()
    for kind, mask in found:
        if kind == "moved":
            assert not np.array_equal(mask, hottest)
            assert (np.diff(mask.astype(int), axis=0) != 0).sum() % 32 == 0  # whole cells
    assert {int(mask.sum()) for kind, mask in masks(np.zeros((1, 1), np.float32), 5, 4, np.random.default_rng(0))} == {20}


def test_maps_of_pixels_are_judged_in_cells() -> None:
    fine = np.zeros((224, 160), np.float32)
    fine[:16] = 1
    assert cells_of(fine).shape == (14, 14)
    assert cells_of(fine)[0].min() > 0.8
    assert cells_of(np.zeros((7, 5), np.float32)).shape == (7, 5)


class Fixed:
    """An explainer that makes maps of its own accord."""

    method, about = "fixed", ""

    def __init__(self, maps: Sequence[NDArray[np.float32]]) -> None:
        self._maps = list(maps)

    def maps(self, prepared_hwc_u8: NDArray[np.uint8], whats: Sequence[int]) -> NDArray[np.float32]:
        return self._maps.pop(0)[None]

    def remark(self, signed: NDArray[np.float32]) -> str:
        return ""


def test_an_honest_map_beats_chance_and_a_made_up_one_does_not(squares: Path) -> None:
    source = of_trained(open_run(squares))
    pictures = [picture(name, 3000 + number)[0] for number in range(14) for name in COLOURS]
    honest = deletion([hide(source, source.explainer("gradcam"), p, i) for i, p in enumerate(pictures)])
    assert honest.n == 42
    assert honest.before > 0.9
    for fill in ("mean", "blur"):
        for kind in ("random", "moved", "coldest"):
            assert honest.margin[fill][kind].low > 0, (fill, kind, honest.margin[fill][kind])
        assert honest.after[fill]["hottest"] < honest.after[fill]["random"]
    rng = np.random.default_rng(5)
    made_up = Fixed([rng.normal(size=(4, 4)).astype(np.float32) for _ in pictures])
    chance = deletion([hide(source, made_up, p, i) for i, p in enumerate(pictures)])
    assert chance.margin["mean"]["random"].low < 0 < chance.margin["mean"]["random"].high


def test_rank_correlation_is_spearmans() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        a, b = rng.integers(0, 6, 25).astype(float), rng.normal(size=25).round(1)
        assert rank_correlation(a.reshape(5, 5), b.reshape(5, 5)) == pytest.approx(spearmanr(a, b).statistic)
    assert rank_correlation(np.arange(9), np.arange(9) ** 3) == pytest.approx(1)
    assert rank_correlation(np.zeros(9), np.arange(9)) == 0


def test_random_weights_from_the_answer_down_lose_the_maps(squares: Path) -> None:
    trained = open_run(squares)
    source, randomiser = of_trained(trained), of_torch(trained)
    pictures = [picture(name, 4000 + number)[0] for number in range(5) for name in COLOURS]
    explainer = source.explainer("gradcam")
    whats = [number % 3 for number in range(len(pictures))]
    before = [explainer.maps(p, [w])[0] for p, w in zip(pictures, whats, strict=True)]
    found = compare(randomiser, "gradcam", pictures, whats, before)
    assert [step.layers for step in found.steps] == sorted({step.layers for step in found.steps})
    assert (found.steps[0].layers, found.steps[-1].layers) == (1, randomiser.layers)
    assert found.steps[-1].likeness.value < 0.5
    same = compare(of_torch(trained), "gradcam", pictures, whats, before)
    assert same == found  # drawn by name
    head, state = randomiser.at(1).arrays["head_weights"], trained.net.state_dict()["head.weight"].numpy()
    assert np.square(head.astype(float)).mean() == pytest.approx(np.square(state).mean(), rel=0.3)
    assert abs(np.corrcoef(head.ravel(), state.ravel())[0, 1]) < 0.3
    assert np.array_equal(trained.net.state_dict()["head.weight"].numpy(), state), "the network itself is left alone"


def test_a_bundle_is_changed_in_a_copy_of_its_file(tmp_path: Path) -> None:
    weights = np.zeros((3, CHANNELS), np.float16)
    weights[:, :3] = 4 * np.eye(3)
    bundle = make_bundle(tmp_path / "bundle", arrays={"head_weights": weights})
    randomiser = of_onnx(bundle)
    assert randomiser.layers == 2  # the convolution and the head
    batch = np.random.default_rng(0).normal(size=(1, 3, 32, 32)).astype(np.float32)
    wants = ("logits", "feature_map")
    known, one, two = (s.engine.run(batch, wants) for s in (of_bundle(bundle.root), randomiser.at(1), randomiser.at(2)))
    assert np.allclose(known["feature_map"], one["feature_map"])
    assert not np.allclose(known["logits"], one["logits"])
    assert not np.allclose(known["feature_map"], two["feature_map"])
    assert not np.array_equal(randomiser.at(1).arrays["head_weights"], weights)


def test_of_a_run_it_leaves_page_picture_and_numbers_and_counts_looks(squares: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = sanity(squares, sample=12, method="gradcam")
    assert (found.looks, found.part) == (None, "validation")
    assert not (squares / "looks.json").exists()
    with pytest.raises(SystemExit) as ended:
        command(["explain", str(squares), "--sanity", "--part", "test", "--sample", "15"])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    assert "look 1 at 'test'" in said
    assert "activation maps of squares, 15 pictures of 'test'" in said
    assert sanity(squares, part="test", sample=6, method="occlusion").looks == 2
    assert json.loads((squares / "looks.json").read_text())["test"][0]["engine"] == "torch fp32, sanity of activation maps"
    figures = json.loads((squares / "explain-sanity-test.json").read_text())
    assert figures["deletion"]["n"] == 6
    assert set(figures["deletion"]["margin"]["mean"]) == {"random", "moved", "coldest", "pixels"}
    html = (squares / "explain-sanity-test.html").read_text()
    assert "Does it depend on what was learnt" in html
    assert not re.findall(r"(?:src|href)=.https?:", html)
    with Image.open(squares / "explain-sanity-test.png") as drawn:
        assert drawn.width > 1500


def test_of_a_bundle_it_needs_the_data(squares: Path, tmp_path: Path) -> None:
    weights = np.zeros((3, CHANNELS), np.float16)
    weights[:, :3] = 4 * np.eye(3)
    bundle = make_bundle(tmp_path / "bundle", arrays={"head_weights": weights}).root
    with pytest.raises(UsageError, match="does not know its data"):
        sanity(bundle)
    data = tmp_path / "data"
    for name, colour in {"red_rock": (250, 10, 10), "green_hill": (10, 250, 10), "blue_bay": (10, 10, 250)}.items():
        (data / "train" / name).mkdir(parents=True)
        for number in range(3):
            pixels = np.full((32, 32, 3), 120, np.uint8)
            pixels[4 * number : 4 * number + 10, 12:22] = colour
            Image.fromarray(pixels).save(data / "train" / name / f"{number}.png")
    found = sanity(bundle, root=str(data), part="train", out=tmp_path / "out")
    assert (found.looks, found.deletion.n, found.method) == (None, 9, "activation")
    assert found.page is not None
    assert found.page.parent == tmp_path / "out"
    assert found.deletion.margin["mean"]["random"].low > 0
    assert "find what the answer needs" in found.page.read_text()
