"""Messages between a program and its photo workers: JSON and raw bytes, each after its length. Never pickle: the worker may be hostile.

A frame is two unsigned 32-bit big-endian lengths, then UTF-8 JSON (one object), then the body.
"""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Sequence
from typing import Any, Final

LENGTHS: Final = struct.Struct("!II")

#: Facts with their warnings take about 1 kB, a message of many small requests about 20 kB.
MAX_JSON_BYTES: Final = 1_000_000


class FrameError(Exception):
    """Not a frame: a length out of bounds, or text that is no JSON object."""


def pack(header: dict[str, Any], body: Sequence[bytes | memoryview] = ()) -> list[bytes | memoryview]:
    """The pieces of a frame, to be written one after the other; bodies are not copied."""
    text = json.dumps(header, separators=(",", ":"), allow_nan=False).encode("ascii")
    return [LENGTHS.pack(len(text), sum(len(part) for part in body)) + text, *body]


def parse_header(text: bytes | bytearray) -> dict[str, Any]:
    """Raises: FrameError for anything but one JSON object of finite numbers."""
    try:
        header = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise FrameError(f"no JSON: {error}") from None
    if not isinstance(header, dict):
        raise FrameError("no JSON object")
    return header


def write_all(descriptor: int, parts: Sequence[bytes | memoryview]) -> None:
    """Write every byte of a blocking pipe or file. Raises: OSError, BrokenPipeError when the other side is gone."""
    for part in parts:
        view = memoryview(part).cast("B")
        while view:
            view = view[os.write(descriptor, view) :]


def read_exactly(descriptor: int, length: int) -> bytes | None:
    """``length`` bytes of a blocking pipe, or None at its end."""
    chunks = []
    while length:
        chunk = os.read(descriptor, min(length, 1 << 20))
        if not chunk:
            return None
        chunks.append(chunk)
        length -= len(chunk)
    return b"".join(chunks)


def _refuse_constant(name: str) -> float:
    raise ValueError(f"number {name}")
