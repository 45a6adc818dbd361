"""What an operation does to positions, whatever it does to values: the steps that receptive fields and usage counts are worked out from.

A step maps the units of its inputs to units of its output. Each knows two things: how the region of the picture behind a unit grows
(``field``), and, backwards, how often each unit of an input is used by given units of the output (``back``). NumPy only, so that
networks of torch and graphs of ONNX share them. Arrays and shapes carry all axes, (n, c, h, w) for a map.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Shape = tuple[int, ...]
Counts = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis of the picture, seen from the units of a tensor: unit (i, j, ...) sees the pixels from start + strides . (i, j, ...) on,
    ``size`` of them, padding counted along. ``size`` is inf where units see the whole axis and no line describes it."""

    size: float
    start: float
    strides: tuple[float, ...]

    def without(self, dims: Sequence[int], shape: Shape) -> Axis:
        """The axis as seen when all positions along ``dims`` are taken together."""
        size = self.size + sum(self.strides[d] * (shape[d] - 1) for d in dims)
        return Axis(size, self.start, tuple(0.0 if d in dims else s for d, s in enumerate(self.strides)))


#: Height, then width.
Field = tuple[Axis, Axis]


class Step(Protocol):
    """See the module."""

    def field(self, axes: Sequence[Axis], shapes: Sequence[Shape], shape: Shape) -> Axis:
        """The axis as seen from the output; ``axes`` and ``shapes`` of the inputs, ``shape`` of the output."""
        ...

    def back(self, counts: Counts, shapes: Sequence[Shape], shape: Shape) -> list[Counts]:
        """How often the units of each input are used, when those of the output are used ``counts`` times."""
        ...


@dataclass(frozen=True, slots=True)
class Window:
    """Convolution or pooling: a sliding window over the last axes. ``padding``: before the first pixel. ``mixes``: sees all channels.

    A tap is counted once, however many channels there are.
    """

    kernel: Shape
    stride: Shape
    padding: Shape
    dilation: Shape
    mixes: bool = False

    def field(self, axes: Sequence[Axis], shapes: Sequence[Shape], shape: Shape) -> Axis:
        """Araujo et al. 2019: the size grows by (kernel - 1) x dilation x stride so far, the stride is multiplied."""
        first = len(shapes[0]) - len(self.kernel)
        axis = axes[0].without((first - 1,) if self.mixes else (), shapes[0])
        size, start, strides = axis.size, axis.start, list(axis.strides)
        for d, (k, t, p, q) in enumerate(zip(self.kernel, self.stride, self.padding, self.dilation, strict=True), first):
            size += strides[d] * (k - 1) * q
            start -= strides[d] * p
            strides[d] *= t
        return Axis(size, start, tuple(strides))

    def back(self, counts: Counts, shapes: Sequence[Shape], shape: Shape) -> list[Counts]:
        """A window of ones is separable: one axis after the other."""
        first = len(shapes[0]) - len(self.kernel)
        counts = counts.max(axis=first - 1, keepdims=True)
        for d, (k, t, p, q) in enumerate(zip(self.kernel, self.stride, self.padding, self.dilation, strict=True), first):
            counts = _spread(counts, d, shapes[0][d], (k, t, p, q))
        return [np.broadcast_to(counts, shapes[0])]


