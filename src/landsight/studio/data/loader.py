"""Batches of training views. What a batch holds follows from its address (epoch, number) alone, so workers and restarts change nothing."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from landsight.studio.data.cache import Cache
from landsight.studio.data.samples import Samples
from landsight.studio.random import generator
from landsight.studio.tasks.task import Task

#: epoch, side of the view in pixels, index of the sample
Address = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Batch:
    """Shape: image_nhwc_u8 (n, height, width, c) uint8, c = 1 for grey input; each target has n rows."""

    image_nhwc_u8: Tensor
    targets: dict[str, Tensor]


@dataclass(frozen=True, slots=True)
class Plan:
    """Which batches a run has: ``stages`` of (side, epochs), ``per_epoch`` batches each; the last, incomplete batch of an epoch is dropped.

    A training part smaller than one batch gives one batch of all of it.
    """

    samples: int
    batch: int
    stages: tuple[tuple[int, int], ...]
    seed: int

    @property
    def per_epoch(self) -> int:
        """Steps in one epoch."""
        return max(1, self.samples // self.batch)

    @property
    def sides(self) -> list[int]:
        """Side of the view, one an epoch."""
        return [side for side, epochs in self.stages for _ in range(epochs)]

    @property
    def steps(self) -> int:
        """Of the whole run."""
        return self.per_epoch * len(self.sides)

    def addresses(self, step: int) -> list[Address]:
        """The pictures of one step."""
        epoch, number = divmod(step, self.per_epoch)
        chosen = _order(self.seed, epoch, self.samples)[number * self.batch : (number + 1) * self.batch]
        return [(epoch, self.sides[epoch], int(i)) for i in chosen]


@lru_cache(maxsize=2)
def _order(seed: int, epoch: int, samples: int) -> NDArray[np.int64]:
    return generator(seed, "order", epoch).permutation(samples)


class _Steps(Sampler[list[Address]]):
    def __init__(self, plan: Plan, first: int) -> None:
        self.plan, self.first = plan, first

    def __iter__(self) -> Iterator[list[Address]]:
        return (self.plan.addresses(step) for step in range(self.first, self.plan.steps))

    def __len__(self) -> int:
        return self.plan.steps - self.first


class TrainingViews(Dataset[Any]):
    """One augmented picture an address."""

    def __init__(self, samples: Samples, cache: Cache, task: Task, seed: int) -> None:
        self.samples, self.cache, self.task, self.seed = samples, cache, task, seed

    def __getitem__(self, address: Address) -> tuple[Any, dict[str, Any]]:
        epoch, side, index = address
        sample = self.samples.items[index]
        return self.task.view(self.cache[sample.key], sample, side, generator(self.seed, "view", epoch, sample.key))


def batches(views: TrainingViews, plan: Plan, *, first: int = 0, workers: int = 0) -> DataLoader[Batch]:
    """All batches from step ``first`` to the end of the run, made ahead by ``workers`` processes (0: by the caller itself)."""
    return _Loader(
        views, batch_sampler=_Steps(plan, first), num_workers=workers, collate_fn=collate, worker_init_fn=_quiet_worker,
        prefetch_factor=4 if workers else None, multiprocessing_context="spawn" if workers else None,
    )  # fmt: skip


class _Loader(DataLoader[Batch]):
    """torch's loader without the SIGCHLD handler that it leaves behind for the rest of the program.

    A worker that dies is still noticed, within torch's five seconds.
    """

    def __iter__(self) -> Any:
        before = signal.getsignal(signal.SIGCHLD)
        iterator = super().__iter__()
        if self.num_workers and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGCHLD, before)
        return iterator


def collate(items: list[tuple[Any, dict[str, Any]]]) -> Batch:
    """Stack pictures and targets."""
    targets = {name: torch.from_numpy(np.stack([t[name] for _, t in items])) for name in items[0][1]}
    return Batch(torch.from_numpy(np.stack([image for image, _ in items])), targets)


def _quiet_worker(_: int) -> None:
    """Ctrl-C goes to the whole process group; the training process alone decides what it means. One thread a worker."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
