"""Checkpoints: one safetensors file, written beside and renamed over the old one, so a power cut leaves the old or the new, never half."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from landsight.errors import DataError, RecipeError
from landsight.studio import recipe as recipes
from landsight.studio.recipe import Recipe

#: Of the file below last/ and best/.
FILE = "checkpoint.safetensors"
_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """``tensors``: name -> tensor, the name led by what it belongs to ("net.", "ema.", "optimiser."). ``state``: JSON."""

    tensors: dict[str, Tensor]
    state: dict[str, Any]

    def part(self, prefix: str) -> dict[str, Tensor]:
        """The tensors below a prefix such as "net.", without it."""
        return {name.removeprefix(prefix): t for name, t in self.tensors.items() if name.startswith(prefix)}


def save_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Write ``folder``/checkpoint.safetensors atomically, and state.json beside it for people (the truth is in the file's header)."""
    folder.mkdir(parents=True, exist_ok=True)
    state = json.dumps({**checkpoint.state, "format": _FORMAT, "version": version("landsight")}, ensure_ascii=False, allow_nan=False)
    tensors = {name: t.detach().cpu().contiguous() for name, t in checkpoint.tensors.items()}
    write_atomic(folder / FILE, save(tensors, {"state": state}))
    write_atomic(folder / "state.json", state.encode())


def load_checkpoint(folder: Path) -> Checkpoint:
    """Raises: DataError when there is none, or it is damaged or of a newer format."""
    path = folder / FILE
    if not path.is_file():
        raise DataError("no_checkpoint", f"No checkpoint: received {folder}.", "Give a run folder that training wrote.")
    try:
        with safe_open(path, "pt") as file:
            state = json.loads(file.metadata()["state"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise DataError("bad_checkpoint", f"{path} is not a checkpoint: {error}.", "Train again, or take another checkpoint.") from None
    found = state.pop("format", None) if isinstance(state, dict) else None
    if not isinstance(found, int) or not isinstance(state.get("recipe"), dict):
        raise DataError(
            "bad_checkpoint", f"{path} is not a checkpoint: no format, or no recipe.", "Train again, or take another checkpoint."
        )
    if found > _FORMAT:
        written = state.get("version", "of a later version")
        raise DataError("newer_checkpoint", f"{path} was written by landsight {written}: format {found}, this one reads up to {_FORMAT}.", "Update landsight.")  # fmt: skip
    return Checkpoint(tensors, state)


def saved_recipe(state: Mapping[str, Any], which: str = "recipe") -> Recipe:
    """The recipe in a checkpoint's state. Raises: DataError when a newer landsight wrote it, with settings that this one does not know."""
    try:
        return recipes.from_dict(state[which])
    except RecipeError as error:
        written = state.get("version", "of unknown version")
        raise DataError(
            "newer_checkpoint",
            f"The run was made by landsight {written}, this is {version('landsight')}: {error.reason}",
            "Update landsight.",
        ) from None


@contextmanager
def fitting(folder: Path) -> Iterator[None]:
    """Whole by itself, a checkpoint may still not fit its own recipe: somebody exchanged or edited it. Raises: DataError for what goes wrong."""
    try:
        yield
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise DataError(
            "bad_checkpoint", f"{folder / FILE} does not fit its own recipe: {type(error).__name__}: {shortened(error)}.",
            "Train again, or take another checkpoint.",
        ) from None  # fmt: skip


def require_finite(tensors: Mapping[str, Tensor]) -> None:
    """Raises: ValueError, which ``fitting`` explains, for the first tensor that holds NaN or an infinity."""
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise ValueError(f"{name} is not finite")


def shortened(error: Exception) -> str:
    """The first 200 characters of what an error says: torch names every tensor."""
    text = " ".join(str(error).split())
    return text if len(text) <= 200 else text[:200] + " ..."


def optimiser_tensors(optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The optimiser's memory as named tensors: "PARAMETER.KEY", parameters numbered in their order."""
    found: dict[str, Tensor] = {}
    for number, values in optimiser.state_dict()["state"].items():
        found.update({f"{number}.{key}": value for key, value in values.items() if isinstance(value, Tensor)})
    return found


def restore_optimiser(optimiser: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """The inverse of ``optimiser_tensors``; rates are not restored, the schedule sets them."""
    memory: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        number, _, key = name.partition(".")
        memory.setdefault(int(number), {})[key] = tensor
    optimiser.load_state_dict({**optimiser.state_dict(), "state": memory})


def write_atomic(path: Path, content: bytes) -> None:
    """Write, flush to disk, rename; the old content stays until the new is safe."""
    partial = path.with_name(f".{path.name}.partial-{os.getpid()}")
    try:
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
