"""Any photo in, its place out, with the evidence, offline.

    import landsight
    print(landsight.locate("photo.jpg").to_line())

    with landsight.Predictor(top_k=5) as predictor:
        for located in predictor.locate_many(paths):
            ...

The names below are imported on first use, so that ``import landsight`` itself costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from landsight.answer.model import Model, Prediction, predict
    from landsight.bundle.load import Bundle
    from landsight.bundle.load import load as load_bundle
    from landsight.errors import BundleError, LandsightError, PhotoError, PlacesError, RuntimeUnavailable, UsageError, VerificationError
    from landsight.photo.limits import Limits
    from landsight.whereabouts.located import Located
    from landsight.whereabouts.predictor import Predictor, locate

__version__ = "0.1.0"

#: Public name -> "module:attribute".
_PUBLIC: dict[str, str] = {
    "Bundle": "landsight.bundle.load:Bundle",
    "BundleError": "landsight.errors:BundleError",
    "LandsightError": "landsight.errors:LandsightError",
    "Limits": "landsight.photo.limits:Limits",
    "Located": "landsight.whereabouts.located:Located",
    "Model": "landsight.answer.model:Model",
    "PhotoError": "landsight.errors:PhotoError",
    "PlacesError": "landsight.errors:PlacesError",
    "Prediction": "landsight.answer.model:Prediction",
    "Predictor": "landsight.whereabouts.predictor:Predictor",
    "RuntimeUnavailable": "landsight.errors:RuntimeUnavailable",
    "UsageError": "landsight.errors:UsageError",
    "VerificationError": "landsight.errors:VerificationError",
    "load_bundle": "landsight.bundle.load:load",
    "locate": "landsight.whereabouts.predictor:locate",
    "predict": "landsight.answer.model:predict",
}

__all__ = [
    "Bundle",
    "BundleError",
    "LandsightError",
    "Limits",
    "Located",
    "Model",
    "PhotoError",
    "PlacesError",
    "Prediction",
    "Predictor",
    "RuntimeUnavailable",
    "UsageError",
    "VerificationError",
    "__version__",
    "load_bundle",
    "locate",
    "predict",
]


def __getattr__(name: str) -> object:
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, attribute = _PUBLIC[name].split(":")
    value: object = getattr(import_module(module), attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
