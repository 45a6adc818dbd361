"""What a trained model is, typed: the content of ``bundle.json``. Nothing about a model is guessed from names."""

from __future__ import annotations

import json
import math
import re
from dataclasses import asdict, dataclass, field, fields
from pathlib import PurePosixPath
from typing import Any, NoReturn

from landsight.errors import BundleError
from landsight.photo.prepare import Preparation

SCHEMA_VERSION = 1

_SHA256 = re.compile("[0-9a-f]{64}")
_FOLDER_ADVICE = "Point to a folder that landsight exported."
_EXPORT_ADVICE = "Export the bundle again."


@dataclass(frozen=True, slots=True)
class BundlePlace:
    """Where a label lies. Degrees WGS 84; ``radius_m`` is the extent of the place; the country may be unknown on purpose."""

    name: str
    latitude: float
    longitude: float
    radius_m: float
    city: str | None = None
    country_code: str | None = None
    country: str | None = None


@dataclass(frozen=True, slots=True)
class Metric:
    """A figure of quality with its 95 % interval, over n pictures; ``what`` says of what and how."""

    value: float
    low: float
    high: float
    n: int
    what: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """bundle.json. ``precisions`` maps a precision to its model file; ``files`` maps every file but bundle.json to its sha256.

    ``outputs`` maps an output's name to its shape, the batch axis as "n". ``decision`` and ``calibration`` hold the scalars of
    answer.calibration; the arrays that belong to them lie in arrays.npz.
    """

    name: str
    task: str
    made: str
    input: Preparation
    outputs: dict[str, list[int | str]]
    labels: tuple[str, ...]
    precisions: dict[str, str]
    places: dict[str, BundlePlace] = field(default_factory=dict)
    calibration: dict[str, Any] = field(default_factory=dict)
    decision: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Metric] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    rights: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    schema_version: int = SCHEMA_VERSION

    def to_json(self) -> str:
        """Stable text: sorted keys at the top are not wanted (people read it), indentation is."""
        return json.dumps(asdict(self), indent=1, ensure_ascii=False, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Manifest:
        """Raises: BundleError for text that is not a manifest, one of a newer format, or one that lacks, adds or breaks a field."""
        data = _parse(text)
        known = {f.name for f in fields(cls)}
        required = {"name", "task", "made", "input", "outputs", "labels", "precisions", "files", "schema_version"}
        if missing := sorted(required - data.keys()):
            raise _foreign(f"lacks {', '.join(missing)}")
        if extra := sorted(data.keys() - known):
            raise _foreign(f"has unknown fields: {', '.join(map(repr, extra[:3]))}")
        try:
            manifest = cls(
                **{
                    **data,
                    "input": Preparation.from_dict(data["input"]),
                    "labels": tuple(data["labels"]),
                    "places": {label: BundlePlace(**place) for label, place in data.get("places", {}).items()},
                    "metrics": {name: Metric(**metric) for name, metric in data.get("metrics", {}).items()},
                }
            )
        except (TypeError, KeyError, AttributeError, ValueError) as error:
            raise _foreign(f"has a field of the wrong form: {error}") from None
        _check(manifest)
        return manifest


def is_safe_name(name: str) -> bool:
    """True for a relative path with forward slashes and no way up or out, on every system."""
    parts = name.split("/")
    return (
        all(part not in ("", ".", "..") for part in parts) and not any(c in name for c in "\\:\0") and not PurePosixPath(name).is_absolute()
    )


def _parse(text: str) -> dict[str, Any]:
    """JSON of a format that this version reads."""
    try:
        data = json.loads(text, parse_constant=_refuse_constant, parse_float=_finite, parse_int=_whole)
    except (ValueError, RecursionError) as error:
        raise BundleError("bundle_foreign", f"bundle.json is not JSON: {error}.", _FOLDER_ADVICE) from None
    version = data.get("schema_version") if isinstance(data, dict) else None
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise BundleError("bundle_foreign", "bundle.json carries no schema_version.", _FOLDER_ADVICE)
    if version > SCHEMA_VERSION:
        raise BundleError(
            "bundle_newer", f"The bundle has format {version}, this version reads up to {SCHEMA_VERSION}.", "Update landsight."
        )
    return dict(data)


def _check(manifest: Manifest) -> None:
    """What the types of the fields promise, and what they promise about each other."""
    _check_texts(manifest)
    _check_files(manifest)
    _check_places(manifest)
    for name, shape in manifest.outputs.items():
        if not isinstance(shape, list) or not all(isinstance(side, int | str) and not isinstance(side, bool) for side in shape):
            raise _foreign(f"has an output of the wrong form: {name!r}")
    for name, metric in manifest.metrics.items():
        if not all(map(_is_number, (metric.value, metric.low, metric.high, metric.n))):
            raise _foreign(f"has a metric that is not a number: {name!r}")


def _check_texts(manifest: Manifest) -> None:
    for name in ("name", "task", "made", "rights"):
        if not isinstance(getattr(manifest, name), str):
            raise _foreign(f"has a {name} that is not text")
    for name in ("outputs", "precisions", "places", "calibration", "decision", "metrics", "data", "versions", "files"):
        if not isinstance(getattr(manifest, name), dict):
            raise _foreign(f"has {name} that are not a table")
    labels = manifest.labels
    if not labels or not all(isinstance(label, str) and label for label in labels) or len(set(labels)) != len(labels):
        raise _foreign("has labels that are empty, repeated or not text")


def _check_files(manifest: Manifest) -> None:
    for name, digest in manifest.files.items():
        if not is_safe_name(name):
            raise BundleError("bundle_foreign", f"bundle.json names a file outside its folder: {name!r}.", "Do not use this bundle.")
        if not isinstance(digest, str) or not _SHA256.fullmatch(digest):
            raise _foreign(f"has no sha256 for {name!r}")
    if not manifest.precisions:
        raise _foreign("names no model file")
    for precision, name in manifest.precisions.items():
        if not isinstance(name, str) or name not in manifest.files:
            raise _foreign(f"does not list the model file of {precision!r}")


def _check_places(manifest: Manifest) -> None:
    if stray := sorted(manifest.places.keys() - set(manifest.labels)):
        raise _foreign(f"has places for what is no label: {', '.join(stray[:3])}")
    for label, place in manifest.places.items():
        numbers = all(map(_is_number, (place.latitude, place.longitude, place.radius_m)))
        texts = isinstance(place.name, str) and all(isinstance(v, str | None) for v in (place.city, place.country_code, place.country))
        if not numbers or not texts or abs(place.latitude) > 90 or abs(place.longitude) > 180 or place.radius_m < 0:
            raise _foreign(f"has an impossible place for {label!r}")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number")


def _finite(text: str) -> float:
    """JSON may write 1e999, which Python reads as infinity."""
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is too large a number")
    return value


def _whole(text: str) -> int:
    """JSON may write a number of 400 digits, which no float holds and no bundle needs."""
    if len(text) > 19:
        raise ValueError(f"{text[:12]}... is too large a number")
    return int(text)


def _foreign(what: str) -> BundleError:
    return BundleError("bundle_foreign", f"bundle.json {what}.", _EXPORT_ADVICE)
