"""Names of files and words of others, made safe to show: a name may carry escape codes, right-to-left marks or broken bytes."""

from __future__ import annotations

import shlex
import unicodedata
from pathlib import Path

#: Unicode categories that move the cursor, hide, reorder or cannot be encoded: control, format, surrogate, line and paragraph breaks.
_UNSAFE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def visible(text: str) -> str:
    r"""The text with every unsafe character written as an escape (``\x1b``, ``\u202e``); printable letters of all scripts stay.

    A byte of a file name that is not UTF-8 (Python keeps it as a lone surrogate) shows as that byte: ``\xff``.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escape(c) if unicodedata.category(c) in _UNSAFE_CATEGORIES else c for c in text)


def quoted(argument: Path | str) -> str:
    """An argument of a command that may be copied: as a shell takes it, safe to show."""
    return shlex.quote(visible(str(argument)))


def _escape(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    return character.encode("unicode_escape", "backslashreplace").decode("ascii")
