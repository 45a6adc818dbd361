"""The clock of the training sides, and what torchvision lacks beside a CPU build of torch. Used by all sides, so it imports torch alone."""

from __future__ import annotations

import importlib.util
import time
from pathlib import Path
from typing import Any

import torch


class Clock:
    """Seconds of each epoch's steps. The first epoch is counted from when the clock is made, so that listing and decoding once count too."""

    def __init__(self, batch: int) -> None:
        self.batch = batch
        self.epochs_s: list[float] = []
        self.steps = 0
        self._began = self._last = time.perf_counter()
        self._is_first = True

    def epoch_begins(self) -> None:
        """The first began with the clock."""
        if not self._is_first:
            self._began = time.perf_counter()
        self._is_first = False

    def step_ends(self) -> None:
        """One optimiser step is done."""
        self._last = time.perf_counter()
        self.steps += 1

    def epoch_ends(self) -> None:
        """At the last step that ended: what comes after it (validation, a checkpoint) is not counted."""
        self.epochs_s.append(self._last - self._began)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        per_epoch, rest = divmod(self.steps, len(self.epochs_s))
        if rest:
            raise ValueError(f"epochs of different lengths: {self.steps} steps in {len(self.epochs_s)} epochs")
        return {
            "pictures": per_epoch * self.batch,
            "first_s": self.epochs_s[0],
            "later_s": self.epochs_s[1:],
            "threads": torch.get_num_threads(),
        }


def declare_torchvision() -> None:
    """Declare the two operators that torchvision gives shapes for while it is imported, when its compiled part does not load beside this
    torch (a wheel for CUDA beside a build for CPUs). Nothing that trains a classifier calls them."""
    spec = importlib.util.find_spec("torchvision")
    if spec is None or spec.origin is None:
        raise SystemExit("torchvision is not installed for this Python")
    try:
        torch.ops.load_library(Path(spec.origin).with_name("_C.so"))
    except OSError:
        for name in ("nms", "qnms"):
            torch.library.define(f"torchvision::{name}", "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
