"""What a network is, layer by layer: shapes, parameters, multiply-adds, memory, what each unit sees. Nothing is computed for it.

print(describe(net, (3, 224, 224)).totals.parameters)
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from torch import nn

from landsight.explain.receptive_field import (
    Graph,
    ReceptiveField,
    fields,
    output_size,
    receptive_field,
    same_padding_for,
    usage_counts,
)
from landsight.studio.trace import trace

__all__ = ["Description", "Layer", "Totals", "describe", "output_size", "same_padding_for", "usage_counts"]

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class Layer:
    """One row. ``output``: shape without the batch axis. ``parameters``: its own, shared ones at their first use.

    ``multiply_adds``: products summed up for one picture (convolutions and linear layers; twice as many floating-point operations).
    ``activation_bytes``: newly made for one picture in float32; 0 where a layer works in place or only looks at the numbers in another way.
    ``field``: what a unit of the output sees of the picture; None when the layer did not run in use (an auxiliary head).
    """

    name: str
    kind: str
    output: tuple[int, ...]
    parameters: int
    multiply_adds: int
    activation_bytes: int
    field: ReceptiveField | None
    node: int | None = None


@dataclass(frozen=True, slots=True)
class Totals:
    """Of the whole network, for one picture. ``trainable``: parameters that are not frozen (None where a file does not say).

    ``activation_bytes``: all layers together, what training keeps. ``peak_bytes``: most at one time in use, each tensor dropped after its
    last use. ``parameter_bytes``: in float32.
    """

    parameters: int
    trainable: int | None
    parameter_bytes: int
    multiply_adds: int
    activation_bytes: int
    peak_bytes: int


@dataclass(frozen=True, slots=True)
class Description:
    """``input``: (channels, height, width). ``batch``: pictures at a time, in the shapes of ``with_batch`` alone. ``outputs``: by name.

    ``map_node``: the last map (n, c, h, w), whose middle unit effective fields and usage counts are of; None without one.
    """

    model: str
    input: tuple[int, ...]
    batch: int
    layers: tuple[Layer, ...]
    outputs: dict[str, tuple[int, ...]]
    totals: Totals
    graph: Graph
    map_node: int | None

    def with_batch(self, shape: Sequence[int]) -> tuple[int, ...]:
        """A shape as it is for the batch that was asked for."""
        return (self.batch, *shape) if self.batch > 1 else tuple(shape)

    def layer(self, name: str) -> Layer:
        """By name. Raises: KeyError."""
        return next((layer for layer in self.layers if layer.name == name), None) or _no_layer(name)

    def to_json(self) -> str:
        """For programs: the table and its totals. Sizes, strides and starts are [height, width]; null: the whole picture, or no next unit."""
        rows = [{k: v for k, v in asdict(layer).items() if k not in ("field", "node")} | _field_json(layer.field) for layer in self.layers]
        tree: dict[str, Any] = {
            "schema_version": SCHEMA_VERSION, "model": self.model, "input": list(self.input), "batch": self.batch, "layers": rows,
            "outputs": {name: list(shape) for name, shape in self.outputs.items()}, "totals": asdict(self.totals),
        }  # fmt: skip
        return json.dumps(tree, indent=1, ensure_ascii=False) + "\n"


def describe(net: nn.Module, image: Sequence[int], *, name: str = "network") -> Description:
    """Any network, as in use (evaluation mode), on pictures of ``image``: (channels, height, width), or (n, channels, height, width).

    Branches: a unit sees the union of what the branches see. Norms are not counted as seeing what their statistics come from.
    Sources: receptive fields, Araujo et al. 2019 (Distill). Raises: RecipeError for a size that cannot be.
    """
    batch, shape = (image[0], tuple(image[1:])) if len(image) == 4 else (1, tuple(image))
    seen = trace(net, (1, *shape))
    regions = fields(seen.graph)
    layers = [
        Layer(
            call.name, call.kind, call.output[1:], call.parameters, call.multiply_adds, call.bytes,
            None if call.node is None else receptive_field(regions[call.node]), call.node,
        )
        for call in seen.calls
    ]  # fmt: skip
    layers += [Layer(path, kind, (), own, 0, 0, None) for path, kind, own in seen.idle]
    parameters = sum(p.numel() for p in net.parameters())
    totals = Totals(
        parameters, sum(p.numel() for p in net.parameters() if p.requires_grad), 4 * parameters, sum(x.multiply_adds for x in layers),
        sum(x.activation_bytes for x in layers), seen.peak_bytes,
    )  # fmt: skip
    outputs = {key: tuple(given[1:]) for key, (given, _) in seen.outputs.items()}
    named = seen.outputs.get("feature_map")
    node = named[1] if named is not None else last_map(layers)
    return Description(name, shape, batch, tuple(layers), outputs, totals, seen.graph, node)


def last_map(layers: Sequence[Layer]) -> int | None:
    """Node of the last map with more than one unit, else of the last map."""
    maps = [layer for layer in layers if len(layer.output) == 3 and layer.node is not None]
    wide = [layer for layer in maps if layer.output[1] * layer.output[2] > 1]
    return (wide or maps)[-1].node if maps else None


def _field_json(field: ReceptiveField | None) -> dict[str, Any]:
    if field is None:
        return {"receptive_field": None, "stride": None, "start": None}
    return {"receptive_field": list(field.size), "stride": list(field.stride), "start": list(field.start)}


def _no_layer(name: str) -> Layer:
    raise KeyError(name)
