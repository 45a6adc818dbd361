"""TensorBoard events, curves and MLflow: each says what metrics.csv says, once, also over interruptions and failures."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from matplotlib.figure import Figure
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from landsight.errors import DataError, UsageError
from landsight.studio.recipe import Recipe
from landsight.studio.train import mlflow
from landsight.studio.train.curves import lines, look_names, write_curves
from landsight.studio.train.followers import followers
from landsight.studio.train.history import elapsed, read_rows
from landsight.studio.train.loop import Event, StopTraining, Trainer
from landsight.studio.train.run import train
from landsight.studio.train.tensorboard import Events, tag_of

from .conftest import tiny_recipe


def _silent(line: str) -> None:
    assert line


def _scalars(run: Path) -> dict[str, list[tuple[int, float]]]:
    """As TensorBoard shows them: what a later file purged is gone."""
    events = EventAccumulator(str(run / "events"))
    events.Reload()
    return {tag: [(e.step, e.value) for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


@pytest.fixture(scope="module")
def halves(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of three epochs with a look each, stopped after step 4 (in the second) and resumed."""

    def stop(event: Event, trainer: Trainer) -> None:
        if event is Event.STEP and trainer.step == 4:
            raise StopTraining

    out = tmp_path_factory.mktemp("halves") / "run"
    recipe = tiny_recipe(folder, "schedule.stages=[[32,3]]", "train.evaluate_every=1")
    assert not train(recipe, out, say=_silent, listeners=(stop,)).finished
    assert train(recipe, out, say=_silent).finished
    return out


def test_events_say_what_the_table_says_once_after_a_resume(halves: Path) -> None:
    assert len(list((halves / "events").iterdir())) == 2
    rows = read_rows(halves)
    shown = _scalars(halves)
    assert shown.keys() == {"training/loss", "training/cross_entropy", "training/rate", "validation/top1", "validation/top3", "validation/mean_per_class", "validation/ece"} | shown.keys()  # fmt: skip
    for tag, column in (("training/loss", "loss"), ("training/rate", "rate"), ("validation/top1", "validation_top1")):
        assert [step for step, _ in shown[tag]] == [1, 2, 3]
        assert [value for _, value in shown[tag]] == pytest.approx([row[column] for row in rows])


def test_an_epoch_that_the_events_missed_is_told_after_the_resume(halves: Path, tmp_path: Path) -> None:
    """Killed between writing the table and telling TensorBoard: the next process tells both epochs."""
    (tmp_path / "metrics.csv").write_text("epoch,step,rate,loss\n1,3,0.1,2.5\n2,6,0.1,1.5\n", encoding="utf-8")
    listener = Events(tmp_path)
    listener(Event.START, SimpleNamespace(step=6))  # type: ignore[arg-type]
    listener(Event.DONE, SimpleNamespace(step=6))  # type: ignore[arg-type]
    assert _scalars(tmp_path)["training/loss"] == [(1, 2.5), (2, 1.5)]


def test_tags_are_grouped() -> None:
    assert [tag_of(n) for n in ("loss", "validation_top1", "held_out_mean_per_class")] == ["training/loss", "validation/top1", "held_out/mean_per_class"]  # fmt: skip


def test_curves_are_a_picture_and_name_their_columns(halves: Path, tmp_path: Path) -> None:
    with Image.open(halves / "curves.png") as picture:
        assert picture.format == "PNG"
        assert picture.width > 2 * picture.height
    assert look_names(read_rows(halves)) == ["validation_top1", "validation_mean_per_class"]
    assert not write_curves(tmp_path)
    (tmp_path / "metrics.csv").write_text("epoch,step,rate,loss\n1,3,0.1,2.5\n", encoding="utf-8")
    assert write_curves(tmp_path)


def test_a_single_epoch_is_seen_in_the_curves() -> None:
    axes = Figure().subplots()
    lines(axes, [{"epoch": 1.0, "loss": 2.5}, {"epoch": 2.0, "loss": 2.0, "top": 0.5}], {"loss": "loss", "top": "top"})
    assert [line.get_marker() for line in axes.lines] == ["None", "o"]


