"""Data-parallel training through torchrun: each process feeds its parts of the same steps, gradients are added up over all of them.

Plain sums instead of DistributedDataParallel: docs/decisions/0011-gradients-are-summed.md.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

#: How long a process waits for another: a look at many pictures is made by the first alone.
_PATIENCE = timedelta(hours=24)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Processes:
    """``rank`` of this process among ``count``; one alone needs none of what is below. Only rank 0 looks, writes and speaks."""

    rank: int = 0
    count: int = 1

    @property
    def is_first(self) -> bool:
        """Is this the one that looks, writes and speaks."""
        return self.rank == 0

    @property
    def on_this_machine(self) -> int:
        """How many of them run here."""
        return int(os.environ.get("LOCAL_WORLD_SIZE", self.count)) if self.count > 1 else 1

    def threads(self) -> int:
        """Cores for this process: its share of this machine's."""
        return max(1, (os.cpu_count() or 1) // self.on_this_machine)

    def device(self) -> torch.device:
        """This process's own GPU, or the processor."""
        if not torch.cuda.is_available():
            return torch.device("cpu")
        return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")) if self.count > 1 else 0)

    def add_gradients(self, parameters: Sequence[nn.Parameter], numbers: Sequence[float]) -> list[float]:
        """Replace each gradient by its sum over all processes; ``numbers`` travel along and come back as their sums.

        One buffer and one call. A parameter that no process has a gradient for keeps None, as in one process.
        """
        if self.count == 1:
            return list(numbers)
        has = [float(p.grad is not None) for p in parameters]
        head = torch.tensor([*numbers, *has], device=parameters[0].device)
        flat = torch.cat([head, *(_gradient(p).flatten() for p in parameters)])
        dist.all_reduce(flat)
        at = len(head)
        for got, parameter in zip(flat[len(numbers) : at].tolist(), parameters, strict=True):
            size = parameter.numel()
            if got > 0:
                # Laid out in memory as the parameter is, which the optimiser's calls for many tensors at once want.
                parameter.grad = torch.empty_like(parameter).copy_(flat[at : at + size].view(parameter.shape))
            at += size
        return flat[: len(numbers)].tolist()

    def agreed(self, value: T, source: int = 0) -> T:
        """The value of process ``source``, JSON-ready, in all of them."""
        if self.count == 1:
            return value
        device = self.device()
        content = torch.tensor(list(json.dumps(value).encode()) if self.rank == source else [], dtype=torch.uint8, device=device)
        length = torch.tensor([len(content)], device=device)
        dist.broadcast(length, source)
        if self.rank != source:
            content = torch.empty(int(length), dtype=torch.uint8, device=device)
        dist.broadcast(content, source)
        found: T = json.loads(bytes(content.cpu().tolist()))
        return found

    def any_of(self, value: T | None) -> T | None:
        """In all processes the same: the value of one that has any, or None."""
        if self.count == 1:
            return value
        holder = torch.tensor([-1 if value is None else self.rank], device=self.device())
        dist.all_reduce(holder, dist.ReduceOp.MAX)
        return None if int(holder) < 0 else self.agreed(value, int(holder))

    @torch.no_grad()
    def share_weights(self, net: nn.Module, more: Iterable[Tensor]) -> None:
        """Give all processes the first one's weights and buffers, and ``more`` tensors."""
        if self.count > 1:
            for tensor in (*net.state_dict().values(), *more):
                held = tensor.contiguous()
                dist.broadcast(held, 0)
                tensor.copy_(held)

    def first_then_all(self, work: Callable[[], T]) -> T:
        """Do what leaves a file that the others find: the first process alone, then the others."""
        if self.count == 1:
            return work()
        if self.is_first:
            found = work()
            self.agreed(None)
            return found
        self.agreed(None)
        return work()


@contextmanager
def joined() -> Iterator[Processes]:
    """The processes that torchrun started (WORLD_SIZE and RANK in the environment); alone without it. NCCL on GPUs, gloo elsewhere."""
    count, rank = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))
    if count == 1:
        yield Processes()
        return
    processes = Processes(rank, count)
    if torch.cuda.is_available():
        torch.cuda.set_device(processes.device())
    dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo", timeout=_PATIENCE)
    try:
        yield processes
    finally:
        dist.destroy_process_group()


def is_first_process() -> bool:
    """Outside of training: is this the process that speaks to people."""
    return int(os.environ.get("WORLD_SIZE", "1")) == 1 or os.environ.get("RANK", "0") == "0"


def _gradient(parameter: nn.Parameter) -> Tensor:
    return torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
