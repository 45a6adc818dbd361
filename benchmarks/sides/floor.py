"""The floor: files are read and their JPEG decoded, DCT-scaled, by two workers, and nothing else is done.

python floor.py --list FILES.txt --min-px 224 --with threads|processes

Prints JSON: loop_s (workers started and warm before the clock starts), decoded, refused.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import time
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from pathlib import Path

import simplejpeg

_WORKERS = 2


def decode(path: str, min_px: int) -> bool:
    """Read and decode one file; False when it is no JPEG that simplejpeg takes."""
    data = Path(path).read_bytes()
    try:
        simplejpeg.decode_jpeg(data, min_height=min_px, min_width=min_px)
    except ValueError:
        return False
    return True


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--list", type=Path, required=True)
    parser.add_argument("--min-px", type=int, required=True)
    parser.add_argument("--with", dest="kind", choices=("threads", "processes"), required=True)
    given = parser.parse_args()
    files = given.list.read_text(encoding="utf-8").splitlines()
    work = partial(decode, min_px=given.min_px)
    # Pieces are handed out as they are finished; small files travel in larger pieces, so that handing out costs nothing.
    chunk = max(1, min(16, len(files) // 100))
    with executor(given.kind) as pool:
        list(pool.map(work, files[: 2 * _WORKERS]))
        start = time.perf_counter()
        done = list(pool.map(work, files, chunksize=chunk))
        loop_s = time.perf_counter() - start
    print(json.dumps({"loop_s": loop_s, "decoded": sum(done), "refused": len(done) - sum(done)}))


def executor(kind: str) -> Executor:
    """Two workers of a kind. simplejpeg lets go of the interpreter while it decodes, so threads are a fair floor too."""
    if kind == "threads":
        return ThreadPoolExecutor(_WORKERS)
    return ProcessPoolExecutor(_WORKERS, mp_context=multiprocessing.get_context("fork"))


if __name__ == "__main__":
    main()
