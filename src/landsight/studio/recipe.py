"""The recipe of a training run: typed, frozen, from TOML plus ``--set section.key=value``; unknown keys are errors, not guesses."""

from __future__ import annotations

import dataclasses
import json
import tomllib
import types
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from landsight.errors import BundleError, RecipeError
from landsight.photo.prepare import Preparation
from landsight.studio.resolve import nearest


@dataclass(frozen=True, slots=True)
class DataRecipe:
    """Where the pictures come from and which of them train.

    ``root``: folder, environment variables allowed. A picture whose longer side is at most ``small_px`` is of the small kind: it is
    cached as it is, larger ones at working_px: squashed to a square, or the shorter side fitted. ``hold_out``: classes whose large pictures leave training and
    form the subset "held_out". ``exclude``: classes left out altogether. ``cache``: folder of decoded pixels; empty: inside the run.
    """

    reader: str = "folder"
    root: str = ""
    exclude: tuple[str, ...] = ()
    hold_out: tuple[str, ...] = ()
    validation_share: float = 0.1
    duplicate_distance: int = 3
    working_px: int = 256
    working_shape: Literal["squash", "fit"] = "squash"
    small_px: int = 96
    cache: str = ""


@dataclass(frozen=True, slots=True)
class ViewsRecipe:
    """How one picture becomes many. Pixel sizes are sides of the whole picture, chances are in [0, 1].

    ``degrade_large``/``degrade_small``: chance that a view is shrunk to between the two sizes of ``degrade_large_px``/``degrade_small_px``
    (log-uniform), mostly passed through JPEG, and enlarged again, so that size, blur and compression tell nothing about the source.
    ``square_crop``: chance that the crop is square in the picture's own pixels before max_aspect is applied (needs data.working_shape = "fit").
    """

    min_area: float = 0.3
    max_aspect: float = 1.4286
    degrade_large: float = 0.6
    degrade_small: float = 0.4
    degrade_large_px: tuple[float, float] = (72.0, 144.0)
    degrade_small_px: tuple[float, float] = (64.0, 96.0)
    jpeg_degraded: float = 0.6
    jpeg_plain: float = 0.3
    flip: float = 0.5
    rotate: float = 0.25
    rotate_deg: float = 12.0
    blur: float = 0.15
    blur_px: tuple[float, float] = (0.4, 1.6)
    colour: float = 0.8
    brightness: tuple[float, float] = (0.7, 1.3)
    contrast: tuple[float, float] = (0.7, 1.3)
    saturation: tuple[float, float] = (0.5, 1.4)
    grey: float = 0.05
    square_crop: float = 0.0


@dataclass(frozen=True, slots=True)
class NetRecipe:
    """``name``: a key of studio.nets.table, or "timm:NAME". ``frozen_blocks``: the stem and so many blocks keep their weights (0: all learn).

    ``mix_style``: chance that a picture's feature map takes on the statistics of another's, after the frozen blocks and half-way through.
    ``start``: run folder whose averaged weights are the start, environment variables allowed; empty: ``pretrained`` says.
    """

    name: str = "efficientnet_lite0"
    pretrained: bool = True
    dropout: float = 0.2
    frozen_blocks: int = 5
    norm_momentum: float = 0.05
    mix_style: float = 0.0
    start: str = ""


@dataclass(frozen=True, slots=True)
class OptimiseRecipe:
    """``head_factor`` multiplies the rate of the last layer. ``clip_norm`` 0: no clipping. ``ema`` 0: no averaging. ``precision``: auto, fp32, bf16."""

    name: str = "adamw"
    rate: float = 6e-4
    head_factor: float = 4.0
    weight_decay: float = 0.03
    clip_norm: float = 0.0
    ema: float = 0.998
    precision: str = "auto"


@dataclass(frozen=True, slots=True)
class ScheduleRecipe:
    """``stages``: (side of the training view in pixels, epochs), one after the other. ``floor``: last rate as a share of the highest."""

    name: str = "cosine"
    stages: tuple[tuple[int, int], ...] = ((144, 4), (176, 8))
    warmup_epochs: float = 0.5
    floor: float = 0.02


