"""What one photo may cost. Each limit is a command-line option and an environment variable."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields

from landsight.errors import UsageError


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits for one photo. Environment: LANDSIGHT_MAX_BYTES, LANDSIGHT_MAX_PIXELS, LANDSIGHT_MAX_SECONDS, LANDSIGHT_MAX_MEMORY.

    ``max_pixels`` is checked on the declared size, before any pixel is decoded; ``max_memory`` is the worker's address space.
    """

    max_bytes: int = 200_000_000
    max_pixels: int = 179_000_000
    max_seconds: float = 5.0
    max_memory: int = 1_000_000_000

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Limits:
        """Defaults, overridden by the environment. Raises: UsageError on a value that is not a positive number."""
        values: dict[str, float] = {}
        for item in fields(cls):
            name = f"LANDSIGHT_{item.name.upper()}"
            text = environ.get(name)
            if text is None:
                continue
            try:
                number = float(text)
            except ValueError:
                number = -1.0
            value = number if item.name == "max_seconds" or not number < float("inf") else int(number)
            if not 0 < value < float("inf"):
                raise UsageError("bad_limit", f"{name} is not a positive number: received {text!r}.", "Give a number greater than 0.")
            values[item.name] = value
        return cls(**values)  # type: ignore[arg-type]
