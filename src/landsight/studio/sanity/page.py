"""The sanity figures as a page and as one picture."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from landsight.explain.colours import laid_over
from landsight.explain.heat import enlarged, positive
from landsight.explain.source import Source
from landsight.photo.prepare import ImageU8
from landsight.studio.report.page import Block, Cell, Column, Entry, Gallery, Picture, Section, Table, Text, Tile, Tiles, render
from landsight.studio.report.plots import Look, data_uri, plot, png
from landsight.studio.report.words import made_by, percent, points, points_interval
from landsight.studio.sanity.check import Sanity
from landsight.studio.sanity.deletion import FILLED_WITH, KINDS, Hidden

_FILL_WORDS = {"mean": "the mean colour", "blur": "a blur"}
_LABELS = {"hottest": "hottest", "moved": "same shape,\nmoved", "random": "random\ncells", "pixels": "random\npixels", "coldest": "coldest"}
_GALLERY_PX = 224
#: Maps that are more alike than this have hardly changed.
_ALIKE = 0.5


def figure(found: Sanity) -> bytes:
    """Both tests side by side as a PNG file."""

    def draw(whole: Figure, look: Look) -> None:
        left, right = whole.subplots(1, 2, width_ratios=(1.35, 1))
        _draw_deletion(left, look, found)
        _draw_random(right, look, found)

    return png(draw, size=(10.4, 4.1))


def page(found: Sanity, shown: Sequence[tuple[ImageU8, Hidden]], source: Source) -> str:
    """One self-contained HTML page."""
    d, r = found.deletion, found.randomised
    against = d.margin["mean"]["random"]
    tiles = Tiles([
        Tile("lost beyond chance", f"{points(against.value)} points", points_interval(against), against.what),
        Tile("left of the confidence", percent(d.after["mean"]["hottest"]), f"of {percent(d.before)}"),
        Tile("maps with random weights", f"{r.steps[-1].likeness.value:+.2f}", _between(r.steps[-1].likeness.low, r.steps[-1].likeness.high)),
        Tile("maps of two pictures", f"{r.others.value:+.2f}", _between(r.others.low, r.others.high)),
    ])  # fmt: skip
    sections = [
        Section("In short", [tiles, Text(_verdict(found), "note")], "Small figures are 95 % intervals."),
        _deletion_section(found), _random_section(found), _gallery(shown, source),
    ]  # fmt: skip
    looks = f", look {found.looks} at this part" if found.looks is not None else ""
    subtitle = f"{found.method} maps, {d.n} pictures of {found.part!r}, {found.engine}{looks}"
    return render(f"Are its reasons worth believing: {found.name}", sections, subtitle=subtitle, foot=made_by())


def _verdict(found: Sanity) -> str:
    d, r = found.deletion, found.randomised
    chance = [d.margin[fill][kind] for fill in FILLED_WITH for kind in ("random", "moved")]
    finds = "find" if all(m.low > 0 for m in chance) else "do not reliably find"
    last = r.steps[-1].likeness
    depends = "change" if last.high < _ALIKE else "hardly change"
    return (
        f"The maps {finds} what the answer needs: hiding the hottest {percent(d.share, 0)} of a picture weakens the answer "
        f"{'more than' if finds == 'find' else 'no more than'} hiding as much elsewhere. They {depends} when the weights are drawn anew."
    )


def _deletion_section(found: Sanity) -> Section:
    d = found.deletion
    image = plot(
        lambda whole, look: _draw_deletion(whole.subplots(), look, found), alt="Confidence left after hiding a fifth of the picture.", size=(7.6, 3.9),
        caption="Mean confidence in the answer after hiding. Dashed: nothing hidden. The lower the leftmost bars beside the others, the better the maps.",
    )  # fmt: skip
    columns = [Column("hidden by"), Column("held against"), Column("lost beyond it, points", True, "paired, bootstrap of the pictures"), Column("left: hottest", True), Column("left: this", True)]  # fmt: skip
    rows: list[list[Entry]] = [
        [_FILL_WORDS[fill], KINDS[kind], Cell(points(m.value), m.value, detail=points_interval(m)), percent(d.after[fill]["hottest"]), percent(d.after[fill][kind])]
        for fill in FILLED_WITH
        for kind, m in d.margin[fill].items()
    ]  # fmt: skip
    lead = (
        f"{percent(d.share, 0)} of each picture is hidden and the network asked again about what it had answered. Chance hides as many cells of "
        "the same size, anywhere or in the same shape moved elsewhere."
    )
    return Section("Does it need what is lit up", [image, Table(columns, rows)], lead)


def _random_section(found: Sanity) -> Section:
    r = found.randomised
    image = plot(
        lambda whole, look: _draw_random(whole.subplots(), look, found), alt="Likeness of maps with random weights.", size=(6.4, 3.8),
        caption="Rank correlation with the map before. Bars: 95 % intervals. Dashed: maps of two different pictures.",
    )  # fmt: skip
    columns = [Column("random layers", True), Column("likeness", True, "Spearman's rank correlation of the cells")]
    rows: list[list[Entry]] = [
        [f"{s.layers} of {r.layers}", Cell(f"{s.likeness.value:+.2f}", s.likeness.value, detail=_between(s.likeness.low, s.likeness.high))]
        for s in r.steps
    ]
    lead = (
        f"The weights of the last layer, then of more and more layers, are drawn anew, and the maps of {r.others.n} pictures compared "
        "with those before (Adebayo et al. 2018). A method whose maps stay the same does not show what was learnt."
    )
    return Section("Does it depend on what was learnt", [image, Table(columns, rows)], lead)


def _gallery(shown: Sequence[tuple[ImageU8, Hidden]], source: Source) -> Section:
    pictures = []
    for prepared, hidden in shown:
        photo = (
            Image.fromarray(prepared.squeeze()).convert("RGB").resize((_GALLERY_PX, _GALLERY_PX * prepared.shape[0] // prepared.shape[1]))
        )
        heat = enlarged(positive(hidden.signed), photo.height, photo.width)
        stream = io.BytesIO()
        laid_over(photo, heat).save(stream, "JPEG", quality=85)
        after = hidden.after["mean"]
        lines = [
            f"{percent(hidden.before)} before",
            f"{percent(after['hottest'])} without the hottest, {percent(after['random'])} without as much at random",
        ]
        pictures.append(Picture(data_uri(stream.getvalue(), "image/jpeg"), source.shown_name(hidden.name), lines))
    blocks: list[Block] = [Gallery(pictures)]
    return Section("Some of the maps", blocks, "As the network sees the pictures. Hidden by the mean colour.")


def _draw_deletion(axes, look: Look, found: Sanity) -> None:  # type: ignore[no-untyped-def]
    d = found.deletion
    places = np.arange(len(_LABELS))
    for number, fill in enumerate(FILLED_WITH):
        heights = [100 * d.after[fill][kind] for kind in _LABELS]
        axes.bar(
            places + 0.38 * number - 0.19,
            heights,
            0.36,
            color=look.series[(1, 0)[number]],
            label=f"hidden by {_FILL_WORDS[fill]}",
            linewidth=0,
        )
    axes.axhline(100 * d.before, color=look.soft, linestyle="--", linewidth=1)
    axes.set_xticks(places, list(_LABELS.values()))
    axes.set(ylabel="confidence left (%)", ylim=(0, 105))
    axes.grid(False, axis="x")
    axes.set_title(f"{percent(d.share, 0)} of the picture hidden")
    axes.legend(loc="lower right", frameon=True, framealpha=0.9, edgecolor="none", facecolor=look.ground)


def _draw_random(axes, look: Look, found: Sanity) -> None:  # type: ignore[no-untyped-def]
    r = found.randomised
    x = np.arange(len(r.steps) + 1)
    values = np.array([1.0, *(s.likeness.value for s in r.steps)])
    reach = np.abs(np.array([[1.0, *(s.likeness.low for s in r.steps)], [1.0, *(s.likeness.high for s in r.steps)]]) - values)
    axes.axhline(0, color=look.grid, linewidth=1)
    axes.axhline(r.others.value, color=look.soft, linestyle="--", linewidth=1, label="maps of two pictures")
    axes.errorbar(x, values, reach, fmt="o-", color=look.series[0], capsize=3, elinewidth=1.2, markersize=5)
    axes.set_xticks(x, ["none", *(str(s.layers) for s in r.steps[:-1]), f"all {r.layers}"])
    axes.set(xlabel="layers with random weights, from the answer down", ylabel="rank correlation with the map before", ylim=(-0.6, 1.05))
    axes.set_title("Weights drawn anew")
    axes.legend(loc="upper right")


def _between(low: float, high: float) -> str:
    return f"{low:+.2f} to {high:+.2f}"
