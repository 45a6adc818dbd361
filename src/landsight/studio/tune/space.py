"""What a search may change: recipe keys and the values that they may take."""

from __future__ import annotations

import dataclasses
import math
import tomllib
import typing
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

from landsight.errors import RecipeError
from landsight.studio import recipe as recipes
from landsight.studio.recipe import Recipe
from landsight.studio.resolve import nearest
from landsight.studio.typed_toml import copied, toml_value

_EXAMPLE = 'For example optimise.rate=1e-4:1e-2:log, train.batch=16:128:16 or net.name=["cnn","resnet"].'
_RANGE_KEYS = ("low", "high", "log", "step", "points")
#: Values that a grid takes of a range that has no step.
GRID_POINTS = 3


@dataclass(frozen=True, slots=True)
class Dimension:
    """One key and its values: ``choices``, or a range from ``low`` to ``high`` (``log``: evenly by ratio; ``step`` 0: continuous).

    ``points``: how many values a grid takes of a range without step.
    """

    key: str
    choices: tuple[Any, ...] = ()
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    step: float = 0.0
    points: int = GRID_POINTS
    whole: bool = False

    def names(self) -> list[str | int | float | bool]:
        """The choices as a database keeps them and a plot labels them."""
        return [c if isinstance(c, str | int | float | bool) else toml_value(c) for c in self.choices]

    def value(self, sampled: Any) -> Any:
        """What goes into the recipe."""
        return self.choices[self.names().index(sampled)] if self.choices else sampled

    def grid(self) -> list[Any]:
        """The values of an exhaustive search, ends included."""
        if self.choices:
            return self.names()
        if self.step or (self.whole and not self.log and self.high - self.low < self.points):
            step = self.step or 1
            values = [self.low + i * step for i in range(math.floor((self.high - self.low) / step + 1e-9) + 1)]
        else:
            ends = (math.log(self.low), math.log(self.high)) if self.log else (self.low, self.high)
            inner = [ends[0] + (ends[1] - ends[0]) * i / (self.points - 1) for i in range(1, self.points - 1)]
            values = [self.low, *(math.exp(v) if self.log else v for v in inner), self.high]
        return sorted({round(v) for v in values}) if self.whole else values

    def to_json(self) -> dict[str, Any]:
        """For the database and study.json; ``from_json`` gives it back."""
        return {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if getattr(self, f.name) != f.default}

    def text(self) -> str:
        """For people."""
        if self.choices:
            return ", ".join(str(name) for name in self.names())
        return f"{self.low:g} to {self.high:g}" + (", by ratio" if self.log else "") + (f", in steps of {self.step:g}" if self.step else "")


Space = tuple[Dimension, ...]


def from_json(items: Iterable[Mapping[str, Any]]) -> Space:
    """The inverse of ``Dimension.to_json``, for a whole space."""
    return tuple(Dimension(**{**item, "choices": tuple(map(_frozen, item.get("choices", ())))}) for item in items)


def space_of(recipe: Recipe, section: Mapping[str, Any], settings: Iterable[str] = ()) -> Space:
    """From the table [tune] of a recipe (its only key: space) and settings KEY=SPEC on top; the default space when both are empty.

    ``recipe``: the one to start from; every end and every choice must be possible in it. Raises: RecipeError for an unknown key (with the
    nearest known one), a range that is none, or a value that the recipe refuses.
    """
    if foreign := sorted(set(section) - {"space"}):
        raise RecipeError("unknown_key", f"Unknown key in the recipe: received {f'tune.{foreign[0]}'!r}.", nearest(foreign[0], ("space",)))
    specs: dict[str, Any] = dict(_flattened(section.get("space", {})))
    specs |= dict(_parsed(setting) for setting in settings)
    space = tuple(_dimension(key, spec) for key, spec in specs.items()) or default_space(recipe)
    for dimension in space:
        for value in dimension.choices or (dimension.low, dimension.high):
            recipe_with(asdict(recipe), {dimension.key: int(value) if dimension.whole else value})
    return space


def default_space(recipe: Recipe) -> Space:
    """Rate, weight decay, dropout, label smoothing, and the strength of those views that the recipe has: what most often matters."""
    rate, views = recipe.optimise.rate, recipe.views
    space = [
        Dimension("optimise.rate", low=rate / 10, high=rate * 10, log=True),
        Dimension("optimise.weight_decay", low=1e-4, high=0.3, log=True),
        Dimension("net.dropout", low=0.0, high=0.5),
        Dimension("train.label_smoothing", low=0.0, high=0.2),
    ]
    if views.min_area < 1:
        space.append(Dimension("views.min_area", low=0.1, high=0.9))
    for key, chance in (("views.colour", views.colour), ("views.affine", views.affine)):
        if chance > 0:
            space.append(Dimension(key, low=0.0, high=1.0))
    return tuple(space)


