"""A photo worker whose reader misbehaves on command: the file name says how. Started by tests through Pool(worker_module=...)."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from landsight.errors import PhotoError
from landsight.photo import worker
from landsight.photo.facts import Facts, PhotoWarning, Position
from landsight.photo.frames import pack


@dataclass
class Drawn:
    pixels_hwc_u8: np.ndarray
    size_px: tuple[int, int]
    warnings: tuple[PhotoWarning, ...] = ()


leaked: list[bytearray] = []


def act(name: str) -> None:
    """``name`` is a verb, perhaps with a number after "=", then "." and anything."""
    verb, _, rest = name.partition(".")
    verb, _, number = verb.partition("=")
    if verb == "segfault":
        ctypes.string_at(0)
    elif verb == "sleep":
        time.sleep(float(number) / 1000)
    elif verb == "hold":
        # Says that it is at work by its name: a worker may not write files.
        Path("/proc/self/comm").write_text("holding")
        time.sleep(60)
    elif verb == "loop":
        while True:
            pass
    elif verb == "hog":
        leaked.append(bytearray(int(number) * 1_000_000))
        leaked.pop()
    elif verb == "leak":
        leaked.append(bytearray(int(number) * 1_000_000))
    elif verb == "exit":
        os._exit(int(number))
    elif verb == "raise":
        raise ZeroDivisionError("no such thing")
    elif verb == "damaged":
        raise PhotoError("damaged", "Only half is there.", "Look for a copy.")
    elif verb == "say":
        raise PhotoError("damaged", "\x1b[31mred\r\n\x07text", "half \ud800pair")
    elif verb == "print":
        os.write(1, b"noise on standard output")
    elif verb == "write":
        try:
            Path(rest).with_suffix(".written").write_text("x")
        except OSError:
            return
    elif verb == "interrupt":
        os.kill(os.getpid(), signal.SIGINT)


class Rogue:
    def facts_of(self, source: Path | bytes, limits: object) -> Facts:
        act(source.name if isinstance(source, Path) else "bytes")
        return self._facts(source)

    def open(self, source: Path | bytes, limits: object) -> tuple[Facts, worker.Decode]:
        name = source.name if isinstance(source, Path) else "bytes"

        def decode(decode_px: int | None) -> Drawn:
            act(name)
            seed = sum(name.encode()) if isinstance(source, Path) else len(source)
            return Drawn(np.random.default_rng(seed).integers(0, 256, (30, 40, 3), dtype=np.uint8), (40, 30))

        return self._facts(source), decode

    def sidecar(self, path: Path, limits: object) -> Facts:
        if path.name == "broken.xmp":
            raise PhotoError("unreadable", "The sidecar cannot be opened.", "")
        return Facts(position=Position(1.0, 2.0, "sidecar"), gps_status="present", camera="of the sidecar")

    def _facts(self, source: Path | bytes) -> Facts:
        return Facts(camera=f"{source.name if isinstance(source, Path) else len(source)} {os.getpid()}")


def hostile(replies: int, kind: str) -> None:
    """What a photo that owns the worker could say instead of a reply."""
    facts = Facts().to_dict()
    fine = {"facts": facts, "size": None, "warnings": [], "error": None, "prepared": None, "thumbnail": 0, "address_space": 0}
    frames = {
        "huge": b"\xff\xff\xff\xff\xff\xff\xff\xff",
        "text": b"\x00\x00\x00\x05\x00\x00\x00\x00hello",
        "nan": b"\x00\x00\x00\x03\x00\x00\x00\x00NaN",
        "list": b"\x00\x00\x00\x02\x00\x00\x00\x00[]",
        "deep": b"\x00\x01\x86\xa0\x00\x00\x00\x00" + b"[" * 100_000,
        "shape": b"".join(pack({**fine, "prepared": [8, 8, 4]}, [bytes(256)])),
        "short": b"".join(pack({**fine, "prepared": [8, 8, 3]}, [bytes(5)])),
        "latitude": b"".join(pack({**fine, "facts": {**facts, "position": {"latitude": 91.0}}})),
        "code": b"".join(pack({**fine, "error": ["owned", "", ""]})),
        "empty": b"".join(pack({})),
    }
    os.write(replies, frames[kind])
    time.sleep(60)


if __name__ == "__main__":
    serve = worker._Worker.serve

    def serve_or_lie(self: worker._Worker, header: dict, body: bytes, replies: int) -> None:
        name = Path(header["jobs"][0]["path"] or "bytes").name
        if name.startswith("lie="):
            hostile(replies, name.partition("=")[2].partition(".")[0])
        serve(self, header, body, replies)

    worker._Worker.serve = serve_or_lie
    sys.exit(worker.main(Rogue()))
