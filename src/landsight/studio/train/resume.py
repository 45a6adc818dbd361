"""Going on with a run: what may differ from how it began, what may be extended, and what is refused with its old and new value."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from landsight.errors import DataError, RecipeError
from landsight.studio import recipe as recipes
from landsight.studio.recipe import Recipe
from landsight.studio.recipe_ranges import check_asked
from landsight.studio.train.checkpoint import FILE, Checkpoint, load_checkpoint, saved_recipe
from landsight.studio.typed_toml import toml_value

#: Settings that change nothing in the weights: who makes the batches, where the same pictures lie (their digest is compared), what export
#: does. Another number of threads may change last bits, which is said when it happens.
FREE = ("train.workers", "train.threads", "data.root", "data.cache", "export")
#: Differences that a refusal names.
_NAMED = 6


@dataclass(frozen=True, slots=True)
class Previous:
    """A run's last checkpoint, the recipe it follows, and the recipe as it was asked for. ``checkpoint`` None: killed before its first."""

    checkpoint: Checkpoint | None
    recipe: Recipe
    asked: Recipe


def previous_run(out: Path) -> Previous | None:
    """What training left in ``out``; None when nothing. Raises: DataError when it is damaged, or of a newer version."""
    if not (out / "last" / FILE).is_file():
        return None
    checkpoint = load_checkpoint(out / "last")
    recipe = saved_recipe(checkpoint.state, "recipe")
    return Previous(checkpoint, recipe, saved_recipe(checkpoint.state, "asked") if "asked" in checkpoint.state else recipe)


def run_to_resume(out: Path) -> Previous:
    """As ``previous_run``, also for a run that was killed before its first checkpoint. Raises: DataError when ``out`` is no run."""
    found = previous_run(out)
    if found is not None:
        return found
    if not (out / "recipe.toml").is_file():
        raise DataError("no_run", f"No run to go on with: received {out}.", "Give a folder that landsight train made.")
    recipe = recipes.load(out / "recipe.toml")
    return Previous(None, recipe, recipe)


def differences(old: Recipe, new: Recipe) -> dict[str, tuple[Any, Any]]:
    """Name of each field that differs -> (old, new), but for what changes nothing (FREE)."""
    before, after = _flat(asdict(old)), _flat(asdict(new))
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    return {name: (before.get(name), after.get(name)) for name in names if not _is_free(name)}


def refuse_changes(old: Recipe, new: Recipe, out: Path) -> None:
    """Raises: RecipeError that names every field that differs, with its value there and here."""
    found = differences(old, new)
    if not found:
        return
    named = "; ".join(f"{name} is {_text(there)} there, {_text(here)} here" for name, (there, here) in list(found.items())[:_NAMED])
    more = f"; and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    quoted = shlex.quote(str(out))
    raise RecipeError(
        "other_recipe", f"{out} holds a run of another recipe: {named}{more}.",
        f"Choose another folder, or go on as it began: landsight resume {quoted} (--epochs, --minutes may be extended).",
    )  # fmt: skip


def with_free_of(recipe: Recipe, given: Recipe) -> Recipe:
    """The run's recipe with what may differ freely, and the threads, taken from the one given."""
    data = replace(recipe.data, root=given.data.root, cache=given.data.cache)
    train = replace(recipe.train, workers=given.train.workers, threads=given.train.threads)
    return replace(recipe, data=data, train=train, export=given.export)


def extended(recipe: Recipe, *, epochs: int | None, minutes: float | None, step: int) -> tuple[Recipe, list[str]]:
    """The recipe with its last stage made longer, or more time, and a note for each. Raises: RecipeError for less than it has."""
    check_asked(epochs=epochs, minutes=minutes)
    notes: list[str] = []
    if epochs is not None and epochs != recipe.epochs:
        if epochs < recipe.epochs:
            raise RecipeError("bad_value", f"--epochs: received {epochs}, the run has {recipe.epochs}.", "It may be extended, not cut.")
        *stages, (side, last) = recipe.schedule.stages
        longer = (*stages, (side, last + epochs - recipe.epochs))
        notes.append(f"extended from {recipe.epochs} to {epochs} epochs at step {step}")
        recipe = replace(recipe, schedule=replace(recipe.schedule, stages=longer))
    if minutes is not None and minutes != recipe.train.minutes:
        if minutes < recipe.train.minutes:
            raise RecipeError("bad_value", f"--minutes: received {minutes:g}, the run has {recipe.train.minutes:g}.", "It may be extended, not cut.")  # fmt: skip
        notes.append(f"extended from {recipe.train.minutes:g} to {minutes:g} minutes at step {step}")
        recipe = replace(recipe, train=replace(recipe.train, minutes=minutes))
    return recipe, notes


def same_data(state: Mapping[str, Any], digest: str, out: Path) -> None:
    """Raises: DataError when the pictures are no longer those that the run began with."""
    before = state.get("data", digest)
    if before != digest:
        raise DataError(
            "other_data", f"The training pictures changed since {out} began (digest {before[:12]} then, {digest[:12]} now).",
            "Put the old pictures back, or train into another folder, with --from to start from these weights.",
        )  # fmt: skip


def clean(out: Path) -> list[str]:
    """Remove what a killed process left half-written; returns the names. Whole files and folders never have such names."""
    partial = [path for folder in (out, out / "last", out / "best") for path in folder.glob(".*.partial-*")]
    partial += (out / "cache").glob("*.partial-*")
    for path in partial:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    return [path.name for path in partial]


def _flat(tree: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    """Nested sections as "section.key" -> value; sequences compare by content."""
    found: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping) and not path:
            found.update(_flat(value, f"{key}."))
        else:
            found[f"{path}{key}"] = value
    return found


def _is_free(name: str) -> bool:
    return any(name == free or name.startswith(f"{free}.") for free in FREE)


def _text(value: Any) -> str:
    return "absent" if value is None else toml_value(value)
