"""The table of ``landsight predict`` for people: one row a photo, what it shows, how sure, and under it what else it may be."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from landsight.cli.safe_text import visible
from landsight.cli.table import begin, percent, shown_path

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from landsight.answer.road import Said

Line = Mapping[str, Any]
_SURE_WIDTH: Final = 9
_WORTH_SAYING: Final = 0.005
_STYLES: Final = {"answered": "cyan", "unknown": "yellow", "error": "red"}


class PredictTable:
    """Prints to a console, photo by photo. ``said``: the task's own words for a line (answer.road.AnswerModule)."""

    def __init__(self, console: Console, folder: str | None, said: Callable[[Line], Said]) -> None:
        self._console = console
        self._folder = folder
        self._said = said
        rest = console.width - _SURE_WIDTH - 4
        self._photo_width = max(12, rest // 2)
        self._answer_width = max(12, min(rest - self._photo_width, 80))
        begin(console, folder, self._grid(), ("photo", "answer", "how sure"))

    def write(self, line: Line) -> None:
        """One photo: its row, then remarks. One print, so that a bar is redrawn once."""
        said = None if line["outcome"] == "error" else self._said(line)
        text = said.text if said else f"error: {line['error']['code']}"
        sure = percent(said.probability) if said and said.probability is not None else ""
        grid = self._grid()
        grid.add_row(
            Text(visible(shown_path(line["path"], self._folder)), overflow="fold"),
            Text(visible(text), style=_STYLES[line["outcome"]]),
            Text(sure, justify="right"),
        )
        under: list[RenderableType] = [
            Padding(Text(visible(remark), style=style), (0, 0, 0, 2), expand=False) for remark, style in _remarks(line, said)
        ]
        self._console.print(Group(grid, *under), crop=False)

    def close(self) -> None:
        """Nothing is open."""

    def _grid(self) -> Table:
        grid = Table.grid(padding=(0, 2, 0, 0), pad_edge=False)
        for width in (self._photo_width, self._answer_width, _SURE_WIDTH):
            grid.add_column(width=width, overflow="fold")
        return grid


def _remarks(line: Line, said: Said | None) -> Iterator[tuple[str, str]]:
    """(text, style) in the order error, what else it may be, warnings."""
    if line["error"]:
        yield f"{line['error']['reason']} {line['error']['advice']}".strip(), "red"
    is_unknown = line["outcome"] == "unknown"
    # What has less than half a percent is in the lines for programs; people are spared it.
    if others := [(label, p) for label, p in said.others if is_unknown or p >= _WORTH_SAYING] if said else []:
        yield f"{'closest' if is_unknown else 'then'}: " + ", ".join(f"{label} {percent(p)}" for label, p in others), "dim"
    yield from ((f"note: {warning['text']}", "yellow") for warning in line["warnings"])
