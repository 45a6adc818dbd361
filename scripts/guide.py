"""The guide's chapters are Markdown; from them come the notebooks, and by running those the outputs that the chapters show.

    python scripts/guide.py notebooks                         write docs/guide/notebooks/*.ipynb
    python scripts/guide.py run [01 02 ...] [--folder DIR]    run notebooks top to bottom, hold what they print to what the chapters show
    python scripts/guide.py run 05 --update                   the same, and write what was printed into the chapter

A ``bash`` or ``python`` block is run, all of a chapter in one folder and one Python. A ``text`` block straight after it is what it prints (stdout).
Between the two may stand <!-- rough -->: the numbers depend on the machine and the form alone is compared. A line "..." stands for any
lines. <!-- check: EXPRESSION --> after them must hold, in the chapter's Python.
"""

from __future__ import annotations

import argparse
import difflib
import json
import os
import re
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

GUIDE = Path(__file__).resolve().parents[1] / "docs" / "guide"
NOTEBOOKS = GUIDE / "notebooks"
#: Seconds that one cell may take, on a slow machine with other work on it.
CELL_SECONDS = 300

_FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_COMMENT = re.compile(r"<!-- (?:(rough)|check: (.+?)) -->\n?")
_LINK = re.compile(r"(\]\()(?![a-z]+:|#)([^)\s]+)")
#: Colours, which programs print into a notebook.
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_NUMBER = re.compile(r"[-+<>]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?")


@dataclass
class Block:
    """A stretch of prose, or code with what it prints. ``start``, ``end``: where the printed text stands in the chapter, for --update."""

    kind: str
    text: str
    output: str | None = None
    start: int = 0
    end: int = 0
    rough: bool = False
    checks: tuple[str, ...] = ()


def chapters(numbers: list[str] | None = None) -> list[Path]:
    """The chapters in their order; only those whose numbers are given."""
    return [path for path in sorted(GUIDE.glob("[0-9][0-9]-*.md")) if not numbers or path.name[:2] in numbers]


def blocks_of(text: str) -> list[Block]:
    """A chapter, cut at its code. Comments for the check are in no prose."""
    found: list[Block] = []
    done = 0
    for fence in _FENCE.finditer(text):
        language, body = fence[1], fence[2].rstrip("\n")
        between = text[done : fence.start()]
        if language == "text" and found and found[-1].kind in ("bash", "python") and not _COMMENT.sub("", between).strip():
            code = found[-1]
            code.output, code.start, code.end = body, fence.start(2), fence.end(2)
            code.rough = "<!-- rough -->" in between
        elif language in ("bash", "python"):
            _add_prose(found, between)
            found.append(Block(language, body))
        else:
            continue
        done = fence.end()
    _add_prose(found, text[done:])
    return found


def _add_prose(found: list[Block], text: str) -> None:
    checks = tuple(match[2] for match in _COMMENT.finditer(text) if match[2])
    if checks:
        found[-1].checks = checks
    if prose := _COMMENT.sub("", text).strip():
        found.append(Block("prose", prose))


def notebook(chapter: Path) -> dict[str, Any]:
    """The chapter as a notebook of format 4.5. What the code prints is in it, so that it can be read without being run."""
    cells: list[dict[str, Any]] = []
    for number, block in enumerate(blocks_of(chapter.read_text(encoding="utf-8"))):
        cell: dict[str, Any] = {"cell_type": "markdown", "id": f"{chapter.name[:2]}-{number:02d}", "metadata": {}}
        if block.kind == "prose":
            cell["source"] = _lines(_LINK.sub(r"\1../\2", block.text))
        else:
            printed = [] if block.output is None else [{"name": "stdout", "output_type": "stream", "text": _lines(block.output + "\n")}]
            source = block.text if block.kind == "python" else f"%%bash -e\n{block.text}"
            cell |= {"cell_type": "code", "execution_count": None, "outputs": printed, "source": _lines(source)}
        cells.append(cell)
    made_from = f"Made from docs/guide/{chapter.name} by scripts/guide.py. Needs: pip install 'landsight[studio,serve]'"
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}, "made_from": made_from}
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)


