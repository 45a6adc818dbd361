"""A description from a graph of ONNX: shapes by ONNX's own inference, parameters from its stored tensors, steps from its operators."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from pathlib import Path

from landsight.explain.onnx_file import open_model
from landsight.explain.onnx_layers import LAYOUT, read_layers
from landsight.explain.receptive_field import fields, receptive_field
from landsight.studio.describe import Description, Layer, Totals, last_map


def describe_onnx(path: Path, image: Sequence[int] | None = None, *, name: str = "") -> Description:
    """A model file with one input of pictures (n, c, h, w). ``image``: (c, h, w); needed where the file leaves height or width open.

    Raises: BundleError for a file that is no such model, UsageError for a size that the file does not take.
    """
    model, shape = open_model(path, image)
    reader = read_layers(model, shape)
    regions = fields(reader.graph)
    layers = tuple(
        Layer(
            row.name, row.kind, row.shape[1:], row.parameters, row.multiply_adds, 0 if row.kind in LAYOUT else 4 * prod(row.shape[1:]),
            receptive_field(regions[row.node]), row.node,
        )
        for row in reader.rows
    )  # fmt: skip
    parameters = sum(layer.parameters for layer in layers)
    activations = sum(layer.activation_bytes for layer in layers)
    totals = Totals(parameters, None, 4 * parameters, sum(x.multiply_adds for x in layers), activations, reader.peak())
    outputs = {o.name: reader.shapes[o.name][1:] for o in model.graph.output if o.name in reader.shapes}
    named = reader.nodes.get("feature_map")
    node = named if named is not None else last_map(layers)
    return Description(name or path.stem, shape[1:], 1, layers, outputs, totals, reader.graph, node)
