"""Occlusion: worked numbers, the rim counted like the middle, and it finds what decides."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from bundle_factory import make_bundle
from landsight.errors import UsageError
from landsight.explain.fills import FILLS
from landsight.explain.heat import positive
from landsight.explain.occlusion import Occlusion, occlusion_maps, patch_and_stride
from landsight.explain.source import of_bundle
from landsight.runtime.onnxruntime import OnnxRuntimeEngine


def test_by_hand() -> None:
    """Watched is one pixel, 72 above the grey that hides. Of the four 2x2 patches over a pixel, as many hide it as lie on both."""
    picture = np.full((4, 4, 1), 128, np.uint8)
    picture[1, 1] = 200
    found = occlusion_maps(lambda many: many[:, 1, 1].astype(np.float32), picture, patch_px=2, stride_px=1, fill="grey")
    ways = np.array([0.5, 1, 0.5, 0])
    assert np.allclose(found, [72 * np.outer(ways, ways)])


def test_where_everything_matters_alike_only_the_rim_is_dimmer() -> None:
    picture = np.full((10, 14, 3), 228, np.uint8)
    watched = lambda many: many.mean((1, 2, 3), keepdims=False)[:, None].astype(np.float32)  # noqa: E731
    found = occlusion_maps(watched, picture, patch_px=4, stride_px=2, fill="grey")[0]
    # A whole patch hides 16 of 140 pixels, each 100 above the grey; those that hang over the rim hide fewer.
    assert found[4:6, 4:10] == pytest.approx(100 * 16 / 140, rel=1e-4)
    assert 0 < found.min() < found.max() == pytest.approx(100 * 16 / 140, rel=1e-4)


def test_batches_and_several_watched_numbers_change_nothing() -> None:
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 255, (12, 9, 3)).astype(np.uint8)
    weights = rng.normal(size=(12 * 9 * 3, 2)).astype(np.float32)

    def watched(many: NDArray[np.uint8]) -> NDArray[np.float32]:
        return many.reshape(len(many), -1).astype(np.float32) @ weights

    both = occlusion_maps(watched, picture, batch=64)
    assert both.shape == (2, 12, 9)
    assert np.allclose(both, occlusion_maps(watched, picture, batch=1), atol=1e-2)
    assert np.allclose(both[1:], occlusion_maps(lambda many: watched(many)[:, 1:], picture), atol=1e-2)


def test_sizes_that_suit() -> None:
    assert patch_and_stride(224, 224) == (38, 19)
    assert patch_and_stride(28, 28) == (4, 2)
    assert patch_and_stride(3, 900) == (2, 1)


@pytest.mark.parametrize(("asked", "words"), [({"stride_px": 0}, "cannot cover"), ({"patch_px": 2, "stride_px": 3}, "cannot cover"), ({"fill": "noise"}, "mean, grey, blur")])  # fmt: skip
def test_what_cannot_be(asked: dict, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        occlusion_maps(lambda many: many[:, 0, 0].astype(np.float32), np.zeros((8, 8, 1), np.uint8), **asked)


def test_fills_keep_the_shape_and_say_less() -> None:
    picture = np.random.default_rng(1).integers(0, 255, (20, 16, 3)).astype(np.uint8)
    for name, fill in FILLS.items():
        hidden = fill(picture)
        assert (hidden.shape, hidden.dtype) == (picture.shape, np.uint8), name
        assert hidden.std() < 0.5 * picture.std(), name
    assert np.allclose(FILLS["mean"](picture)[0, 0], picture.mean((0, 1)), atol=0.5)
    assert FILLS["blur"](picture[:, :, :1]).shape == (20, 16, 1)


@pytest.mark.parametrize("fill", list(FILLS))
def test_it_finds_the_square_that_the_answer_is_about(tmp_path: Path, fill: str) -> None:
    """The network of the tests says "red_rock" for red: a red square on grey, and hiding it is what costs the answer."""
    bundle = make_bundle(tmp_path / "bundle")
    engine = OnnxRuntimeEngine(bundle.model_path("fp32").read_bytes())
    picture = np.full((32, 32, 3), 128, np.uint8)
    picture[6:14, 18:26] = (250, 10, 10)
    explainer = Occlusion(engine, bundle.manifest, fill=fill)
    red, green = explainer.maps(picture, [0, 1])
    assert red.shape == (32, 32)
    top, left = np.unravel_index(np.argmax(red), red.shape)
    assert 6 <= top < 14
    assert 18 <= left < 26
    inside = np.zeros((32, 32), bool)
    inside[6:14, 18:26] = True
    assert red[inside].mean() > 3 * np.abs(red[~inside]).mean()
    assert green[inside].mean() < green[~inside].mean()
    assert "fill " + fill in explainer.about


def test_of_the_shipped_bundle_it_lights_up_the_half_that_shows_the_landmark(data_dir: Path) -> None:
    """The Eiffel Tower on the right half of a picture, grey on the left: hiding grey must not matter, hiding the tower must."""
    source = of_bundle(None, runtime="onnxruntime", precision="fp32")
    p, what = source.manifest.input, source.manifest.labels.index("eiffel_tower")
    for path in sorted((data_dir / "landmarks" / "train" / "eiffel_tower").glob("p*"))[:2]:
        with Image.open(path) as opened:
            half = np.asarray(opened.convert("RGB").resize((p.width // 2, p.height)), np.uint8)
        picture = np.concatenate([np.full_like(half, 128), half], axis=1)
        heat = positive(Occlusion(source.engine, source.manifest, fill="grey").maps(picture, [what])[0])
        assert heat[:, p.width // 2 + 20 :].sum() > 3 * heat[:, : p.width // 2 - 20].sum()
