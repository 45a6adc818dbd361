"""Draw the picture of the README: the real table of `landsight locate` over the drawn sample, as SVG.

python scripts/draw_readme_picture.py docs/images/locate.svg
"""

from __future__ import annotations

import argparse
import io
import os
import re
import tempfile
from pathlib import Path

from draw_sample import draw_sample
from rich.console import Console

from landsight import Predictor
from landsight.cli.table import PeopleTable
from landsight.cli.tally import Tally

WIDTH = 100


def main() -> None:
    """Draw the sample, locate it, and write what a terminal would show."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("svg", type=Path)
    svg: Path = parser.parse_args().svg.resolve()
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, highlight=False, emoji=False, markup=False)
    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)
        draw_sample(Path("sample"))
        _print_table(console)
        os.chdir(svg.parent.parent)
    svg.parent.mkdir(parents=True, exist_ok=True)
    drawn = console.export_svg(title="$ landsight locate sample", unique_id="landsight")
    # The reader's own monospaced font: a picture that fetches one from the network would not be ours to show.
    svg.write_text(re.sub(r"@font-face\s*{.*?}\s*", "", drawn, flags=re.DOTALL), encoding="utf-8")


def _print_table(console: Console) -> None:
    table, tally = PeopleTable(console, "sample"), Tally()
    paths = sorted(path for path in Path("sample").iterdir() if path.suffix not in ("", ".xmp"))
    with Predictor() as predictor:
        for located in predictor.locate_many(paths):
            line = located.to_line()
            tally.add(line, named=False)
            if line["error"] is None or line["error"]["code"] != "not_a_photo":
                table.write(line)
    console.print(f"\n{tally.sentence()}", soft_wrap=False)


if __name__ == "__main__":
    main()