@dataclass(frozen=True, slots=True)
class Enlarge:
    """Transposed convolution or upsampling over the last axes: the window of the way back. The line is the hull of what units see."""

    kernel: Shape
    stride: Shape
    padding: Shape

    def field(self, axes: Sequence[Axis], shapes: Sequence[Shape], shape: Shape) -> Axis:
        """Unit o is made from inputs (o + padding - kernel + 1) / stride to (o + padding) / stride."""
        first = len(shapes[0]) - len(self.kernel)
        axis = axes[0].without((first - 1,), shapes[0])
        size, start, strides = axis.size, axis.start, list(axis.strides)
        for d, (k, t, p) in enumerate(zip(self.kernel, self.stride, self.padding, strict=True), first):
            size += strides[d] * (k - 1) / t
            start += strides[d] * (p - k + 1) / t
            strides[d] /= t
        return Axis(size, start, tuple(strides))

    def back(self, counts: Counts, shapes: Sequence[Shape], shape: Shape) -> list[Counts]:
        """Sums over the window of each input."""
        first = len(shapes[0]) - len(self.kernel)
        counts = counts.max(axis=first - 1, keepdims=True)
        for d, (k, t, p) in enumerate(zip(self.kernel, self.stride, self.padding, strict=True), first):
            n = shapes[0][d]
            after = max(0, (n - 1) * t + k - p - counts.shape[d])
            padded = np.moveaxis(np.pad(counts, [(p, after) if a == d else (0, 0) for a in range(counts.ndim)]), d, -1)
            total = sum(padded[..., i : i + (n - 1) * t + 1 : t] for i in range(k))
            counts = np.moveaxis(np.asarray(total, np.float64), -1, d)
        return [np.broadcast_to(counts, shapes[0])]


@dataclass(frozen=True, slots=True)
class Bins:
    """Adaptive pooling of the last ``axes`` axes: output i sees inputs floor(i n / m) up to ceil((i + 1) n / m)."""

    axes: int

    def field(self, axes: Sequence[Axis], shapes: Sequence[Shape], shape: Shape) -> Axis:
        """Stride n / m; the line is the hull where bins differ in size."""
        size, start, strides = axes[0].size, axes[0].start, list(axes[0].strides)
        for d in range(len(shape) - self.axes, len(shape)):
            step = shapes[0][d] / shape[d]
            bins = list(_bins(shapes[0][d], shape[d]))
            low = min(a - i * step for i, (a, _) in enumerate(bins))
            high = max(b - 1 - i * step for i, (_, b) in enumerate(bins))
            size += strides[d] * (high - low)
            start += strides[d] * low
            strides[d] = strides[d] * step if shape[d] > 1 else 0.0
        return Axis(size, start, tuple(strides))

    def back(self, counts: Counts, shapes: Sequence[Shape], shape: Shape) -> list[Counts]:
        """Each bin hands its count to all it sees."""
        for d in range(len(shape) - self.axes, len(shape)):
            moved = np.moveaxis(counts, d, -1)
            spread = np.zeros((*moved.shape[:-1], shapes[0][d]))
            for i, (a, b) in enumerate(_bins(shapes[0][d], shape[d])):
                spread[..., a:b] += moved[..., i : i + 1]
            counts = np.moveaxis(spread, -1, d)
        return [counts]


@dataclass(frozen=True, slots=True)
class Join:
    """Unit by unit, with broadcasting: activations, norms, sums and products of branches.

    The statistics of a norm are not counted as seeing. Branches: the region is the union (the hull of both). Branches of different
    strides (a gate from a global mean) are not aligned; what follows them sees the whole axis.
    """

    def field(self, axes: Sequence[Axis], shapes: Sequence[Shape], shape: Shape) -> Axis:
        """The hull of all inputs."""
        rank = len(shape)
        rows = [
            tuple(0.0 if n == 1 else s for s, n in zip(_left(a.strides, rank, 0.0), _left(given, rank, 1), strict=True))
            for a, given in zip(axes, shapes, strict=True)
        ]
        strides = tuple(max(column) for column in zip(*rows, strict=True))
        aligned = all(len({row[d] for row in rows}) == 1 for d in range(rank) if shape[d] > 1)
        if not aligned:
            return Axis(inf, -inf, strides)
        if shape == shapes[0]:  # an axis of one unit keeps its stride
            strides = tuple(max(pair) for pair in zip(strides, axes[0].strides, strict=True))
        start = min(a.start for a in axes)
        return Axis(max(a.start + a.size for a in axes) - start if start > -inf else inf, start, strides)

    def back(self, counts: Counts, shapes: Sequence[Shape], shape: Shape) -> list[Counts]:
        """Every input is used as often as the output; a broadcast one by all that it was spread over."""
        found = []
        for given in shapes:
            extra = tuple(range(len(shape) - len(given)))
            own = counts.sum(axis=extra) if extra else counts
            wide = tuple(d for d, n in enumerate(given) if n == 1 and own.shape[d] > 1)
            found.append(own.sum(axis=wide, keepdims=True) if wide else own)
        return found


