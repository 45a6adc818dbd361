"""Do maps depend on what was learnt? Weights are drawn anew layer by layer from the answer down, and the maps compared with those before.

Source: Adebayo et al. 2018, "Sanity Checks for Saliency Maps" (arXiv 1810.03292), cascading randomisation: a method whose maps stay the
same draws edges, not reasons. They initialise anew; here weights are drawn around 0, as large as those that were learnt, because a file of
ONNX does not say how it was initialised. (Putting a layer's own weights in another order would keep their mean, and with it a map of how
active the network is anywhere: for the shipped head, whose mean is below 0, the old map turned upside down, a rank correlation of -0.8.)
Biases and norms are put in another order.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from landsight.bundle.load import Bundle
from landsight.bundle.manifest import Metric
from landsight.errors import RuntimeUnavailable
from landsight.explain.activation_map import WEIGHTS
from landsight.explain.source import Source, light_methods
from landsight.photo.prepare import ImageU8
from landsight.runtime.model_file import IR_SUFFIX
from landsight.runtime.onnxruntime import OnnxRuntimeEngine
from landsight.studio.engine import Trained
from landsight.studio.explain import of_trained
from landsight.studio.metrics import RESAMPLES
from landsight.studio.random import generator

#: After the last layer alone: shares of all layers.
SHARES = (0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True, slots=True)
class Step:
    """``layers`` from the answer down have random weights; ``likeness``: rank correlation of the maps with those before, mean of the pictures."""

    layers: int
    likeness: Metric


@dataclass(frozen=True, slots=True)
class Randomised:
    """``others``: how alike the maps of two different pictures are as the network is: what a likeness is to be held against."""

    layers: int
    steps: tuple[Step, ...]
    others: Metric


@dataclass(frozen=True, slots=True)
class Randomiser:
    """A network of so many layers with weights, and ``at``: the same with random weights in the last n of them."""

    layers: int
    at: Callable[[int], Source]


def compare(
    randomiser: Randomiser, method: str, pictures: Sequence[ImageU8], whats: Sequence[int], before: Sequence[NDArray[np.float32]]
) -> Randomised:
    """``before``: the maps of ``pictures`` for ``whats`` as the network has learnt them. At least two pictures."""
    counts = sorted({1, *(max(1, round(share * randomiser.layers)) for share in SHARES)})
    steps = []
    for count in counts:
        explainer = randomiser.at(count).explainer(method)
        after = [explainer.maps(picture, [what])[0] for picture, what in zip(pictures, whats, strict=True)]
        steps.append(
            Step(count, _mean([rank_correlation(b, a) for b, a in zip(before, after, strict=True)], "rank correlation, bootstrap"))
        )
    others = [rank_correlation(a, b) for a, b in zip(before, [*before[1:], before[0]], strict=True)]
    return Randomised(randomiser.layers, tuple(steps), _mean(others, "rank correlation with the next picture's map, bootstrap"))


def rank_correlation(one: NDArray[Any], other: NDArray[Any]) -> float:
    """Spearman's, ties sharing their mean rank; 0 where a map says the same everywhere, which orders nothing. Shape: the same, any."""
    a, b = _ranks(one), _ranks(other)
    a, b = a - a.mean(), b - b.mean()
    size = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / size if size > 0 else 0.0


def of_torch(trained: Trained) -> Randomiser:
    """A checkpoint's layers in the order in which its network names them, which is that of running."""
    layers = [name for name, module in trained.net.named_modules() if next(module.parameters(recurse=False), None) is not None]
    layers = [name for name in layers if not name.startswith("auxiliary.")]

    def at(count: int) -> Source:
        net = copy.deepcopy(trained.net)
        for name in layers[len(layers) - count :]:
            _draw_anew(net.get_submodule(name), name)
        return of_trained(replace(trained, net=net))

    return Randomiser(len(layers), at)


def of_onnx(bundle: Bundle) -> Randomiser:
    """A bundle's fp32 model: its weights in the order in which nodes use them; the head that class-activation maps use goes first.

    Raises: RuntimeUnavailable for a model that is no ONNX file.
    """
    import onnx
    from onnx import numpy_helper

    path = bundle.model_path("fp32")
    if path.suffix == IR_SUFFIX:
        raise RuntimeUnavailable(
            "other_runtime", f"{bundle.manifest.name} is no ONNX file, and only in one can weights be drawn anew.", "Test the run folder."
        )
    model = onnx.load(str(path))
    layers = _weights_in_order(model.graph)

    def at(count: int) -> Source:
        changed = onnx.ModelProto()
        changed.CopyFrom(model)
        chosen = {name for layer in layers[len(layers) - count :] for name in layer}
        for tensor in changed.graph.initializer:
            if tensor.name in chosen:
                tensor.CopyFrom(numpy_helper.from_array(_anew(numpy_helper.to_array(tensor), tensor.name), tensor.name))
        engine = OnnxRuntimeEngine(changed.SerializeToString())
        arrays = {name: _anew(array, name) if name == WEIGHTS else array for name, array in bundle.arrays.items()}
        return Source(engine, bundle.manifest, arrays, None, light_methods(engine, bundle.manifest, arrays))

    return Randomiser(len(layers), at)


def _weights_in_order(graph: Any) -> list[list[str]]:
    """Names of the weights of each node that has some, in the order of the graph; a weight that is widened first belongs to who uses it."""
    from onnx import TensorProto

    kinds = (TensorProto.FLOAT, TensorProto.FLOAT16)
    known = {t.name for t in graph.initializer if t.data_type in kinds and int(np.prod(t.dims)) > 1}
    widened: dict[str, str] = {}
    layers: list[list[str]] = []
    for node in graph.node:
        if node.op_type == "Cast" and node.input[0] in known:
            widened[node.output[0]] = node.input[0]
        elif used := [widened.get(name, name) for name in node.input if widened.get(name, name) in known]:
            layers.append(used)
    return layers


@torch.no_grad()
def _draw_anew(module: nn.Module, name: str) -> None:
    """Its own parameters, and what a norm has seen; whole numbers count batches, which is nothing learnt."""
    tensors = {**dict(module.named_parameters(recurse=False)), **dict(module.named_buffers(recurse=False))}
    for own, tensor in tensors.items():
        if tensor.is_floating_point():
            tensor.copy_(torch.from_numpy(_anew(tensor.detach().cpu().numpy(), f"{name}.{own}")))


def _anew(array: NDArray[Any], name: str) -> NDArray[Any]:
    """Weights: normal around 0, of the same mean square. What has one axis or none (biases, norms, what norms have seen): in another order."""
    rng = generator(0, f"anew {name}")
    if array.ndim > 1:
        size = float(np.sqrt(np.square(array, dtype=np.float64).mean()))
        return (rng.standard_normal(array.shape) * size).astype(array.dtype)
    flat = array.reshape(-1)
    return flat[rng.permutation(flat.size)].reshape(array.shape)


def _ranks(values: NDArray[Any]) -> NDArray[np.float64]:
    _, inverse, counts = np.unique(values.ravel(), return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    ranks: NDArray[np.float64] = (ends - (counts - 1) / 2)[inverse]
    return ranks


def _mean(values: Sequence[float], what: str) -> Metric:
    found = np.array(values)
    rng = generator(0, "bootstrap likeness")
    low, high = np.quantile([found[rng.integers(0, len(found), len(found))].mean() for _ in range(RESAMPLES)], [0.025, 0.975])
    return Metric(float(found.mean()), float(low), float(high), len(found), what)