def written(chapter: Path) -> tuple[Path, str]:
    """Where the chapter's notebook lies, and its text."""
    return NOTEBOOKS / f"{chapter.stem}.ipynb", json.dumps(notebook(chapter), indent=1, ensure_ascii=False) + "\n"


def difference(expected: str, actual: str, *, rough: bool) -> str:
    """What a block shows against what its code printed; "" when they agree."""
    plain = (lambda line: " ".join(_NUMBER.sub("0", line).split())) if rough else str.rstrip
    wanted, got = ([plain(line) for line in text.rstrip("\n").splitlines()] for text in (expected, actual))
    pattern = "".join(r"(?:.*\n)*?" if line.strip() == "..." else re.escape(line) + "\n" for line in wanted)
    if re.fullmatch(pattern, "".join(line + "\n" for line in got)):
        return ""
    return "\n".join(difflib.unified_diff(wanted, got, "the chapter shows", "the code printed", lineterm=""))


def run(chapter: Path, folder: Path, *, update: bool = False) -> list[str]:
    """Run the chapter's notebook, as it is on disk, in ``folder``; returns what is wrong. Raises: nbclient's error for a cell that fails."""
    import nbformat
    from nbclient import NotebookClient

    text = chapter.read_text(encoding="utf-8")
    code = [block for block in blocks_of(text) if block.kind != "prose"]
    made = nbformat.read(NOTEBOOKS / f"{chapter.stem}.ipynb", as_version=4)
    nbformat.validate(made)
    cells = [cell for cell in made.cells if cell.cell_type == "code"]
    if len(cells) != len(code):
        return ["the notebook is not that of the chapter: run python scripts/guide.py notebooks"]
    problems = []
    client = NotebookClient(made, timeout=CELL_SECONDS, kernel_name="python3", resources={"metadata": {"path": str(folder)}})
    with client.setup_kernel():
        for block, cell in zip(code, cells, strict=True):
            client.execute_cell(cell, made.cells.index(cell))
            printed = _COLOUR.sub("", "".join(o.text for o in cell.outputs if o.output_type == "stream" and o.name == "stdout"))
            printed = "\n".join(line.rstrip() for line in printed.splitlines())
            if block.output is not None and (wrong := difference(block.output, printed, rough=block.rough)):
                problems.append(f"{chapter.name}: {block.text.splitlines()[0]}\n{wrong}")
                block.output = printed
            for check in block.checks:
                made.cells.append(nbformat.v4.new_code_cell(f"assert {check}"))
                client.execute_cell(made.cells[-1], len(made.cells) - 1)
    if update and problems:
        for block in reversed([b for b in code if b.output is not None]):
            text = text[: block.start] + str(block.output).rstrip("\n") + "\n" + text[block.end :]
        chapter.write_text(text, encoding="utf-8")
    return problems


def main() -> int:
    """See the module."""
    parser = argparse.ArgumentParser(description="The guide's notebooks: make them, run them.")
    parser.add_argument("verb", choices=["notebooks", "run"])
    parser.add_argument("numbers", nargs="*", help="chapters, such as 01; default: all")
    parser.add_argument("--folder", type=Path, help="where they run; default: a new folder that is removed")
    parser.add_argument("--update", action="store_true", help="write what was printed into the chapters")
    options = parser.parse_args()
    if options.verb == "notebooks":
        NOTEBOOKS.mkdir(exist_ok=True)
        for chapter in chapters():
            path, content = written(chapter)
            path.write_text(content, encoding="utf-8")
        return 0
    # The command landsight is that of this Python.
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    problems = []
    with tempfile.TemporaryDirectory(prefix="landsight-guide-") as scratch:
        folder = options.folder or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        for chapter in chapters(options.numbers):
            began = time.monotonic()
            found = run(chapter, folder, update=options.update)
            print(f"{chapter.stem}: {len(found)} differences, {time.monotonic() - began:.0f} s", flush=True)
            problems += found
    print("\n\n".join(problems))
    return 1 if problems and not options.update else 0


if __name__ == "__main__":
    sys.exit(main())
