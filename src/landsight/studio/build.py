"""From a folder of labelled pictures to a trained, tested, exported model and one page that explains it.

    from landsight.studio.build import build
    built = build("photos/", "runs/photos")
    print(built.tested.metrics["top1"].value, built.bundle.root)

Given again, it goes on where it stopped: what is finished is not done twice, and the test part is not looked at twice.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from landsight.bundle.load import Bundle, load, sha256_of
from landsight.bundle.manifest import Metric
from landsight.errors import DataError, UsageError
from landsight.studio import recipe as recipes
from landsight.studio.build_page import write_page
from landsight.studio.calibrate import calibrate
from landsight.studio.data.readers import open_reader, require_outside_data
from landsight.studio.data.split import PARTS_NAME, read_parts
from landsight.studio.defaults import Proposal, propose
from landsight.studio.engine import open_run
from landsight.studio.evaluate import evaluate, read_part
from landsight.studio.evaluate_page import task_report
from landsight.studio.export import export
from landsight.studio.folders import make_folder, require_writable
from landsight.studio.recipe import DataRecipe, Recipe
from landsight.studio.recipe_ranges import check_asked
from landsight.studio.report.page import Section
from landsight.studio.run_file import read_run_file
from landsight.studio.survey import survey
from landsight.studio.train.checkpoint import FILE, write_atomic
from landsight.studio.train.distributed import is_first_process
from landsight.studio.train.loop import Listener
from landsight.studio.train.mlflow import add_artefacts
from landsight.studio.train.run import Run, train
from landsight.studio.train.schedule import with_epochs

#: The one page, and what is already done, in the run folder.
PAGE_NAME: Final = "report.html"
_DONE_NAME: Final = "built.json"
_ANEW: Final = "Remove it; then it is chosen anew."
_REDO: Final = "Remove it; what it says was done is then done again, the look at the test part too."
#: What was chosen for a folder, and what was asked for then.
CHOSEN_NAME: Final = "chosen.json"

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Built:
    """``tested``: figures on the test part with intervals, None when there is none or training was interrupted. ``bundle``: verified."""

    run: Run
    tested: dict[str, Metric] | None
    bundle: Bundle | None
    page: Path | None


def build(
    source: str | Path, out: str | Path, *, minutes: float | None = None, epochs: int | None = None, settings: Sequence[str] = (), test: bool = True,
    listeners: tuple[Listener, ...] = (), say: Say | None = None, **training: Any,
) -> Built:  # fmt: skip
    """``source``: a folder of labelled pictures, or a recipe (TOML). ``minutes``: how long a folder may train; a recipe says itself.
    ``epochs``: so many in all, however long they take.

    ``settings``: ``section.key=value``, over what was chosen. ``training``: passed on to train.run.train. Raises: RecipeError, DataError,
    DivergedError; VerificationError when the bundle does not answer as the trained network.
    """
    out, is_first = Path(out), is_first_process()
    talk = (say or _to_stderr) if is_first else _silent
    recipe, reasons = chosen(Path(source), out, minutes=minutes, epochs=epochs, settings=settings, say=talk)
    run = train(recipe, out, listeners=listeners, say=say, **training)
    if not run.finished or not is_first:
        return Built(run, None, None, None)
    return finish(run, reasons, test=test, say=talk)


def chosen(
    source: Path, out: Path, *, minutes: float | None, epochs: int | None = None, settings: Sequence[str], say: Say
) -> tuple[Recipe, tuple[tuple[str, str], ...]]:
    """The recipe, and why each thing in it was chosen. Of a run that has begun: what was chosen then, if nothing else is asked for now."""
    check_asked(epochs=epochs, minutes=minutes)
    require_writable(out)
    if source.is_file():
        recipe = recipes.load(source, settings)
        return (recipe if epochs is None else with_epochs(recipe, epochs)), ()
    known = out / CHOSEN_NAME
    asked = {"source": str(source.resolve()), "minutes": minutes, "epochs": epochs, "settings": list(settings)}
    saved = read_run_file(known, _ANEW)
    try:
        if saved and {"epochs": None, **saved["asked"]} == asked:
            return recipes.from_dict(saved["recipe"], settings), tuple((what, why) for what, why in saved["reasons"])
    except (KeyError, TypeError, ValueError) as error:
        raise DataError("bad_run_file", f"{known} is not what was chosen: {error}.", _ANEW) from None
    recipes.from_dict({}, settings)  # a mistake in them is said before pictures are read
    require_outside_data(out, _data_of(source, settings))
    proposal = proposed(source, minutes, settings, epochs)
    for what, why in proposal.reasons:
        say(f"chosen: {what} ({why})")
    if not is_first_process():
        return proposal.recipe(tuple(settings)), proposal.reasons
    make_folder(out)
    text = json.dumps({"asked": asked, "recipe": proposal.tree, "reasons": proposal.reasons}, indent=1, ensure_ascii=False)
    write_atomic(known, (text + "\n").encode("utf-8", "surrogateescape"))
    return proposal.recipe(tuple(settings)), proposal.reasons


def proposed(source: Path, minutes: float | None, settings: Sequence[str], epochs: int | None = None) -> Proposal:
    """What suits the pictures of a folder; the data section of ``settings`` counts when they are looked at."""
    root, data = {"root": str(source.resolve())}, _data_of(source, settings)
    given = [s.partition("=")[0].strip() for s in settings]
    is_head_alone = minutes is None and epochs is None and "train.fit_head" in given and recipes.from_dict({}, settings).train.fit_head
    proposal = propose(survey(data), root, minutes=0.0 if is_head_alone else minutes, epochs=epochs, settings=settings)
    return (
        replace(proposal, reasons=(*proposal.reasons, (", ".join(settings), "asked for, in place of the above"))) if settings else proposal
    )


def _data_of(source: Path, settings: Sequence[str]) -> DataRecipe:
    return recipes.from_dict({"data": {"root": str(source.resolve())}}, [s for s in settings if s.startswith("data.")]).data


def finish(run: Run, reasons: Sequence[tuple[str, str]] = (), *, test: bool = True, say: Say | None = None) -> Built:
    """Calibrate, test, export and explain a finished run. What was done for these very weights is not done again."""
    say, out = say or _to_stderr, run.folder
    trained = open_run(out)
    weights = sha256_of(out / "best" / FILE)
    done = _done(out, weights)
    if "calibrated" not in done:
        if _has_part(trained.recipe.data, out, "validation"):
            calibrate(out, read_part(trained.recipe.data, "validation", trained.task.labels, run=out))
        else:
            say("no validation pictures: the answers are not calibrated")
        done = _note(out, weights, done, calibrated=True)
    tested = _metrics(done["tested"]) if "tested" in done else None
    sections: Sequence[Section] = ()
    if test and tested is None and _has_part(trained.recipe.data, out, "test"):
        say("testing ...")
        found = evaluate(out, split="test")
        tested = found.metrics
        sections = task_report(trained.task.name, found, read_part(trained.recipe.data, "test", trained.task.labels, run=out)).sections
        done = _note(out, weights, done, tested={name: asdict(metric) for name, metric in tested.items()})
    bundle = out / "bundle"
    if "exported" not in done or not bundle.exists():
        say("exporting, and checking that the bundle answers as the network does ...")
        _set_aside(bundle)
        export(out, bundle, metrics=tested)
        done = _note(out, weights, done, exported=True)
    loaded = load(bundle)
    page = out / PAGE_NAME
    if sections or "explained" not in done:
        write_page(page, trained, run.metrics, tested=tested, bundle=loaded, reasons=reasons, sections=sections, ended=run.ended)
        _note(out, weights, done, explained=True)
    _hand_on(out, say)
    return Built(run, tested, loaded, page)


def _has_part(data: DataRecipe, run: Path, part: str) -> bool:
    """Is there something to measure on: the data's own part, or one that was carved."""
    return part in open_reader(data).splits() or part in read_parts(run / PARTS_NAME).values()


