"""Corruptions by hand, in a guarded worker, and what they cost an engine that is known to the last detail."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from landsight.bundle.manifest import Manifest
from landsight.photo.prepare import Preparation
from landsight.runtime.stream import Pool
from landsight.studio.corrupt_worker import MODULE, Order
from landsight.studio.corruptions import CORRUPTIONS, corrupt, unit_px
from landsight.studio.data.samples import Sample, Samples
from landsight.studio.evaluation import evaluate_engine
from landsight.studio.report.page import render
from landsight.studio.robustness import robustness, section, stratified

SIDE = 16
PREPARATION = Preparation(SIDE, SIDE)
NOISE = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3)).astype(np.uint8)


def test_a_shift_moves_whole_pixels_and_repeats_the_edge() -> None:
    seen = set()
    for item in range(40):
        moved = corrupt(NOISE, "shift", 2, preparation=PREPARATION, item=item)
        y, x = next(
            (y, x)
            for y, x in ((2, 0), (-2, 0), (0, 2), (0, -2))
            if np.array_equal(np.roll(NOISE, (y, x), (0, 1))[3:-3, 3:-3], moved[3:-3, 3:-3])
        )
        seen.add((y, x))
        if (y, x) == (2, 0):
            assert np.array_equal(moved[0], NOISE[0]) and np.array_equal(moved[1], NOISE[0])
    assert len(seen) == 4


def test_lengths_are_those_of_the_networks_input() -> None:
    assert unit_px(PREPARATION, 64, 32) == (4, 2)
    assert unit_px(Preparation(16, 16, resize="crop"), 64, 32) == (2, 2)
    assert unit_px(Preparation(16, 16, resize="letterbox"), 64, 32) == (4, 4)
    large = np.asarray(Image.fromarray(NOISE).resize((64, 64), Image.Resampling.NEAREST))
    small, moved = (corrupt(image, "shift", 2, preparation=PREPARATION, item=1) for image in (NOISE, large))
    assert np.array_equal(
        np.asarray(Image.fromarray(small).resize((64, 64), Image.Resampling.NEAREST))[12:-12, 12:-12], moved[12:-12, 12:-12]
    )


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_stronger_is_farther_from_the_picture_and_the_same_each_time(name: str) -> None:
    y, x = np.mgrid[0:48, 0:64]
    smooth = np.stack([(128 + 100 * np.sin((x + c * y) / 9)) for c in (1, 2, 0)], axis=-1).round().astype(np.uint8)
    amounts = CORRUPTIONS[name].amounts
    made = [corrupt(smooth, name, a, preparation=Preparation(32, 24), item=3) for a in (amounts[0], amounts[-1], amounts[-1])]
    weak, strong = (np.abs(m.astype(int) - smooth).mean() for m in made[:2])
    assert 0 < weak < strong
    assert np.array_equal(made[1], made[2])
    assert made[0].shape == smooth.shape and made[0].dtype == np.uint8


def test_noise_has_its_deviation_and_occlusion_its_area() -> None:
    grey = np.full((64, 64, 3), 128, np.uint8)
    noisy = corrupt(grey, "noise", 10, preparation=Preparation(64, 64), item=0).astype(float)
    assert noisy.std() == pytest.approx(10, rel=0.05)
    # In grains of one input pixel: four pixels of this picture.
    grains = corrupt(grey, "noise", 10, preparation=Preparation(32, 32), item=0)
    assert np.array_equal(grains[::2, ::2], grains[1::2, 1::2])
    gradient = np.repeat(np.arange(64, dtype=np.uint8)[:, None, None] * 4, 64, axis=1).repeat(3, axis=2)
    covered = corrupt(gradient, "occlusion", 0.25, preparation=PREPARATION, item=0)
    assert (covered == 126).all(axis=2).sum() == 32 * 32


def test_a_worker_corrupts_between_reading_and_preparing(tmp_path: Path) -> None:
    file = tmp_path / "a b.png"
    Image.fromarray(NOISE).save(file)
    order = Order(file, "shift", 2, PREPARATION, 7)
    assert Order.decoded(order.encoded()) == order
    with Pool(PREPARATION, worker_module=MODULE) as pool:
        from_path, from_bytes, absent = (
            pool.submit(Order(source, "shift", 2, PREPARATION, 7).encoded()).result()
            for source in (file, file.read_bytes(), tmp_path / "no")
        )
    expected = corrupt(NOISE, "shift", 2, preparation=PREPARATION, item=7)
    assert from_path.prepared is not None and from_bytes.prepared is not None
    assert np.array_equal(from_path.prepared, expected) and np.array_equal(from_bytes.prepared, expected)
    assert absent.error is not None and absent.error.code == "unreadable"


class PixelEngine:
    """Knows a picture by one bright pixel in the middle of the left or the right half: perfect, and lost when it moves."""

    name = "pixel"
    output_names = ("logits", "embedding")

    def run(self, batch_nchw: NDArray[np.float32], wants: tuple[str, ...]) -> Mapping[str, NDArray[Any]]:
        logits = np.stack([batch_nchw[:, 0, 8, 4], batch_nchw[:, 0, 8, 12]], axis=1)
        return {"logits": logits, "embedding": logits}


def pictures(folder: Path, each: int) -> Samples:
    items = []
    for truth, column in ((0, 4), (1, 12)):
        for number in range(each):
            image = np.zeros((SIDE, SIDE, 3), np.uint8)
            image[8, column] = 255
            path = folder / f"{truth}_{number}.png"
            Image.fromarray(image).save(path)
            items.append(Sample(path, path.name, 100 * truth + number, truth))
    return Samples(("left", "right"), tuple(items))


def test_what_an_engine_loses(tmp_path: Path) -> None:
    samples = pictures(tmp_path, 8)
    manifest = Manifest(name="x", task="classify", made="", input=PREPARATION, outputs={}, labels=samples.labels, precisions={})
    clean = evaluate_engine(PixelEngine(), samples, manifest, {})
    assert clean.metrics["top1"].value == 1.0
    found = robustness(PixelEngine(), samples, manifest, {}, clean, count=12, names=("shift", "noise"))
    assert (found.clean.value, found.clean.n) == (1.0, 12)
    shift = {r.amount: r for r in found.rows if r.corruption == "shift"}
    # Where both places are black the tie goes to the first label: the six on the right are lost, and at 8 px some jump to the other place.
    assert shift[1].mark.value == shift[2].mark.value == shift[4].mark.value == 0.5
    assert shift[2].change.value == -0.5
    assert shift[2].change.low < -0.5 < shift[2].change.high < 0
    assert next(r for r in found.rows if r.corruption == "noise" and r.amount == 5).change.value == 0.0
    assert [p.title for p in found.examples] == ["shift, 4 px", "noise, σ 20"]
    assert all(p.image.startswith("data:image/jpeg") for p in found.examples)
    html = render("x", [section(found)])
    assert "−50.0" in html and "2 px" in html
    assert found.figures()["rows"][1]["change"]["value"] == -0.5


def test_a_sample_keeps_the_shares_of_the_labels_and_grows_by_adding() -> None:
    items = tuple(Sample(Path(str(i)), str(i), i, int(i >= 80)) for i in range(100))
    samples = Samples(("many", "few"), items)
    ten, thirty = stratified(samples, 10), stratified(samples, 30)
    assert ten.counts() == [8, 2]
    assert thirty.counts() == [24, 6]
    assert set(ten.items) < set(thirty.items)
    assert len(stratified(samples, 500)) == 100
