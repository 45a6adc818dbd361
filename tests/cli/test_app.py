"""Exit codes, one-line errors, help."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from landsight.cli import app
from landsight.cli.app import COMMANDS, cli

from .conftest import Landsight


def test_help_lists_every_command_without_importing_any(landsight: Landsight) -> None:
    result = landsight("--help")
    assert result.code == 0
    assert all(name in result.out and text.split(".")[0] in " ".join(result.out.split()) for name, (_, text) in COMMANDS.items())


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_in_the_table_exists_and_has_help(landsight: Landsight, name: str) -> None:
    result = landsight(name, "--help")
    assert (result.code, result.out.startswith(f"Usage: landsight {name}")) == (0, True)


@pytest.mark.parametrize(
    "args",
    [
        ["locate"],
        ["nothing"],
        ["locate", "--top-k", "0", "x.jpg"],
        ["locate", "--format", "xml", "x.jpg"],
        ["locate", "--max-seconds", "-1", "x.jpg"],
        ["locate", "--no-gps", "--only-gps", "x.jpg"],
        ["places", "1"],
        ["places", "91", "0"],
        ["places", "nan", "0"],
        ["places", "north", "0"],
        ["train", "/nowhere/recipe.toml"],
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(landsight: Landsight, args: list[str]) -> None:
    result = landsight(*args)
    assert result.code == 2
    assert result.out == ""
    assert result.err.startswith("landsight: error: ")
    assert result.err.count("\n") == 1


def test_a_bad_limit_in_the_environment_is_wrong_usage(landsight: Landsight, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANDSIGHT_MAX_BYTES", "many")
    result = landsight("locate", "x.jpg")
    assert (result.code, "LANDSIGHT_MAX_BYTES" in result.err) == (2, True)


def test_a_defect_of_ours_is_one_line_unless_it_is_asked_for(landsight: Landsight, monkeypatch: pytest.MonkeyPatch) -> None:
    def break_down(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a\nb")

    monkeypatch.setattr(cli, "main", break_down)
    result = landsight("places", "1", "2")
    assert (result.code, result.err.count("\n")) == (1, 1)
    assert "internal error: ZeroDivisionError" in result.err
    monkeypatch.setenv("LANDSIGHT_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        app.run([])


def test_places_takes_negative_numbers_commas_and_json(landsight: Landsight) -> None:
    assert "Australia (AU)" in landsight("places", "-33.86", "151.21").out
    assert "Argentina (AR)" in landsight("places", "-34.60,", "-58.38").out
    assert '"country_code": "FR"' in landsight("places", "48.8584", "2.2945", "--format", "json").out


def test_verify_says_what_differs(landsight: Landsight, bundle: Path, tmp_path: Path) -> None:
    assert landsight("verify", bundle).code == 0
    assert landsight("verify", "--bundle", bundle).out == landsight("verify", bundle).out
    assert landsight("verify", bundle, "--bundle", bundle).code == 2
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in bundle.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    (copy / "card.md").write_text("another card", encoding="utf-8")
    changed = landsight("verify", copy)
    assert changed.code == 1
    assert "'card.md' was changed" in changed.out
    assert changed.err.startswith("landsight: error: The bundle")
    assert landsight("verify", tmp_path).code == 3


def test_doctor_measures_and_remembers(landsight: Landsight, bundle: Path, tmp_path: Path) -> None:
    before = landsight("doctor", "--bundle", bundle, "--no-measure")
    assert "not measured yet" in before.out
    result = landsight("doctor", "--bundle", bundle)
    assert result.code == 0
    for words in ("onnxruntime fp32", "pictures a second", "numpy", str(tmp_path / "cache"), "2 of 2 files unchanged"):
        assert words in result.out
    assert "<- used" in landsight("doctor", "--bundle", bundle, "--no-measure").out


@pytest.mark.parametrize("verb", ["train", "evaluate", "export"])
def test_without_the_studio_one_line_says_what_to_install(
    landsight: Landsight, verb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("landsight.cli.studio_verb._is_installed", lambda package: package != "torch")
    result = landsight(verb, tmp_path)
    assert result.code == 2
    assert "torch" in result.err
    assert "pip install 'landsight[studio]'" in result.err


def test_as_a_program_it_starts_fast_and_survives_a_closed_pipe(bundle: Path, photos: Path) -> None:
    environment = {**os.environ, "PYTHONWARNINGS": "error"}
    least = 9.0
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-m", "landsight", "--help"], check=True, capture_output=True, env=environment)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        least = min(least, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    # Processor time, which a busy machine stretches little. 0.3 s on the clock is the goal (benchmarks measure it).
    assert least < 0.5
    command = f"'{sys.executable}' -m landsight locate -f jsonl --bundle '{bundle}' {'photos ' * 30} | head -n 1"
    piped = subprocess.run(["bash", "-c", command], capture_output=True, text=True, cwd=photos.parent, check=False)
    assert (piped.stderr, piped.stdout.count("\n")) == ("", 1)


def test_the_bare_name_prints_the_help(landsight: Landsight) -> None:
    result = landsight()
    assert result.code == 0
    assert result.out.startswith("Usage: landsight")
    assert "locate" in result.out
    assert result.err == ""
