"""What the lines of all verbs share: values that are safe as JSON, and why a photo has no answer."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

from landsight.errors import PhotoError

#: What Python puts into a file name for bytes that are not UTF-8, and what broken metadata may carry: not writable as UTF-8.
SURROGATES = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Problem:
    """Why there is no answer: ``code`` is a key of errors.PHOTO_CODES."""

    code: str
    reason: str
    advice: str

    @classmethod
    def of(cls, error: PhotoError) -> Problem:
        """What the error says."""
        return cls(error.code, error.reason, error.advice)

    def to_dict(self) -> dict[str, str]:
        """As it stands in a line."""
        return {"code": self.code, "reason": self.reason, "advice": self.advice}


def clean(value: Any) -> Any:
    """Make a value safe for JSON in UTF-8: numbers finite or None, undecodable parts of file names shown as the replacement character."""
    if isinstance(value, str):
        return value if value.isascii() else SURROGATES.sub("\ufffd", value)
    if isinstance(value, dict):
        return {key: clean(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [clean(item) for item in value]
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    return value
