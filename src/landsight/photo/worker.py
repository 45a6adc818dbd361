"""The process in which photos are read: ``python -m landsight.photo.worker``, started by runtime.stream, never by hand.

A photo may crash, stall or take over a native decoder. So decoding happens here, under limits of address space and processor time,
without the right to write files. When this process dies, one photo is lost. Requests come on standard input, replies go to standard
output, as photo.frames says; the other side trusts no reply.
"""

from __future__ import annotations

import ctypes
import gc
import io
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from landsight.errors import PhotoError
from landsight.photo.facts import Facts, PhotoWarning
from landsight.photo.frames import LENGTHS, pack, parse_header, read_exactly, write_all
from landsight.photo.limits import Limits
from landsight.photo.prepare import Preparation, prepare

_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38
_THUMBNAIL_QUALITY = 80
_MAX_TEXT, _MAX_WARNINGS = 1_000, 100


class PhotoLike(Protocol):
    """What decoding returns; photo.read.Photo is one."""

    @property
    def pixels_hwc_u8(self) -> NDArray[np.uint8]: ...

    @property
    def size_px(self) -> tuple[int, int]: ...

    @property
    def warnings(self) -> tuple[PhotoWarning, ...]: ...


Decode = Callable[[int | None], PhotoLike]


class Reader(Protocol):
    """What the worker calls; PackageReader in earnest, others in tests. Every method may raise PhotoError."""

    def facts_of(self, source: Path | bytes, limits: Limits) -> Facts:
        """Facts alone, without opening pixels."""
        ...

    def open(self, source: Path | bytes, limits: Limits) -> tuple[Facts, Decode]:
        """Facts, and what decodes the pixels when called with decode_px."""
        ...

    def sidecar(self, path: Path, limits: Limits) -> Facts:
        """Facts of the XMP file beside a photo."""
        ...


class PackageReader:
    """The readers of this package, imported on first use, so that facts alone load no decoder."""

    def facts_of(self, source: Path | bytes, limits: Limits) -> Facts:
        """See photo.metadata.facts_of_file."""
        if isinstance(source, Path):
            from landsight.photo.metadata import facts_of_file

            return facts_of_file(source, limits)
        from landsight.photo.read import facts_of, identify, read_bytes

        return facts_of(read_bytes(source, limits), identify(source))

    def open(self, source: Path | bytes, limits: Limits) -> tuple[Facts, Decode]:
        """See photo.read; the steps of its ``read``, so that facts survive a failure of the pixels."""
        from landsight.photo.read import decode, facts_of, identify, read_bytes

        data = read_bytes(source, limits)
        kind = identify(data)
        facts = facts_of(data, kind)
        return facts, lambda decode_px: decode(data, kind, facts, limits=limits, decode_px=decode_px)

    def sidecar(self, path: Path, limits: Limits) -> Facts:
        """See photo.sidecar.read_sidecar."""
        from landsight.photo.sidecar import read_sidecar

        return read_sidecar(path, limits)


