"""Prepared pictures -> answers: the last two steps of the one road, shared by evaluation, the export check and every use verb."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from landsight.answer import TASKS
from landsight.answer.stored import Compared, Record
from landsight.bundle.load import Bundle
from landsight.bundle.manifest import Manifest
from landsight.errors import BundleError
from landsight.photo.prepare import normalise
from landsight.runtime.engine import Engine


@dataclass(frozen=True, slots=True)
class Said:
    """An answer in words, for people: ``text``, how sure (``probability``, None where there is no one number), what else it may be."""

    text: str
    probability: float | None = None
    others: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Subject:
    """What an explanation can be about: ``what`` as ``focus`` takes it, its name (of a classifier a label), and how sure the answer is of it."""

    what: int
    name: str
    probability: float | None = None


@dataclass(frozen=True, slots=True)
class Ending:
    """One step that ``decode`` adds to an output of the network, as ONNX calls it: ``operator`` ("Div" by ``number``, "Softmax", "Sigmoid").
    Steps on the same output follow one another; the lens shows them."""

    output: str
    operator: str
    number: float | None = None


class AnswerModule(Protocol):
    """What a file of ``answer`` offers for its task. Verbs know nothing else of a task."""

    #: The outputs that decode needs. Those that a bundle does not have are left out (``wants``); decode says what it cannot do without.
    WANTS: tuple[str, ...]
    #: Outputs that decode uses where a bundle names them, and does without where it does not.
    OPTIONAL: tuple[str, ...]
    #: An answer is about one label, known or not, so that a bundle with places can say where a picture was taken.
    LOCATES: bool
    #: Of the CSV of ``landsight predict``: column -> where it stands in the line.
    COLUMNS: dict[str, tuple[str, ...]]

    def decode(self, outputs: Mapping[str, NDArray[np.float32]], manifest: Manifest, arrays: Mapping[str, NDArray[Any]]) -> list[Any]:
        """One answer a row of the outputs."""
        ...

    def to_json(self, answer: Any | None, manifest: Manifest, *, top_k: int) -> dict[str, Any]:
        """The task's own part of a line of ``landsight predict``, the same keys for every answer: ``outcome`` ("answered", "unknown") first.

        None: a photo that could not be read; the outcome is "error" then, everything else null or empty.
        """
        ...

    def said(self, line: Mapping[str, Any]) -> Said:
        """A line with the outcome "answered" or "unknown" in words."""
        ...

    def subjects(self, answer: Any, manifest: Manifest) -> list[Subject]:
        """Everything that one may ask "why" of in an answer, the likeliest first; empty when there is nothing."""
        ...

    def focus(self, outputs: Mapping[str, NDArray[np.float32]], what: int) -> NDArray[np.float32]:
        """(n,): how strongly the outputs of each picture speak for ``what``; the sum is what the studio's Task.focus differentiates."""
        ...

    def confidence(self, outputs: Mapping[str, NDArray[np.float32]], what: int, manifest: Manifest) -> NDArray[np.float32]:
        """(n,) in [0, 1]: how sure the answer to each picture is of ``what``, as ``subjects`` says it."""
        ...

    def endings(self, manifest: Manifest) -> tuple[Ending, ...]:
        """How ``decode`` makes probabilities of the network's outputs; empty where it makes none."""
        ...

    def record(self, answer: Any, manifest: Manifest) -> Record:
        """The task's own part of a stored answer (answer.replay), JSON-ready."""
        ...

    def stored(self, line: Record) -> Record:
        """A stored answer as read from JSON, checked. Raises: ValueError, KeyError or TypeError for another form."""
        ...

    def compared(self, then: Record, now: Record, manifest: Manifest, tolerance: float) -> Compared:
        """Two stored answers about one photo, the recorded one (from ``stored``) and what an engine answers now."""
        ...


def answer_module(task: str) -> AnswerModule:
    """The module of a task. Raises: BundleError for a task this version does not know."""
    try:
        name = TASKS[task]
    except KeyError:
        raise BundleError(
            "bundle_task", f"The bundle's task is {task!r}.", f"This version knows {', '.join(TASKS)}; update landsight."
        ) from None
    return cast("AnswerModule", import_module(name))


def wants(manifest: Manifest) -> tuple[str, ...]:
    """Which outputs to ask an engine for: what the task needs, less what a bundle that names its outputs does not have.

    A model of somebody else may tell nothing but logits; its decoder then does without the rest, or says that it cannot.
    """
    module = answer_module(manifest.task)
    needed = tuple(name for name in module.WANTS if not manifest.outputs or name in manifest.outputs) or module.WANTS
    return (*needed, *(name for name in module.OPTIONAL if name in manifest.outputs))


def answer_batch(prepared_nhwc_u8: NDArray[np.uint8], bundle: Bundle, engine: Engine) -> list[Any]:
    """Shape: prepared_nhwc_u8 (n, height, width, channels) uint8 from photo.prepare; returns n answers of the bundle's task."""
    return answer_with(prepared_nhwc_u8, bundle, engine)[0]


def answer_with(
    prepared_nhwc_u8: NDArray[np.uint8], bundle: Bundle, engine: Engine, more: tuple[str, ...] = ()
) -> tuple[list[Any], Mapping[str, NDArray[np.float32]]]:
    """As ``answer_batch``, and from the same run those outputs that ``more`` names and the bundle has."""
    more = tuple(name for name in more if name in bundle.manifest.outputs)
    return answers_of(prepared_nhwc_u8, engine, bundle.manifest, bundle.arrays, more)


def answers_of(
    prepared_nhwc_u8: NDArray[np.uint8], engine: Engine, manifest: Manifest, arrays: Mapping[str, NDArray[Any]], more: tuple[str, ...] = ()
) -> tuple[list[Any], Mapping[str, NDArray[np.float32]]]:
    """The same for what is no bundle, such as a checkpoint of the studio."""
    asked = wants(manifest)
    outputs = engine.run(normalise(prepared_nhwc_u8, manifest.input), tuple(dict.fromkeys((*asked, *more))))
    answers = answer_module(manifest.task).decode({name: outputs[name] for name in asked if name in outputs}, manifest, arrays)
    return answers, {name: outputs[name] for name in more}
