"""Batches of training views. What a batch holds follows from its address (epoch, number) alone, so workers and restarts change nothing."""

from __future__ import annotations

import mmap
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from landsight.studio.data.balance import Balance
from landsight.studio.data.cache import Cache
from landsight.studio.data.samples import Samples
from landsight.studio.random import generator
from landsight.studio.tasks.task import Task

#: how often the picture was drawn before (without balancing: the epoch), side of the view in pixels, index of the sample
Address = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Batch:
    """Shape: image_nhwc_u8 (n, height, width, c) uint8, c = 1 for grey input; each target has n rows. ``seconds``: of making it, by kind of work."""

    image_nhwc_u8: Tensor
    targets: dict[str, Tensor]
    seconds: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plan:
    """Which pictures each step of a run has: ``stages`` of (side, epochs), ``per_epoch`` steps each; an epoch's incomplete last step is dropped.

    A step has ``batch`` x ``accumulate`` pictures, fed to the network in parts whose gradients are added. Several ``processes`` share the
    parts, each taking ``parts`` of them in a row; which pictures a step has does not depend on how many there are.
    A training part smaller than one step gives one step of all of it. ``balance``: draws every class equally often; an epoch is then as many
    draws as there are pictures.
    """

    samples: int
    batch: int
    stages: tuple[tuple[int, int], ...]
    seed: int
    accumulate: int = 1
    processes: int = 1
    balance: Balance | None = None

    @property
    def pictures(self) -> int:
        """In one step."""
        return min(self.samples, self.batch * self.accumulate)

    @property
    def parts(self) -> int:
        """Of a step, that one process feeds one after the other."""
        return -(-self.accumulate // self.processes)

    @property
    def per_epoch(self) -> int:
        """Steps in one epoch."""
        return max(1, self.samples // (self.batch * self.accumulate))

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
        here, side = slice(number * self.pictures, (number + 1) * self.pictures), self.sides[epoch]
        if self.balance is None:
            return [(epoch, side, int(i)) for i in _order(self.seed, epoch, self.samples)[here]]
        per_epoch = self.per_epoch * self.pictures
        chosen, before = _balanced(self.balance, self.seed, epoch * per_epoch, per_epoch)
        return [(int(n), side, int(i)) for n, i in zip(before[here], chosen[here], strict=True)]

    def part(self, step: int, number: int) -> list[Address]:
        """Part ``number`` of a step, of parts x processes; sizes differ by at most one picture."""
        addresses, count = self.addresses(step), self.parts * self.processes
        return addresses[len(addresses) * number // count : len(addresses) * (number + 1) // count]


@lru_cache(maxsize=2)
def _order(seed: int, epoch: int, samples: int) -> NDArray[np.int64]:
    return generator(seed, "order", epoch).permutation(samples)


@lru_cache(maxsize=2)
def _balanced(balance: Balance, seed: int, start: int, count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    return balance.drawn(seed, start, count)


class _Parts(Sampler[list[Address]]):
    """The parts that process ``rank`` feeds, of every step from ``first`` to the end."""

    def __init__(self, plan: Plan, first: int, rank: int) -> None:
        self.plan, self.first, self.rank = plan, first, rank

    def __iter__(self) -> Iterator[list[Address]]:
        own = range(self.rank * self.plan.parts, (self.rank + 1) * self.plan.parts)
        return (self.plan.part(step, number) for step in range(self.first, self.plan.steps) for number in own)

    def __len__(self) -> int:
        return (self.plan.steps - self.first) * self.plan.parts


class TrainingViews(Dataset[Any]):
    """One augmented picture an address, with the seconds that reading and augmenting it took."""

    def __init__(self, samples: Samples, cache: Cache, task: Task, seed: int) -> None:
        self.samples, self.cache, self.task, self.seed = samples, cache, task, seed

    def __getitem__(self, address: Address) -> tuple[Any, dict[str, Any], tuple[float, float]]:
        epoch, side, index = address
        sample = self.samples.items[index]
        began = time.perf_counter()
        pixels = self.cache[sample.key]
        pixels.reshape(-1)[:: mmap.PAGESIZE].max()  # the file is mapped: touch each page, or waiting for the disk would count as augmenting
        read = time.perf_counter()
        image, targets = self.task.view(pixels, sample, side, generator(self.seed, "view", epoch, sample.key))
        return image, targets, (read - began, time.perf_counter() - read)


def batches(views: TrainingViews, plan: Plan, *, first: int = 0, workers: int = 0, rank: int = 0) -> DataLoader[Batch]:
    """All batches of process ``rank`` from step ``first`` to the end, plan.parts a step, made ahead by ``workers`` processes (0: by the caller)."""
    return _Loader(
        views, batch_sampler=_Parts(plan, first, rank), num_workers=workers, collate_fn=collate, worker_init_fn=_quiet_worker,
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


def collate(items: list[tuple[Any, dict[str, Any], tuple[float, float]]]) -> Batch:
    """Stack pictures and targets, add up seconds."""
    targets = {name: torch.from_numpy(np.stack([t[name] for _, t, _ in items])) for name in items[0][1]}
    seconds = {"read": sum(s[0] for *_, s in items), "augment": sum(s[1] for *_, s in items)}
    return Batch(torch.from_numpy(np.stack([image for image, *_ in items])), targets, seconds)


def _quiet_worker(_: int) -> None:
    """Ctrl-C goes to the whole process group; the training process alone decides what it means. One thread a worker."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
