"""Where results may lie, asked before the work: not among the pictures, not where nothing can be written. And what is said to be copied."""

from __future__ import annotations

import errno
import os
import shlex
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.studio.conftest import draw, tiny_recipe

from landsight.cli.app import cli, explain
from landsight.errors import DataError, LandsightError, UsageError
from landsight.studio.compare.compare import compare
from landsight.studio.data.inspect import inspect
from landsight.studio.evaluate import evaluate
from landsight.studio.export import export
from landsight.studio.recipe import to_toml
from landsight.studio.train.run import train


@pytest.fixture
def flat(tmp_path: Path) -> Path:
    """A folder a class and nothing else, as most people have them."""
    root = tmp_path / "my pictures"
    for name in ("blue", "red"):
        (root / name).mkdir(parents=True)
        for number in range(8):
            draw(name, number, (32, 32)).save(root / name / f"{number}.png")
    return root


@pytest.fixture(scope="module")
def run(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("places") / "run"
    train(tiny_recipe(folder, "export.int8=false", "schedule.stages=[[32, 1]]"), out)
    export(out, out / "bundle", int8_wanted=False)
    return out


def called(*args: str | Path) -> Result:
    return CliRunner().invoke(cli, [str(a) for a in args])


def refused(*args: str | Path) -> LandsightError:
    found = called(*args).exception
    assert isinstance(found, LandsightError), found
    return found


def test_a_run_is_not_put_among_the_pictures(flat: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = sorted(flat.rglob("*"))
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(to_toml(tiny_recipe(flat)), encoding="utf-8")
    monkeypatch.chdir(flat)
    for command in (("train", "."), ("train", recipe), ("tune", "."), ("train", recipe, "--out", "blue/run")):
        error = refused(*command)
        assert (error.code, error.exit_code) == ("out_inside", 2) and "--out" in error.advice
    assert sorted(flat.rglob("*")) == before


def test_beside_a_table_a_run_may_lie(flat: Path) -> None:
    rows = [f"{p.relative_to(flat).as_posix()},{p.parent.name}" for p in sorted(flat.rglob("*.png"))]
    (flat / "labels.csv").write_text("\n".join(["file,label", *rows]), encoding="utf-8")
    assert train(tiny_recipe(flat, "data.labels_file=labels.csv", "schedule.stages=[[32, 1]]"), flat / "runs" / "a").finished


def test_a_place_that_cannot_be_written_is_said_at_once(run: Path, flat: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    below = tmp_path / "file" / "out"
    (tmp_path / "locked").mkdir()
    may = os.access
    monkeypatch.setattr(os, "access", lambda path, mode, **more: Path(path).name != "locked" and may(path, mode, **more))
    for out in (below, tmp_path / "locked" / "out"):
        for command in (
            ("train", flat), ("data", "check", flat), ("data", "split", flat), ("compare", run, run / "bundle"),
            ("evaluate", run, "--part", "validation"), ("export", run), ("tune", flat),
        ):  # fmt: skip
            error = refused(*command, "--out", out)
            assert (error.code, error.exit_code) == ("bad_output", 2), command
            assert str(out) in error.reason


def test_a_full_disk_is_said_with_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert explain(OSError(errno.ENOSPC, "No space left on device")) == 1
    assert capsys.readouterr().err == "landsight: error: No space left on device. Make room, then give the same command again.\n"


def test_commands_can_be_copied(flat: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    advised = called("data", "split", flat).output.partition("train on it: landsight ")[2]
    words = shlex.split(advised)
    assert words[:2] == ["train", str(flat)] and words[-1] == f"data.labels_file={tmp_path / 'my pictures-split' / 'labels.csv'}"


def test_a_link_that_leads_nowhere_is_a_picture_that_cannot_be_read(flat: Path) -> None:
    (flat / "blue" / "gone.png").symlink_to(flat / "nowhere.png")
    os.mkfifo(flat / "blue" / "pipe.png")  # no picture, and nothing to wait for
    done = train(tiny_recipe(flat, "schedule.stages=[[32, 1]]"), flat.with_name("run"))
    environment = (done.folder / "environment.json").read_text(encoding="utf-8")
    assert "gone.png" in environment and "pipe.png" not in environment
    found = inspect(tiny_recipe(flat).data)
    assert [found.survey.seen[f.index].sample.name for f in found.findings if f.kind == "unreadable" and f.index is not None] == [
        "blue/gone.png"
    ]


def test_a_bundle_is_measured_on_the_only_part_there_is(run: Path, flat: Path) -> None:
    shutil.copytree(flat / "blue", flat / "green")
    done = called("evaluate", run / "bundle", "--data", flat)
    assert done.exit_code == 0 and "n = 24" in done.output
    assert "If it has learnt from these pictures: others will be told less well." in done.output


def test_carved_parts_are_named_among_the_known(flat: Path, tmp_path: Path) -> None:
    out = train(tiny_recipe(flat, "schedule.stages=[[32, 1]]"), tmp_path / "run").folder
    with pytest.raises(DataError, match="Known: test, train, validation") as caught:
        evaluate(out, split="nope")
    assert caught.value.code == "no_split"


def test_what_is_no_run_is_not_compared(run: Path, flat: Path) -> None:
    with pytest.raises(UsageError, match="no trained run") as caught:
        compare([run, flat])
    assert caught.value.code == "no_run"
