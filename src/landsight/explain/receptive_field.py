"""Receptive fields: which pixels a unit sees, and how often it uses each of them. From the steps of a network (steps.py), NumPy only.

Sizes, strides and starts: A. Araujo, W. Norris, J. Sim, "Computing Receptive Fields of Convolutional Neural Networks", Distill, 2019.
Where branches meet, a unit sees the union of what they see; the size is that of the hull, from the first pixel to the last.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from landsight.errors import RecipeError
from landsight.explain.steps import Axis, Counts, Field, Shape, Step


@dataclass(frozen=True, slots=True)
class Node:
    """A tensor: the step that made it (None: the picture itself), from which nodes, and its shape."""

    step: Step | None
    inputs: tuple[int, ...]
    shape: Shape


@dataclass
class Graph:
    """Tensors in the order in which they are made; node 0 is the picture (n, c, h, w)."""

    nodes: list[Node] = field(default_factory=list)

    @classmethod
    def of_picture(cls, shape: Shape) -> Graph:
        """With the picture alone."""
        return cls([Node(None, (), shape)])

    def add(self, step: Step, inputs: Sequence[int], shape: Shape) -> int:
        """A new node's number."""
        self.nodes.append(Node(step, tuple(inputs), tuple(shape)))
        return len(self.nodes) - 1


@dataclass(frozen=True, slots=True)
class ReceptiveField:
    """What a unit sees: ``size`` (height, width) in pixels, padding counted along; None: the whole axis, and no number says where.

    ``stride``: pixels from one unit to the next (None: there is no next). ``start``: first pixel of the first unit; negative: in the padding.
    """

    size: tuple[float | None, float | None]
    stride: tuple[float | None, float | None]
    start: tuple[float | None, float | None]


def fields(graph: Graph) -> list[Field]:
    """Of every node, (height, width)."""
    shape = graph.nodes[0].shape
    found: list[Field] = [
        (Axis(1.0, 0.0, tuple(float(d == 2) for d in range(len(shape)))), Axis(1.0, 0.0, tuple(float(d == 3) for d in range(len(shape)))))
    ]
    for node in graph.nodes[1:]:
        if node.step is None:
            raise ValueError("a node without a step that is not the picture")
        shapes = [graph.nodes[i].shape for i in node.inputs]
        height, width = (node.step.field([found[i][a] for i in node.inputs], shapes, node.shape) for a in (0, 1))
        found.append((height, width))
    return found


def receptive_field(of: Field) -> ReceptiveField:
    """In the words of a table."""
    height, width = of
    strides = [max(axis.strides, default=0.0) for axis in of]
    return ReceptiveField(
        (_plain(height.size), _plain(width.size)),
        (_plain(strides[0]) or None, _plain(strides[1]) or None),
        (_plain(height.start), _plain(width.start)),
    )


def _plain(value: float) -> float | None:
    """Whole numbers as such; None for what is endless."""
    if not isfinite(value):
        return None
    return int(value) if value == int(value) else round(value, 4)


def usage_counts(graph: Graph, node: int, unit: tuple[int, int] | None = None) -> NDArray[np.float64]:
    """How often the unit at ``unit`` (row, column; default: the middle one) of a node uses each pixel, (h, w).

    The number of ways from the pixel to the unit: two 3x3 convolutions use the middle pixel 9 times and the corners once. Channels do
    not count: a way through any of them is one. Exact up to 2^53. Where the node is no map, its units are taken together.
    Source: the counting argument of W. Luo et al., "Understanding the Effective Receptive Field", NIPS 2016, section 3.
    """
    shape = graph.nodes[node].shape
    start = np.zeros(shape)
    if len(shape) == 4:
        row, column = unit or (shape[2] // 2, shape[3] // 2)
        start[0, :, row, column] = 1
    else:
        start[0] = 1
    pending: dict[int, Counts] = {node: start}
    for number in range(node, 0, -1):
        counts = pending.pop(number, None)
        made = graph.nodes[number]
        if counts is None or made.step is None:
            continue
        shapes = [graph.nodes[i].shape for i in made.inputs]
        for source, share in zip(made.inputs, made.step.back(counts, shapes, made.shape), strict=True):
            pending[source] = pending[source] + share if source in pending else share
    used = pending.get(0, np.zeros(graph.nodes[0].shape))
    return np.array(used[0].max(axis=0), np.float64)


def output_size(size: int, kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> int:
    """Units along an axis after a convolution or a pooling: floor((size + 2 padding - dilation (kernel - 1) - 1) / stride) + 1.

    Raises: RecipeError when the window does not fit, with the smallest size that works.
    """
    span = dilation * (kernel - 1) + 1
    if size + 2 * padding < span:
        raise RecipeError(
            "impossible_size", f"A window of {span} does not fit into {size} + 2 x {padding} pixels.",
            f"The smallest size that works is {max(1, span - 2 * padding)}.",
        )  # fmt: skip
    return (size + 2 * padding - span) // stride + 1


def same_padding_for(kernel: int, dilation: int = 1) -> int:
    """Padding on each side that keeps the size at stride 1. Raises: RecipeError where both sides cannot be equal (an even span)."""
    span = dilation * (kernel - 1)
    if span % 2:
        raise RecipeError(
            "impossible_size", f"A window of {span + 1} needs {span // 2} on one side and {span // 2 + 1} on the other.",
            "Take an odd kernel, or pad in a step of its own.",
        )  # fmt: skip
    return span // 2
