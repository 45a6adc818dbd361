"""What is asked and explained: a bundle here, a run folder in the studio; and one photo's answer with the maps of its best subjects."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landsight.answer.road import Subject, answer_module, answers_of
from landsight.bundle.confused import Confused, Taken
from landsight.bundle.load import load
from landsight.bundle.manifest import Manifest
from landsight.errors import UsageError
from landsight.explain.activation_map import ActivationMaps
from landsight.explain.explainer import Explainer
from landsight.explain.heat import Map, positive
from landsight.explain.occlusion import Occlusion
from landsight.photo.prepare import ImageU8
from landsight.runtime.choose import pick
from landsight.runtime.engine import Engine

#: Every method, the one to try first first; and those that need the gradients of a network of torch, which a bundle does not have.
METHODS = ("activation", "gradcam", "occlusion", "field")
GRADIENTS = ("gradcam", "field")


@dataclass(frozen=True, slots=True)
class Source:
    """A network that answers, and the ways in which it can be explained: ``methods``, name -> maker, the best one first.

    A maker raises UsageError when this network cannot be explained so.
    """

    engine: Engine
    manifest: Manifest
    arrays: Mapping[str, NDArray[Any]]
    confused: Confused | None
    methods: Mapping[str, Callable[[], Explainer]] = field(default_factory=dict)

    def explainer(self, method: str | None = None) -> Explainer:
        """Default: the first that this network allows. Raises: UsageError for a method that this source or this network does not have."""
        if method is None:
            return self._first_possible()
        if method not in self.methods:
            raise UsageError(
                "no_gradients", f"A bundle has no gradients, and {method} needs them.",
                f"Give the run folder that it came from (needs landsight[studio]), or --method {' or '.join(self.methods)}.",
            )  # fmt: skip
        return self.methods[method]()

    def _first_possible(self) -> Explainer:
        *others, last = self.methods.values()
        for make in others:
            try:
                return make()
            except UsageError:
                continue
        return last()

    def shown_name(self, subject: str) -> str:
        """For people: a label's place, if it has one."""
        place = self.manifest.places.get(subject)
        return place.name if place else subject


def light_methods(engine: Engine, manifest: Manifest, arrays: Mapping[str, NDArray[Any]]) -> dict[str, Callable[[], Explainer]]:
    """What needs no gradients."""
    return {"activation": lambda: ActivationMaps(engine, manifest, arrays), "occlusion": lambda: Occlusion(engine, manifest)}


def of_bundle(path: Path | None, *, runtime: str | None = None, precision: str | None = None) -> Source:
    """A bundle folder, or a run folder with a bundle in it; None: the shipped one. Raises: BundleError, RuntimeUnavailable."""
    bundle = load(path)
    answer_module(bundle.manifest.task)
    engine = pick(bundle, runtime=runtime, precision=precision)
    return Source(engine, bundle.manifest, bundle.arrays, bundle.confused, light_methods(engine, bundle.manifest, bundle.arrays))


@dataclass(frozen=True, slots=True)
class Reason:
    """One subject of an answer and why: ``signed`` (h, w) as the method has it, ``grid`` the same in [0, 1].

    ``confused``: what its test pictures were taken for; None when the source does not know.
    """

    subject: Subject
    shown_name: str
    signed: Map
    confused: Sequence[Taken] | None = None

    @property
    def grid(self) -> Map:
        """What speaks for it, the strongest place 1."""
        return positive(self.signed)


@dataclass(frozen=True, slots=True)
class Explained:
    """One picture: the network's answer (the task's own record), and the reasons for its best subjects."""

    answer: Any
    reasons: tuple[Reason, ...]


def explained(source: Source, explainer: Explainer, prepared_hwc_u8: ImageU8, *, what: str | None = None, most: int = 2) -> Explained:
    """Ask about a picture, and why: the likeliest subject and the ``most`` - 1 next ones; with ``what``, that one and the likeliest others.

    Raises: UsageError unknown_subject when the answer has no subject of the name ``what``.
    """
    answer = answers_of(prepared_hwc_u8[None], source.engine, source.manifest, source.arrays)[0][0]
    subjects = answer_module(source.manifest.task).subjects(answer, source.manifest)
    if what is not None:
        chosen = _named(source, subjects, what)
        subjects = [chosen, *(s for s in subjects if s is not chosen)]
    subjects = subjects[:most]
    maps = explainer.maps(prepared_hwc_u8, [s.what for s in subjects]) if subjects else np.zeros((0, 1, 1), np.float32)
    reasons = []
    for subject, signed in zip(subjects, maps, strict=True):
        confused = source.confused.often(subject.name) if source.confused else None
        reasons.append(Reason(subject, source.shown_name(subject.name), signed, confused))
    return Explained(answer, tuple(reasons))


def _named(source: Source, subjects: Sequence[Subject], what: str) -> Subject:
    found = next((s for s in subjects if what in (s.name, source.shown_name(s.name))), None)
    if found is not None:
        return found
    names = sorted({s.name for s in subjects})
    close = difflib.get_close_matches(what, names, n=1, cutoff=0.6)
    advice = f"Did you mean {close[0]!r}?" if close else f"There are {len(names)}, such as {', '.join(names[:5])}."
    raise UsageError("unknown_subject", f"Nothing here is called {what!r}.", advice)
