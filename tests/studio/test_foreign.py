"""Somebody else's classifier becomes a bundle that answers as it did, whatever its layout, channels, type and scores; or a clear error."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from bundle_factory import COLOURS, LABELS, PLACES, draw_photo
from foreign_factory import SIDE, Foreign, foreign, with_two_inputs
from landsight.answer.model import Model
from landsight.answer.replay import verify
from landsight.answer.road import answer_batch
from landsight.bundle.load import Bundle
from landsight.errors import BundleError, LandsightError, PlacesError, RuntimeUnavailable, UsageError, VerificationError
from landsight.photo.prepare import prepare
from landsight.runtime.choose import candidates, make
from landsight.studio.foreign import bring
from landsight.studio.foreign.bring import bring_in
from landsight.studio.foreign.given import Entrance, Given, way_in
from landsight.studio.foreign.labels import read_labels
from tflite_factory import tflite_classifier

GIVEN = Given(colour="RGB", mean=(127.5,), std=(127.5,), resize="squash", filter="bilinear")
#: 4 x (250 - 127.5) / 127.5 = 3.84 for the colour of the class, 4 x (10 - 127.5) / 127.5 = -3.69 for the others.
EXPECTED = 1 / (1 + 2 * np.exp(-3.843 - 3.686))


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    path = tmp_path / "labels.txt"
    path.write_text("\n".join(LABELS) + "\n")
    return path


def brought(folder: Path, labels: Path, model: bytes, given: Given = GIVEN, **options: object) -> Bundle:
    (folder / "net.bin").write_bytes(model)  # what a file is, its content says
    return bring_in(folder / "net.bin", labels, folder / "bundle", given=given, **options)  # type: ignore[arg-type]


def answers(bundle: Bundle) -> dict[str, tuple[str, float]]:
    """Label and probability for a picture of each colour, by the last steps of the one road."""
    pictures = [np.full((40, 50, 3), colour, np.uint8) for colour in COLOURS.values()]
    found = answer_batch(np.stack([prepare(picture, bundle.manifest.input) for picture in pictures]), bundle, make(bundle))
    best = [(bundle.manifest.labels[a.order[0]], float(a.probabilities[a.order[0]])) for a in found]
    return dict(zip(COLOURS, best, strict=True))


@pytest.mark.parametrize(
    ("spec", "given", "kind"),
    [
        (Foreign(), GIVEN, "logits"),
        (Foreign(layout="NHWC", end="softmax"), GIVEN, "softmax"),
        (Foreign(bgr=True), replace(GIVEN, colour="BGR"), "logits"),
        (Foreign(layout="NHWC", bgr=True, end="hand_made"), replace(GIVEN, colour="BGR"), "probabilities"),
        (Foreign(dtype=np.uint8, layout="NHWC"), replace(GIVEN, mean=None, std=None), "logits"),
        (Foreign(dtype=np.float16, end="softmax"), GIVEN, "softmax"),
        (Foreign(names=("image_nchw", "logits"), end="softmax"), GIVEN, "softmax"),
        (Foreign(batch=1), GIVEN, "logits"),
        (Foreign(size=("h", "w")), replace(GIVEN, size=(20, 28)), "logits"),
    ],
    ids=["plain", "nhwc", "bgr", "all at once", "pixels", "halves", "our names", "batch of one", "free size"],
)
def test_it_answers_as_it_did(spec: Foreign, given: Given, kind: str, tmp_path: Path, labels: Path) -> None:
    bundle = brought(tmp_path, labels, foreign(spec), given)
    assert bundle.manifest.data["scores"] == kind
    for label, (said, probability) in answers(bundle).items():
        assert (said, probability) == (label, pytest.approx(EXPECTED, abs=2e-3))
    assert candidates(bundle) == [("onnxruntime", "fp32"), ("openvino", "fp32")]
    if kind == "probabilities":
        assert list(bundle.manifest.outputs) == ["logits"]
        return
    assert list(bundle.manifest.outputs) == ["logits", "embedding", "feature_map"]
    height, width = (28, 20) if given.size else (SIDE, SIDE)
    assert bundle.manifest.outputs["feature_map"] == ["n", 3, height, width]
    assert (bundle.manifest.input.width, bundle.manifest.input.height) == (width, height)


def test_a_batch_of_its_own_inside_means_one_picture_at_a_time(tmp_path: Path, labels: Path) -> None:
    bundle = brought(tmp_path, labels, foreign(Foreign(batch=1, reshape=True)))
    assert "one picture at a time" in bundle.manifest.data["notes"]
    batch = np.random.default_rng(0).standard_normal((5, 3, SIDE, SIDE), np.float32)
    for runtime, _ in candidates(bundle):
        engine = make(bundle, runtime)
        together = engine.run(batch, ("logits",))["logits"]
        alone = np.concatenate([engine.run(batch[i : i + 1], ("logits",))["logits"] for i in range(5)])
        assert together == pytest.approx(alone, abs=1e-6)
    assert answers(bundle)["blue_bay"][0] == "blue_bay"


def test_a_mean_for_each_channel_is_in_the_order_of_the_model(tmp_path: Path) -> None:
    entrance = Entrance("x", (None, 3, 8, 8), "float32")
    given = replace(GIVEN, mean=(1.0, 2.0, 3.0), std=(4.0, 5.0, 6.0))
    assert way_in(entrance, given).preparation.mean == (1.0, 2.0, 3.0)
    way = way_in(entrance, replace(given, colour="BGR"))
    assert (way.preparation.mean, way.preparation.std, way.reversed) == ((3.0, 2.0, 1.0), (6.0, 5.0, 4.0), True)
    grey = way_in(Entrance("x", (1, 8, 8, 1), "float32"), replace(GIVEN, colour=None))
    assert (grey.preparation.colour, grey.layout, grey.preparation.mean) == ("L", "NHWC", (127.5,))


@pytest.mark.parametrize(
    ("shape", "given", "asked"),
    [
        ((None, 3, None, None), Given(), ["--size", "--colour", "--resize", "--filter", "--mean", "--std"]),
        ((None, None, 8, 8), Given(resize="crop"), ["--layout", "--colour", "--filter", "--mean", "--std"]),
        ((1, 3, 8, 3), GIVEN, ["--layout"]),
        ((1, 3, 8, 8), replace(GIVEN, colour=None), ["--colour"]),
    ],
)
def test_what_nobody_says_is_asked_for_all_at_once(shape: tuple[int | None, ...], given: Given, asked: list[str]) -> None:
    with pytest.raises(UsageError) as caught:
        way_in(Entrance("x", shape, "float32"), given)
    assert caught.value.code == "import_unsaid"
    options = ("--size", "--layout", "--colour", "--resize", "--filter", "--mean", "--std")
    assert [option for option in options if option in caught.value.advice] == [option for option in options if option in asked]


@pytest.mark.parametrize(
    ("shape", "dtype", "given", "words"),
    [
        ((1, 3, 8), "float32", GIVEN, "3 axes"),
        ((1, 3, 8, 8), "int64", GIVEN, "takes int64"),
        ((1, 3, 8, 8), "float32", replace(GIVEN, size=(9, 8)), "--size says 9x8"),
        ((1, 3, 8, 8), "float32", replace(GIVEN, colour="L"), "has 3 channels"),
        ((1, 3, 8, 8), "float32", replace(GIVEN, mean=(1.0, 2.0)), "needs 1 or 3 numbers"),
        ((1, 3, 8, 8), "float32", replace(GIVEN, std=(0.229, 0.224, 0.225)), "Of pixels of 0 to 1 it is --std 58.395,57.12,57.375"),
    ],
)
def test_what_contradicts_the_graph_is_told(shape: tuple[int, ...], dtype: str, given: Given, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        way_in(Entrance("x", shape, dtype), given)


REFUSED = {
    "text": (b"no model at all", GIVEN, "import_unreadable"),
    "cut": (foreign()[:-40], GIVEN, "import_unreadable"),
    "two inputs": (with_two_inputs(), GIVEN, "import_unfit"),
    "no such input": (foreign(), replace(GIVEN, input_name="z"), "import_unfit"),
    "no such output": (foreign(), replace(GIVEN, output_name="z"), "import_unfit"),
    "two scores": (foreign(Foreign(twice=True)), GIVEN, "import_unsaid"),
    "sigmoid": (foreign(Foreign(end="sigmoid")), GIVEN, "import_unfit"),
    "shares": (foreign(Foreign(end="shares")), GIVEN, "import_unsaid"),
    "batch of 100": (foreign(Foreign(batch=100)), GIVEN, "import_unfit"),
    "weights outside": (foreign().replace(b"weight", b"\x08location"), GIVEN, "model_external"),
}


@pytest.mark.parametrize(("model", "given", "code"), REFUSED.values(), ids=REFUSED.keys())
def test_what_does_not_fit_is_one_clear_error_and_leaves_nothing(
    model: bytes, given: Given, code: str, tmp_path: Path, labels: Path
) -> None:
    with pytest.raises(LandsightError) as caught:
        brought(tmp_path, labels, model, given)
    assert caught.value.code == code
    assert caught.value.advice
    assert "\n" not in str(caught.value)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["labels.txt", "net.bin"]


def test_the_output_that_is_named_is_taken(tmp_path: Path, labels: Path) -> None:
    bundle = brought(tmp_path, labels, foreign(Foreign(twice=True)), replace(GIVEN, output_name="y"))
    assert answers(bundle)["red_rock"][0] == "red_rock"
    assert verify(bundle.root).ok


def test_another_number_of_labels_names_both(tmp_path: Path, labels: Path) -> None:
    labels.write_text("a\nb\n")
    with pytest.raises(UsageError, match=r"2 labels were given.*y \(3,\)"):
        brought(tmp_path, labels, foreign())


def test_scores_taken_for_something_else_are_found_out(tmp_path: Path, labels: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = bring.softmax
    monkeypatch.setattr(bring, "softmax", lambda values: real(values * 2))  # as if logits had been halved on the way
    with pytest.raises(VerificationError, match="differs from the model it came from"):
        brought(tmp_path, labels, foreign(Foreign(end="softmax")))
    assert not (tmp_path / "bundle").exists()


def test_places_make_it_a_locator(tmp_path: Path, labels: Path) -> None:
    table = tmp_path / "places.csv"
    rows = [f"{label},{p.name},{p.latitude},{p.longitude},{p.radius_m},,," for label, p in PLACES.items()]
    table.write_text("class,name,latitude,longitude,extent_m,city,country_code,country\n" + "\n".join(rows))
    bundle = brought(tmp_path, labels, foreign(), places=table)
    assert bundle.manifest.places["red_rock"].latitude == PLACES["red_rock"].latitude
    table.write_text("\n".join(table.read_text().splitlines()[:-1]))
    with pytest.raises(PlacesError, match="no row for the class 'blue_bay'"):
        brought(tmp_path, labels, foreign(), places=table)


def test_a_convolution_that_torch_exported(tmp_path: Path, labels: Path) -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    layers = (nn.Conv2d(3, 8, 3, 2), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(), nn.Linear(8, 3))
    net = nn.Sequential(*layers).eval()
    with torch.no_grad():
        net[-1].weight.mul_(20)
    with pytest.warns(DeprecationWarning):
        torch.onnx.export(net, (torch.zeros(1, 3, 33, 41),), tmp_path / "net.onnx", dynamo=False)
    bundle = brought(tmp_path, labels, (tmp_path / "net.onnx").read_bytes())
    assert bundle.manifest.outputs == {"logits": ["n", 3], "embedding": ["n", 8], "feature_map": ["n", 8, 16, 20]}
    batch = np.random.default_rng(0).standard_normal((3, 3, 33, 41), np.float32)
    with torch.no_grad():
        feature_map = net[:3](torch.from_numpy(batch))
        expected = {"logits": net(torch.from_numpy(batch)), "embedding": feature_map.mean((2, 3)), "feature_map": feature_map}
    for runtime, _ in candidates(bundle):
        found = make(bundle, runtime).run(batch, tuple(expected))
        for name, value in expected.items():
            assert found[name] == pytest.approx(value.numpy(), abs=1e-4), (runtime, name)


@pytest.mark.parametrize("softmax", [True, False])
def test_a_tflite_model_runs_in_openvino_alone(softmax: bool, tmp_path: Path, labels: Path) -> None:
    bundle = brought(tmp_path, labels, tflite_classifier(4 * np.eye(3), softmax=softmax))
    assert candidates(bundle) == [("openvino", "fp32")]
    for label, (said, probability) in answers(bundle).items():
        assert (said, probability) == (label, pytest.approx(EXPECTED, abs=2e-3))
    assert verify(bundle.root).ok
    with Model(bundle.root, workers=1) as model:
        assert model.predict(draw_photo(COLOURS["green_hill"])).values["label"] == "green_hill"
    with pytest.raises(RuntimeUnavailable, match="does not run in onnxruntime"):
        make(bundle, "onnxruntime")


def test_a_tflite_model_with_blue_first(tmp_path: Path, labels: Path) -> None:
    bundle = brought(tmp_path, labels, tflite_classifier(4 * np.eye(3)[::-1]), replace(GIVEN, colour="BGR"))
    assert {label: said for label, (said, _) in answers(bundle).items()} == dict(zip(LABELS, LABELS, strict=True))


def test_a_damaged_tflite_model_is_one_error(tmp_path: Path, labels: Path) -> None:
    data = tflite_classifier(np.eye(3))
    with pytest.raises(UsageError) as caught:
        brought(tmp_path, labels, data[:8] + b"\xff" * 200)
    assert caught.value.code == "import_unreadable"


def test_weights_of_openvino_must_be_listed(tmp_path: Path, labels: Path) -> None:
    bundle = brought(tmp_path, labels, tflite_classifier(np.eye(3)))
    files = {name: digest for name, digest in bundle.manifest.files.items() if name != "model.bin"}
    with pytest.raises(BundleError, match=r"lists no file 'model\.bin'"):
        make(replace(bundle, manifest=replace(bundle.manifest, files=files)), "openvino")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cat\ndog\n", ("cat", "dog")),
        ("\ufefftench, Tinca tinca\ngoldfish\n\n", ("tench, Tinca tinca", "goldfish")),
        ('label,colour\n"a, b",x\nc,y\n', ("a, b", "c")),
        ("index,class\n1,dog\n0,cat\n", ("cat", "dog")),
    ],
)
def test_labels_of_either_form(text: str, expected: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "labels").write_text(text, encoding="utf-8")
    assert read_labels(tmp_path / "labels") == expected


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "names 0 label"),
        (b"a\n\nb\n", "label 1 .* is empty"),
        (b"crane\nmaillot\ncrane\n", "names 'crane' more than once"),
        (b"\xff\xfe", "cannot be read"),
        (b"index,label\n0,a\n2,b\n", "does not count from 0 to 1"),
        (b"index,label\nx,a\n1,b\n", "not a table of labels"),
    ],
)
def test_labels_that_cannot_be_used(content: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / "labels").write_bytes(content)
    with pytest.raises(UsageError, match=words) as caught:
        read_labels(tmp_path / "labels")
    assert caught.value.code == "import_labels"


def test_the_foreign_graph_itself_is_not_changed(tmp_path: Path, labels: Path) -> None:
    bundle = brought(tmp_path, labels, foreign(Foreign(end="softmax")))
    nodes = [node.op_type for node in onnx.load(str(bundle.model_path("fp32"))).graph.node]
    assert nodes == ["Cast", "Identity", "ReduceMean", "MatMul", "Cast", "Flatten", "Cast", "Flatten", "Cast", "Transpose"]
