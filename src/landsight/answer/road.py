"""Prepared pictures -> answers: the last two steps of the one road, shared by evaluation, the export check and every use verb."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from landsight.answer import TASKS
from landsight.bundle.load import Bundle
from landsight.bundle.manifest import Manifest
from landsight.errors import BundleError
from landsight.photo.prepare import normalise
from landsight.runtime.engine import Engine


class AnswerModule(Protocol):
    """What a file of ``answer`` offers for its task."""

    WANTS: tuple[str, ...]

    def decode(self, outputs: Mapping[str, NDArray[np.float32]], manifest: Manifest, arrays: Mapping[str, NDArray[Any]]) -> list[Any]:
        """One answer a row of the outputs."""
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


def answer_batch(prepared_nhwc_u8: NDArray[np.uint8], bundle: Bundle, engine: Engine) -> list[Any]:
    """Shape: prepared_nhwc_u8 (n, height, width, channels) uint8 from photo.prepare; returns n answers of the bundle's task."""
    module = answer_module(bundle.manifest.task)
    outputs = engine.run(normalise(prepared_nhwc_u8, bundle.manifest.input), module.WANTS)
    return module.decode(outputs, bundle.manifest, bundle.arrays)