def test_rows_and_time_over_a_resume(tmp_path: Path) -> None:
    assert read_rows(tmp_path) == []
    # 10 s, 20 s; a new process: 5 s, 9 s. Together 20 + 9.
    (tmp_path / "metrics.csv").write_text("epoch,step,seconds,top\n1,1,10,\n2,2,20,0.5\n3,3,5,\n4,4,9,\n", encoding="utf-8")
    rows = read_rows(tmp_path)
    assert rows[0] == {"epoch": 1.0, "step": 1.0, "seconds": 10.0}
    assert elapsed(rows) == [10.0, 20.0, 25.0, 29.0]
    (tmp_path / "metrics.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(DataError, match="not what training writes"):
        read_rows(tmp_path)


class MlflowError(Exception):
    """Stands for mlflow.exceptions.MlflowException."""


class Server:
    """A tracking server in memory, which can be away; the module ``mlflow`` as far as it is used."""

    def __init__(self) -> None:
        self.away = False
        self.runs: dict[str, dict[str, Any]] = {}
        self.experiments: dict[str, str] = {}
        self.exceptions = SimpleNamespace(MlflowException=MlflowError)
        self.entities = SimpleNamespace(
            Param=lambda key, value: (key, value), Metric=lambda key, value, timestamp, step: (key, value, step)
        )
        self.MlflowClient = lambda tracking_uri: self

    def get_tracking_uri(self) -> str:
        return "memory"

    def get_experiment_by_name(self, name: str) -> Any:
        return SimpleNamespace(experiment_id=self.experiments[name]) if name in self.experiments else None

    def create_experiment(self, name: str) -> str:
        self.answer()
        self.experiments[name] = "7"
        return "7"

    def create_run(self, experiment: str, *, tags: dict[str, str], run_name: str) -> Any:
        number = str(len(self.runs))
        self.runs[number] = {
            "experiment": experiment,
            "name": run_name,
            "tags": tags,
            "params": {},
            "metrics": [],
            "files": [],
            "status": "",
        }
        return SimpleNamespace(info=SimpleNamespace(run_id=number))

    def update_run(self, run: str, status: str) -> None:
        self.runs[run]["status"] = status

    set_terminated = update_run

    def log_batch(self, run: str, *, params: Any = (), metrics: Any = ()) -> None:
        self.answer()
        assert len(params) <= 100
        self.runs[run]["params"].update(params)
        self.runs[run]["metrics"] += metrics

    def log_artifact(self, run: str, path: str) -> None:
        self.runs[run]["files"].append(Path(path).name)

    def log_artifacts(self, run: str, path: str, name: str) -> None:
        self.runs[run]["files"].append(f"{name}/")

    def answer(self) -> None:
        if self.away:
            raise MlflowError("connection refused\nwith many lines")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    made = Server()
    monkeypatch.setitem(sys.modules, "mlflow", made)  # type: ignore[arg-type]
    return made


def test_mlflow_gets_parameters_figures_and_files_once_over_a_resume(folder: Path, tmp_path: Path, server: Server) -> None:
    def stop(event: Event, trainer: Trainer) -> None:
        if event is Event.STEP and trainer.step == 4:
            raise StopTraining

    recipe, out = tiny_recipe(folder), tmp_path / "mine"
    train(recipe, out, say=_silent, listeners=(stop,), mlflow=True)
    assert server.runs["0"]["status"] == "KILLED"
    (out / "bundle").mkdir()
    train(recipe, out, say=_silent, mlflow=True)
    assert list(server.runs) == ["0"]
    run = server.runs["0"]
    assert (run["status"], run["name"], run["experiment"]) == ("FINISHED", "mine", "7")
    assert run["params"]["optimise.rate"] == str(recipe.optimise.rate)
    assert run["params"]["schedule.stages"] == "[[32, 2]]"
    assert [step for name, _, step in run["metrics"] if name == "loss"] == [1, 2]
    assert {"curves.png", "recipe.toml", "metrics.csv", "bundle/"} <= set(run["files"])
    assert run["tags"]["data"] == json.loads((out / "environment.json").read_text())["data"]["digest"]


def test_a_server_that_goes_away_is_told_later_and_stops_nothing(tmp_path: Path, server: Server) -> None:
    said: list[str] = []
    listener = mlflow.MlflowLog(tmp_path, said.append)
    trainer: Any = SimpleNamespace(step=0, recipe=Recipe())
    listener(Event.START, trainer)
    table = "epoch,step,rate,loss\n1,3,0.1,2.5\n"
    for step, away in ((3, True), (6, False)):
        server.away, trainer.step = away, step
        (tmp_path / "metrics.csv").write_text(table, encoding="utf-8")
        listener(Event.EPOCH, trainer)
        table += "2,6,0.1,1.5\n"
    assert len(said) == 1
    assert "connection refused. " in said[0]
    assert [m for m in server.runs["0"]["metrics"] if m[0] == "loss"] == [("loss", 2.5, 1), ("loss", 1.5, 2)]


def test_mlflow_that_is_missing_or_silent_is_an_error_only_when_asked_for(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.away = True
    with pytest.raises(UsageError, match="does not answer: connection refused"):
        mlflow.start(tmp_path, Recipe())
    monkeypatch.setitem(sys.modules, "mlflow", None)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="pip install mlflow"):
        mlflow.start(tmp_path, Recipe())
    assert not mlflow.add_artefacts(tmp_path)
    said: list[str] = []
    monkeypatch.setattr("landsight.studio.train.followers.find_spec", lambda name: None)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://nowhere")
    assert [type(f).__name__ for f in followers(tmp_path, said.append)] == ["Curves"]
    assert [line.split(":")[0] for line in said] == ["no TensorBoard events", "nothing goes to MLflow"]
    assert [type(f).__name__ for f in followers(tmp_path, said.append, mlflow=True)] == ["Curves", "MlflowLog"]
