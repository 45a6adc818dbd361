"""What a study is: the recipe it starts from, what it may change, how it chooses. Kept in the study's database, so that nobody mixes two."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from landsight.errors import RecipeError
from landsight.studio import recipe as recipes
from landsight.studio.recipe import Recipe
from landsight.studio.tune.space import Space, from_json, recipe_with

#: Keys that may differ between machines that work on one study: where things lie, and how many hands there are.
LOCAL = ("data.root", "data.cache", "train.workers", "train.threads")


@dataclass(frozen=True, slots=True)
class StudyPlan:
    """``base``: the whole recipe as a tree. ``sampler``, ``pruner``: keys of the tables in choose.py."""

    base: dict[str, Any]
    space: Space
    sampler: str = "tpe"
    pruner: str = "median"
    seed: int = 0

    @property
    def recipe(self) -> Recipe:
        """The recipe that the search starts from."""
        return recipes.from_dict(self.base)

    def recipe_of(self, sampled: Mapping[str, Any]) -> Recipe:
        """The recipe of a trial, from its parameters as Optuna keeps them. Raises: RecipeError for values that do not go together."""
        return recipe_with(self.base, {d.key: d.value(sampled[d.key]) for d in self.space if d.key in sampled})

    def to_json(self) -> dict[str, Any]:
        """The inverse of ``from_json``."""
        return {"base": self.base, "space": [d.to_json() for d in self.space], "sampler": self.sampler, "pruner": self.pruner, "seed": self.seed}  # fmt: skip

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> StudyPlan:
        """From the database, or from a worker's orders."""
        return cls(data["base"], from_json(data["space"]), data["sampler"], data["pruner"], data["seed"])


def plan_of(recipe: Recipe, space: Space, **how: Any) -> StudyPlan:
    """A plan whose base is this recipe, every value written out."""
    return StudyPlan(asdict(recipe), space, **how)


def require_same(ours: StudyPlan, kept: StudyPlan, name: str) -> None:
    """Raises: RecipeError naming the first difference between what is asked for and the study of that name."""
    for what, asked, known in _differences(ours, kept):
        raise RecipeError(
            "other_study", f"The study {name!r} has another {what}: received {asked}, it has {known}.",
            "Choose another folder (--out) or name, or give the command it was begun with.",
        )  # fmt: skip


def _differences(ours: StudyPlan, kept: StudyPlan) -> Iterator[tuple[str, Any, Any]]:
    for name in ("sampler", "pruner", "seed"):
        if getattr(ours, name) != getattr(kept, name):
            yield name, getattr(ours, name), getattr(kept, name)
    spaces = [{d.key: d.text() for d in plan.space} for plan in (ours, kept)]
    if spaces[0] != spaces[1]:
        key = next(k for k in (*spaces[0], *spaces[1]) if spaces[0].get(k) != spaces[1].get(k))
        yield f"space of {key}", spaces[0].get(key, "none"), spaces[1].get(key, "none")
    mine, theirs = ours.recipe, kept.recipe
    for key, (asked, known) in recipe_differences(mine, theirs).items():
        if key not in LOCAL:
            yield f"recipe in {key}", asked, known


def recipe_differences(one: Recipe, other: Recipe) -> dict[str, tuple[Any, Any]]:
    """Field by field: "section.key" -> (value in one, value in the other), where they differ."""
    left, right = recipes.flat(one), recipes.flat(other)
    return {key: (left[key], right[key]) for key in left if left[key] != right[key]}
