"""The recipe of a training run: typed, frozen, from TOML plus ``--set section.key=value``; unknown keys are errors, not guesses."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from landsight.errors import RecipeError
from landsight.photo.prepare import Preparation
from landsight.studio.recipe_ranges import check_ranges
from landsight.studio.typed_toml import build, copied, set_value, toml_value

#: A label whose logit is lowered by more than this is as good as gone; label smoothing would pay dearly for it (-ln p grows with it).
_LOWEST_SMOOTHED = -20.0


@dataclass(frozen=True, slots=True)
class DataRecipe:
    """Where the pictures come from and which of them train.

    ``root``: folder, environment variables allowed. A picture whose longer side is at most ``small_px`` is of the small kind: it is
    cached as it is, larger ones at working_px: squashed to a square, or the shorter side fitted. ``hold_out``: classes whose large pictures leave training and
    form the subset "held_out". ``exclude``: classes left out altogether. ``cache``: folder of decoded pixels; empty: inside the run.

    ``reader``: a key of data.readers; "auto": told from what lies in root. ``test_share``: carved for the part "test" when root has none;
    0: none. ``duplicate_distance``: near-duplicates are kept in one part when it is above 0, equal pixels alone at 0, nothing below 0.
    ``parts``: a parts.csv (name, part), as run folders hold it: which of the training pictures learn, validate or test; those it does not
    name are left out, and nothing is carved. ``labels_file`` and the columns are for the "csv" reader: the table (below root, or an absolute path), which column names the
    file, the label or labels (``label_separator`` between them), the part, the group that must not be split, numbers to predict.

    ``drop_leaks``: training pictures that are near-duplicates of pictures in another given part are left out, not only reported.
    ``most``: for a first try, read at most so many pictures to train and to validate on, of every class alike (0: all).
    """

    reader: str = "auto"
    root: str = ""
    labels_file: str = ""
    file_column: str = ""
    label_column: str = ""
    label_separator: str = ""
    split_column: str = ""
    group_column: str = ""
    value_columns: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    hold_out: tuple[str, ...] = ()
    validation_share: float = 0.1
    test_share: float = 0.15
    parts: str = ""
    duplicate_distance: int = 3
    drop_leaks: bool = False
    working_px: int = 256
    working_shape: Literal["squash", "fit"] = "squash"
    small_px: int = 96
    cache: str = ""
    most: int = 0


@dataclass(frozen=True, slots=True)
class ViewsRecipe:
    """How one picture becomes many. Pixel sizes are sides of the whole picture, chances are in [0, 1].

    ``degrade_large``/``degrade_small``: chance that a view is shrunk to between the two sizes of ``degrade_large_px``/``degrade_small_px``
    (log-uniform), mostly passed through JPEG, and enlarged again, so that size, blur and compression tell nothing about the source.
    ``square_crop``: chance that the crop is square in the picture's own pixels before max_aspect is applied (needs data.working_shape = "fit").

    ``affine``: chance of one random shift (share of the side), scale and shear (degrees). ``hue``: largest turn of the colour circle, as a
    part of a full turn (0.5: any hue).
    ``policy`` comes after all of these: AutoAugment, RandAugment with num_ops and magnitude (0 to 30), or TrivialAugment.
    ``erase``: chance that a rectangle of ``erase_area`` (shares of the view) is replaced by noise.
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
    flip_vertical: float = 0.0
    affine: float = 0.0
    shift: float = 0.1
    scale: tuple[float, float] = (0.9, 1.1)
    shear_deg: float = 5.0
    hue: float = 0.0
    policy: Literal["none", "autoaugment", "randaugment", "trivialaugment"] = "none"
    num_ops: int = 2
    magnitude: int = 9
    erase: float = 0.0
    erase_area: tuple[float, float] = (0.02, 0.33)