@dataclass(frozen=True, slots=True)
class Concatenate:
    """Inputs one after the other along ``dim``, each from its own offset."""

    dim: int
    offsets: Shape

    def field(self, axes: Sequence[Axis], shapes: Sequence[Shape], shape: Shape) -> Axis:
        """The union, each input moved to where it lies."""
        moved = [
            Axis(a.size, a.start - a.strides[self.dim] * offset if offset else a.start, a.strides)
            for a, offset in zip(axes, self.offsets, strict=True)
        ]
        return Join().field(moved, [shape] * len(moved), shape)

    def back(self, counts: Counts, shapes: Sequence[Shape], shape: Shape) -> list[Counts]:
        """Each its own part."""
        moved = np.moveaxis(counts, self.dim, 0)
        parts = [moved[offset : offset + given[self.dim]] for offset, given in zip(self.offsets, shapes, strict=True)]
        return [np.moveaxis(part, 0, self.dim) for part in parts]


@dataclass(frozen=True, slots=True)
class Mix:
    """Every output unit sees all positions along ``dims``: a linear layer, a mean, a sum. Output units along them count once together."""

    dims: Shape

    def field(self, axes: Sequence[Axis], shapes: Sequence[Shape], shape: Shape) -> Axis:
        """From the first to the last position; no stride is left along dims."""
        return axes[0].without(self.dims, shapes[0])

    def back(self, counts: Counts, shapes: Sequence[Shape], shape: Shape) -> list[Counts]:
        """All positions are used equally often."""
        return [np.broadcast_to(counts.max(axis=self.dims, keepdims=True), shapes[0])]


@dataclass(frozen=True, slots=True)
class Everything:
    """An operation that is not known, or attention: every unit sees whatever any input saw."""

    def field(self, axes: Sequence[Axis], shapes: Sequence[Shape], shape: Shape) -> Axis:
        """The hull of all inputs at all positions."""
        whole = [a.without(tuple(range(len(given))), given) for a, given in zip(axes, shapes, strict=True)]
        start = min(a.start for a in whole)
        return Axis(max(a.start + a.size for a in whole) - start if start > -inf else inf, start, (0.0,) * len(shape))

    def back(self, counts: Counts, shapes: Sequence[Shape], shape: Shape) -> list[Counts]:
        """As often as the most used output."""
        return [np.broadcast_to(counts.max(), given) for given in shapes]


@dataclass(frozen=True, slots=True)
class Reshape:
    """Same units, other axes: flatten, view, squeeze. What was two axes and cannot be one line any more is taken together."""

    def field(self, axes: Sequence[Axis], shapes: Sequence[Shape], shape: Shape) -> Axis:
        """Axes are matched in groups of equal product; a group that is one line stays one."""
        axis, before = axes[0], shapes[0]
        size, strides = axis.size, [0.0] * len(shape)
        for old, new in _groups(before, shape):
            line = [(axis.strides[d], before[d]) for d in old if before[d] > 1]
            if all(s == t * n for (s, _), (t, n) in pairwise(line)):
                step = line[-1][0] if line else 0.0
                for d in reversed(new):
                    strides[d] = step
                    step *= shape[d]
            else:
                size += sum(s * (n - 1) for s, n in line)
        return Axis(size, axis.start, tuple(strides))

    def back(self, counts: Counts, shapes: Sequence[Shape], shape: Shape) -> list[Counts]:
        """The same numbers."""
        return [counts.reshape(shapes[0])]


@dataclass(frozen=True, slots=True)
class Permute:
    """Axis i of the output is axis dims[i] of the input."""

    dims: Shape

    def field(self, axes: Sequence[Axis], shapes: Sequence[Shape], shape: Shape) -> Axis:
        """Strides move along."""
        return Axis(axes[0].size, axes[0].start, tuple(axes[0].strides[d] for d in self.dims))

    def back(self, counts: Counts, shapes: Sequence[Shape], shape: Shape) -> list[Counts]:
        """The same numbers."""
        return [counts.transpose(np.argsort(self.dims))]


