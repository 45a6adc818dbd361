"""Bytes of a file, fetched piece by piece, so that facts can be read without reading the pixels."""

from __future__ import annotations

import os
from typing import Final, Protocol

#: Read at once when a file is opened. Nearly all metadata of a camera JPEG lies in its first 64 kB.
HEAD_BYTES: Final = 65536


class ByteSource(Protocol):
    """Random access to bytes. ``read`` returns fewer bytes than asked for at the end, none beyond it; it raises only OSError."""

    @property
    def size(self) -> int:
        """Bytes in all."""
        ...

    def read(self, offset: int, length: int) -> bytes:
        """Bytes [offset, offset + length), cut at the end of the source."""
        ...


class MemorySource:
    """Bytes that are already in memory."""

    __slots__ = ("data", "size")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.size = len(data)

    def read(self, offset: int, length: int) -> bytes:
        """See ByteSource."""
        if offset < 0 or length <= 0:
            return b""
        return self.data[offset : offset + length]


class FileSource:
    """An open file; the caller keeps and closes ``descriptor``."""

    __slots__ = ("descriptor", "head", "size")

    def __init__(self, descriptor: int, size: int) -> None:
        self.descriptor = descriptor
        self.size = size
        self.head = os.pread(descriptor, HEAD_BYTES, 0)

    def read(self, offset: int, length: int) -> bytes:
        """See ByteSource."""
        if offset < 0 or length <= 0 or offset >= self.size:
            return b""
        end = offset + length
        if end <= len(self.head) or len(self.head) == self.size:
            return self.head[offset:end]
        return os.pread(self.descriptor, min(length, self.size - offset), offset)