@dataclass(frozen=True, slots=True)
class TrainRecipe:
    """``losses``: weight by loss name. ``absent_large_logit``: added, for sharp views of large pictures,
    to the logits of labels that have no large picture: a very low number takes them out of the softmax, so that sharpness teaches nothing
    about them; a soft one (log of a share) only weakens it; 0 is off. ``absent_small_logit``: the same for views of small pictures,
    ``absent_shrunk_logit``: for shrunk views of large pictures. ``cutmix``, ``mixup``: chance that a batch is mixed that way.

    ``evaluate_every`` epochs (0: only after the last); ``subset_cap``: at most so many pictures a look (0: all).
    """

    seed: int = 0
    batch: int = 64
    workers: int = 2
    threads: int = 0
    losses: Mapping[str, float] = field(default_factory=lambda: {"cross_entropy": 1.0})
    label_smoothing: float = 0.0
    absent_large_logit: float = -1e4
    absent_small_logit: float = 0.0
    absent_shrunk_logit: float = 0.0
    cutmix: float = 0.0
    mixup: float = 0.0
    evaluate_every: int = 4
    subset_cap: int = 0


@dataclass(frozen=True, slots=True)
class ExportRecipe:
    """What ``export`` writes. ``int8``: also a statically quantised model, calibrated on so many training pictures."""

    name: str = "model"
    opset: int = 18
    int8: bool = True
    calibration_pictures: int = 256
    stored_answers: int = 8


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything a run depends on. ``input`` is the one Preparation of validation, evaluation, export and use."""

    task: str = "classify"
    data: DataRecipe = field(default_factory=DataRecipe)
    input: Preparation = field(default_factory=lambda: Preparation(192, 192))
    views: ViewsRecipe = field(default_factory=ViewsRecipe)
    net: NetRecipe = field(default_factory=NetRecipe)
    optimise: OptimiseRecipe = field(default_factory=OptimiseRecipe)
    schedule: ScheduleRecipe = field(default_factory=ScheduleRecipe)
    train: TrainRecipe = field(default_factory=TrainRecipe)
    export: ExportRecipe = field(default_factory=ExportRecipe)

    @property
    def epochs(self) -> int:
        """Of all stages together."""
        return sum(epochs for _, epochs in self.schedule.stages)


def load(path: Path | None, settings: Iterable[str] = ()) -> Recipe:
    """A TOML file (None: defaults) with ``section.key=value`` settings on top; a value is TOML, or plain text for a text field.

    Raises: RecipeError for an unknown key (with the nearest known one), a wrong type, or a value out of range.
    """
    return from_dict({} if path is None else _read(path), settings)


def from_dict(data: Mapping[str, Any], settings: Iterable[str] = ()) -> Recipe:
    """As ``load``, from parsed TOML."""
    tree = _copy(data)
    for setting in settings:
        _set(tree, setting)
    recipe: Recipe = _build(Recipe, tree, "")
    _check(recipe)
    return recipe


def to_toml(recipe: Recipe) -> str:
    """The resolved recipe as TOML; ``load`` gives the same recipe back. Fields that are None are left out."""
    lines = [f"task = {_toml(recipe.task)}"]
    for item in dataclasses.fields(Recipe):
        if item.name == "task":
            continue
        section = getattr(recipe, item.name)
        lines += ["", f"[{item.name}]"]
        lines += [f"{f.name} = {_toml(v)}" for f in dataclasses.fields(section) if (v := getattr(section, f.name)) is not None]
    return "\n".join(lines) + "\n"


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecipeError(
            "recipe_unreadable", f"Cannot open the recipe {path}: {error.strerror}.", "Give the path of a TOML file."
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError("recipe_not_toml", f"{path} is not TOML: {error}.", "See docs for the form of a recipe.") from None


def _copy(data: Mapping[str, Any]) -> dict[str, Any]:
    return {k: _copy(v) if isinstance(v, Mapping) else v for k, v in data.items()}


def _set(tree: dict[str, Any], setting: str) -> None:
    key, sign, text = setting.partition("=")
    *path, last = key.strip().split(".")
    if not sign or not last:
        raise RecipeError(
            "bad_setting", f"A setting has the form section.key=value: received {setting!r}.", "For example optimise.rate=3e-4."
        )
    for name in path:
        tree = tree.setdefault(name, {})
        if not isinstance(tree, dict):
            raise RecipeError("bad_setting", f"{key!r} goes through a value that has no keys.", "Name a section and a key.")
    try:
        tree[last] = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        tree[last] = text.strip()


def _build(kind: Any, data: Any, where: str) -> Any:
    """A dataclass from a mapping, field by field, every value checked against its annotation."""
    if not isinstance(data, Mapping):
        raise _wrong(where, "a section with keys", data)
    hints = typing.get_type_hints(kind)
    for key in data:
        if key not in hints:
            name = f"{where}.{key}" if where else key
            raise RecipeError("unknown_key", f"Unknown key in the recipe: received {name!r}.", nearest(key, hints))
    values = {key: _value(hints[key], value, f"{where}.{key}" if where else key) for key, value in data.items()}
    if kind is Preparation:
        values = {"width": 192, "height": 192, **values}
    try:
        return kind(**values)
    except BundleError as error:
        raise RecipeError("bad_value", error.reason, error.advice) from None


def _value(hint: Any, value: Any, where: str) -> Any:
    """``value`` as ``hint`` wants it; a whole number does for a float, nothing else is converted."""
    if dataclasses.is_dataclass(hint):
        return _build(hint, value, where)
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        if value is None and type(None) in arguments:
            return None
        return next(_value(a, value, where) for a in arguments if a is not type(None))
    if origin is typing.Literal:
        if value not in arguments:
            raise RecipeError("bad_value", f"{where}: received {value!r}.", nearest(str(value), arguments))
        return value
    if origin is tuple:
        return _tuple(arguments, value, where)
    if origin is not None and issubclass(origin, Mapping):
        if not isinstance(value, Mapping):
            raise _wrong(where, "a table", value)
        return {str(k): _value(arguments[1], v, f"{where}.{k}") for k, v in value.items()}
    if hint is float and type(value) is int:
        return float(value)
    if type(value) is not hint:
        raise _wrong(where, {bool: "true or false", int: "a whole number", float: "a number", str: "text"}[hint], value)
    return value


def _tuple(arguments: tuple[Any, ...], value: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise _wrong(where, "a list", value)
    if arguments[-1] is Ellipsis:
        return tuple(_value(arguments[0], v, f"{where}[{i}]") for i, v in enumerate(value))
    if len(value) != len(arguments):
        raise _wrong(where, f"a list of {len(arguments)}", value)
    return tuple(_value(a, v, f"{where}[{i}]") for i, (a, v) in enumerate(zip(arguments, value, strict=True)))


def _wrong(where: str, wanted: str, value: Any) -> RecipeError:
    return RecipeError("wrong_type", f"{where or 'the recipe'} must be {wanted}: received {value!r}.", "Correct the recipe or the --set.")


def _check(recipe: Recipe) -> None:
    """Ranges that types cannot say."""
    positive = {
        "data.working_px": recipe.data.working_px,
        "optimise.rate": recipe.optimise.rate,
        "train.batch": recipe.train.batch,
        "schedule.stages": min((min(stage) for stage in recipe.schedule.stages), default=0),
    }
    for name, number in positive.items():
        if not number > 0:
            raise RecipeError("bad_value", f"{name} must be above 0: received {number}.", "Correct the recipe or the --set.")
    shares = {"data.validation_share": recipe.data.validation_share, "net.dropout": recipe.net.dropout, "optimise.ema": recipe.optimise.ema}
    for name, number in shares.items():
        if not 0 <= number < 1:
            raise RecipeError("bad_value", f"{name} must be in [0, 1): received {number}.", "Correct the recipe or the --set.")
    if recipe.optimise.precision not in ("auto", "fp32", "bf16"):
        raise RecipeError("bad_value", f"optimise.precision: received {recipe.optimise.precision!r}.", "Known: auto, fp32, bf16.")
    if not 13 <= recipe.export.opset <= 20:  # what torch's tracing exporter writes and all runtimes here read
        raise RecipeError("bad_value", f"export.opset must be 13 to 20: received {recipe.export.opset}.", "Leave it out for 18.")


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{k} = {_toml(v)}" for k, v in value.items()) + " }"
    if isinstance(value, tuple | list):
        return "[" + ", ".join(_toml(v) for v in value) + "]"
    return repr(value)
