"""Exported = evaluated: from the bytes of photos to the final answer, torch against ONNX Runtime and OpenVINO, through the real export."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from PIL import Image

from landsight.answer import replay
from landsight.answer.replay import verify
from landsight.bundle.load import Bundle, load
from landsight.bundle.manifest import BundlePlace, Metric
from landsight.errors import UsageError, VerificationError
from landsight.runtime.choose import make
from landsight.studio import export as exports
from landsight.studio import int8
from landsight.studio.collect import collect_outputs
from landsight.studio.engine import Trained, open_run
from landsight.studio.evaluate import evaluate
from landsight.studio.export import export
from landsight.studio.nets import table
from landsight.studio.nets.net import OUTPUTS
from landsight.studio.parity import PARITY, parity
from landsight.studio.recipe import Recipe, from_dict
from landsight.studio.tasks.classify import Classify
from landsight.studio.train.checkpoint import Checkpoint, save_checkpoint

LABELS = ("blue", "green", "red")


def save_run(run: Path, root: Path, net: str, side: int) -> Recipe:
    """A run folder of a network with weights as they came: whether the export is faithful does not depend on training."""
    data = {
        "data": {"root": str(root)},
        "net": {"name": net, "frozen_blocks": 1},
        "input": {"width": side + 16, "height": side},
        "export": {"name": net, "calibration_pictures": 6},
    }
    recipe = from_dict(data)
    torch.manual_seed(0)
    made = table.build(recipe.net, 3, recipe.input)
    # An untrained head says nearly the same of all; make it say something.
    torch.nn.init.normal_(made.head.weight, std=0.5)
    state = {"recipe": asdict(recipe), "task": Classify(recipe, LABELS, [True] * 3, [True] * 3).state()}
    save_checkpoint(run / "best", Checkpoint({f"ema.{n}": t for n, t in made.state_dict().items()}, state))
    return recipe


def picture(number: int, size: tuple[int, int]) -> Image.Image:
    """Smooth coloured shapes."""
    coarse = np.random.default_rng(number).integers(0, 256, (6, 8, 3)).astype(np.uint8)
    return Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """train/, validation/ and test/ of three classes."""
    folder = tmp_path_factory.mktemp("data")
    for part in ("train", "validation", "test"):
        for k, name in enumerate(LABELS):
            (folder / part / name).mkdir(parents=True)
            for number in range(3):
                picture(10 * k + number, (90 + 10 * number, 70)).save(folder / part / name / f"{number}.jpg", quality=90)
    return folder


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """JPEGs of all eight orientations, wide, high, and so large that they are decoded at a smaller scale."""
    folder = tmp_path_factory.mktemp("photos")
    sizes = [(100, 60), (60, 100), (97, 31), (64, 64), (1200, 900), (641, 480), (33, 200), (128, 127)]
    for orientation, size in enumerate(sizes, 1):
        exif = Image.Exif()
        exif[274] = orientation
        picture(orientation, size).save(folder / f"{orientation}.jpg", quality=88, exif=exif)
    return sorted(folder.iterdir())


@pytest.fixture(scope="module", params=["cnn", "efficientnet_lite0"])
def exported(request: pytest.FixtureRequest, root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Trained, Bundle]]:
    """A run and the bundle that was made of it."""
    folder = tmp_path_factory.mktemp(request.param)
    save_run(folder / "run", root, request.param, 48)
    place = BundlePlace("Red Rock", -25.3, 131.0, 1800.0)
    metric = Metric(0.9, 0.8, 0.95, 30, "drawn")
    with pytest.MonkeyPatch.context() as patch:
        # Whether a network of this size gains by 8 bits is the machine's affair; tests/studio/test_int8.py has the verdicts.
        patch.setattr(int8, "try_int8", lambda *_: int8.Trial(kept=True, why="for the tests", points_lost=0.1))
        # Nor does a head of random numbers say how much it may differ: half of the probability, here.
        patch.setitem(replay.TOLERANCES, "int8", 0.5)
        export(
            folder / "run",
            folder / "bundle",
            places={"red": place},
            calibration={"temperature": 1.5},
            metrics={"top1": metric},
        )
    yield open_run(folder / "run"), load(folder / "bundle")


def test_outputs_are_equal_for_every_orientation_and_batch(exported: tuple[Trained, Bundle], photos: list[Path]) -> None:
    trained, bundle = exported
    rows = parity(bundle, trained.engine(), photos)
    assert {row.engine for row in rows} == {"onnxruntime fp32", "openvino fp32"} <= set(PARITY)
    for row in rows:
        assert max(row.worst.values()) <= row.tolerance, row


def test_answers_are_equal(exported: tuple[Trained, Bundle], root: Path) -> None:
    _, bundle = exported
    split = evaluate(bundle.root, root=str(root)), evaluate(trained_run(bundle), root=str(root), out=bundle.root.parent / "looks")
    assert len(split[0].answers) == 9
    for ours, theirs in zip(split[0].answers, split[1].answers, strict=True):
        assert ours.order[0] == theirs.order[0]
    assert split[0].engine == "onnxruntime fp32"
    assert split[0].metrics["top1"].value == split[1].metrics["top1"].value


def trained_run(bundle: Bundle) -> Path:
    """The run folder beside a bundle of these tests."""
    return bundle.root.parent / "run"


def test_the_bundle_says_everything(exported: tuple[Trained, Bundle]) -> None:
    trained, bundle = exported
    manifest = bundle.manifest
    assert manifest.input == trained.recipe.input
    assert manifest.labels == LABELS
    assert list(manifest.outputs) == list(OUTPUTS)
    assert manifest.outputs["logits"] == ["n", 3]
    assert manifest.precisions == {"fp32": "model.onnx", "int8": "model.int8.onnx"}
    assert manifest.calibration["precisions_checked"] == {"onnxruntime int8": 0.1}
    assert (manifest.calibration["int8"]["kept"], manifest.calibration["temperature"]) == (True, 1.5)
    assert manifest.places["red"].name == "Red Rock"
    assert manifest.versions["torch"] == torch.__version__.partition("+")[0] or manifest.versions["torch"] == torch.__version__
    assert {"card.md", "answers.jsonl", "photos/00.jpg", "photos/03.jpg"} <= set(manifest.files)
    assert all(not r.mismatches for r in verify(bundle.root).replays if r.engine.endswith("fp32"))


def test_batch_norm_is_folded_and_the_batch_axis_is_named(exported: tuple[Trained, Bundle]) -> None:
    model = onnx.load(str(exported[1].model_path("fp32")))
    assert "BatchNormalization" not in {node.op_type for node in model.graph.node}
    first = model.graph.input[0]
    assert first.name == "image_nchw"
    assert [d.dim_param or d.dim_value for d in first.type.tensor_type.shape.dim] == ["n", 3, 48, 64]
    assert {o.name: o.type.tensor_type.shape.dim[0].dim_param for o in model.graph.output} == dict.fromkeys(OUTPUTS, "n")


def test_int8_follows_the_trained_network(exported: tuple[Trained, Bundle], photos: list[Path]) -> None:
    trained, bundle = exported
    engine = make(bundle, "onnxruntime", "int8")
    wants = ("logits", "embedding", "feature_map")
    ours = collect_outputs(engine, photos, bundle.manifest.input, wants)
    theirs = collect_outputs(trained.engine(), photos, bundle.manifest.input, wants)
    for name in wants:
        assert np.corrcoef(ours[name].ravel(), theirs[name].ravel())[0, 1] > 0.95, name
    assert bundle.model_path("int8").stat().st_size < bundle.model_path("fp32").stat().st_size


def test_a_bundle_that_answers_differently_is_refused_and_deleted(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_run(tmp_path / "run", root, "cnn", 48)
    real = exports.write_fp32

    def wrong(net: torch.nn.Module, *args: object, **kwargs: object) -> object:
        with torch.no_grad():
            broken = open_run(tmp_path / "run").net
            broken.head.weight.mul_(1.01)
        return real(broken, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(exports, "write_fp32", wrong)
    with pytest.raises(VerificationError, match="logits"):
        export(tmp_path / "run", tmp_path / "bundle", calibration_pictures=[])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["run"]


def test_export_leaves_the_run_alone_and_refuses_to_overwrite(root: Path, photos: list[Path], tmp_path: Path) -> None:
    save_run(tmp_path / "run", root, "cnn", 48)
    before = {p: p.read_bytes() for p in (tmp_path / "run").rglob("*") if p.is_file()}
    bundle = export(
        tmp_path / "run", tmp_path / "bundle", calibration_pictures=[], arrays={"bank": np.ones(3, np.float16)}, photos=photos[:4]
    )
    assert {p: p.read_bytes() for p in (tmp_path / "run").rglob("*") if p.is_file()} == before
    assert bundle.manifest.precisions == {"fp32": "model.onnx"}
    assert bundle.file("photos/02.jpg").read_bytes() == photos[2].read_bytes()
    assert bundle.arrays["bank"].tolist() == [1, 1, 1]
    with pytest.raises(UsageError, match="exists already"):
        export(tmp_path / "run", tmp_path / "bundle")
