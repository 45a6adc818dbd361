"""Everything that can go wrong, in one tree.

    LandsightError
    ├── UsageError            exit 2, HTTP 400   wrong options or arguments
    ├── RecipeError           exit 2             a recipe that cannot be (unknown key, impossible value)
    ├── DataError             exit 2             a training folder that cannot be used
    ├── PhotoError            exit 1, HTTP 4xx   one file: its ``code`` says what (see PHOTO_CODES)
    ├── BundleError           exit 3, HTTP 500   a model folder that is missing, foreign, newer or tampered with
    ├── RuntimeUnavailable    exit 3, HTTP 500   the inference engine asked for is not installed or refuses the model
    ├── VerificationError     exit 1             a bundle does not answer as the trained network did
    └── PlacesError           exit 2, HTTP 400   coordinates out of range, damaged place tables

A message has three parts: what is wrong, what was received, what to do. ``str()`` joins them on one line.
"""

from __future__ import annotations

from typing import ClassVar

#: PhotoError.code -> (HTTP status, what the code means). The table of docs/errors.md is checked against this one.
PHOTO_CODES: dict[str, tuple[int, str]] = {
    "not_a_photo": (415, "the content is not a picture in a format that is read"),
    "unsupported": (415, "a picture, in a variant of its format that no decoder here reads"),
    "damaged": (422, "less than half of the picture could be decoded"),
    "too_many_bytes": (413, "the file is larger than the byte limit"),
    "too_many_pixels": (422, "the file declares more pixels than the pixel limit"),
    "too_slow": (422, "reading took longer than the time limit"),
    "too_much_memory": (422, "reading needed more address space than the memory limit"),
    "decoder_crashed": (422, "the decoder died; only this photo is lost"),
    "unreadable": (404, "the file could not be opened (missing, no permission, not a regular file)"),
    "no_position": (422, "asked for the position alone, and the file has none"),
}


class LandsightError(Exception):
    """Base of all errors this package raises on purpose.

    ``code`` is stable and machine-readable; ``reason`` says what is wrong and what was received; ``advice`` what to do.
    """

    exit_code: ClassVar[int] = 1
    http_status: int = 500

    def __init__(self, code: str, reason: str, advice: str = "") -> None:
        super().__init__(code, reason, advice)
        self.code = code
        self.reason = reason
        self.advice = advice

    def __str__(self) -> str:
        return f"{self.reason} {self.advice}".strip()


class UsageError(LandsightError):
    """Wrong options or arguments."""

    exit_code = 2
    http_status = 400


class RecipeError(UsageError):
    """A recipe with an unknown key or an impossible value."""


class DataError(UsageError):
    """A training folder that cannot be used as it is."""


class PlacesError(UsageError):
    """Coordinates out of range, or place tables that are damaged."""


class PhotoError(LandsightError):
    """One photo could not be read; the run goes on. ``code`` is a key of PHOTO_CODES."""

    exit_code = 1

    def __init__(self, code: str, reason: str, advice: str = "") -> None:
        super().__init__(code, reason, advice)
        self.http_status = PHOTO_CODES[code][0]


class BundleError(LandsightError):
    """A bundle that is missing, foreign, of a newer format, or changed since it was made."""

    exit_code = 3


class RuntimeUnavailable(LandsightError):  # noqa: N818 - a public name; it says a state, as the messages do
    """The inference engine asked for is not installed, or refuses the model."""

    exit_code = 3


class VerificationError(LandsightError):
    """A bundle's answers differ from those of the trained network."""

    exit_code = 1
