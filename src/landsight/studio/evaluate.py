"""How good is it: a run, a bundle or any engine, measured on labelled files by the one road. Every look at a test part is counted."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from landsight.bundle.confused import Confused
from landsight.bundle.load import MANIFEST_NAME, load, sha256_of
from landsight.errors import DataError, UsageError
from landsight.runtime.choose import make
from landsight.studio.corruptions import CORRUPTIONS
from landsight.studio.data.check import without
from landsight.studio.data.readers import open_reader
from landsight.studio.data.samples import Samples
from landsight.studio.data.split import PARTS_NAME, read_parts
from landsight.studio.engine import open_run
from landsight.studio.evaluate_page import page, predictions_csv, task_report
from landsight.studio.evaluation import Evaluation, evaluate_engine
from landsight.studio.folders import make_folder, require_writable
from landsight.studio.recipe import DataRecipe
from landsight.studio.resolve import nearest
from landsight.studio.robustness import robustness as shake
from landsight.studio.robustness import section
from landsight.studio.run_file import read_run_file
from landsight.studio.train.checkpoint import FILE, write_atomic

__all__ = ["Evaluation", "confused_of", "count_look", "evaluate", "evaluate_engine", "read_looks", "read_part", "usual_part"]

#: Looks at each part of the data, in the run folder.
LOOKS_NAME = "looks.json"
#: Parts that training sees anyway; looking at them is not counted.
_UNCOUNTED = ("train", "validation")


def evaluate(
    source: Path,
    *,
    split: str = "test",
    root: str | None = None,
    which: str = "best",
    out: Path | None = None,
    runtime: str | None = None,
    precision: str = "fp32",
    robustness: bool = False,
    sample: int = 500,
    corruptions: Sequence[str] = (),
    say: Callable[[str], None] = lambda _: None,
) -> Evaluation:
    """Measure a run folder (its checkpoint ``which``) or a bundle folder (in ``runtime``, None: its first, and ``precision``) on a part of a data folder.

    ``root``: the data folder; a run knows its own, a bundle needs it. ``out``: where predictions-SPLIT.csv, evaluation-SPLIT.json,
    evaluation-SPLIT.html and looks.json go; a run's own folder by default, nowhere for a bundle.
    ``robustness``: also under corruptions, on at most ``sample`` of the pictures; ``say`` hears how it goes. ``corruptions``: under these alone.
    Raises: UsageError, DataError, BundleError.
    """
    if unknown := [name for name in corruptions if name not in CORRUPTIONS]:
        raise UsageError("bad_option", f"There is no corruption {unknown[0]!r}.", f"Known: {', '.join(CORRUPTIONS)}.")
    is_bundle = (source / MANIFEST_NAME).is_file()
    if is_bundle:
        if root is None:
            raise UsageError("no_data", f"{source} is a bundle: it does not know its data.", "Give the data folder (root).")
        bundle = load(source)
        engine, manifest, arrays = make(bundle, runtime, precision), bundle.manifest, bundle.arrays
        data = DataRecipe(root=root)
    else:
        trained = open_run(source, which)
        engine, manifest, arrays = trained.engine(), trained.manifest(), {}
        data = trained.recipe.data
        out = out or source
    if out is not None:
        require_writable(out)
    # A folder that is named is another one than the run's: its parts are its own.
    samples = read_part(replace(data, root=root) if root else data, split, manifest.labels, run=None if root else source)
    looks = count_look(out, split, engine.name) if out is not None else None
    found = evaluate_engine(engine, samples, manifest, arrays, looks=looks)
    report = task_report(manifest.task, found, samples)
    sections, details = list(report.sections), dict(report.figures)
    if not is_bundle and root is None:
        details["weights"] = sha256_of(source / which / FILE)  # says later whether these figures are those of what is exported
    if (robustness or corruptions) and len(found.index):
        names = tuple(corruptions) or tuple(CORRUPTIONS)
        shaken = shake(engine, samples, manifest, arrays, found, count=sample, names=names, say=say)
        sections.append(section(shaken))
        details["robustness"] = shaken.figures()
    found = replace(found, details=details)
    if out is not None:
        make_folder(out)
        about = {"measured": str(source), "part": split, "engine": engine.name, "task": manifest.task, "classes": str(len(samples.labels))}
        write_atomic(out / f"predictions-{split}.csv", predictions_csv(manifest.task, found, samples))
        write_atomic(out / f"evaluation-{split}.json", found.to_json().encode("utf-8", "surrogateescape"))
        write_atomic(out / f"evaluation-{split}.html", page(found, sections, about, read_looks(out, split)).encode())
    return found


def usual_part(source: Path, root: str | None) -> str:
    """What is measured when nobody says: "test"; for a bundle on a folder that has one part alone, that one."""
    if root is None or not (source / MANIFEST_NAME).is_file():
        return "test"
    parts = list(open_reader(DataRecipe(root=root)).splits())
    return parts[0] if len(parts) == 1 else "test"


def read_part(data: DataRecipe, split: str, labels: Sequence[str], run: Path | None = None) -> Samples:
    """A part of a data folder with the labels of a trained network, classes that it was not given left out.

    ``run``: a run folder on this data; parts that it carved itself are those of its parts.csv, and "train" is what was left to learn from.
    """
    reader, names = open_reader(data), (*labels, *data.exclude)
    went = {} if run is None else read_parts(run / PARTS_NAME)
    known = {*reader.splits(), *went.values()}
    if split not in known:
        raise DataError("no_split", f"{data.root} has no part {split!r}.", nearest(split, known))
    if split in went.values() and (split == "train" or split not in reader.splits()):
        samples = reader.read("train", names).where(lambda s: went.get(s.name) == split)
    else:
        samples = reader.read(split, names)
    return without(samples, data.exclude)


def confused_of(run: Path, which: str = "best") -> Confused | None:
    """What a run's checkpoint took for what when its test part was evaluated; None when it was not, or the task has no such table.

    Raises: DataError for a damaged evaluation-test.json.
    """
    path = run / "evaluation-test.json"
    figures = read_run_file(path, "Evaluate the run again.")
    if "confusion" not in figures or figures.get("weights") != sha256_of(run / which / FILE):
        return None
    try:
        return Confused.of_table(figures["confusion"]["labels"], figures["confusion"]["counts"], "the test part of its data")
    except (KeyError, TypeError, ValueError) as error:
        raise DataError("bad_run_file", f"{path} holds no table of what was taken for what: {error}.", "Evaluate the run again.") from None


def count_look(folder: Path, split: str, what: str) -> int | None:
    """Note a look at a part of the data before it happens; returns how often it was looked at by now. Parts of training are not counted."""
    if split in _UNCOUNTED:
        return None
    make_folder(folder)
    path = folder / LOOKS_NAME
    looks = _looks(path)
    looks.setdefault(split, []).append({"when": datetime.now(UTC).isoformat(timespec="seconds"), "engine": what})
    write_atomic(path, (json.dumps(looks, indent=1) + "\n").encode())
    return len(looks[split])


def read_looks(folder: Path, split: str) -> list[dict[str, str]]:
    """Every counted look at a part, in order: {"when": ISO 8601, "engine": what looked}."""
    return _looks(folder / LOOKS_NAME).get(split, [])


def _looks(path: Path) -> dict[str, list[dict[str, str]]]:
    looks: dict[str, list[dict[str, str]]] = read_run_file(path, "Removing it forgets how often the test part was looked at.")
    for split, rows in looks.items():
        if not isinstance(rows, list) or not all(isinstance(row, dict) and {"when", "engine"} <= row.keys() for row in rows):
            raise DataError(
                "bad_run_file", f"{path}, {split!r}: no list of looks.", "Removing it forgets how often the test part was looked at."
            )
    return looks