@dataclass(frozen=True, slots=True)
class NetRecipe:
    """``name``: a key of studio.nets.table, or "timm:NAME". ``frozen_blocks``: the stem and so many blocks keep their weights (0: all
    learn; -1: 5 of a pretrained EfficientNet, none of a net that has learnt nothing yet).

    ``mix_style``: chance that a picture's feature map takes on the statistics of another's, after the frozen blocks and half-way through.
    ``start``: run folder whose averaged weights are the start, environment variables allowed; empty: ``pretrained`` says.

    ``head_only``: nothing but the head learns. ``last_blocks``: so many blocks and the head learn (0: frozen_blocks says).
    ``unfreeze_epochs``: gradual unfreezing, from the head alone (or last_blocks), one more block from the end after every so many epochs
    until frozen_blocks are left (0: off). ``freeze_norm``: batch norms keep their running statistics.

    What follows is the shape of a net; a field that the named one does not have is refused (docs/nets.md). ``depth``: layers, a cnn's
    blocks (0: the net's own). ``width``: factor on all channels. ``hidden``: sizes of hidden layers on a map laid flat; empty: an mlp's by
    the rule, none for others. ``kernel``: side of a cnn's filters (0: 3). ``padding``: "same", "valid", pixels, or pixels by block ("2,1").
    ``block``: a resnet's "basic" or "bottleneck", a vgg's "plain" or "separable". ``values``: numbers predicted beside the labels.
    ``auxiliary``: weight of each auxiliary head's loss, in training only.
    """

    name: str = "efficientnet_lite0"
    pretrained: bool = True
    dropout: float = 0.2
    frozen_blocks: int = -1
    norm_momentum: float = 0.05
    mix_style: float = 0.0
    start: str = ""
    head_only: bool = False
    last_blocks: int = 0
    unfreeze_epochs: float = 0.0
    freeze_norm: bool = False
    depth: int = 0
    width: float = 1.0
    hidden: tuple[int, ...] = ()
    block: str = ""
    norm: bool = True
    pool: Literal["max", "average", "mixed"] = "max"
    kernel: int = 0
    padding: str = "same"
    padding_mode: Literal["zeros", "reflect", "replicate", "circular"] = "zeros"
    activation: str = "relu"
    init: str = "kaiming"
    values: int = 0
    auxiliary: float = 0.3


@dataclass(frozen=True, slots=True)
class OptimiseRecipe:
    """``head_factor`` multiplies the rate of the last layer. ``clip_norm`` 0: no clipping. ``ema`` 0: no averaging. ``precision``: auto, fp32, bf16.

    ``layer_decay``: each stage's rate is so many times that of the stage after it (discriminative rates; 1: all equal).
    ``accumulate``: batches whose gradients are added before a step. ``momentum``: of sgd, beta1 of adam and adamw.
    """

    name: str = "adamw"
    rate: float = 6e-4
    head_factor: float = 4.0
    weight_decay: float = 0.03
    clip_norm: float = 0.0
    ema: float = 0.998
    precision: str = "auto"
    layer_decay: float = 1.0
    accumulate: int = 1
    momentum: float = 0.9


@dataclass(frozen=True, slots=True)
class ScheduleRecipe:
    """``stages``: (side of the training view in pixels, the longer one when the input is not square; epochs), one after the other. ``floor``: last rate as a share of the highest.

    ``name``: constant, cosine, one_cycle, step, plateau. ``milestones``: epochs after which "step" multiplies the rate by ``gamma``; "plateau"
    does so when the loss on validation has not fallen for ``patience`` looks.
    """

    name: str = "cosine"
    stages: tuple[tuple[int, int], ...] = ((144, 4), (176, 8))
    warmup_epochs: float = 0.5
    floor: float = 0.02
    milestones: tuple[float, ...] = ()
    gamma: float = 0.1
    patience: int = 3


@dataclass(frozen=True, slots=True)
class TrainRecipe:
    """``losses``: weight by loss name. ``absent_large_logit``: added, for sharp views of large pictures,
    to the logits of labels that have no large picture: a very low number takes them out of the softmax, so that sharpness teaches nothing
    about them; a soft one (log of a share) only weakens it; 0 is off. ``absent_small_logit``: the same for views of small pictures,
    ``absent_shrunk_logit``: for shrunk views of large pictures. ``cutmix``, ``mixup``: chance that a batch is mixed that way.

    ``evaluate_every`` epochs (0: only after the last); ``subset_cap``: at most so many pictures a look (0: all).

    ``batch`` 0: the largest that fits. ``minutes`` above 0: as many epochs as fit into that time, measured at the start.
    ``early_stop``: end after so many looks without a better one (0: never). ``class_weights``: losses weighted by 1 / pictures of the class.
    ``balanced``: every class is drawn equally often. ``deterministic``: same machine, same weights, to the bit.
    ``fit_head``: begin by fitting the head to the embeddings of the untrained body (train/fit_head.py); with no stages that is all.
    """

    seed: int = 0
    batch: int = 64
    workers: int = 2
    threads: int = 0
    losses: Mapping[str, float] = field(default_factory=lambda: {"cross_entropy": 1.0})
    label_smoothing: float = 0.0
    absent_large_logit: float = 0.0
    absent_small_logit: float = 0.0
    absent_shrunk_logit: float = 0.0
    cutmix: float = 0.0
    mixup: float = 0.0
    evaluate_every: int = 4
    subset_cap: int = 0
    minutes: float = 0.0
    early_stop: int = 0
    class_weights: bool = False
    balanced: bool = False
    deterministic: bool = True
    fit_head: bool = False


