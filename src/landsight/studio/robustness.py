"""What is lost when pictures are shifted, turned, blurred ...: the same pictures, corrupted on the one road, compared one by one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from landsight.bundle.manifest import Manifest, Metric
from landsight.photo.limits import Limits
from landsight.runtime.engine import Engine
from landsight.runtime.stream import Pool
from landsight.studio.corrupt_worker import MODULE, Order
from landsight.studio.corruptions import CORRUPTIONS
from landsight.studio.data.samples import Sample, Samples
from landsight.studio.evaluation import Evaluation, ask
from landsight.studio.metrics import mean_mark, paired_difference
from landsight.studio.random import generator
from landsight.studio.report.page import Block, Column, Entry, Gallery, Picture, Section, Table
from landsight.studio.report.plots import Look, data_uri, plot
from landsight.studio.report.thumbnails import THUMBNAIL_PX
from landsight.studio.report.words import difference_cell, interval, percent, share_cell
from landsight.studio.resolve import resolve
from landsight.studio.tasks import TASKS


@dataclass(frozen=True, slots=True)
class Row:
    """One corruption at one strength: the mean mark, and its difference to that of the same pictures clean."""

    corruption: str
    amount: float
    mark: Metric
    change: Metric

    @property
    def words(self) -> str:
        """The strength for people."""
        return CORRUPTIONS[self.corruption].words.format(self.amount)


@dataclass(frozen=True, slots=True)
class Robustness:
    """``clean``: the mean mark of the uncorrupted pictures; ``rows`` in the order of CORRUPTIONS, each from weak to strong."""

    clean: Metric
    rows: tuple[Row, ...]
    examples: tuple[Picture, ...] = ()

    def figures(self) -> dict[str, Any]:
        """JSON-ready."""
        return {"clean": asdict(self.clean), "rows": [asdict(row) for row in self.rows]}


def robustness(
    engine: Engine, samples: Samples, manifest: Manifest, arrays: Mapping[str, NDArray[Any]], clean: Evaluation, *,
    count: int = 500, names: tuple[str, ...] = tuple(CORRUPTIONS), say: Callable[[str], None] = lambda _: None,
) -> Robustness:  # fmt: skip
    """Measure ``engine`` on at most ``count`` of ``samples``, evenly over the labels, under every corruption of ``names``.

    ``clean``: the evaluation of the same samples as they are. Raises: RuntimeUnavailable when no worker can be started.
    """
    marks_of = resolve(TASKS, manifest.task, "task").marks
    marks = dict(zip(clean.index.tolist(), marks_of(clean.answers, [samples.items[i].truth for i in clean.index]), strict=True))
    readable = replace(samples, items=tuple(samples.items[i] for i in sorted(marks)))
    chosen = stratified(readable, count)
    by_key = {samples.items[i].key: mark for i, mark in marks.items()}
    before = np.array([by_key[s.key] for s in chosen.items])
    rows: list[Row] = []
    with Pool(manifest.input, limits=Limits.from_environment(), worker_module=MODULE) as pool:
        for name in names:
            for amount in CORRUPTIONS[name].amounts:
                items = tuple(_ordered(s, name, amount, manifest) for s in chosen.items)
                found = ask(engine, replace(chosen, items=items), manifest, arrays, pool=pool)
                after = marks_of(found.answers, [items[i].truth for i in found.index])
                change = paired_difference(before[found.index], after, "corrupted less clean, the same pictures")
                rows.append(Row(name, amount, mean_mark(after), change))
            say(f"{CORRUPTIONS[name].title}: " + ", ".join(f"{r.words} {percent(r.mark.value)}" for r in rows if r.corruption == name))
        examples = _examples(chosen.items[0], manifest, pool, names)
    return Robustness(mean_mark(before), tuple(rows), examples)


def stratified(samples: Samples, count: int) -> Samples:
    """At most ``count`` pictures, each label in its share; addressed, so that a larger count holds the pictures of a smaller one."""
    members: dict[int, list[Sample]] = defaultdict(list)
    for sample in samples.items:
        members[min(sample.label_indices, default=-1)].append(sample)
    places: dict[int, float] = {}
    for group in members.values():
        order = sorted(group, key=lambda s: generator(0, "stratified", item=s.key).random())
        places |= {s.key: (rank + 0.5) / len(group) for rank, s in enumerate(order)}
    first = {s.key for s in sorted(samples.items, key=lambda s: (places[s.key], s.key))[:count]}
    return samples.where(lambda s: s.key in first)


def section(found: Robustness) -> Section:
    """The table, the curves and one picture under every corruption."""
    columns = [
        Column("corruption"), Column("strength"), Column("right", True, "share right, Wilson"),
        Column("lost or won", True, "percentage points, against the same pictures clean, Bonett and Price"),
    ]  # fmt: skip
    rows: list[list[Entry]] = [["none", "", share_cell(found.clean), ""]]
    rows += [[CORRUPTIONS[r.corruption].title, r.words, share_cell(r.mark), difference_cell(r.change)] for r in found.rows]
    names = list(dict.fromkeys(r.corruption for r in found.rows))
    lines = -(-len(names) // 3)
    image = plot(
        lambda figure, look: _draw(figure, look, found, names), alt="Share right by corruption and strength.", size=(8.6, 0.3 + 2.2 * lines),
        caption="Share right (%) from weak to strong. Dashed: the same pictures clean. Bands: 95 % Wilson intervals.",
    )  # fmt: skip
    blocks: list[Block] = [image, Table(columns, rows)]
    if found.examples:
        blocks.insert(1, Gallery(found.examples, "One picture, the second strongest of each"))
    lead = (
        f"{found.clean.n:,} of the pictures, corrupted after reading and before preparation, go the same road; clean, "
        f"{percent(found.clean.value)} are right ({interval(found.clean)}). Lengths are in pixels of the network's input."
    )
    return Section("When pictures are not what they should be", blocks, lead)


def _draw(figure: Figure, look: Look, found: Robustness, names: list[str]) -> None:
    panels = figure.subplots(-(-len(names) // 3), 3, sharey=True, squeeze=False).ravel()
    for panel, name in zip(panels, names, strict=False):
        rows = [r for r in found.rows if r.corruption == name]
        x = range(len(rows))
        panel.axhline(100 * found.clean.value, color=look.soft, linestyle="--", linewidth=1)
        panel.fill_between(
            x, [100 * r.mark.low for r in rows], [100 * r.mark.high for r in rows], color=look.series[0], alpha=0.18, linewidth=0
        )
        panel.plot(x, [100 * r.mark.value for r in rows], "o-", color=look.series[0], markersize=4)
        panel.set_xticks(x, [r.words.removeprefix("quality ").removeprefix("σ ") for r in rows])
        panel.set_title(CORRUPTIONS[name].title, fontsize=10)
        panel.set_ylim(0, 103)
    for panel in panels[len(names) :]:
        panel.set_visible(False)


def _ordered(sample: Sample, name: str, amount: float, manifest: Manifest) -> Sample:
    return replace(sample, picture=Order(sample.source(), name, amount, manifest.input, sample.key))


def _examples(sample: Sample, manifest: Manifest, pool: Pool, names: tuple[str, ...]) -> tuple[Picture, ...]:
    shown = [(CORRUPTIONS[name], name, CORRUPTIONS[name].amounts[-2]) for name in names]
    orders = [Order(sample.source(), name, amount, manifest.input, sample.key).encoded() for _, name, amount in shown]
    items = list(pool.map(orders, frozenset({"thumbnail"}), thumbnail_px=THUMBNAIL_PX))
    images = [data_uri(item.thumbnail, "image/jpeg") if item.thumbnail else "" for item in items]
    return tuple(
        Picture(image, f"{kind.title}, {kind.words.format(amount)}", [kind.what])
        for image, (kind, _, amount) in zip(images, shown, strict=True)
    )
