"""A description as a page, and receptive fields as pictures."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from landsight.errors import UsageError
from landsight.explain.receptive_field import ReceptiveField, fields, receptive_field, usage_counts
from landsight.photo.collect import collect
from landsight.photo.prepare import ImageU8, normalise
from landsight.studio.collect import prepared_pictures
from landsight.studio.describe import Description, Layer
from landsight.studio.describe_source import Subject
from landsight.studio.describe_words import amount, by, memory, pixels
from landsight.studio.effective_field import EffectiveField, effective_field, measured
from landsight.studio.report.page import Block, Cell, Column, Section, Table, Tile, Tiles, render
from landsight.studio.report.plots import Look, plot, png

#: Most pictures of a folder whose gradients are averaged.
_PICTURES = 64
_TITLES = {"usage": "how often used", "initialised": "effective, initialised", "trained": "effective, trained"}
_LEAD = (
    "The middle unit of the last map ({map}). Dashed: all it can see (theoretical). Solid: the least square that holds 95 % of the heat. "
    "Shading is the square root of the share of the largest value."
)


@dataclass(frozen=True, slots=True)
class Fields:
    """What the middle unit of the last map sees: by counting, and by gradients before and after training. ``on``: which pictures."""

    layer: str
    theory: ReceptiveField
    unit: tuple[int, int]
    maps: dict[str, EffectiveField]
    on: str

    def to_json(self) -> str:
        """Sizes in pixels."""
        tree: dict[str, Any] = {"layer": self.layer, "unit": list(self.unit), "theoretical": list(self.theory.size), "pictures": self.on}
        for name, field in self.maps.items():
            tree[name] = {"size": round(field.size, 2), "side_50": field.side_50, "side_95": field.side_95}
        return json.dumps(tree, indent=1) + "\n"


def measure_fields(subject: Subject, pictures: Path | None = None) -> Fields:
    """Usage counts, and effective fields of each of the subject's nets, on noise or on the pictures of a folder.

    Raises: UsageError for a network without a map or a folder without pictures.
    """
    found = subject.description
    if found.map_node is None:
        raise UsageError("no_map", f"{found.model} has no map: every unit sees the whole picture.", "Leave --erf out.")
    layer = next((x.name for x in found.layers if x.node == found.map_node), "feature_map")
    rows, columns = found.graph.nodes[found.map_node].shape[-2:]
    unit = (rows // 2, columns // 2)
    theory = receptive_field(fields(found.graph)[found.map_node])
    middle = _middle(theory, unit, found.input[1:])
    maps = {"usage": measured(usage_counts(found.graph, found.map_node, unit), middle)}
    nets = subject.nets()
    arrays = _prepared(subject, pictures) if pictures is not None else None
    for name, net in nets.items():
        maps[name] = effective_field(net, found.input, pictures=arrays, middle=middle)
    return Fields(layer, theory, unit, maps, "noise" if arrays is None else f"{len(arrays)} pictures of {pictures}")


def _middle(theory: ReceptiveField, unit: tuple[int, int], picture: tuple[int, ...]) -> tuple[float, float]:
    """Where the middle of what the unit sees lies, in pixels."""
    found = []
    for size, stride, start, index, side in zip(theory.size, theory.stride, theory.start, unit, picture, strict=True):
        is_known = size is not None and start is not None
        found.append((start or 0) + index * (stride or 0) + ((size or 1) - 1) / 2 if is_known else (side - 1) / 2)
    return found[0], found[1]


def _prepared(subject: Subject, folder: Path) -> NDArray[np.float32]:
    if subject.preparation is None:
        raise UsageError("no_gradients", "A file of ONNX has no gradients.", "Give the run that it was exported from.")
    every = [found.path for found in collect([folder], recursive=True)]
    # Evenly spaced, so that a folder per class is not its first class alone.
    paths = every[:: max(1, len(every) // _PICTURES)][:_PICTURES]
    images: list[ImageU8] = [image for _, image in prepared_pictures(paths, subject.preparation) if isinstance(image, np.ndarray)]
    if not images:
        raise UsageError("no_photos", f"{folder} holds no readable picture.", "Give a folder of pictures.")
    return normalise(np.stack(images), subject.preparation)


def write_fields(folder: Path, measured_fields: Fields) -> list[Path]:
    """A PNG of each map, one with all side by side, and the numbers as JSON; returns the files."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for name in measured_fields.maps:
        path = folder / f"{name}.png"
        path.write_bytes(png(partial(_draw, found=measured_fields, names=(name,)), size=(4.2, 4.4)))
        files.append(path)
    together, numbers = folder / "receptive-field.png", folder / "receptive-field.json"
    together.write_bytes(
        png(lambda figure, look: _draw(figure, look, measured_fields, tuple(measured_fields.maps)), size=_size(measured_fields))
    )
    numbers.write_text(measured_fields.to_json(), encoding="utf-8")
    return [*files, together, numbers]


