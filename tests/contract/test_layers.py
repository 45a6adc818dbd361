"""The arrows of docs/architecture.md: import-linter holds them, and every folder of the house has a place in them."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import landsight

ROOT = Path(__file__).parents[2]
CONFIG = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_imports_go_down_only() -> None:
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()", "--no-cache", "--no-logo"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


def test_every_part_of_the_house_stands_in_a_layer() -> None:
    (layers,) = (c["layers"] for c in CONFIG["tool"]["importlinter"]["contracts"] if c["type"] == "layers")
    placed = {name.strip().removeprefix("landsight.") for layer in layers for name in layer.split("|")}
    source = Path(landsight.__file__).parent
    parts = {path.stem for path in source.iterdir() if (path.is_dir() and (path / "__init__.py").exists()) or path.suffix == ".py"}
    assert parts - {"__init__", "__main__"} == placed


def test_versions_agree() -> None:
    assert landsight.__version__ == CONFIG["project"]["version"]
    assert f"## [{landsight.__version__}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_every_dependency_is_pinned_in_the_lock_of_its_extra() -> None:
    def name(text: str) -> str:
        for mark in "=<>!~;[ ":
            text = text.partition(mark)[0]
        return text.lower().replace("_", "-")

    project = CONFIG["project"]
    extras = project["optional-dependencies"]
    wanted = {
        "light": project["dependencies"],
        "fast": project["dependencies"] + extras["fast"],
        "dev": project["dependencies"] + extras["fast"] + extras["studio"] + extras["dev"],
        "build": CONFIG["build-system"]["requires"],
    }
    for lock, dependencies in wanted.items():
        lines = (ROOT / "requirements" / f"{lock}.lock").read_text(encoding="utf-8").splitlines()
        pins = [line for line in lines if line and not line.startswith("#")]
        assert [pin for pin in pins if "==" not in pin or "/" in pin or "+" in pin or " " in pin] == []
        assert {name(item) for item in dependencies} - {name(pin) for pin in pins} == set()


def test_every_dependency_has_a_row_in_the_decision() -> None:
    page = (ROOT / "docs" / "decisions" / "0002-dependencies.md").read_text(encoding="utf-8")
    project = CONFIG["project"]
    everything = project["dependencies"] + [item for items in project["optional-dependencies"].values() for item in items]
    names = {item.partition(">")[0].partition("=")[0].partition("<")[0].strip() for item in everything}
    assert {name for name in names if name not in page} == set()