@dataclass(frozen=True, slots=True)
class Slice:
    """Positions start, start + step, ... along ``dim``."""

    dim: int
    start: int
    step: int = 1

    def field(self, axes: Sequence[Axis], shapes: Sequence[Shape], shape: Shape) -> Axis:
        """The first unit lies further in."""
        strides = list(axes[0].strides)
        start = axes[0].start + strides[self.dim] * self.start
        strides[self.dim] *= self.step
        return Axis(axes[0].size, start, tuple(strides))

    def back(self, counts: Counts, shapes: Sequence[Shape], shape: Shape) -> list[Counts]:
        """What was left out is not used."""
        full = np.zeros(shapes[0])
        moved = np.moveaxis(full, self.dim, 0)
        moved[self.start : self.start + (shape[self.dim] - 1) * self.step + 1 : self.step] = np.moveaxis(counts, self.dim, 0)
        return [full]


@dataclass(frozen=True, slots=True)
class Pad:
    """Padding as a step of its own: (before, after) of each axis. ``mode``: as numpy.pad says it; only "constant" adds nothing of the picture."""

    widths: tuple[tuple[int, int], ...]
    mode: str = "constant"

    def field(self, axes: Sequence[Axis], shapes: Sequence[Shape], shape: Shape) -> Axis:
        """The first unit lies further out. Pixels that reflected or repeated padding shows again are not counted as far ones."""
        start = axes[0].start - sum(s * before for s, (before, _) in zip(axes[0].strides, self.widths, strict=True) if s)
        return Axis(axes[0].size, start, axes[0].strides)

    def back(self, counts: Counts, shapes: Sequence[Shape], shape: Shape) -> list[Counts]:
        """Zeros are nobody's; reflected and repeated pixels are used again."""
        for d, (before, after) in enumerate(self.widths):
            n = shapes[0][d]
            moved = np.moveaxis(counts, d, 0)
            if self.mode == "constant" or not (before or after):  # a negative width cuts
                inner = moved[max(0, before) : max(0, before) + n]
                own = np.pad(inner, [(max(0, -before), max(0, -after)), *[(0, 0)] * (counts.ndim - 1)])
            else:
                own = np.zeros((n, *moved.shape[1:]))
                np.add.at(own, np.pad(np.arange(n), (before, after), mode=self.mode), moved)  # type: ignore[call-overload]
            counts = np.moveaxis(own, 0, d)
        return [counts]


def _spread(counts: Counts, dim: int, n: int, window: Shape) -> Counts:
    """Adjoint of a sum over a window: each output hands its count to every input position that it saw."""
    kernel, stride, low, dilation = window
    moved = np.moveaxis(counts, dim, -1)
    reach = (moved.shape[-1] - 1) * stride + 1
    spread = np.zeros((*moved.shape[:-1], max(reach + (kernel - 1) * dilation, low + n)))
    for k in range(kernel):
        spread[..., k * dilation : k * dilation + reach : stride] += moved
    return np.moveaxis(spread[..., low : low + n], -1, dim)


def _bins(n: int, m: int) -> list[tuple[int, int]]:
    return [(i * n // m, -(-(i + 1) * n // m)) for i in range(m)]


def _left(values: Sequence[float], rank: int, fill: float) -> tuple[float, ...]:
    """Padded on the left, as broadcasting does."""
    return (*[fill] * (rank - len(values)), *values)


def _groups(before: Shape, after: Shape) -> list[tuple[list[int], list[int]]]:
    """Smallest runs of axes with the same number of units on both sides."""
    groups: list[tuple[list[int], list[int]]] = []
    i = j = 0
    while i < len(before) or j < len(after):
        old: list[int] = []
        new: list[int] = []
        a = b = 1
        while not (old or new) or a != b:
            if (a <= b and i < len(before)) or j >= len(after):
                old.append(i)
                a *= before[i]
                i += 1
            else:
                new.append(j)
                b *= after[j]
                j += 1
        groups.append((old, new))
    return groups
