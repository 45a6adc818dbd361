"""Class-activation maps: worked numbers, and of the shipped bundle the logits re-add from the map."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from landsight.bundle.load import load
from landsight.explain.activation_map import FEATURE_MAP, WEIGHTS, activation_map, can_explain, contributions
from landsight.photo.prepare import normalise
from landsight.runtime.onnxruntime import OnnxRuntimeEngine


def test_by_hand() -> None:
    # Two channels, 1 x 3 pixels: 2 * (1, 0, 3) - 1 * (0, 1, 2) = (2, -1, 4); what speaks against the label is cut off, the rest over 4.
    features = np.array([[[1, 0, 3]], [[0, 1, 2]]], np.float32)
    weights = np.array([2, -1], np.float16)
    assert contributions(features, weights).tolist() == [[2, -1, 4]]
    assert activation_map(features, weights).tolist() == [[0.5, 0, 1]]
    assert activation_map(features, np.array([-1, 0])).tolist() == [[0, 0, 0]]
    assert activation_map(features * np.nan, weights).tolist() == [[0, 0, 0]]


def test_the_logits_of_the_shipped_bundle_are_the_means_of_its_maps() -> None:
    bundle = load(None)
    assert can_explain(bundle.manifest, bundle.arrays)
    assert not can_explain(bundle.manifest, {}) and not can_explain(bundle.manifest, {WEIGHTS: np.zeros((110, 7))})
    engine = OnnxRuntimeEngine(bundle.model_path("fp32").read_bytes())
    p = bundle.manifest.input
    noise = np.random.default_rng(0).integers(0, 255, (2, p.height, p.width, 3)).astype(np.uint8)
    outputs = engine.run(normalise(noise, p), ("logits", FEATURE_MAP))
    weights = bundle.arrays[WEIGHTS]
    means = np.stack([[contributions(f, w).mean() for w in weights] for f in outputs[FEATURE_MAP]])
    biases = outputs["logits"] - means
    np.testing.assert_allclose(biases[0], biases[1], atol=2e-3)  # what is left is the same for every picture
    assert np.abs(means[0] - means[1]).max() > 0.5


def test_a_map_lights_up_where_the_landmark_is(data_dir: Path) -> None:
    """The Eiffel Tower on the left half of a picture, grey on the right: the map of its label must know the side."""
    from PIL import Image

    bundle = load(None)
    engine = OnnxRuntimeEngine(bundle.model_path("fp32").read_bytes())
    p, label = bundle.manifest.input, bundle.manifest.labels.index("eiffel_tower")
    paths = sorted((data_dir / "landmarks" / "train" / "eiffel_tower").glob("p*"))[:12]
    right = 0
    for path in paths:
        with Image.open(path) as opened:
            half = np.asarray(opened.convert("RGB").resize((p.width // 2, p.height)), np.uint8)
        picture = np.concatenate([half, np.full_like(half, 128)], 1)[None]
        grid = activation_map(engine.run(normalise(picture, p), (FEATURE_MAP,))[FEATURE_MAP][0], bundle.arrays[WEIGHTS][label])
        middle = grid.shape[1] // 2
        right += grid[:, :middle].sum() > 2 * grid[:, middle + 1 :].sum()
    assert right >= len(paths) - 1
