"""What verbs that answer photo by photo share: walking the input, streaming answers into a table or a document, progress, Ctrl-C, exit codes."""

from __future__ import annotations

import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, TextIO

import click

from landsight.cli.app import EXIT_INTERRUPTED, EXIT_OK, EXIT_SOME_FAILED
from landsight.cli.formats import Line, Writer
from landsight.cli.interrupt import Interrupts
from landsight.cli.output import Output, is_terminal
from landsight.cli.tally import NOT_A_PHOTO, Tally

if TYPE_CHECKING:
    from rich.console import Console

TABLE: Final = "table"


class Answer(Protocol):
    """What is known of one photo."""

    def to_line(self) -> Line:
        """The contract's line."""
        ...


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for, and what the verb brings along.

    ``answers``: paths -> answers, in order. ``writers``: --format -> writer for programs. ``table``: makes the table for people from a
    console and the folder that all paths share. ``after``: called with each answer before it is written; returns warnings to add.
    """

    paths: tuple[Path, ...]
    format: str
    recursive: bool
    quiet: bool
    answers: Callable[[Iterator[Path]], Iterator[Any]]
    writers: Mapping[str, Callable[[TextIO], Writer]]
    table: Callable[[Console, str | None], Writer]
    tally: Tally = field(default_factory=Tally)
    after: Callable[[Any], list[Line]] | None = None


def format_of(out: Path | None, writers: Mapping[str, object]) -> str:
    """A known ending of --out names the format; anything else is for people."""
    ending = out.suffix.lower().removeprefix(".") if out is not None else ""
    return ending if ending in writers else TABLE


def answer_all(request: Request, output: Output) -> int:
    """Answer all photos; returns the exit code. An interruption ends the document properly and keeps what was done."""
    printer = _Printer(request, output)
    queue = _Queue(request, output)
    interrupts = Interrupts()
    interrupted = False
    with interrupts.installed():
        try:
            with _bar(None if request.quiet else printer.bar_console, queue) as advance:
                for answer in request.answers(queue.sources()):
                    with interrupts.shield():
                        _finish(answer, request, queue, printer)
                    advance()
        except KeyboardInterrupt:
            interrupted = True
        printer.close(interrupted=interrupted)
    if interrupted:
        return EXIT_INTERRUPTED
    return EXIT_SOME_FAILED if request.tally.failed else EXIT_OK


@contextmanager
def _bar(console: Console | None, queue: _Queue) -> Iterator[Callable[[], None]]:
    """A progress bar, or, without a console, nothing at all and no import of what draws it."""
    if console is None:
        yield lambda: None
        return
    from landsight.cli.progress import Bar

    with Bar(console, queue.count) as bar:
        yield bar.advance


def _finish(answer: Answer, request: Request, queue: _Queue, printer: _Printer) -> None:
    """Write what is known about one photo, and count it."""
    named = queue.next_is_named()
    line = answer.to_line()
    if request.after is not None:
        line["warnings"] += request.after(answer)
    request.tally.add(line, named=named)
    printer.write(line, named=named)


class _Queue:
    """The files to answer, walked lazily, and for each under way whether it stood on the command line itself."""

    def __init__(self, request: Request, output: Output) -> None:
        self._request = request
        self._output = output
        self._named: deque[bool] = deque()

    def sources(self) -> Iterator[Path]:
        """The paths, one after the other; remembers which were named."""
        for path, named in self._walk():
            self._named.append(named)
            yield path

    def next_is_named(self) -> bool:
        """For the answer that comes next: answers keep the order of the sources."""
        return self._named.popleft()

    def count(self, stop: threading.Event) -> int | None:
        """How many there are; None when stopped before the end."""
        total = 0
        for _ in self._walk():
            if stop.is_set():
                return None
            total += 1
        return total

    def _walk(self) -> Iterator[tuple[Path, bool]]:
        from landsight.photo.collect import collect

        for found in collect(self._request.paths, recursive=self._request.recursive):
            if not self._output.is_own(found.path):
                yield found.path, found.named


class _Printer:
    """Writes lines in the format asked for, and the summary where it does not disturb: in the table, or on stderr.

    Nothing is written before the first answer, so that a bundle that cannot be used leaves no empty document.
    """

    def __init__(self, request: Request, output: Output) -> None:
        self._request = request
        self._stream = output.stream
        self._writer: Writer | None = None
        to_terminal = output.path is None and is_terminal(output.stream)
        self.bar_console: Console | None = None
        if to_terminal and request.format == TABLE:
            # The rows share the bar's console, so that neither writes over the other; other formats show progress by themselves.
            self.bar_console = _console(output.stream)
        elif not to_terminal and is_terminal(sys.stderr):
            self.bar_console = _console(sys.stderr)

    def write(self, line: Line, *, named: bool) -> None:
        """One photo. People are spared a row for each file of a folder that is no photo; the summary counts them."""
        if self._request.format != TABLE or named or line["error"] is None or line["error"]["code"] != NOT_A_PHOTO:
            self._open().write(line)

    def close(self, *, interrupted: bool) -> None:
        """End the document and sum up."""
        self._open().close()
        sentence = ("interrupted after " if interrupted else "") + self._request.tally.sentence()
        if self._request.quiet:
            return
        if self._request.format == TABLE:
            click.echo(f"\n{sentence}", file=self._stream)
        else:
            click.echo(sentence, err=True)

    def _open(self) -> Writer:
        if self._writer is None and self._request.format == TABLE:
            from landsight.cli.table import common_folder

            shared = self.bar_console if self.bar_console is not None and self.bar_console.file is self._stream else None
            self._writer = self._request.table(shared or _console(self._stream), common_folder(self._request.paths))
        elif self._writer is None:
            self._writer = self._request.writers[self._request.format](self._stream)
        return self._writer


def _console(stream: TextIO) -> Console:
    from rich.console import Console

    return Console(file=stream, highlight=False, emoji=False, markup=False)
