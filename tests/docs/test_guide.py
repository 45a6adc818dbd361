"""Every chapter of the guide runs top to bottom as a notebook and prints what it shows; notebooks, pictures and the site are complete."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
CHAPTERS = sorted((DOCS / "guide").glob("[0-9][0-9]-*.md"))
PICTURES = DOCS / "images" / "guide"


@pytest.fixture(scope="module")
def guide() -> Iterator[ModuleType]:
    """scripts/guide.py."""
    before = list(sys.path)
    sys.path.insert(0, str(ROOT / "scripts"))
    yield import_module("guide")
    sys.path[:] = before


@pytest.fixture(scope="session")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where all chapters run: a network that an earlier one has trained is not trained again."""
    return tmp_path_factory.mktemp("guide")


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_a_chapter_runs_and_prints_what_it_shows(chapter: Path, scratch: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "LANDSIGHT_DATA"}
    command = [sys.executable, str(ROOT / "scripts" / "guide.py"), "run", chapter.name[:2], "--folder", str(scratch)]
    ran = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_the_notebook_is_that_of_the_chapter(chapter: Path, guide: ModuleType) -> None:
    path, content = guide.written(chapter)
    assert path.is_file() and path.read_text(encoding="utf-8") == content, "run: python scripts/guide.py notebooks"


def test_there_is_no_notebook_without_a_chapter() -> None:
    assert len(CHAPTERS) == 11
    assert [path.stem for path in sorted((DOCS / "guide" / "notebooks").glob("*.ipynb"))] == [path.stem for path in CHAPTERS]


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_a_chapter_is_short_and_has_an_idea_arithmetic_code_and_a_picture(chapter: Path) -> None:
    text = chapter.read_text(encoding="utf-8")
    assert 60 <= len(text.splitlines()) <= 150
    assert text.startswith(f"# {int(chapter.name[:2])}. ")
    for part in ("**The idea.**", "y hand", "landsight ", "```python", "../images/guide/", "## Try it"):
        assert part in text, part
    blocks = re.findall(r"^```(?:bash|python)\n.*?^```\n(.*?)(?=^```|\Z)", text, re.MULTILINE | re.DOTALL)
    assert blocks


def test_pictures_are_small_and_all_are_shown() -> None:
    shown = {
        name
        for path in (DOCS / "guide").glob("*.md")
        for name in re.findall(r"\.\./images/guide/([\w.-]+)", path.read_text(encoding="utf-8"))
    }
    files = {path.name: path.stat().st_size for path in PICTURES.iterdir()}
    assert files.keys() == shown
    assert {name: size for name, size in files.items() if size > 60_000} == {}


def test_what_is_shown_is_held_to_what_is_printed(guide: ModuleType) -> None:
    """A word, a number, a line too many or too few; numbers only where the form alone counts."""
    agree = guide.difference
    assert agree("a 1.50\nb\n", "a 1.50\nb", rough=False) == ""
    assert agree("a 1.50", "a 1.51", rough=False)
    assert agree("a 1.50", "a 15,000.51", rough=True) == ""
    assert agree("a 1.50", "b 1.50", rough=True)
    assert agree("a\n...\nb", "a\n1\n2\nb", rough=False) == ""
    assert agree("a\n...\nb", "a\n1\n2\nc", rough=False)
    assert agree("a", "a\nb", rough=False)


def test_blocks_outputs_and_checks_are_found(guide: ModuleType) -> None:
    text = "# T\n\nprose\n\n```python\nx = 1\nprint(x)\n```\n\n<!-- rough -->\n```text\n1\n```\n\n<!-- check: x > 0 -->\n\nmore [a](b.md)\n\n```bash\nls\n```\n\n```text\n```\n\n```\nshown only\n```\n"
    found = guide.blocks_of(text)
    assert [(b.kind, b.text) for b in found] == [
        ("prose", "# T\n\nprose"), ("python", "x = 1\nprint(x)"), ("prose", "more [a](b.md)"), ("bash", "ls"), ("prose", "```\nshown only\n```"),
    ]  # fmt: skip
    code = found[1]
    assert (code.output, code.rough, code.checks, text[code.start : code.end]) == ("1", True, ("x > 0",), "1\n")
    assert (found[3].output, found[3].rough) == ("", False)


def test_the_site_has_every_page_once() -> None:
    config = tomllib.loads((ROOT / "zensical.toml").read_text(encoding="utf-8"))["project"]
    pages = list(_pages(config["nav"]))
    assert sorted(pages) == sorted(str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md"))
    assert config["theme"]["font"] is False, "fonts would be loaded from another host"


def _pages(nav: Any) -> Iterator[str]:
    if isinstance(nav, str):
        yield nav
        return
    for item in nav.values() if isinstance(nav, dict) else nav:
        yield from _pages(item)
