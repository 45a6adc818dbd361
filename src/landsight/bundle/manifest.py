"""What a trained model is, typed: the content of ``bundle.json``. Nothing about a model is guessed from names."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from landsight.errors import BundleError
from landsight.photo.prepare import Preparation

SCHEMA_VERSION = 1


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
    """bundle.json. ``precisions`` maps a precision to its model file; ``files`` maps every other file to its sha256.

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
        """Raises: BundleError for text that is not a manifest, one of a newer format, or one that lacks or adds a field."""
        try:
            data = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise BundleError("bundle_foreign", f"bundle.json is not JSON: {error}.", "Point to a folder that landsight exported.") from None
        if not isinstance(data, dict) or not isinstance(data.get("schema_version"), int):
            raise BundleError("bundle_foreign", "bundle.json carries no schema_version.", "Point to a folder that landsight exported.")
        if data["schema_version"] > SCHEMA_VERSION:
            raise BundleError("bundle_newer", f"The bundle has format {data['schema_version']}, this version reads up to {SCHEMA_VERSION}.", "Update landsight.")
        known = {f.name for f in fields(cls)}
        required = {"name", "task", "made", "input", "outputs", "labels", "precisions", "files", "schema_version"}
        if missing := sorted(required - data.keys()):
            raise BundleError("bundle_foreign", f"bundle.json lacks {', '.join(missing)}.", "Export the bundle again.")
        if extra := sorted(data.keys() - known):
            raise BundleError("bundle_foreign", f"bundle.json has unknown fields: {', '.join(extra)}.", "Export the bundle again.")
        try:
            return cls(**{
                **data,
                "input": Preparation.from_dict(data["input"]),
                "labels": tuple(data["labels"]),
                "places": {label: BundlePlace(**place) for label, place in data.get("places", {}).items()},
                "metrics": {name: Metric(**metric) for name, metric in data.get("metrics", {}).items()},
            })
        except (TypeError, KeyError, AttributeError, ValueError) as error:
            raise BundleError("bundle_foreign", f"bundle.json has a field of the wrong form: {error}.", "Export the bundle again.") from None