def recipe_with(base: Mapping[str, Any], values: Mapping[str, Any]) -> Recipe:
    """The base recipe with these keys changed. Raises: RecipeError."""
    tree = copied(base)
    for key, value in values.items():
        *path, last = key.split(".")
        section = tree
        for name in path:
            section = section.setdefault(name, {})
        section[last] = list(value) if isinstance(value, tuple) else value
    return recipes.from_dict(tree)


@cache
def known_keys() -> dict[str, Any]:
    """Every "section.key" of a recipe and its type."""
    keys: dict[str, Any] = {}
    for section, kind in typing.get_type_hints(Recipe).items():
        if dataclasses.is_dataclass(kind):
            keys |= {f"{section}.{name}": hint for name, hint in typing.get_type_hints(kind).items()}
        else:
            keys[section] = kind
    return keys


def _flattened(table: Mapping[str, Any], above: str = "") -> Iterable[tuple[str, Any]]:
    """(key, spec) pairs: a key may be quoted ("optimise.rate" = ...) or spread over tables (optimise.rate = ...)."""
    for name, value in table.items():
        key = f"{above}{name}"
        if isinstance(value, Mapping) and key not in known_keys() and not set(value) & set(_RANGE_KEYS):
            yield from _flattened(value, f"{key}.")
        else:
            yield key, value


def _parsed(setting: str) -> tuple[str, Any]:
    """KEY=SPEC, SPEC being TOML or LOW:HIGH, LOW:HIGH:log, LOW:HIGH:STEP."""
    key, sign, text = (part.strip() for part in setting.partition("="))
    if not sign or not key or not text:
        raise RecipeError("bad_space", f"A part of the space has the form key=values: received {setting!r}.", _EXAMPLE)
    try:
        return key, tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        pass
    parts = text.split(":")
    try:
        spec: dict[str, Any] = {"low": _number(parts[0]), "high": _number(parts[1])}
        if len(parts) == 3:
            spec |= {"log": True} if parts[2] == "log" else {"step": _number(parts[2])}
        if len(parts) > 3:
            raise ValueError
    except (ValueError, IndexError):
        raise RecipeError("bad_space", f"{key}: {text!r} is neither a range nor a list.", _EXAMPLE) from None
    return key, spec


def _dimension(key: str, spec: Any) -> Dimension:
    known = known_keys()
    parent = known.get(key.rpartition(".")[0])
    if key not in known and typing.get_origin(parent) is None:
        raise RecipeError("unknown_key", f"Unknown key in the search space: received {key!r}.", nearest(key, known))
    if isinstance(spec, list):
        return _choices(key, spec)
    if not isinstance(spec, Mapping) or not {"low", "high"} <= set(spec) or not all(_is_number(spec[k]) for k in ("low", "high")):
        raise RecipeError("bad_space", f"{key} needs a list, or low and high: received {spec!r}.", _EXAMPLE)
    if foreign := sorted(set(spec) - set(_RANGE_KEYS)):
        raise RecipeError("bad_space", f"{key}: a range has no {foreign[0]!r}.", nearest(foreign[0], _RANGE_KEYS))
    hint = known.get(key, float)
    if hint not in (int, float):
        raise RecipeError("bad_space", f"{key} is no number, so it has no range: received {spec!r}.", "Give a list of values.")
    return _range(key, spec, whole=hint is int)


def _choices(key: str, values: list[Any]) -> Dimension:
    frozen = tuple(map(_frozen, values))
    if not frozen or len({toml_value(v) for v in frozen}) < len(frozen):
        raise RecipeError("bad_space", f"{key} needs a list of different values: received {values!r}.", _EXAMPLE)
    return Dimension(key, choices=frozen)


def _range(key: str, spec: Mapping[str, Any], *, whole: bool) -> Dimension:
    low, high, log, step = spec["low"], spec["high"], spec.get("log", False), spec.get("step", 0)
    points = spec.get("points", GRID_POINTS)
    wrong = (
        "low must be below high" if not low < high
        else "the ends must be finite" if not (math.isfinite(low) and math.isfinite(high))
        else "log must be true or false" if not isinstance(log, bool)
        else "by ratio (log) the range must lie above 0" if log and not low > 0
        else "step must be a number, at least 0" if not _is_number(step) or step < 0
        else "log and step exclude each other" if log and step
        else f"the step {step} is larger than the range" if step > high - low
        else "whole numbers need whole ends and steps" if whole and not all(float(v).is_integer() for v in (low, high, step))
        else "a grid needs at least 2 points" if type(points) is not int or points < 2
        else ""
    )  # fmt: skip
    if wrong:
        raise RecipeError("bad_space", f"{key}: {wrong}: received {dict(spec)!r}.", _EXAMPLE)
    if step:  # the last value that the steps reach, as Optuna would correct it with a warning
        high = low + math.floor((high - low) / step + 1e-9) * step
    return Dimension(key, low=low, high=high, log=log, step=step, points=points, whole=whole)


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, list | tuple) else value


def _number(text: str) -> float:
    number = float(text)
    return int(number) if number.is_integer() and not set(text) & set(".eE") else number


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
