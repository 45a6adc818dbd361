"""Memory that a step frees is kept for the next step, which wants the same again, instead of being handed back and asked for anew."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager

#: Names of glibc's malloc.h.
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _MMAP_MAX = -1, -3, -4
_NEVER = 2**31 - 1
#: What glibc has at most by itself, once large blocks have been freed: DEFAULT_MMAP_THRESHOLD_MAX, twice that, and DEFAULT_MMAP_MAX.
_LARGEST_THRESHOLD, _USUAL_MMAPS = 32 * 2**20, 65536


@contextmanager
def kept_memory() -> Iterator[None]:
    """Within the block freed memory stays with the process; at its end all of it is handed back.

    glibc gives large blocks back to the system one by one, and the system clears each page when it is touched next: an eighth of the
    processor time of training ResNet-18 on pictures of 224 px (docs/log.md). Other C libraries are left as they are.
    """
    library = ctypes.CDLL(None)
    if not all(hasattr(library, name) for name in ("mallopt", "malloc_trim", "gnu_get_libc_version")):
        yield
        return
    library.mallopt(_MMAP_MAX, 0)
    library.mallopt(_TRIM_THRESHOLD, _NEVER)
    try:
        yield
    finally:
        library.mallopt(_MMAP_MAX, _USUAL_MMAPS)
        library.mallopt(_MMAP_THRESHOLD, _LARGEST_THRESHOLD)
        library.mallopt(_TRIM_THRESHOLD, 2 * _LARGEST_THRESHOLD)
        library.malloc_trim(ctypes.c_size_t(0))
