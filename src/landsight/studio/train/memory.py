"""Memory: how much a process may take, how much it took at most, and what to do when there is too little."""

from __future__ import annotations

import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from landsight.errors import LandsightError
from landsight.studio.recipe import Recipe

_CGROUP = Path("/sys/fs/cgroup")
_PROC = Path("/proc")


class OutOfMemory(LandsightError):  # noqa: N818 (says a state, as the messages do)
    """A step does not fit into memory."""


@contextmanager
def out_of_memory(recipe: Recipe, side: int) -> Iterator[None]:
    """Turn whatever way torch has of saying so into OutOfMemory, with the batch size to try."""
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise _too_large(recipe, side) from error
    except RuntimeError as error:
        if "can't allocate memory" not in str(error):  # torch's allocator for the processor has no error class of its own
            raise
        raise _too_large(recipe, side) from error


def _too_large(recipe: Recipe, side: int) -> OutOfMemory:
    batch, accumulate = recipe.train.batch, recipe.optimise.accumulate
    what = f"Out of memory: received train.batch = {batch} at {side} px."
    if batch == 1:
        return OutOfMemory("out_of_memory", what, "Take a smaller network or smaller views (schedule.stages).")
    return OutOfMemory(
        "out_of_memory", what,
        f"Try train.batch = {batch // 2} with optimise.accumulate = {2 * accumulate} for the same steps, or --batch-size auto.",
    )  # fmt: skip


def available_bytes(device: torch.device) -> int:
    """What may still be taken: on a GPU what is free there; else what the system has to spare, or this control group, if less.

    Returns 0 where no source says it.
    """
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    found = [n for n in (_system_bytes(), *_group_bytes()) if n is not None]
    return max(0, min(found, default=0))


def peak_bytes(device: torch.device) -> int:
    """The most that was in use since ``reset_peak``, or since the process began where that cannot be reset."""
    if device.type == "cuda":
        return int(torch.cuda.max_memory_reserved(device))
    for line in _lines(_PROC / "self" / "status"):
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def reset_peak(device: torch.device) -> None:
    """Measure peaks from now on."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
        return
    try:
        (_PROC / "self" / "clear_refs").write_text("5")
    except OSError:
        return  # no such file, or not allowed: the peak then counts from the beginning, which only errs on the safe side


def _system_bytes() -> int | None:
    return next((int(line.split()[1]) * 1024 for line in _lines(_PROC / "meminfo") if line.startswith("MemAvailable:")), None)


def _group_bytes() -> Iterator[int]:
    """What is left of each control group's limit on the way up from this process's own: version 2, then version 1."""
    for line in _lines(_PROC / "self" / "cgroup"):
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            root, names = _CGROUP, ("memory.max", "memory.current", "inactive_file")
        elif "memory" in controllers.split(","):
            root, names = _CGROUP / "memory", ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        else:
            continue
        folder = root / path.lstrip("/")
        for group in (folder, *folder.parents):
            limit, used = _number(group / names[0]), _number(group / names[1])
            if limit is not None and used is not None:
                yield limit - used + _cached(group / "memory.stat", names[2])
            if group == root:
                break


def _cached(stat: Path, name: str) -> int:
    """File pages that the kernel drops when memory is wanted count as used, but are not in the way."""
    return next((int(line.split()[1]) for line in _lines(stat) if line.split()[0] == name), 0)


def _number(path: Path) -> int | None:
    text = next(iter(_lines(path)), "max")
    return int(text) if text.isdigit() else None


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return []