def _hand_on(out: Path, say: Say) -> None:
    """Page and bundle go to MLflow as well, where the run is on it; they are safe here if that fails."""
    try:
        add_artefacts(out)
    except UsageError as error:
        say(str(error))


def _done(out: Path, weights: str) -> dict[str, Any]:
    path = out / _DONE_NAME
    done = read_run_file(path, _REDO)
    return done if done.get("weights") == weights else {}


def _note(out: Path, weights: str, done: dict[str, Any], **more: Any) -> dict[str, Any]:
    done = {"weights": weights, **done, **more}
    write_atomic(out / _DONE_NAME, (json.dumps(done, indent=1) + "\n").encode())
    return done


def _set_aside(bundle: Path) -> None:
    """A bundle of earlier weights is kept under another name: somebody may use it."""
    if bundle.exists():
        number = next(n for n in range(1, 10_000) if not bundle.with_name(f"{bundle.name}-{n}").exists())
        bundle.rename(bundle.with_name(f"{bundle.name}-{number}"))


def _metrics(saved: dict[str, dict[str, Any]]) -> dict[str, Metric]:
    try:
        return {name: Metric(**fields) for name, fields in saved.items()}
    except (AttributeError, TypeError) as error:
        raise DataError("bad_run_file", f"{_DONE_NAME} holds no figures of a test: {error}.", _REDO) from None


def _to_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _silent(_: str) -> None:
    """What the other of several processes say."""
