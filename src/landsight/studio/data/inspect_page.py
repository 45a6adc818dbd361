"""What ``inspect`` found as a page: the gravest first, with the pictures themselves. And both files of a check."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from landsight.studio.data.giveaway import Giveaway
from landsight.studio.data.inspect import FEW, KINDS, Finding, Inspection
from landsight.studio.folders import make_folder
from landsight.studio.report.page import Block, Cell, Column, Entry, Gallery, Picture, Section, Table, Text, Tile, Tiles, render
from landsight.studio.report.thumbnails import thumbnails
from landsight.studio.report.words import made_by, percent, share_cell
from landsight.studio.train.checkpoint import write_atomic

PAGE_NAME, CSV_NAME = "check.html", "findings.csv"
#: So many findings of a kind are shown; the table of all is findings.csv.
SHOWN = 60

_TITLES = {
    "unreadable": "Unreadable files", "damaged": "Damaged pictures", "two_labels": "The same pixels under two labels",
    "leak": "The same picture in two parts", "exact_duplicate": "Exact duplicates", "near_duplicate": "Near-duplicates",
    "label": "Likely wrong labels", "blurred": "Blurred pictures", "empty": "Empty pictures", "odd_size": "Odd sizes and shapes",
}  # fmt: skip
_ADVICE = {
    "unreadable": "Training drops these files and says so. Replace or remove them.",
    "damaged": "These are used as far as they could be decoded.",
    "two_labels": "At most one of the labels can be right: each pair teaches the network a contradiction.",
    "leak": "What was learnt by heart is tested here: figures on the other part flatter. `landsight data split` makes parts without leaks.",
    "exact_duplicate": "Harmless in one part, but they count twice.",
    "near_duplicate": "Training keeps them in one part when it carves one. Photos of one place from one spot are not counted as such.",
    "label": "Judged by models that never saw the picture (confident learning on frozen features), the likeliest first. Look before you correct:"
    " rare views look wrong too.",
    "blurred": "Sharpness (variance of the Laplacian) far below that of other pictures of the same kind.",
    "empty": "Nearly one colour: nothing to learn from.",
    "odd_size": "Not wrong by itself: look whether they belong here.",
}
_PAIRED = ("two_labels", "leak", "exact_duplicate", "near_duplicate")


def write(inspection: Inspection, name: str, out: Path) -> tuple[Path, Path]:
    """Write ``check.html`` and ``findings.csv`` into the folder ``out``; returns both paths. ``name``: of the data set, for the title."""
    make_folder(out)
    page, table = out / PAGE_NAME, out / CSV_NAME
    write_atomic(table, inspection.to_csv())
    write_atomic(page, to_html(inspection, name).encode())
    return page, table


def to_html(inspection: Inspection, name: str) -> str:
    """The page, complete in itself."""
    images = _images(inspection)
    sections: list[Section | None] = [_overview(inspection)]
    sections += [_section(inspection, kind, images) for kind in _TITLES if inspection.of(kind)]
    sections += [_giveaway_section(inspection), _classes_section(inspection)]
    pictures = f"{len(inspection.survey.seen):,} pictures in {len(inspection.counts)} part(s), {len(inspection.survey.labels)} classes"
    return render(f"Data check: {name}", [s for s in sections if s is not None], subtitle=pictures, foot=made_by())


def _overview(inspection: Inspection) -> Section:
    counts = {kind: len(inspection.of(kind)) for kind in KINDS}
    tiles = [Tile("pictures", f"{len(inspection.survey.seen):,}", ", ".join(f"{part} {sum(n):,}" for part, n in inspection.counts.items()))]
    tiles += [Tile(_TITLES[kind].lower(), f"{counts[kind]:,}", what=KINDS[kind]) for kind in _TITLES]
    tiles.append(Tile(f"classes under {FEW}", f"{counts['few']:,}", what=KINDS["few"]))
    blocks: list[Block] = [Tiles(tiles)]
    if counts["leak"]:
        blocks.append(Text(f"{counts['leak']} pair(s) of pictures lie in two parts: figures on the other part flatter.", "warning"))
    if any(g.is_much for g in inspection.giveaways):
        blocks.append(Text("Size, shape, bytes or format tell something of the class: see below.", "warning"))
    blocks += [Text(f"Part {part!r} was not checked: {why}", "warning") for part, why in inspection.refused.items()]
    blocks += [Text(f"Not done: {KINDS[kind]} ({why}).", "note") for kind, why in inspection.skipped.items()]
    return Section("Overview", blocks, "Nothing in the folder was changed. All findings are in findings.csv.")


def _section(inspection: Inspection, kind: str, images: dict[int, str]) -> Section:
    findings = inspection.of(kind)
    shown = findings[:SHOWN]
    blocks: list[Block]
    if kind in _PAIRED:
        blocks = [_pairs(inspection, shown, images)]
    elif kind == "unreadable":
        rows = [(_name(inspection, f.index), f.detail) for f in findings[: 5 * SHOWN]]
        blocks = [Table([Column("file"), Column("why")], rows)]
    else:
        blocks = [Gallery([_picture(inspection, f, images) for f in shown])]
    more = len(findings) - (len(shown) if kind != "unreadable" else min(len(findings), 5 * SHOWN))
    if more > 0:
        blocks.append(Text(f"And {more:,} more in findings.csv."))
    return Section(f"{_TITLES[kind]} ({len(findings):,})", blocks, _ADVICE[kind])


def _pairs(inspection: Inspection, findings: Sequence[Finding], images: dict[int, str]) -> Table:
    def cell(index: int | None) -> Cell:
        return Cell(_name(inspection, index), image=images.get(-1 if index is None else index, ""), detail=_where(inspection, index))

    rows = [(cell(f.index), cell(f.other), f.score, f.detail) for f in findings]
    return Table([Column("one"), Column("other"), Column("likeness", numeric=True, what="1: the same pixels"), Column("how")], rows)


def _picture(inspection: Inspection, finding: Finding, images: dict[int, str]) -> Picture:
    index = -1 if finding.index is None else finding.index
    title = f"{inspection.survey.labels_of(index)} → {finding.label}?" if finding.kind == "label" else inspection.survey.labels_of(index)
    return Picture(images.get(index, ""), title, [finding.detail, _name(inspection, index)])


def _giveaway_section(inspection: Inspection) -> Section | None:
    if not inspection.giveaways:
        return None
    columns = [
        Column("property"), Column("bits", numeric=True, what="mutual information with the class, less what chance gives"),
        Column("of", numeric=True, what="bits that the class has"), Column("tree", numeric=True, what="share right of a decision tree that sees this alone"),
        Column("commonest class", numeric=True, what="share right of always guessing it"), Column("verdict"),
    ]  # fmt: skip
    rows = [
        (
            g.name,
            g.information_bits,
            g.entropy_bits,
            share_cell(g.accuracy),
            percent(g.majority),
            "tells the class" if g.is_much else "fine",
        )
        for g in inspection.giveaways
    ]
    blocks: list[Block] = [Table(columns, rows)]
    telling = max((g for g in inspection.giveaways if g.is_much), key=lambda g: len(g.telling), default=None)
    if telling is not None and telling.telling:
        blocks.append(_telling(inspection, telling))
    lead = "A network can learn such a short cut instead of what the pictures show, and will be wrong on pictures from elsewhere."
    return Section("What gives the class away", blocks, lead)


def _telling(inspection: Inspection, giveaway: Giveaway) -> Table:
    rows = [(inspection.survey.labels[label], value, percent(share, 0), bits) for label, bits, value, share in giveaway.telling]
    columns = [Column("class"), Column(giveaway.name), Column("of its pictures", numeric=True), Column("bits", numeric=True)]
    return Table(columns, rows, caption=f"{len(rows)} classes that {giveaway.name} tells of", folded=len(rows) > 12)


def _classes_section(inspection: Inspection) -> Section:
    counts = inspection.counts
    order = sorted(range(len(inspection.survey.labels)), key=lambda i: -counts["train"][i])
    most = max(counts["train"], default=1) or 1
    rows: list[list[Entry]] = [
        [inspection.survey.labels[i], *(Cell(f"{n[i]:,}", n[i], n[i] / most if part == "train" else None) for part, n in counts.items())]
        for i in order
    ]
    least = min(counts["train"], default=0)
    lead = f"The largest class has {most:,} training pictures, the smallest {least:,}."
    if least and most / least >= 3:
        lead += " Balanced sampling or class weights (train.balanced, train.class_weights) make up for that."
    return Section("Classes", [Table([Column("class"), *(Column(part, numeric=True) for part in counts)], rows)], lead)


def _images(inspection: Inspection) -> dict[int, str]:
    """Thumbnails of all pictures that the page shows."""
    wanted = {
        i for kind in _TITLES if kind != "unreadable" for f in inspection.of(kind)[:SHOWN] for i in (f.index, f.other) if i is not None
    }
    numbers = sorted(wanted)
    return dict(zip(numbers, thumbnails([inspection.survey.seen[i].sample.source() for i in numbers], px=128), strict=True))


def _name(inspection: Inspection, index: int | None) -> str:
    """A file's name, control characters visible."""
    return "" if index is None else "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in inspection.survey.seen[index].sample.name)


def _where(inspection: Inspection, index: int | None) -> str:
    return "" if index is None else f"{inspection.survey.seen[index].part}: {inspection.survey.labels_of(index)}"