@dataclass(frozen=True, slots=True)
class ExportRecipe:
    """What ``export`` writes. ``int8``: also a statically quantised model, calibrated on so many training pictures. ``trace``: also the network
    with nothing folded, for the lens, where the model has folded something (a batch norm): about as large again."""

    name: str = "model"
    opset: int = 18
    int8: bool = True
    trace: bool = True
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

    The table [tune] is for ``landsight tune`` alone and left aside.
    Raises: RecipeError for an unknown key (with the nearest known one), a wrong type, or a value out of range.
    """
    tree = {} if path is None else read_tree(path)
    tree.pop("tune", None)
    return from_dict(tree, settings)


def from_dict(data: Mapping[str, Any], settings: Iterable[str] = ()) -> Recipe:
    """As ``load``, from parsed TOML."""
    tree = copied(data)
    for setting in settings:
        set_value(tree, setting)
    recipe: Recipe = build(Recipe, tree, "")
    _check(recipe)
    return recipe


def to_toml(recipe: Recipe) -> str:
    """The resolved recipe as TOML; ``load`` gives the same recipe back. Fields that are None are left out."""
    lines = [f"task = {toml_value(recipe.task)}"]
    for item in dataclasses.fields(Recipe):
        if item.name == "task":
            continue
        section = getattr(recipe, item.name)
        lines += ["", f"[{item.name}]"]
        lines += [f"{f.name} = {toml_value(v)}" for f in dataclasses.fields(section) if (v := getattr(section, f.name)) is not None]
    return "\n".join(lines) + "\n"


def flat(recipe: Recipe) -> dict[str, Any]:
    """Every field as "section.key" -> value; a table of losses stays one value."""
    found: dict[str, Any] = {}
    for item in dataclasses.fields(Recipe):
        section = getattr(recipe, item.name)
        if dataclasses.is_dataclass(section):
            found |= {f"{item.name}.{f.name}": getattr(section, f.name) for f in dataclasses.fields(section)}
        else:
            found[item.name] = section
    return found


def read_tree(path: Path) -> dict[str, Any]:
    """A recipe file as parsed TOML, not yet checked. Raises: RecipeError when it cannot be opened or is not TOML."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecipeError(
            "recipe_unreadable", f"Cannot open the recipe {path}: {error.strerror}.", "Give the path of a TOML file."
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError("recipe_not_toml", f"{path} is not TOML: {error}.", "See docs for the form of a recipe.") from None


def _check(recipe: Recipe) -> None:
    """What types cannot say."""
    check_ranges(flat(recipe))
    if not recipe.schedule.stages and not recipe.train.fit_head:
        raise RecipeError(
            "bad_value", "schedule.stages must have an epoch above 0: received [].", "Only train.fit_head does without steps."
        )
    if not any(recipe.train.losses.values()):
        raise RecipeError(
            "bad_value", f"train.losses: none has a weight above 0: received {dict(recipe.train.losses)}.", "Name at least one."
        )
    lowest = min(recipe.train.absent_large_logit, recipe.train.absent_small_logit, recipe.train.absent_shrunk_logit)
    if recipe.train.label_smoothing > 0 and lowest < _LOWEST_SMOOTHED:
        raise RecipeError(
            "bad_value", f"train.label_smoothing: received {recipe.train.label_smoothing} beside an absent_*_logit of {lowest:g}.",
            "Smoothing asks for every label, and some are taken out of the softmax: leave one of them off.",
        )  # fmt: skip
    if recipe.optimise.precision not in ("auto", "fp32", "bf16"):
        raise RecipeError("bad_value", f"optimise.precision: received {recipe.optimise.precision!r}.", "Known: auto, fp32, bf16.")
