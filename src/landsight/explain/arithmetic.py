"""What each operator of ONNX computes, in the few kinds of arithmetic that the lens can take apart: one line of a table an operator.

An operator becomes a ``Sum``: its ``kind``, the ``settings`` that the page needs to do the sum by hand, and the stored tensors that take
part, by role. A kind that is not here, or a setting that the page does not compute, is "other": shown, but not taken apart.
Source of the meanings: the operator definitions of ONNX (github.com/onnx/onnx, docs/Operators.md).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Sum:
    """``settings``: JSON-ready. ``weights``: role -> name of a stored tensor."""

    kind: str
    settings: dict[str, Any] = field(default_factory=dict)
    weights: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Given:
    """An operator and what is known of its surroundings. ``shapes``: of all tensors; ``number``: the value of a stored tensor, None for one
    that is made from the picture; ``settings``: its attributes."""

    operator: Any
    settings: Mapping[str, Any]
    shapes: Mapping[str, tuple[int, ...]]
    number: Callable[[str], NDArray[Any] | None]

    def stored(self, position: int) -> NDArray[Any] | None:
        """The input at ``position`` when it is stored; None when it is absent or made from the picture."""
        name = self.name(position)
        return self.number(name) if name else None

    def name(self, position: int) -> str:
        """Of the input at ``position``, "" when there is none."""
        return str(self.operator.input[position]) if len(self.operator.input) > position else ""

    def shape(self, position: int = 0) -> tuple[int, ...]:
        """Of the input at ``position``."""
        return self.shapes.get(self.name(position), ())

    @property
    def made(self) -> tuple[int, ...]:
        """Shape of the output."""
        return self.shapes.get(self.operator.output[0], ())

    def weights(self, **positions: int) -> dict[str, str]:
        """Role -> name, for the inputs that are there."""
        return {role: self.name(position) for role, position in positions.items() if self.name(position)}


OTHER = Sum("other")


def sum_of(operator: Any, shapes: Mapping[str, tuple[int, ...]], number: Callable[[str], NDArray[Any] | None]) -> Sum:
    """What ``operator`` (a NodeProto) computes. See ``Given`` for the rest."""
    from onnx import helper

    settings = {a.name: helper.get_attribute_value(a) for a in operator.attribute}
    given = Given(operator, settings, shapes, number)
    make = _KINDS.get(operator.op_type)
    return make(given) if make is not None else OTHER


def _convolution(given: Given) -> Sum:
    weight = given.stored(1)
    if weight is None or weight.ndim != 4 or len(given.shape()) != 4:
        return OTHER
    window = _window(given, weight.shape[2:])
    return Sum("convolution", {**window, "groups": int(given.settings.get("group", 1))}, given.weights(weight=1, bias=2))


def _pool(kind: str) -> Callable[[Given], Sum]:
    def make(given: Given) -> Sum:
        if len(given.shape()) != 4:
            return OTHER
        window = _window(given, tuple(given.settings["kernel_shape"]))
        # With padding that is not counted, the mean is over what lies in the picture.
        return Sum(kind, {**window, "counts_padding": bool(given.settings.get("count_include_pad", 0))})

    return make


def _window(given: Given, kernel: tuple[int, ...]) -> dict[str, Any]:
    """Kernel, stride, dilation (height, width) and how many pixels of padding lie before the first."""
    n = len(kernel)
    stride = [int(v) for v in given.settings.get("strides", (1,) * n)]
    dilation = [int(v) for v in given.settings.get("dilations", (1,) * n)]
    padding = [int(v) for v in given.settings.get("pads", (0,) * 2 * n)][:n]
    automatic = given.settings.get("auto_pad", b"NOTSET").decode()
    if automatic.startswith("SAME"):
        sides = zip(given.shape()[2:], stride, kernel, dilation, strict=True)
        totals = [max((-(-m // t) - 1) * t + (k - 1) * q + 1 - m, 0) for m, t, k, q in sides]
        padding = [total // 2 if automatic == "SAME_UPPER" else -(-total // 2) for total in totals]
    return {"kernel": [int(k) for k in kernel], "stride": stride, "dilation": dilation, "padding": padding}


def _batch_norm(given: Given) -> Sum:
    settings = {"epsilon": float(given.settings.get("epsilon", 1e-5))}
    return Sum("batch_norm", settings, given.weights(scale=1, bias=2, mean=3, variance=4))


def _gemm(given: Given) -> Sum:
    if given.stored(1) is None or given.settings.get("transA", 0) or given.settings.get("alpha", 1.0) != 1.0:
        return OTHER
    if given.name(2) and (given.settings.get("beta", 1.0) != 1.0 or given.stored(2) is None):
        return OTHER
    return Sum("linear", {"rows_are_outputs": bool(given.settings.get("transB", 0))}, given.weights(weight=1, bias=2))


def _matmul(given: Given) -> Sum:
    weight = given.stored(1)
    if weight is None or weight.ndim != 2:
        return OTHER
    return Sum("linear", {"rows_are_outputs": False}, given.weights(weight=1))


def _over_axes(kind: str) -> Callable[[Given], Sum]:
    """A mean, sum or maximum over whole axes."""

    def make(given: Given) -> Sum:
        rank = len(given.shape())
        if given.operator.op_type.startswith("Global"):
            return Sum(kind, {"axes": list(range(2, rank))})
        axes = given.settings.get("axes")
        stored = given.stored(1)
        if axes is None and stored is not None:
            axes = np.atleast_1d(stored).tolist()
        return Sum(kind, {"axes": sorted(int(a) % rank for a in axes) if axes else list(range(rank))})

    return make


def _both(kind: str) -> Callable[[Given], Sum]:
    """Two numbers at the same place, either of which may be stored; the smaller shape is stretched."""

    def make(given: Given) -> Sum:
        if len(given.operator.input) != 2:
            return OTHER
        stored = [position for position in (0, 1) if given.stored(position) is not None]
        if len(stored) == 2:
            return OTHER
        return Sum(kind, {"stored": stored[0] if stored else None}, {"number": given.name(stored[0])} if stored else {})

    return make


def _function(name: str, **defaults: float) -> Callable[[Given], Sum]:
    """One number in, one out. ``defaults``: attributes that the formula needs."""

    def make(given: Given) -> Sum:
        return Sum("function", {"name": name, **{key: float(given.settings.get(key, value)) for key, value in defaults.items()}})

    return make


def _clip(given: Given) -> Sum:
    bounds = {}
    for position, name in ((1, "min"), (2, "max")):
        value = given.stored(position)
        if value is None and given.name(position):
            return OTHER
        bounds[name] = float(value) if value is not None else given.settings.get(name)
    is_relu = bounds == {"min": 0.0, "max": None}
    return Sum("function", {"name": "relu"} if is_relu else {"name": "clip", **bounds})


def _prelu(given: Given) -> Sum:
    return Sum("prelu", {}, given.weights(slope=1)) if given.stored(1) is not None else OTHER


def _softmax(given: Given) -> Sum:
    axis = int(given.settings.get("axis", -1)) % len(given.shape())
    return Sum("softmax", {}) if axis == len(given.shape()) - 1 else OTHER


def _concatenate(given: Given) -> Sum:
    if any(given.number(name) is not None for name in given.operator.input):
        return OTHER
    return Sum("concatenate", {"axis": int(given.settings["axis"]) % len(given.made)})


def _reshape(given: Given) -> Sum:
    return Sum("reshape") if np.prod(given.shape()) == np.prod(given.made) else OTHER


def _permute(given: Given) -> Sum:
    order = given.settings.get("perm", tuple(reversed(range(len(given.made)))))
    return Sum("permute", {"order": [int(d) for d in order]})


def _pad(given: Given) -> Sum:
    pads = given.stored(1) if given.name(1) else np.asarray(given.settings.get("pads", ()))
    rank = len(given.made)
    mode = given.settings.get("mode", b"constant").decode()
    value = given.stored(2) if given.name(2) else np.zeros(1)
    if pads is None or pads.size != 2 * rank or value is None or mode not in ("constant", "reflect", "edge", "wrap"):
        return OTHER
    return Sum("pad", {"before": [int(p) for p in pads[:rank]], "mode": mode, "value": float(value.reshape(-1)[0]) if value.size else 0.0})


def _slice(given: Given) -> Sum:
    numbers = [given.stored(position) for position in (1, 2)]
    if any(n is None for n in numbers) or any(given.name(p) and given.stored(p) is None for p in (3, 4)):
        return OTHER
    starts = np.atleast_1d(numbers[0]).tolist()  # type: ignore[arg-type]  # None was sent back
    given_axes, given_steps = given.stored(3), given.stored(4)
    axes = np.atleast_1d(given_axes).tolist() if given_axes is not None else list(range(len(starts)))
    steps = np.atleast_1d(given_steps).tolist() if given_steps is not None else [1] * len(starts)
    rank = len(given.made)
    start, step = [0] * rank, [1] * rank
    for axis, first, stride in zip(axes, starts, steps, strict=True):
        if stride < 1:
            return OTHER
        n = given.shape()[axis % rank]
        start[axis % rank], step[axis % rank] = min(max(first + n if first < 0 else first, 0), n), stride
    return Sum("slice", {"start": start, "step": step})


_KINDS: dict[str, Callable[[Given], Sum]] = {
    "Conv": _convolution, "MaxPool": _pool("max_pool"), "AveragePool": _pool("average_pool"), "BatchNormalization": _batch_norm,
    "Gemm": _gemm, "MatMul": _matmul,
    "GlobalAveragePool": _over_axes("mean"), "ReduceMean": _over_axes("mean"), "ReduceSum": _over_axes("sum"),
    "GlobalMaxPool": _over_axes("maximum"), "ReduceMax": _over_axes("maximum"),
    "Add": _both("add"), "Sub": _both("subtract"), "Mul": _both("multiply"), "Div": _both("divide"), "Pow": _both("power"),
    "Relu": _function("relu"), "Clip": _clip, "Sigmoid": _function("sigmoid"), "Tanh": _function("tanh"), "Exp": _function("exp"),
    "Sqrt": _function("sqrt"), "Neg": _function("negative"), "Abs": _function("absolute"), "Erf": _function("erf"),
    "Softplus": _function("softplus"), "HardSwish": _function("hard_swish"), "Mish": _function("mish"),
    "LeakyRelu": _function("leaky_relu", alpha=0.01), "Elu": _function("elu", alpha=1.0), "Celu": _function("celu", alpha=1.0),
    "HardSigmoid": _function("hard_sigmoid", alpha=0.2, beta=0.5),
    "Selu": _function("selu", alpha=1.67326319217681884765625, gamma=1.05070102214813232421875),
    "PRelu": _prelu, "Softmax": _softmax, "Concat": _concatenate, "Flatten": _reshape, "Reshape": _reshape, "Squeeze": _reshape,
    "Unsqueeze": _reshape, "Transpose": _permute, "Pad": _pad, "Slice": _slice,
}  # fmt: skip
