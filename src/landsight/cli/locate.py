"""``landsight locate``: photos in, places out, one answer a photo, in the order of input."""

from __future__ import annotations

import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TextIO

import click

from landsight.cli.app import EXIT_INTERRUPTED, EXIT_OK, EXIT_SOME_FAILED
from landsight.cli.formats import WRITERS, Line, Writer
from landsight.cli.interrupt import Interrupts
from landsight.cli.options import bundle_option, limit_options, limits_from
from landsight.cli.output import Output, is_terminal
from landsight.cli.tally import NOT_A_PHOTO, Tally
from landsight.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from landsight.whereabouts.located import Located
    from landsight.whereabouts.predictor import Predictor

Format = Literal["table", "jsonl", "csv", "geojson"]


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for. ``predictor``: the options of whereabouts.predictor.Predictor."""

    paths: tuple[Path, ...]
    format: Format
    recursive: bool
    sidecars: bool
    quiet: bool
    predictor: dict[str, Any] = field(default_factory=dict)


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("-k", "--top-k", type=click.IntRange(min=1), default=3, show_default=True, help="How many candidates to list for each photo.")
@click.option("-f", "--format", "format_", type=click.Choice(["table", *WRITERS]), default=None, help="table is for people, the others for programs. Default: what the name of --out says, else table.")  # fmt: skip
@click.option("-o", "--out", type=click.Path(path_type=Path), default=None, metavar="FILE", help="Write to a file; what is done is kept.")
@bundle_option
@click.option("--recursive/--no-recursive", default=True, show_default=True, help="Look into the folders of a folder.")
@click.option("--no-gps", is_flag=True, help="Leave the position in the file aside and only look at the picture.")
@click.option("--only-gps", is_flag=True, help="Read the position in the file and do not open the picture.")
@click.option("--write-sidecar", is_flag=True, help="Put position and names into an XMP file beside each photo; estimates are marked.")
@click.option("--workers", type=click.IntRange(min=1), default=None, help="Processes that read photos. Default: one for each core.")
@limit_options
@click.option("--runtime", type=click.Choice(["auto", "onnxruntime", "openvino"]), default="auto", show_default=True, help="What runs the network.")  # fmt: skip
@click.option("--precision", default=None, metavar="NAME", help="One of the bundle's precisions. Default: measured by doctor, else fp32.")
@click.option("-q", "--quiet", is_flag=True, help="No progress bar and no summary.")
@click.pass_context
def locate(ctx: click.Context, /, paths: tuple[Path, ...], **options: Any) -> None:
    """Say where each photo was taken or what it shows, with the evidence.

    PATHS are photos and folders. Exit code 0: every photo was answered (not knowing a place is an answer), 1: some photos could not
    be read, 130: interrupted, what was done is kept.
    """
    if options["no_gps"] and options["only_gps"]:
        raise UsageError("nothing_to_do", "--no-gps and --only-gps together leave nothing to look at.", "Give one of them.")
    limits = limits_from(**{name: options[name] for name in ("max_bytes", "max_pixels", "max_seconds", "max_memory")})
    request = Request(
        paths=paths,
        format=options["format_"] or _format_of(options["out"]),
        recursive=options["recursive"],
        sidecars=options["write_sidecar"],
        quiet=options["quiet"],
        predictor={
            **{name: options[name] for name in ("bundle", "top_k", "workers", "runtime", "precision")},
            "gps": not options["no_gps"],
            "pixels": not options["only_gps"],
            "limits": limits,
        },
    )
    from landsight.runtime.launch import prestart

    prestart()
    from landsight.whereabouts.predictor import Predictor

    with Predictor(**request.predictor) as predictor, Output(options["out"]) as output:
        code = _run(predictor, request, output)
    ctx.exit(code)


def _format_of(out: Path | None) -> Format:
    """A known ending of --out names the format; anything else is for people."""
    endings: dict[str, Format] = {".jsonl": "jsonl", ".csv": "csv", ".geojson": "geojson"}
    return endings.get(out.suffix.lower(), "table") if out is not None else "table"


def _run(predictor: Predictor, request: Request, output: Output) -> int:
    """Answer all photos; returns the exit code. An interruption ends the document properly and keeps what was done."""
    printer = _Printer(request, output)
    queue = _Queue(request, output)
    tally = Tally()
    interrupts = Interrupts()
    interrupted = False
    with interrupts.installed():
        try:
            with _bar(None if request.quiet else printer.bar_console, queue) as advance:
                for located in predictor.locate_many(queue.sources()):
                    with interrupts.shield():
                        _finish(located, request, queue, printer, tally)
                    advance()
        except KeyboardInterrupt:
            interrupted = True
        printer.close(tally, interrupted=interrupted)
    if interrupted:
        return EXIT_INTERRUPTED
    return EXIT_SOME_FAILED if tally.failed else EXIT_OK


@contextmanager
def _bar(console: Console | None, queue: _Queue) -> Iterator[Callable[[], None]]:
    """A progress bar, or, without a console, nothing at all and no import of what draws it."""
    if console is None:
        yield lambda: None
        return
    from landsight.cli.progress import Bar

    with Bar(console, queue.count) as bar:
        yield bar.advance


def _finish(located: Located, request: Request, queue: _Queue, printer: _Printer, tally: Tally) -> None:
    """Write what is known about one photo, and count it."""
    named = queue.next_is_named()
    line = located.to_line()
    if request.sidecars:
        from landsight.cli.sidecars import write_for

        line["warnings"] += write_for(located)
    tally.add(line, named=named)
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
        if to_terminal and request.format == "table":
            # The rows share the bar's console, so that neither writes over the other; other formats show progress by themselves.
            self.bar_console = _console(output.stream)
        elif not to_terminal and is_terminal(sys.stderr):
            self.bar_console = _console(sys.stderr)

    def write(self, line: Line, *, named: bool) -> None:
        """One photo. People are spared a row for each file of a folder that is no photo; the summary counts them."""
        if self._request.format != "table" or named or line["error"] is None or line["error"]["code"] != NOT_A_PHOTO:
            self._open().write(line)

    def close(self, tally: Tally, *, interrupted: bool) -> None:
        """End the document and sum up."""
        self._open().close()
        sentence = ("interrupted after " if interrupted else "") + tally.sentence()
        if self._request.quiet:
            return
        if self._request.format == "table":
            click.echo(f"\n{sentence}", file=self._stream)
        else:
            click.echo(sentence, err=True)

    def _open(self) -> Writer:
        if self._writer is None and self._request.format == "table":
            from landsight.cli.table import PeopleTable, common_folder

            shared = self.bar_console if self.bar_console is not None and self.bar_console.file is self._stream else None
            self._writer = PeopleTable(shared or _console(self._stream), common_folder(self._request.paths))
        elif self._writer is None:
            self._writer = WRITERS[self._request.format](self._stream)
        return self._writer


def _console(stream: TextIO) -> Console:
    from rich.console import Console

    return Console(file=stream, highlight=False, emoji=False, markup=False)
