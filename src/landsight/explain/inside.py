"""A bundle opened for looking inside: its network with nothing folded, where it keeps one, and the steps that its answer adds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from landsight.answer.road import answer_module
from landsight.bundle.load import TRACE_NAME, Bundle
from landsight.explain.layer_trace import LayerTrace
from landsight.photo.prepare import Preparation


@dataclass(frozen=True, slots=True)
class Inside:
    """``names``: of the labels, for people. ``is_unfolded``: the bundle keeps a trace of its own; else layers may have been folded."""

    name: str
    bundle_hash: str
    preparation: Preparation
    labels: tuple[str, ...]
    names: tuple[str, ...]
    is_unfolded: bool
    trace: LayerTrace

    @property
    def picture_shape(self) -> tuple[int, int, int]:
        """Of a prepared picture: (height, width, channels)."""
        channels, height, width = self.trace.shape[1:]
        return height, width, channels

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; see LayerTrace.to_dict."""
        return {
            "model": self.name, "bundle_hash": self.bundle_hash, "input": self.preparation.to_dict(), "labels": list(self.labels),
            "names": list(self.names), "unfolded": self.is_unfolded, **self.trace.to_dict(),
        }  # fmt: skip


def open_inside(bundle: Bundle) -> Inside:
    """Raises: BundleError, RuntimeUnavailable (the package onnx is missing, the model is refused)."""
    manifest = bundle.manifest
    p = manifest.input
    has_trace = TRACE_NAME in manifest.files
    precision = "fp32" if "fp32" in manifest.precisions else next(iter(manifest.precisions))
    model = bundle.file(TRACE_NAME) if has_trace else bundle.model_path(precision)
    endings = [ending for ending in answer_module(manifest.task).endings(manifest) if ending.output in manifest.outputs]
    trace = LayerTrace(model, (3 if p.colour == "RGB" else 1, p.height, p.width), endings=endings)
    names = tuple(manifest.places[label].name if label in manifest.places else label for label in manifest.labels)
    return Inside(manifest.name, bundle.bundle_hash, p, manifest.labels, names, has_trace, trace)
