"""The one page that a build leaves: what came in, what was chosen and why, how it learnt, how good it is, how to use it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from landsight.bundle.load import Bundle
from landsight.bundle.manifest import Metric
from landsight.errors import DataError
from landsight.studio.engine import Trained
from landsight.studio.report.page import Block, Column, Pairs, Pre, Section, Table, Text, Tile, Tiles, render
from landsight.studio.report.plots import plot
from landsight.studio.run_file import read_run_file
from landsight.studio.train.checkpoint import write_atomic
from landsight.studio.train.curves import draw_curves
from landsight.studio.train.history import elapsed, read_rows
from landsight.studio.train.times import readable

Metrics = Mapping[str, Metric]


def write_page(
    path: Path, trained: Trained, looks: Mapping[str, Metrics], *, tested: Metrics | None, bundle: Bundle,
    reasons: Sequence[tuple[str, str]] = (), sections: Sequence[Section] = (), ended: str = "epochs",
) -> Path:  # fmt: skip
    """Write the page of the run folder that ``path`` lies in. ``sections``: the task's own, about the test part. ``ended``: as Run.ended."""
    run = path.parent
    advice = f"landsight resume {shlex.quote(str(run))} writes it anew."
    environment = read_run_file(run / "environment.json", advice)
    if not isinstance(environment.get("data"), dict):
        raise DataError("bad_run_file", f"{run / 'environment.json'} is not what training writes, or not there.", advice)
    parts = [
        _short(trained, looks, tested, bundle, run, tiled=bool(sections)), _came_in(environment["data"], tested.get(trained.task.main_metric) if tested else None), *([_chosen(reasons)] if reasons else []), _learnt(run, trained, ended),
        *_of_test_part(sections), _recipe(run, environment),
    ]  # fmt: skip
    foot = f"landsight {metadata.version('landsight')}, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    subtitle = f"{len(trained.task.labels)} classes, learnt from {environment['data']['train']:,} pictures"
    write_atomic(path, render(f"What {run.name} learnt", parts, subtitle=subtitle, foot=foot).encode())
    return path


def _short(
    trained: Trained, looks: Mapping[str, Metrics], tested: Metrics | None, bundle: Bundle, run: Path, *, tiled: bool
) -> Section:  # fmt: skip
    """``tiled``: the task's own summary follows, so that figures are not shown twice."""
    shown, part = (tested, "test") if tested else (looks.get("validation", {}), "validation")
    main = trained.task.main_metric
    order = sorted(shown, key=lambda name: name != main)
    blocks: list[Block] = [] if tiled else [Tiles([_tile(name, shown[name]) for name in order[:4]])]
    if not tested:
        blocks.append(Text("There was no test part, so these are figures of the pictures that chose the weights: too kind.", "warning"))
    verb = "locate --bundle" if bundle.manifest.places else "predict"
    size = sum(p.stat().st_size for p in bundle.root.rglob("*") if p.is_file()) / 1e6
    blocks += [
        Pre(f"landsight {verb} {shlex.quote(str(run / 'bundle'))} PHOTOS", "Use it, on any machine, without torch:"),
        Text(f"The bundle has {size:.1f} MB, holds everything it needs, and was checked from picture bytes to answer against the network."),
    ]
    return Section("In short", blocks, _in_words(shown[main], part) if main in shown else "")


def _in_words(metric: Metric, part: str) -> str:
    """The figure that counts, for someone who never heard of one."""
    low, value, high = (round(100 * v) for v in (metric.low, metric.value, metric.high))
    return f"Of 100 pictures like those of the {part} part, expect about {value} to be {metric.what.partition(',')[0]} ({low} to {high}; measured on {metric.n:,})."


def _tile(name: str, metric: Metric) -> Tile:
    return Tile(name.replace("_", " "), f"{metric.value:.3f}", f"{metric.low:.3f} to {metric.high:.3f}", metric.what)


def _came_in(data: Mapping[str, Any], tested: Metric | None) -> Section:
    """``tested``: the figure of the test part, which training has not counted unless it carved it."""
    parts = [[name, n] for name, n in data.items() if name in ("train", "validation", "held_out", "test")]
    if tested and "test" not in data:
        parts.append(["test, given", tested.n])
    blocks: list[Block] = [Table([Column("part"), Column("pictures", numeric=True)], parts)]
    blocks += [Text(note, "note") for note in data.get("notes", ())]
    if data["duplicate_groups"]:
        blocks.append(Text(f"{data['duplicate_groups']:,} groups of near-duplicates were each kept in one part."))
    if data["corrupt"]:
        rows = [[item["name"], item["reason"]] for item in data["corrupt"]]
        blocks.append(Table([Column("file"), Column("why")], rows, f"{len(rows):,} files could not be read and were left out", folded=True))
    return Section("What came in", blocks)


def _chosen(reasons: Sequence[tuple[str, str]]) -> Section:
    return Section("What was chosen, and why", [Pairs(dict(reasons))], "Each of these can be set by a recipe or an option.")


def _of_test_part(sections: Sequence[Section]) -> list[Section]:
    """On this page the task's summary stands among other things, so its heading says of what it is."""
    return [replace(section, title="On the test part") if number == 0 else section for number, section in enumerate(sections)]


def _learnt(run: Path, trained: Trained, ended: str) -> Section:
    rows = read_rows(run)
    if not any(row["step"] for row in rows):
        return Section(
            "How it learnt", [Text("The last layer was fitted to what the network sees already; there were no epochs to follow.")]
        )
    drawn = plot(lambda figure, look: draw_curves(figure, look, rows), alt="loss, shares right and rate by epoch", size=(10.0, 3.4))
    done, planned, time_taken = int(rows[-1]["epoch"]), trained.recipe.epochs, readable(elapsed(rows)[-1])
    if ended == "time":
        note = f"Time was up in epoch {done} of {planned}, before the rate had come down: with more minutes it would probably be better."
        return Section("How it learnt", [Text(note, "warning"), drawn], f"{time_taken} of training.")
    why = f"; it ended there because {trained.recipe.train.early_stop} looks in a row were no better" if ended == "early stop" else ""
    return Section(
        "How it learnt", [drawn], f"Epoch {done} of {planned}, {time_taken} of training{why}. The weights are those of the best look."
    )


def _recipe(run: Path, environment: Mapping[str, Any]) -> Section:
    made = {"machine": environment["machine"], "cores": str(environment["cores"]), "commit": environment["commit"] or "a package"}
    return Section(
        "To make it again",
        [
            Pre(f"landsight train {shlex.quote(str(run / 'recipe.toml'))} --out ANOTHER_RUN"),
            Pre((run / "recipe.toml").read_text(encoding="utf-8"), "The recipe", folded=True),
            Pairs({**made, **environment["versions"]}, "Where it was made", folded=True),
        ],
    )
