"""A folder becomes a tested, exported model and a page; given again, nothing is done twice."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from landsight.bundle.confused import Confused
from landsight.bundle.load import load
from landsight.errors import DataError
from landsight.studio.build import build, proposed
from landsight.studio.build_page import write_page
from landsight.studio.defaults import propose
from landsight.studio.engine import open_run
from landsight.studio.evaluate import confused_of
from landsight.studio.recipe import DataRecipe
from landsight.studio.survey import Survey, survey

from .conftest import CLASSES, draw


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Class folders and nothing else, as people have them: no parts, larger than tiny."""
    root = tmp_path_factory.mktemp("build") / "photos"
    for name in CLASSES:
        (root / name).mkdir(parents=True)
        for number in range(24):
            draw(name, 100 + number, (96, 80)).save(root / name / f"{number}.jpg", quality=90)
    return root


@pytest.fixture(scope="module")
def run(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("built") / "run"
    built = build(photos, out, minutes=0.02, settings=["train.workers=0", "data.validation_share=0.4"])
    assert built.tested is not None and built.bundle is not None and built.page is not None
    return out


def test_a_folder_alone_becomes_a_tested_bundle_and_a_page(run: Path) -> None:
    assert json.loads((run / "evaluation-test.json").read_text())["metrics"]["top1"]["n"] >= 9
    assert (run / "bundle/bundle.json").is_file()
    manifest = json.loads((run / "bundle/bundle.json").read_text())
    assert manifest["metrics"]["top1"]["n"] >= 9
    page = (run / "report.html").read_text()
    assert "What was chosen" in page and "landsight predict" in page and "were set aside" in page and "On the test part" in page


def test_the_bundle_says_what_is_taken_for_what_of_these_very_weights(run: Path, tmp_path: Path) -> None:
    figures = json.loads((run / "evaluation-test.json").read_text())["confusion"]
    confused = load(run / "bundle").confused
    assert confused == Confused.of_table(figures["labels"], figures["counts"], "the test part of its data") == confused_of(run)
    assert sum(confused.of.values()) == sum(map(sum, figures["counts"]))
    here = tmp_path / "run"
    shutil.copytree(run, here)
    path = here / "evaluation-test.json"
    path.write_text(path.read_text().replace('"weights": "', '"weights": "of others '))
    assert confused_of(here) is None
    path.write_text(path.read_text().replace('"weights": "of others ', '"weights": "').replace('"counts"', '"numbers"'))
    with pytest.raises(DataError, match="Evaluate the run again"):
        confused_of(here)
    path.unlink()
    assert confused_of(here) is None


@pytest.mark.parametrize(
    ("ended", "told"),
    [
        ("epochs", "Epoch 2 of 0, 1 min 15 s of training. The weights are those of the best look."),
        ("early stop", "it ended there because 4 looks in a row were no better"),
        ("time", "Time was up in epoch 2 of 0, before the rate had come down"),
    ],
)
def test_the_page_says_how_training_ended(run: Path, tmp_path: Path, ended: str, told: str) -> None:
    here = tmp_path / "run"
    shutil.copytree(run, here)
    (here / "metrics.csv").write_text("epoch,step,seconds,loss,validation_top1\n1,3,40,1.5,0.5\n2,5,75,1.25,0.75\n")
    page = write_page(here / "report.html", open_run(here), {}, tested=None, bundle=load(here / "bundle"), ended=ended).read_text()
    assert told in page
    (here / "metrics.csv").write_text("epoch,step,seconds,loss,validation_top1\n1,5,75,1.25,0.75\n")  # one epoch is one, not the head alone
    page = write_page(here / "report.html", open_run(here), {}, tested=None, bundle=load(here / "bundle")).read_text()
    assert "Epoch 1 of 0" in page and "The last layer was fitted" not in page


def test_given_again_nothing_is_done_twice(photos: Path, run: Path) -> None:
    before = {p: p.stat().st_mtime_ns for p in (run / "bundle").rglob("*")}
    again = build(photos, run, minutes=0.02, settings=["train.workers=0", "data.validation_share=0.4"])
    assert again.tested is not None
    assert {p: p.stat().st_mtime_ns for p in (run / "bundle").rglob("*")} == before
    assert len(json.loads((run / "looks.json").read_text())["test"]) == 1


def test_a_probability_is_calibrated_alike_in_report_and_bundle(run: Path) -> None:
    learnt = json.loads((run / "best/calibration.json").read_text())
    assert learnt["temperature"] > 0
    assert json.loads((run / "bundle/bundle.json").read_text())["calibration"] == learnt


def test_little_time_means_the_head_alone(photos: Path) -> None:
    seen = survey(DataRecipe(root=str(photos)))
    assert (seen.pictures, len(seen.labels), seen.grey, seen.width_px) == (72, 3, False, 96)
    proposal = propose(seen, {"root": str(photos)}, minutes=0.01)
    assert proposal.recipe().schedule.stages == () and proposal.recipe().train.fit_head
    assert (proposal.recipe().input.width, proposal.recipe().input.height) == (
        224,
        224,
    )  # frozen features are best at the size they were made at
    assert "224 x 224" in str(proposal.reasons) and "96 x 96" not in str(proposal.reasons)
    assert any("last layer" in what for what, _ in proposal.reasons)


def test_epochs_asked_for_are_neither_timed_nor_cut_short(photos: Path) -> None:
    proposal = proposed(photos, None, ["net.name=cnn", "input.width=64", "input.height=64"], epochs=6)
    assert proposal.tree["schedule"] == {"stages": [[64, 6]]}  # from scratch at one size: that of the input that was asked for
    assert "minutes" not in proposal.tree["train"]
    assert proposal.reasons[-2:] == (
        ("6 epochs", "as many as asked for"),
        ("net.name=cnn, input.width=64, input.height=64", "asked for, in place of the above"),
    )
    assert proposed(photos, None, [], epochs=1).tree["schedule"] == {"stages": [[96, 1]]}
    assert proposed(photos, None, [], epochs=3).tree["schedule"] == {"stages": [[64, 1], [96, 2]]}


def test_a_network_without_weights_is_neither_frozen_nor_only_fitted_a_head(photos: Path) -> None:
    for settings in (["net.name=resnet"], ["net.pretrained=false"], ["net.name=resnet", "net.pretrained=true"]):
        proposal = proposed(photos, None, settings, epochs=2)
        recipe = proposal.recipe(tuple(settings))
        assert (recipe.net.frozen_blocks, recipe.train.fit_head, recipe.optimise.head_factor) == (0, False, 1.0)
        assert "from scratch" in str(proposal.reasons) and "pretrained on ImageNet" not in str(proposal.reasons)
    known = proposed(photos, None, ["net.name=efficientnet_lite1"], epochs=2)
    assert known.tree["train"]["fit_head"] and "pretrained on ImageNet" in str(known.reasons)


def test_only_a_head_that_is_to_be_fitted_is_fitted_alone(photos: Path) -> None:
    assert proposed(photos, None, ["train.fit_head=true"]).tree["schedule"] == {"stages": []}
    cheap = ["net.name=cnn", "input.width=32", "input.height=32"]
    assert proposed(photos, None, [*cheap, "train.fit_head=false"]).recipe().epochs > 1


def test_tiny_grey_pictures_are_learnt_at_their_own_size() -> None:
    seen = Survey(60_000, tuple("0123456789"), 5421, 6742, False, 28, 28, True, (33.3, 33.3, 33.3), (78.6, 78.6, 78.6), ("train", "test"))
    recipe = propose(seen, {"root": "digits"}, minutes=10).recipe()
    assert (recipe.train.threads, recipe.train.workers) == (1, 2)
    assert propose(replace(seen, pictures=1_797), {"root": "digits"}, minutes=10).recipe().train.workers == 0
    assert (recipe.input.width, recipe.input.colour, recipe.input.mean) == (28, "L", (33.3,))
    assert recipe.views.flip == 0 and not recipe.net.pretrained
    assert recipe.schedule.stages[0][1] >= 1


def test_a_folder_without_pictures_is_one_clear_error(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / "empty" / name).mkdir(parents=True)
        (tmp_path / "empty" / name / "x.jpg").write_bytes(b"no picture")
    with pytest.raises(DataError):
        build(tmp_path / "empty", tmp_path / "run")
    shutil.rmtree(tmp_path / "empty" / "b")
    with pytest.raises(DataError, match="class"):
        build(tmp_path / "empty", tmp_path / "run")
