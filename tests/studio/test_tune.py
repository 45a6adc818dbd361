"""A search on drawn pictures: trials are runs, the same seed gives the same ones, nothing is lost by a kill, workers share a database."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState

from landsight.errors import DataError, RecipeError, UsageError
from landsight.studio.data.readers.folder import FolderReader
from landsight.studio.engine import open_run
from landsight.studio.recipe import Recipe, load, to_toml
from landsight.studio.train.history import read_rows
from landsight.studio.tune.choose import Addressed
from landsight.studio.tune.plan import plan_of
from landsight.studio.tune.search import Effort, Tuned, WorkerError, starting_point, tune
from landsight.studio.tune.space import Space, space_of
from landsight.studio.tune.storage import WORKER, default_url, open_storage, shown
from landsight.studio.tune.trial import suggest

from .conftest import tiny_recipe
from .postgres_server import postgres_server

SPACE = ("optimise.rate=1e-4:1e-1:log", 'optimise.name=["adamw","sgd"]')


def _silent(line: str) -> None:
    assert line


def _recipe(folder: Path, *settings: str) -> Recipe:
    return tiny_recipe(folder, "schedule.stages=[[32,1]]", *settings)


def _space(recipe: Recipe, *settings: str) -> Space:
    return space_of(recipe, {}, settings or SPACE)


def _study(out: Path, url: str = "") -> optuna.Study:
    return optuna.load_study(study_name=out.name, storage=open_storage(url or default_url(out)))


def _search(folder: Path, out: Path, trials: int, **how: object) -> Tuned:
    recipe = _recipe(folder)
    return tune(recipe, out, space=_space(recipe), effort=Effort(trials), say=_silent, **how)  # type: ignore[arg-type]


@pytest.fixture(scope="module", autouse=True)
def _no_drawing(searched: object) -> Iterator[None]:
    """Drawing costs more than training here; once is enough."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("landsight.studio.train.curves.write_curves", lambda run: False)
        patch.setattr("landsight.studio.tune.report.write_report", lambda results, out: None)
        yield


@pytest.fixture(scope="module")
def searched(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, set[str], Tuned]:
    """A study of three trials, and the parts of the data that were read meanwhile."""
    out, read = tmp_path_factory.mktemp("tune") / "study", set()
    original = FolderReader.read

    def spied(self: FolderReader, split: str, *rest: object) -> object:
        read.add(split)
        return original(self, split, *rest)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FolderReader, "read", spied)
        tuned = _search(folder, out, 3)
    return out, read, tuned


def test_a_search_leaves_runs_a_page_and_the_best_recipe_and_never_looks_at_test(
    searched: tuple[Path, set[str], Tuned], folder: Path
) -> None:
    out, read, tuned = searched
    assert read == {"train"}
    assert (tuned.done, tuned.goal, tuned.interrupted, tuned.what) == (3, 3, False, "validation top1")
    assert sorted(p.name for p in (out / "trials").iterdir()) == ["0000", "0001", "0002"]
    names = {p.name for p in out.iterdir()}
    assert {"best.toml", "tune.html", "trials.csv", "study.db", "cache", "history.png", "parallel.png", "slices.png"} <= names
    rows = list(csv.DictReader((out / "trials.csv").read_text().splitlines()))
    best = max(rows, key=lambda row: (float(row["value"]), -int(row["trial"])))
    assert tuned.best is not None
    assert int(best["trial"]) == tuned.best.number
    recipe = load(tuned.best_recipe)
    assert recipe.optimise.rate == float(best["optimise.rate"])
    run = out / "trials" / best["folder"]
    assert open_run(run).recipe == recipe
    assert max(r["validation_top1"] for r in read_rows(run) if "validation_top1" in r) == float(best["value"])
    assert not (run / "cache").exists()
    page = (out / "tune.html").read_text()
    assert "flatters itself" in page
    assert "optimise.rate" in page


def test_more_trials_go_on_as_if_they_had_been_asked_for_at_once(
    searched: tuple[Path, set[str], Tuned], folder: Path, tmp_path: Path
) -> None:
    out, _, _ = searched
    before = [(t.params, t.value) for t in _study(out).trials]
    at_once = tmp_path / "study"
    _search(folder, at_once, 4)
    _search(folder, out, 4)
    after = [(t.params, t.value) for t in _study(out).trials]
    assert after[:3] == before
    assert after == [(t.params, t.value) for t in _study(at_once).trials]
    said: list[str] = []
    recipe = _recipe(folder)
    again = tune(recipe, out, space=_space(recipe), effort=Effort(4), say=said.append)
    assert again.done == 4
    assert len(_study(out).trials) == 4
    assert "4 of them done before" in said[1]