def main(reader: Reader | None = None) -> int:
    """Serve requests until standard input ends. Returns the exit code."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    requests = os.dup(0)
    replies = os.dup(1)
    # What a decoder prints must not mix with the replies.
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.dup2(nowhere, 1)
    first = _read_frame(requests)
    if first is None:
        return 0
    greeting, _ = first
    limits = Limits(**greeting["limits"])
    preparation = None if greeting["preparation"] is None else Preparation.from_dict(greeting["preparation"])
    _shut_in(limits, int(greeting["parent"]))
    write_all(replies, pack({"ready": True, "address_space": _address_space()}))
    os.dup2(nowhere, 2)
    gc.freeze()
    worker = _Worker(reader or PackageReader(), limits, preparation)
    while (frame := _read_frame(requests)) is not None:
        worker.serve(*frame, replies)
    return 0


class _Worker:
    """Answers requests one after the other."""

    def __init__(self, reader: Reader, limits: Limits, preparation: Preparation | None) -> None:
        self.reader = reader
        self.limits = limits
        self.preparation = preparation

    def serve(self, header: dict[str, Any], body: bytes, replies: int) -> None:
        """One message, of one or many requests; one reply a request, in order, written together when they are small."""
        waiting: list[bytes | memoryview] = []
        offset = 0
        for request in header["jobs"]:
            path = request["path"]
            source: Path | bytes
            if path is None:
                source = body[offset : offset + request["bytes"]]
                offset += request["bytes"]
            else:
                source = _path(path)
            # The default action of SIGPROF ends the process; decoders cannot delay it as they can a Python handler.
            signal.setitimer(signal.ITIMER_PROF, self.limits.max_seconds)
            reply = self.answer(source, request)
            signal.setitimer(signal.ITIMER_PROF, 0)
            waiting += reply
            if sum(map(len, waiting)) > 32_768:
                write_all(replies, waiting)
                waiting = []
        write_all(replies, waiting)

    def answer(self, source: Path | bytes, request: dict[str, Any]) -> list[bytes | memoryview]:
        """The reply to one request. What went wrong is part of it, never an exception."""
        reply = _Reply()
        try:
            if request["wants"] == ["facts"]:
                reply.facts = self.reader.facts_of(source, self.limits)
            else:
                self._look(source, request, reply)
        except Exception as error:  # any failure of any decoder is this photo's error
            reply.error = _error(error)
        if request["sidecar"] is not None:
            reply.facts = self._with_sidecar(reply.facts, _path(request["sidecar"]))
        return reply.packed()

    def _look(self, source: Path | bytes, request: dict[str, Any], reply: _Reply) -> None:
        """Pixels: what the network sees, and a thumbnail. Neither changes with the other being asked for."""
        reply.facts, decode = self.reader.open(source, self.limits)
        p = self.preparation if "prepared" in request["wants"] else None
        thumbnail_px: int | None = request["thumbnail_px"]
        photo = decode(p.decode_px if p else thumbnail_px)
        reply.size = list(photo.size_px)
        reply.warnings = photo.warnings
        if p is not None:
            reply.prepared = np.ascontiguousarray(prepare(photo.pixels_hwc_u8, p))
        if thumbnail_px is not None:
            if p is not None and max(photo.pixels_hwc_u8.shape[:2]) < min(thumbnail_px, max(photo.size_px)):
                photo = decode(thumbnail_px)
            reply.thumbnail = _thumbnail(photo.pixels_hwc_u8, thumbnail_px)

    def _with_sidecar(self, facts: Facts, path: Path) -> Facts:
        try:
            from landsight.photo.sidecar import completed

            return completed(facts, self.reader.sidecar(path, self.limits))
        except Exception as error:  # a broken sidecar must not hide what the photo itself says
            warning = PhotoWarning("sidecar_unreadable", f"Sidecar left aside: {_error(error)[1]}")
            return replace(facts, warnings=(*facts.warnings, warning))


@dataclass(slots=True)
class _Reply:
    """One photo's reply while it is put together."""

    facts: Facts = field(default_factory=Facts)
    size: list[int] | None = None
    warnings: tuple[PhotoWarning, ...] = ()
    error: list[str] | None = None
    prepared: NDArray[np.uint8] | None = None
    thumbnail: bytes = b""

    def packed(self) -> list[bytes | memoryview]:
        """As frames carry it. Beside an error there are no pixels."""
        prepared, thumbnail = (None, b"") if self.error else (self.prepared, self.thumbnail)
        every = dict.fromkeys((*self.facts.warnings, *self.warnings))
        header = {
            "facts": self.facts.to_dict(),
            "size": self.size,
            "warnings": [[w.code, w.text[:_MAX_TEXT]] for w in every][:_MAX_WARNINGS],
            "error": self.error,
            "prepared": None if prepared is None else list(prepared.shape),
            "thumbnail": len(thumbnail),
            "address_space": _address_space(),
        }
        return pack(header, [part for part in (b"" if prepared is None else prepared.data.cast("B"), thumbnail) if len(part)])


def _error(error: Exception) -> list[str]:
    if isinstance(error, PhotoError):
        return [error.code, error.reason, error.advice]
    if isinstance(error, MemoryError):
        return ["too_much_memory", "Reading the photo needed more memory than the limit.", "Raise --max-memory (LANDSIGHT_MAX_MEMORY)."]
    words = " ".join(str(error).split())[:200]
    return [
        "decoder_crashed",
        f"The decoder failed: {type(error).__name__}: {words}.",
        "Check that the photo opens in a viewer; please report it.",
    ]


def _thumbnail(pixels_hwc_u8: NDArray[np.uint8], side_px: int) -> bytes:
    from PIL import Image

    image = Image.fromarray(pixels_hwc_u8)
    image.thumbnail((side_px, side_px), Image.Resampling.BICUBIC)
    out = io.BytesIO()
    image.save(out, "JPEG", quality=_THUMBNAIL_QUALITY)
    return out.getvalue()


def _path(text: str) -> Path:
    return Path(os.fsdecode(text.encode("utf-8", "surrogateescape")))


def _read_frame(descriptor: int) -> tuple[dict[str, Any], bytes] | None:
    """One message of the program that started this process; None when it has closed the pipe."""
    lengths = read_exactly(descriptor, LENGTHS.size)
    if lengths is None:
        return None
    json_length, body_length = LENGTHS.unpack(lengths)
    text = read_exactly(descriptor, json_length)
    body = read_exactly(descriptor, body_length)
    if text is None or body is None:
        return None
    return parse_header(text), body


def _shut_in(limits: Limits, parent: int) -> None:
    """Take rights away: memory, files to write, core dumps, privileges; and die with the parent."""
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    if sys.platform == "linux":
        prctl = ctypes.CDLL(None).prctl
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        if os.getppid() != parent:
            raise SystemExit("the program that asked for this worker is gone")
        resource.setrlimit(resource.RLIMIT_AS, (limits.max_memory, limits.max_memory))


def _address_space() -> int:
    """Bytes of address space in use; 0 where the system does not say."""
    try:
        with open("/proc/self/statm", "rb", buffering=0) as stream:  # noqa: PTH123 - called for each photo, Path costs ten times as much
            return int(stream.read(64).split(b" ", 1)[0]) * 4096
    except OSError:
        return 0


if __name__ == "__main__":
    sys.exit(main())
