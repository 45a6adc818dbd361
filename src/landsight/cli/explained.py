"""Photos of ``landsight explain`` at work: read, asked, drawn, written; the page grows with them."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from PIL import Image
from rich.padding import Padding
from rich.text import Text

from landsight.answer.line import Problem, clean
from landsight.answer.road import answer_module
from landsight.cli.output import Output
from landsight.cli.predict_table import PredictTable
from landsight.cli.safe_text import visible
from landsight.errors import UsageError
from landsight.explain.colours import laid_over
from landsight.explain.heat import enlarged, on_photo
from landsight.explain.page import Entry, Figure, article, foot, head
from landsight.explain.panel import panel
from landsight.explain.source import Explained, Reason, explained
from landsight.explain.words import confused_words, percent
from landsight.photo.prepare import seen_part
from landsight.runtime.stream import Pool

if TYPE_CHECKING:
    from rich.console import Console

    from landsight.explain.explainer import Explainer
    from landsight.explain.source import Source
    from landsight.photo.limits import Limits
    from landsight.runtime.lane import Item

#: Longer side of the photo as it is drawn, in pixels.
_PHOTO_PX: Final = 640
#: Of the pictures; nothing else that ends so is ever written over.
SUFFIX: Final = ".why.png"
#: Cells a side that a map has at most in a line for programs.
_CELLS: Final = 32
#: What is left of a photo's name in the name of its picture.
_UNSAFE: Final = re.compile(r"[^\w.-]+")
_LONGEST_NAME: Final = 80


class OwnFolder(Output):
    """Standard output, beside files in a folder that must not be taken for photos to explain."""

    def __init__(self, folder: Path) -> None:
        super().__init__(None)
        self._folder = folder.resolve()

    def is_own(self, path: Path) -> bool:
        """True for a picture that this verb makes."""
        return path.name.endswith(SUFFIX) and path.resolve().parent == self._folder


@dataclass(frozen=True, slots=True)
class Answered:
    """One photo, explained or not read."""

    line: dict[str, Any]

    def to_line(self) -> dict[str, Any]:
        """See cli.photos.Answer."""
        return self.line


class Explaining:
    """Takes photos, leaves a picture each and the page. Use it in a ``with`` block. ``pictures``: how many were written."""

    def __init__(
        self, source: Source, explainer: Explainer, folder: Path, *, what: str | None, workers: int | None, limits: Limits, page: str
    ) -> None:
        self._source, self._explainer, self._folder, self._what = source, explainer, folder, what
        self._module = answer_module(source.manifest.task)
        self._pool = Pool(source.manifest.input, limits=limits, workers=workers)
        self._names: set[str] = set()
        self.pictures = 0
        _make(folder)
        self._page = Output(folder / page)

    def __enter__(self) -> Self:
        self._page.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._pool.close(wait=False)
        if error is None:
            self._begin()
        if self._page.stream.tell():
            self._page.stream.write(foot(f"{self._source.manifest.name}, {self._source.engine.name}."))
        self._page.__exit__(kind, error, trace)

    def explain_many(self, paths: Iterator[Path]) -> Iterator[Answered]:
        """In order, streaming with flat memory."""
        for item in self._pool.map(paths, frozenset({"prepared", "thumbnail"}), thumbnail_px=_PHOTO_PX):
            yield self._answered(item)

    def _answered(self, item: Item) -> Answered:
        manifest = self._source.manifest
        if item.prepared is None or item.thumbnail is None:
            line = self._line(item, self._module.to_json(None, manifest, top_k=2), [], None)
            if line["error"] is None or line["error"]["code"] != "not_a_photo":
                problem = line["error"] or {"reason": "It gave no picture.", "advice": ""}
                self._write(Entry(item.name, f"{problem['reason']} {problem['advice']}".strip(), is_error=True))
            return Answered(line)
        found = explained(self._source, self._explainer, item.prepared, what=self._what)
        line = self._line(item, self._module.to_json(found.answer, manifest, top_k=2), [self._reason(r) for r in found.reasons], None)
        line["picture"] = self._draw(item, found, self._module.said(line).text)
        return Answered(clean(line))

    def _line(self, item: Item, values: Mapping[str, Any], reasons: list[dict[str, Any]], picture: str | None) -> dict[str, Any]:
        return {
            "path": item.name, **values, "method": self._explainer.method, "reasons": reasons, "picture": picture,
            "warnings": [{"code": w.code, "text": w.text} for w in item.warnings],
            "error": Problem.of(item.error).to_dict() if item.error else None,
        }  # fmt: skip

    def _reason(self, reason: Reason) -> dict[str, Any]:
        grid = reason.grid
        small = grid if max(grid.shape) <= _CELLS else enlarged(grid, *(min(side, _CELLS) for side in grid.shape))
        confused = reason.confused
        return {
            "class": reason.subject.name, "name": reason.shown_name, "probability": reason.subject.probability,
            "grid": [[round(float(v), 3) for v in row] for row in small],
            "often_confused_with": None if confused is None
            else [{"class": t.label, "name": self._source.shown_name(t.label), "count": t.count, "of": t.of} for t in confused],
        }  # fmt: skip

    def _draw(self, item: Item, found: Explained, said: str) -> str:
        """The picture's path; and an article of the page."""
        with Image.open(io.BytesIO(item.thumbnail or b"")) as opened:
            photo = opened.convert("RGB")
        reasons, box = found.reasons, seen_part(self._source.manifest.input, item.size_px or photo.size)
        if reasons and said == reasons[0].subject.name:
            said = reasons[0].shown_name
        heats = [laid_over(photo, on_photo(r.grid, box, *photo.size)) for r in reasons]
        names, sure = [r.shown_name for r in reasons], [self._sure(r) for r in reasons]
        path = self._folder / self._own_name(item.name)
        _write_new(path, panel([photo, *heats], ["photo", *names], [f"answer: {said}", *sure], self._explainer.about, item.name))
        self.pictures += 1
        confused = [confused_words(r.confused, self._source.shown_name) for r in reasons]
        figures = [Figure(h, n, [s, *filter(None, (c,))]) for h, n, s, c in zip(heats, names, sure, confused, strict=True)]
        self._write(Entry(item.name, said, [Figure(photo, "photo"), *figures]))
        return str(path)

    def _sure(self, reason: Reason) -> str:
        """How sure of it the network is, and what there is to say of the map."""
        nothing = "" if reason.grid.any() else "nothing speaks for it"
        return ", ".join(filter(None, (percent(reason.subject.probability), nothing, self._explainer.remark(reason.signed))))

    def _begin(self) -> None:
        """The page's head, once."""
        if not self._page.stream.tell():
            lead = f"{self._explainer.about} Each map has its own scale: its brightest place is the strongest there is in it."
            self._page.stream.write(head(f"Why {self._source.manifest.name} says so", lead))

    def _write(self, entry: Entry) -> None:
        self._begin()
        self._page.stream.write(article(entry).encode("utf-8", "replace").decode("utf-8"))

    def _own_name(self, path: str) -> str:
        """Of the picture: the photo's name without what a file system or a shell may trip over, and a number where two would be the same."""
        kept = _UNSAFE.sub("_", Path(path).name.encode("utf-8", "replace").decode("utf-8"))[:_LONGEST_NAME].strip("._-") or "photo"
        name, number = kept, 1
        while name.casefold() in self._names:
            number += 1
            name = f"{kept}-{number}"
        self._names.add(name.casefold())
        return name + SUFFIX


class ExplainTable(PredictTable):
    """The table of ``landsight predict``, and under each row what its answer is often confused with."""

    def __init__(self, console: Console, folder: str | None, source: Source) -> None:
        super().__init__(console, folder, answer_module(source.manifest.task).said)
        self._source, self._stream = source, console

    def write(self, line: Mapping[str, Any]) -> None:
        """One photo."""
        super().write(line)
        if line["reasons"] and (confused := line["reasons"][0]["often_confused_with"]):
            said = ", ".join(f"{c['name']} ({c['count']} of {c['of']})" for c in confused)
            self._stream.print(Padding(Text(visible(f"test photos of it taken for: {said}"), style="dim"), (0, 0, 0, 2), expand=False))


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            "bad_output", f"{folder} cannot be made: {error.strerror}.", "Give --out a folder that you may write to."
        ) from None


def _write_new(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        raise UsageError(
            "bad_output", f"{path} cannot be written: {error.strerror}.", "Give --out a folder that you may write to."
        ) from None