def test_another_search_in_the_same_folder_is_refused(searched: tuple[Path, set[str], Tuned], folder: Path) -> None:
    with pytest.raises(RecipeError, match="another sampler"):
        _search(folder, searched[0], 5, sampler="random")
    with pytest.raises(RecipeError, match=r"another recipe in train\.batch"):
        tune(_recipe(folder, "train.batch=4"), searched[0], space=_space(_recipe(folder)), say=_silent)


def test_a_hopeless_trial_is_ended_early_and_its_looks_are_kept(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("landsight.studio.tune.choose.STARTUP_PRUNING", 1)
    recipe, out = tiny_recipe(folder, "schedule.stages=[[32,3]]"), tmp_path / "s"
    space = _space(recipe, "optimise.rate=[0.02,1e-9]")
    said: list[str] = []
    tuned = tune(recipe, out, space=space, sampler="grid", seed=_good_first(space), effort=Effort(), say=said.append)
    assert "looking after every epoch" in said[0]
    assert (tuned.done, tuned.goal) == (2, 2)
    good, poor = _study(out).trials
    assert (good.state, good.params["optimise.rate"]) == (TrialState.COMPLETE, 0.02)
    assert poor.state is TrialState.PRUNED
    assert len(read_rows(out / "trials" / "0001")) == len(poor.intermediate_values) < 3
    assert any("trial 1: ended early" in line for line in said)


def _good_first(space: Space) -> int:
    """A seed whose shuffle of the grid begins with the rate that learns."""
    for seed in range(20):
        study = optuna.create_study(sampler=Addressed(plan_of(Recipe(), space, sampler="grid", seed=seed)))
        if suggest(study.ask(), space[0]) == 0.02:
            return seed
    raise AssertionError("no seed shuffles")


def test_after_a_kill_the_half_trained_trial_goes_on_in_its_folder(folder: Path, tmp_path: Path) -> None:
    """kill -9 in the middle of a trial; the same command again."""
    recipe = tiny_recipe(folder, "schedule.stages=[[32,12]]", "train.evaluate_every=0")
    path, out = tmp_path / "r.toml", tmp_path / "s"
    path.write_text(to_toml(recipe) + '\n[tune.space]\n"optimise.rate" = {low=1e-3, high=1e-2, log=true}\n', encoding="utf-8")
    command = [sys.executable, "-m", "landsight", "tune", str(path), "-o", str(out), "--trials", "1", "--pruner", "none"]
    checkpoint = out / "trials" / "0000" / "last" / "checkpoint.safetensors"
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        _wait_for(checkpoint.is_file, process)
    finally:
        process.kill()
        process.communicate()
    first = _study(out).trials[0]
    assert first.state is TrialState.RUNNING
    epochs = len(read_rows(out / "trials" / "0000"))
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "1 trials were killed half-way: they go on" in done.stderr
    trials = _study(out).trials
    assert [t.state.name for t in trials] == ["FAIL", "COMPLETE"]
    assert trials[1].params == first.params
    assert trials[1].user_attrs["folder"] == "0000"
    assert "going on from step" in (out / "trials" / "0000" / "log.txt").read_text()
    assert len(read_rows(out / "trials" / "0000")) == 12 > epochs
    assert f"landsight train {out / 'best.toml'}" in done.stdout


def _wait_for(is_so: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    ends = time.monotonic() + 60
    while not is_so():
        if process.poll() is not None or time.monotonic() > ends:
            raise AssertionError(f"exit code {process.poll()}: {process.communicate()[1] if process.poll() is not None else 'slow'}")
        time.sleep(0.02)


def test_ctrl_c_and_the_time_limit_keep_what_is_half_trained(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = tiny_recipe(folder, "schedule.stages=[[32,3]]", "train.evaluate_every=3")
    how: dict[str, Any] = {"space": _space(recipe), "pruner": "none", "say": _silent}
    out = tmp_path / "s"
    real = read_rows
    steps: list[Path] = []

    def press(run: Path) -> object:
        steps.append(run)
        if len(steps) == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return real(run)

    monkeypatch.setattr("landsight.studio.train.tensorboard.read_rows", press)
    stopped = tune(recipe, out, effort=Effort(2), **how)
    assert stopped.interrupted
    states = [t.state for t in _study(out).trials]
    assert states[-1] is TrialState.WAITING
    late = tune(recipe, out, effort=Effort(2, minutes=1e-9), **how)
    assert not late.interrupted
    assert [t.state for t in _study(out).trials] == states
    ended = tune(recipe, out, effort=Effort(2), **how)
    assert (ended.done, ended.interrupted) == (2, False)
    assert sorted(p.name for p in (out / "trials").iterdir()) == ["0000", "0001"]


def test_workers_share_a_postgresql_database(folder: Path, tmp_path: Path) -> None:
    """A real server; two processes, exactly as many trials as asked for, all in one study; then a search beside it in the same database."""
    recipe = _recipe(folder)
    with postgres_server() as url:
        out = tmp_path / "shared"
        tuned = tune(recipe, out, space=_space(recipe), sampler="random", url=url, effort=Effort(4, workers=2), say=_silent)
        assert (tuned.done, tuned.interrupted) == (4, False)
        storage = open_storage(url)
        study = optuna.load_study(study_name="shared", storage=storage)
        complete = [t for t in study.trials if t.state is TrialState.COMPLETE]
        assert len(complete) == 4
        assert len({t.user_attrs[WORKER]["pid"] for t in complete}) == 2
        assert {p.name for p in (out / "trials").iterdir()} == {t.user_attrs["folder"] for t in complete}
        alone = _drawn_alone(recipe, 4)
        assert {tuple(t.params.items()) for t in complete} == alone
        storage.engine.dispose()
    with pytest.raises(UsageError, match="cannot be used"):
        tune(recipe, out, space=_space(recipe), sampler="random", url=url, effort=Effort(6), say=_silent)


def _drawn_alone(recipe: Recipe, trials: int) -> set[tuple[tuple[str, object], ...]]:
    """What one worker would draw: the address of a draw holds the trial's number, not who asks."""
    space = _space(recipe)
    plan = plan_of(recipe, space, sampler="random", seed=recipe.train.seed)
    study = optuna.create_study(sampler=Addressed(plan))
    drawn = [study.ask() for _ in range(trials)]
    return {tuple((d.key, suggest(trial, d)) for d in space) for trial in drawn}


def test_a_database_that_cannot_be_reached_is_one_line_without_the_password(folder: Path, tmp_path: Path) -> None:
    for url, code in (
        ("postgresql://me:secret@127.0.0.1:1/db", "storage_unreachable"),
        ("sqlite:////nowhere/at/all.db", "storage_unreachable"),
        ("oracle://me:secret@host/db", "storage_driver"),
        ("no address", "bad_storage"),
    ):
        with pytest.raises(UsageError) as caught:
            _search(folder, tmp_path / "s", 1, url=url)
        assert caught.value.code == code
        assert "secret" not in str(caught.value)
        assert "\n" not in str(caught.value)
    assert shown("postgresql://me:secret@h/db").startswith("postgresql+psycopg2://me:***@h")


def test_a_file_that_is_no_database_is_said_in_words(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "study.db").write_bytes(b"not a database at all, " * 100)
    with pytest.raises(UsageError, match="file is not a database") as caught:
        _search(folder, tmp_path / "s", 1)
    assert caught.value.code == "storage_unreachable" and "move it away to begin anew" in caught.value.advice
    assert "SQL:" not in str(caught.value)


def test_what_cannot_be_trained_ends_the_search_with_the_reason(folder: Path, tmp_path: Path) -> None:
    recipe = _recipe(folder)
    with pytest.raises(UsageError, match=r"None of the first 3 trials.*optimise\.rate"):
        tune(recipe, tmp_path / "s", space=_space(recipe, "optimise.rate=1e5:1e6:log"), effort=Effort(5), say=_silent)
    with pytest.raises(DataError, match="no picture to validate"):
        tune(_recipe(folder, "data.validation_share=0.0"), tmp_path / "t", space=_space(recipe), effort=Effort(1), say=_silent)


def test_a_worker_that_fails_says_so(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(orders: object, number: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-S", "-c", "raise SystemExit(3)"], stdin=subprocess.PIPE)

    monkeypatch.setattr("landsight.studio.tune.search._worker", failing)
    recipe = _recipe(folder)
    with pytest.raises(WorkerError, match=r"2 of 2 workers failed \(exit code 3\)"):
        tune(recipe, tmp_path / "s", space=_space(recipe), effort=Effort(4, workers=2), say=_silent)
    with pytest.raises(RecipeError, match="no epochs"):
        tune(tiny_recipe(folder, "schedule.stages=[]", "train.fit_head=true"), tmp_path / "t", space=_space(recipe), say=_silent)


def test_a_folder_begins_with_the_recipe_that_train_would_choose_and_keeps_it(folder: Path, tmp_path: Path) -> None:
    settings = ("schedule.stages=[[32,2]]",)
    recipe, section = starting_point(folder, tmp_path, Effort(4, minutes=8.0, workers=2), settings, say=_silent)
    assert section == {}
    assert (recipe.data.root, recipe.schedule.stages, recipe.train.minutes) == (str(folder.resolve()), ((32, 2),), 0.0)
    asked = json.loads((tmp_path / "chosen.json").read_text())["asked"]
    assert asked["minutes"] == 4.0  # 8 minutes of 2 workers for 4 trials
    (tmp_path / "trials").mkdir()
    again, _ = starting_point(folder, tmp_path, Effort(4, minutes=99.0), settings, say=_silent)
    assert again == recipe
    assert json.loads((tmp_path / "chosen.json").read_text())["asked"] == asked
