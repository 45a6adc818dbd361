"""``compare(runs)``: the same pictures answered by several networks, and what their differences are worth."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landsight.bundle.manifest import Metric
from landsight.errors import DataError, UsageError
from landsight.studio.compare.measured import Cost, Measured, measure
from landsight.studio.compare.paired import holm, p_value
from landsight.studio.folders import make_folder, require_writable
from landsight.studio.metrics import mean_mark, paired_difference
from landsight.studio.recipe import flat
from landsight.studio.train.checkpoint import write_atomic

#: Of p-values: below it a difference counts as shown.
LEVEL = 0.05
SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class Pair:
    """``difference``: mean mark of ``second`` less that of ``first``, with its 95 % interval. ``p``: of this pair alone; ``p_holm``: among all.

    ``won``: pictures that ``second`` got better, ``lost``: worse, those of the largest difference first.
    """

    first: str
    second: str
    difference: Metric
    p: float
    p_holm: float
    won: tuple[str, ...]
    lost: tuple[str, ...]

    @property
    def verdict(self) -> str:
        """In words."""
        if self.p_holm >= LEVEL:
            return "no difference is shown"
        better, worse = (self.second, self.first) if self.difference.value > 0 else (self.first, self.second)
        return f"{better} is better than {worse}"


@dataclass(frozen=True, slots=True)
class ClassDifference:
    """A class in one pair. ``p_holm``: among all classes of the pair."""

    label: str
    first: Metric
    second: Metric
    difference: Metric
    p_holm: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """``files``: the pictures that every run answered and that all call the same, in order; ``marks``: a row of them for each run.

    ``left_out``: pictures that are not compared, and why -> how many.
    """

    part: str
    runs: tuple[Measured, ...]
    files: tuple[str, ...]
    marks: NDArray[np.float64]
    scores: dict[str, Metric]
    pairs: tuple[Pair, ...]
    classes: dict[tuple[str, str], tuple[ClassDifference, ...]]
    left_out: dict[str, int]

    @property
    def recipe_differences(self) -> dict[str, list[Any]]:
        """ "section.key" -> its value in each run, where they are not all alike; None for a run without a recipe."""
        trees = [flat(run.recipe) if run.recipe is not None else {} for run in self.runs]
        keys = dict.fromkeys(key for tree in trees for key in tree)
        values = {key: [tree.get(key) for tree in trees] for key in keys}
        return {key: found for key, found in values.items() if any(v != found[0] for v in found if v is not None)}

    def to_json(self) -> str:
        """For programs. ``difference`` is second less first."""
        costs: dict[str, Cost | None] = {run.name: run.cost for run in self.runs}
        tree = {
            "schema_version": SCHEMA_VERSION, "part": self.part, "pictures": len(self.files), "left_out": self.left_out,
            "runs": [{"name": r.name, "folder": str(r.folder), "score": asdict(self.scores[r.name]), "cost": asdict(c) if (c := costs[r.name]) else None} for r in self.runs],
            "pairs": [asdict(pair) for pair in self.pairs],
            "classes": [{"first": a, "second": b, "classes": [asdict(c) for c in found]} for (a, b), found in self.classes.items()],
            "recipes": self.recipe_differences,
        }  # fmt: skip
        return json.dumps(tree, indent=1, ensure_ascii=False) + "\n"


def compare(
    folders: Sequence[Path], *, part: str = "validation", out: Path | None = None, say: Callable[[str], None] | None = None
) -> Comparison:
    """Compare runs (or folders that hold predictions) on the pictures that all of them answered.

    ``part`` "validation": missing answers are made; any other part: only what ``evaluate`` stored is read, so no look is added.
    ``out``: where compare.html and compare.json go; None: nowhere. Raises: UsageError for fewer than two; DataError when answers are missing or
    no picture is common.
    """
    if len(folders) < 2:
        raise UsageError("one_run", f"Comparing takes two runs: received {len(folders)}.", "Name at least two run folders.")
    if out is not None:
        require_writable(out)
    runs = measure(folders, part, say or _to_stderr)
    files, left_out = common(runs)
    seeds = {run.recipe.train.seed for run in runs if run.recipe is not None}
    if "not answered by all" in left_out and len(seeds) > 1:
        why = f"not answered by all (the runs have the seeds {', '.join(map(str, sorted(seeds)))}: each carved its own {part} part, unless data.parts says which)"
        left_out = {why if reason == "not answered by all" else reason: count for reason, count in left_out.items()}
    if not files:
        raise DataError("nothing_common", f"These runs have no picture of the part {part!r} in common.", "Compare runs on the same data and train.seed.")  # fmt: skip
    marks = np.array([[run.said[name].mark for name in files] for run in runs])
    truths = np.array([runs[0].said[name].truth for name in files])
    made = Comparison(
        part, tuple(runs), files, marks, {run.name: mean_mark(m) for run, m in zip(runs, marks, strict=True)},
        pairs_of([r.name for r in runs], files, marks), _by_class([r.name for r in runs], truths, marks), left_out,
    )  # fmt: skip
    if out is not None:
        from landsight.studio.compare.page import page

        make_folder(out)
        write_atomic(out / "compare.json", made.to_json().encode("utf-8", "surrogateescape"))
        write_atomic(out / "compare.html", page(made).encode())
    return made


def common(runs: Sequence[Measured]) -> tuple[tuple[str, ...], dict[str, int]]:
    """Pictures that all runs answered and that all know by the same truth; and how many are left out, by reason."""
    every = dict.fromkeys(name for run in runs for name in run.said)
    shared = [name for name in every if all(name in run.said for run in runs)]
    same = [name for name in shared if len({run.said[name].truth for run in runs}) == 1]
    left = {"not answered by all": len(every) - len(shared), "labelled differently": len(shared) - len(same)}
    return tuple(sorted(same)), {reason: count for reason, count in left.items() if count}


def pairs_of(names: Sequence[str], files: Sequence[str], marks: NDArray[np.float64]) -> tuple[Pair, ...]:
    """Every two runs. Shape: marks (runs, pictures)."""
    chosen = list(combinations(range(len(names)), 2))
    alone = [p_value(marks[i], marks[j]) for i, j in chosen]
    return tuple(
        Pair(
            names[i], names[j], paired_difference(marks[i], marks[j], f"{names[j]} less {names[i]}, the same pictures"), p, together,
            _ranked(files, marks[j] - marks[i]), _ranked(files, marks[i] - marks[j]),
        )
        for (i, j), p, together in zip(chosen, alone, holm(alone), strict=True)
    )  # fmt: skip


def _ranked(files: Sequence[str], gain: NDArray[np.float64]) -> tuple[str, ...]:
    order = np.argsort(-gain, kind="stable")
    return tuple(files[i] for i in order if gain[i] > 0)


def _by_class(
    names: Sequence[str], truths: NDArray[np.str_], marks: NDArray[np.float64]
) -> dict[tuple[str, str], tuple[ClassDifference, ...]]:
    """For each pair the classes by how much they differ; nothing where the task has no single truth."""
    labels = [str(label) for label in np.unique(truths) if label]
    found = {}
    for i, j in combinations(range(len(names)), 2):
        rows = [truths == label for label in labels]
        adjusted = holm([p_value(marks[i][row], marks[j][row]) for row in rows])
        differences = [
            ClassDifference(
                label, mean_mark(marks[i][row]), mean_mark(marks[j][row]),
                paired_difference(marks[i][row], marks[j][row], "the same pictures"), p,
            )
            for label, row, p in zip(labels, rows, adjusted, strict=True)
        ]  # fmt: skip
        found[names[i], names[j]] = tuple(sorted(differences, key=lambda c: -abs(c.difference.value)))
    return found


def _to_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
