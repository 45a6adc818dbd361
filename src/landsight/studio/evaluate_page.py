"""What evaluation leaves behind: the page, and the table of every prediction. The task says what is in them."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence

from landsight.studio.data.samples import Samples
from landsight.studio.evaluation import Evaluation
from landsight.studio.report.page import Block, Column, Pairs, Section, Table, Text, render
from landsight.studio.report.thumbnails import thumbnails
from landsight.studio.report.words import made_by
from landsight.studio.resolve import resolve
from landsight.studio.tasks import TASKS
from landsight.studio.tasks.task import Answered, TaskReport


def task_report(task: str, found: Evaluation, samples: Samples) -> TaskReport:
    """The task's own sections and figures; nothing for no readable picture."""
    if len(found.index) == 0:
        return TaskReport((Section("Summary", [Text("No picture could be read.", "warning")]),), {})
    items = [samples.items[int(i)] for i in found.index]
    answered = Answered(samples.labels, items, found.answers, found.metrics, lambda some: thumbnails([s.source() for s in some]))
    report: TaskReport = resolve(TASKS, task, "task").report(answered)
    return report


def predictions_csv(task: str, found: Evaluation, samples: Samples) -> bytes:
    """``file``, the task's columns, ``error``, ``mark``: one line a picture, unreadable ones with their reason. UTF-8, file names as they are."""
    kind = resolve(TASKS, task, "task")
    columns = kind.columns(samples.labels)
    items = [samples.items[int(i)] for i in found.index]
    marks = kind.marks(found.answers, [sample.truth for sample in items])
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(["file", *columns, "error", "mark"])
    for sample, answer, mark in zip(items, found.answers, marks, strict=True):
        writer.writerow([sample.name, *kind.row(answer, sample.truth, samples.labels), "", f"{mark:g}"])
    for name, why in found.unreadable:
        writer.writerow([name, *[""] * len(columns), why, ""])
    return text.getvalue().encode("utf-8", "surrogateescape")


def page(found: Evaluation, sections: Sequence[Section], about: Mapping[str, str], looks: Sequence[Mapping[str, str]]) -> str:
    """The whole page. ``about``: what was measured on what, ``looks``: every counted look at this part of the data."""
    name, part = about["measured"], about["part"]
    counted = f", look {found.looks} at this part" if found.looks is not None else ""
    subtitle = f"{len(found.index):,} pictures of {part!r} by {found.engine}{counted}"
    return render(f"How good is {name}", [*sections, _about(found, about, looks)], subtitle=subtitle, foot=made_by())


def _about(found: Evaluation, about: Mapping[str, str], looks: Sequence[Mapping[str, str]]) -> Section:
    blocks: list[Block] = [Pairs({**about, "pictures": f"{len(found.index):,}", "unreadable": f"{len(found.unreadable):,}"})]
    if found.unreadable:
        rows = [list(line) for line in found.unreadable]
        blocks.append(Table([Column("file"), Column("why")], rows, "Could not be read; they count neither for nor against", folded=True))
    if found.looks is not None:
        rows = [[str(i), look["when"], look["engine"]] for i, look in enumerate(looks, 1)]
        blocks.append(Text(f"This part was looked at {found.looks} time(s). Whoever chooses by it makes its figures too good.", "note"))
        blocks.append(Table([Column("look", True), Column("when"), Column("by")], rows, "Every look", folded=True))
    return Section("This measurement", blocks, "Files were read, prepared and answered as in use: the one road.")