def page(description: Description, measured_fields: Fields | None = None) -> str:
    """One self-contained HTML page."""
    sections = [Section("In short", [_tiles(description)], "For one picture; numbers are 32-bit floats.")]
    if measured_fields is not None:
        sections.append(_fields_section(measured_fields))
    sections.append(Section("Layers", [_table(description)], _READING))
    return render(
        description.model,
        sections,
        subtitle=f"what it is, on pictures of {by(description.input)}",
        foot=f"landsight {version('landsight')}",
    )


_READING = (
    "In the order of running. Sees: pixels of the picture behind one unit, padding counted along; stride: from one unit to the next; "
    "start: first pixel of the first unit. Where branches meet, the union. Norms count as seeing nothing more."
)


def _tiles(found: Description) -> Block:
    totals = found.totals
    trainable = "" if totals.trainable in (None, totals.parameters) else f"; {totals.trainable:,} learn"
    return Tiles([
        Tile("Parameters", amount(totals.parameters), f"{totals.parameters:,}{trainable}"), Tile("Size", memory(totals.parameter_bytes), "of the parameters"),
        Tile("Multiply-adds", amount(totals.multiply_adds), "of convolutions and linear layers"),
        Tile("Activations", memory(totals.activation_bytes), "all together, as training keeps them"),
        Tile("At one time", memory(totals.peak_bytes), "in use, each dropped after its last use"),
        *(Tile(f"Output {name}", by(shape) or "1") for name, shape in found.outputs.items()),
    ])  # fmt: skip


def _table(found: Description) -> Block:
    columns = [
        Column("layer"), Column("output", True), Column("parameters", True), Column("multiply-adds", True), Column("memory", True),
        Column("sees", True, "theoretical receptive field in pixels"), Column("stride", True), Column("start", True),
    ]  # fmt: skip
    most = max((layer.multiply_adds for layer in found.layers), default=0) or 1
    return Table(columns, [_row(found, layer, most) for layer in found.layers])


def _row(found: Description, layer: Layer, most: int) -> list[str | int | float | Cell | None]:
    field = layer.field
    sees, stride, start = ("–", "–", "–") if field is None else (pixels(field.size), pixels(field.stride, "–"), pixels(field.start, "–"))
    share = layer.multiply_adds / most if layer.multiply_adds else None
    return [
        Cell(layer.name, detail=layer.kind), by(found.with_batch(layer.output)) if layer.output else "not run in use", layer.parameters,
        Cell(f"{layer.multiply_adds:,}", layer.multiply_adds, share), Cell(memory(layer.activation_bytes), layer.activation_bytes),
        sees, stride, start,
    ]  # fmt: skip


def _fields_section(found: Fields) -> Section:
    blocks: list[Block] = [
        plot(
            lambda figure, look: _draw(figure, look, found, tuple(found.maps)),
            alt="Heat maps of what the middle unit sees: " + ", ".join(_TITLES[name] for name in found.maps),
            size=_size(found),
        )
    ]
    rows: list[list[str | int | float | Cell | None]] = [
        [_TITLES[name], round(field.size, 1), field.side_50, field.side_95] for name, field in found.maps.items()
    ]
    what = "side of a square as large as the area above 4.55 % of the largest value (Luo et al. 2016)"
    columns = [Column("map"), Column("size", True, what), Column("holds 50 %", True), Column("holds 95 %", True)]
    blocks.append(Table(columns, [["theoretical", pixels(found.theory.size), None, None], *rows], caption="Sides in pixels."))
    on = f" Gradients are means over {'pictures of noise' if found.on == 'noise' else found.on}." if "initialised" in found.maps else ""
    return Section("What a unit sees", blocks, _LEAD.format(map=found.layer) + on)


def _size(found: Fields) -> tuple[float, float]:
    return 3.6 * len(found.maps), 3.9


def _draw(figure: Figure, look: Look, found: Fields, names: tuple[str, ...]) -> None:
    panels = figure.subplots(1, len(names), squeeze=False)[0]
    for panel, name in zip(panels, names, strict=True):
        field = found.maps[name]
        height, width = field.heat.shape
        panel.imshow(np.sqrt(field.heat), cmap=look.ramp, vmin=0, vmax=1, extent=(-0.5, width - 0.5, height - 0.5, -0.5))
        panel.set_title(_TITLES[name])
        panel.set_xlabel(f"{field.size:.0f} px wide; {field.side_95} px hold 95 %" if field.size else "no gradient arrives")
        panel.grid(False)
        middle = _middle(found.theory, found.unit, field.heat.shape)
        _frame(panel, middle, found.theory.size, look.soft, "--")
        _frame(panel, middle, (field.side_95, field.side_95), look.series[1], "-")
        panel.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))


def _frame(panel: Any, middle: tuple[float, float], size: tuple[float | None, float | None], colour: str, style: str) -> None:
    """A rectangle around the middle; what lies outside the picture is cut."""
    if size[0] and size[1]:
        corner = (middle[1] - size[1] / 2, middle[0] - size[0] / 2)
        panel.add_patch(Rectangle(corner, size[1], size[0], fill=False, edgecolor=colour, linestyle=style, linewidth=1.2))
