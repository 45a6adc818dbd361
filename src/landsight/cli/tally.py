"""Counting what a run over photos met, and the one line that says so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

#: Outcome -> how it is counted in words (one, several): of locate, and of predict.
LOCATED_WORDS = {
    "gps": ("by position in the file", "by position in the file"),
    "landmark": ("landmark", "landmarks"),
    "unknown_place": ("unknown place", "unknown places"),
    "not_a_place": ("not a place", "not a place"),
}
ANSWERED_WORDS = {"answered": ("answered", "answered"), "unknown": ("unknown", "unknown")}
NOT_A_PHOTO = "not_a_photo"
SIDECAR_REFUSED = "sidecar_refused"


@dataclass(slots=True)
class Tally:
    """Outcomes, errors by code, and files that are no photos and were only met while walking a folder (``others``).

    ``words``: outcome -> its name for one photo and for several. ``refused_sidecars``: photos whose sidecar was asked for and could not be written.
    """

    words: Mapping[str, tuple[str, str]] = field(default_factory=lambda: LOCATED_WORDS)
    outcomes: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    conflicts: int = 0
    others: int = 0
    refused_sidecars: int = 0

    def add(self, line: dict[str, Any], *, named: bool) -> None:
        """Count one line. ``named``: the path stood on the command line, so not being a photo is a failure."""
        error = line["error"]
        if error is not None and error["code"] == NOT_A_PHOTO and not named:
            self.others += 1
            return
        self.outcomes[line["outcome"]] += 1
        if error is not None:
            self.errors[error["code"]] += 1
        self.conflicts += bool(line.get("conflicts"))
        self.refused_sidecars += any(warning["code"] == SIDECAR_REFUSED for warning in line["warnings"])

    @property
    def photos(self) -> int:
        """Photos met, failed ones included; files that are no photos apart."""
        return sum(self.outcomes.values())

    @property
    def failed(self) -> bool:
        """True when the run must end with exit code 1: a photo was not read, or a sidecar that was asked for not written."""
        return self.outcomes["error"] > 0 or self.refused_sidecars > 0

    def sentence(self) -> str:
        """Such as "12 photos: 5 by position in the file, 4 landmarks, 1 unknown place, 1 not a place, 1 error (damaged)"."""
        parts = [f"{count} {self.words[name][count != 1]}" for name in self.words if (count := self.outcomes[name])]
        if count := self.outcomes["error"]:
            kinds = ", ".join(code if n == count == 1 else f"{n} {code}" for code, n in sorted(self.errors.items()))
            parts.append(f"{count} {'error' if count == 1 else 'errors'} ({kinds})")
        text = f"{self.photos} {'photo' if self.photos == 1 else 'photos'}"
        if not self.photos:
            text = "no photos found"
        if parts:
            text += ": " + ", ".join(parts)
        if self.conflicts:
            text += f"; {self.conflicts} {'conflict' if self.conflicts == 1 else 'conflicts'} between position and picture"
        if self.refused_sidecars:
            text += f"; {self.refused_sidecars} {'sidecar' if self.refused_sidecars == 1 else 'sidecars'} not written"
        if self.others:
            text += f"; {self.others} other {'file' if self.others == 1 else 'files'} (not photos)"
        return text
