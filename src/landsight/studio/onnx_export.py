"""A network as ONNX files: fp32 as trained, and INT8 calibrated on pictures."""

from __future__ import annotations

import copy
import tempfile
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from landsight.photo.prepare import Preparation
from landsight.studio.nets.net import StagedNet
from landsight.studio.onnx_graph import fold_pads

INPUT = "image_nchw"
#: What is computed in 8 bits: all that costs time. The head and the mean stay in float, for the sake of probabilities and embeddings.
_INT8_OPERATIONS = ("Conv", "Add", "Clip", "Relu")


class InOrder(nn.Module):
    """Named outputs as a tuple, which is what exporters number."""

    def __init__(self, net: StagedNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, image_nchw: Tensor) -> tuple[Tensor, ...]:
        outputs = self.net(image_nchw)
        return tuple(outputs[name] for name in self.net.output_names)


def write_fp32(net: StagedNet, preparation: Preparation, path: Path, *, opset: int) -> dict[str, list[int | str]]:
    """Write an ONNX file with dynamic batch axis "n"; batch norm and padding are folded into convolutions. Works on a copy.

    Returns each output's shape. The tracing exporter is used: the newer one needs another package and gains nothing for plain networks.
    """
    names, shapes = net.output_names, _write(net, preparation, path, opset)
    fold_pads(path)
    return {name: ["n", *map(int, shape[1:])] for name, shape in zip(names, shapes, strict=True)}


def write_trace(net: StagedNet, preparation: Preparation, path: Path, *, opset: int) -> None:
    """As ``write_fp32``, with every layer as it was trained: batch norm and padding keep steps of their own, which the lens shows."""
    _write(net, preparation, path, opset, training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False)


def _write(net: StagedNet, preparation: Preparation, path: Path, opset: int, **options: Any) -> list[tuple[int, ...]]:
    """Returns each output's shape on two pictures. ``options``: of torch.onnx.export."""
    names = net.output_names
    wrapped = InOrder(copy.deepcopy(net).to("cpu").float().eval().to(memory_format=torch.contiguous_format))  # type: ignore[call-overload]
    example = torch.zeros(2, 3 if preparation.colour == "RGB" else 1, preparation.height, preparation.width)
    axes = {name: {0: "n"} for name in (INPUT, *names)}
    with torch.no_grad(), warnings.catch_warnings():
        # The exporter says of itself that it is the older one (torch is pinned below 2.14).
        warnings.simplefilter("ignore")
        torch.onnx.export(
            wrapped, (example,), path, input_names=[INPUT], output_names=list(names), dynamic_axes=axes, opset_version=opset, dynamo=False, **options
        )  # fmt: skip
        return [tuple(o.shape) for o in wrapped(example)]


@torch.no_grad()
def round_to_halves(net: nn.Module) -> None:
    """Round every weight of two axes or more to half precision, in place, so that ``onnx_graph.halve_weights`` loses nothing."""
    for parameter in net.parameters():
        if parameter.ndim > 1:
            parameter.copy_(parameter.half().float())


def write_int8(fp32: Path, path: Path, batches: Iterable[NDArray[np.float32]]) -> None:
    """Static quantisation with QDQ nodes: weights int8 per channel, activations uint8, ranges from ``batches`` of (n, c, h, w) pictures.

    Weights keep to 7 bits: a processor with AVX2 but without VNNI adds two products of 8 bits in 16 and cuts what does not fit
    (_mm256_maddubs_epi16), so that 8-bit weights give other answers there than on the machine that checked them.
    """
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    with tempfile.TemporaryDirectory(dir=path.parent) as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ready = Path(folder) / "ready.onnx"
        quant_pre_process(str(fp32), str(ready), skip_symbolic_shape=True)
        quantize_static(
            str(ready), str(path), _Feed(iter(batches)), quant_format=QuantFormat.QDQ, per_channel=True, activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8, reduce_range=True, op_types_to_quantize=list(_INT8_OPERATIONS), calibrate_method=CalibrationMethod.MinMax,
        )  # fmt: skip


class _Feed:
    """What the quantiser draws its batches from."""

    def __init__(self, batches: Iterator[NDArray[np.float32]]) -> None:
        self._batches = batches

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        batch = next(self._batches, None)
        return None if batch is None else {INPUT: batch}
