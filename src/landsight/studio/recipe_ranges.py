"""The range of every number in a recipe. One table: a field that is missing from it fails a test, so none goes unchecked."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from landsight.errors import RecipeError


@dataclass(frozen=True, slots=True)
class Range:
    """``low`` to ``high``; ``above``: low itself is out, ``below``: high itself is out. ``rising``: of a pair, the first is not the larger."""

    low: float
    high: float
    above: bool = False
    below: bool = False
    rising: bool = False

    def holds(self, number: float) -> bool:
        """Never for NaN."""
        return (self.low < number if self.above else self.low <= number) and (number < self.high if self.below else number <= self.high)

    def __str__(self) -> str:
        if self.above and self.high >= _MANY:
            return f"above {self.low:g} and at most {self.high:,.0f}"
        return f"in {'(' if self.above else '['}{self.low:g}, {self.high:g}{')' if self.below else ']'}"


#: A count of pictures, epochs or looks that nobody means to exceed: far above it a list of them would fill the memory.
_MANY: Final = 1_000_000
#: Side of a picture or a view, as Preparation has it.
_PX: Final = Range(1, 4096)
_CHANCE = _SHARE = Range(0, 1)
_PART = Range(0, 1, below=True)
_COUNT: Final = Range(0, _MANY)
_FACTOR: Final = Range(0, 100, rising=True)

#: "section.field" -> its range; of a list or a table, that of each number in it.
RANGES: Final[Mapping[str, Range]] = {
    "data.validation_share": _PART,
    "data.test_share": _PART,
    "data.duplicate_distance": Range(-64, 64),
    "data.working_px": Range(0, 4096, above=True),
    "data.small_px": Range(0, 65_535),
    "data.most": Range(0, 1e9),
    "views.min_area": Range(0, 1, above=True),
    "views.max_aspect": Range(1, 100),
    "views.degrade_large": _CHANCE,
    "views.degrade_small": _CHANCE,
    "views.degrade_large_px": Range(1, 4096, rising=True),
    "views.degrade_small_px": Range(1, 4096, rising=True),
    "views.jpeg_degraded": _CHANCE,
    "views.jpeg_plain": _CHANCE,
    "views.flip": _CHANCE,
    "views.rotate": _CHANCE,
    "views.rotate_deg": Range(0, 180),
    "views.blur": _CHANCE,
    "views.blur_px": Range(0, 100, rising=True),
    "views.colour": _CHANCE,
    "views.brightness": _FACTOR,
    "views.contrast": _FACTOR,
    "views.saturation": _FACTOR,
    "views.grey": _CHANCE,
    "views.square_crop": _CHANCE,
    "views.flip_vertical": _CHANCE,
    "views.affine": _CHANCE,
    "views.shift": _SHARE,
    "views.scale": Range(0.01, 100, rising=True),
    "views.shear_deg": Range(0, 89),
    "views.hue": Range(0, 0.5),
    "views.num_ops": Range(0, 100),
    "views.magnitude": Range(0, 30),
    "views.erase": _CHANCE,
    "views.erase_area": Range(0, 1, above=True, rising=True),
    "net.dropout": _PART,
    "net.frozen_blocks": Range(-1, 10_000),
    "net.norm_momentum": Range(0, 1),
    "net.mix_style": _CHANCE,
    "net.last_blocks": Range(0, 10_000),
    "net.unfreeze_epochs": _COUNT,
    "net.depth": Range(0, 200),
    "net.width": Range(0, 100, above=True),
    "net.hidden": Range(1, 65_536),
    "net.kernel": Range(0, 4096),
    "net.values": Range(0, 10_000),
    "net.auxiliary": Range(0, 100),
    "optimise.rate": Range(0, _MANY, above=True),
    "optimise.head_factor": Range(0, _MANY),
    "optimise.weight_decay": Range(0, 1000),
    "optimise.clip_norm": Range(0, 1e9),
    "optimise.ema": _PART,
    "optimise.layer_decay": Range(0, 10, above=True),
    "optimise.accumulate": Range(1, _MANY),
    "optimise.momentum": _PART,
    "schedule.stages": Range(0, 100_000, above=True),
    "schedule.warmup_epochs": _COUNT,
    "schedule.floor": _SHARE,
    "schedule.milestones": _COUNT,
    "schedule.gamma": Range(0, 10, above=True),
    "schedule.patience": _COUNT,
    "train.seed": Range(0, 2**63, below=True),
    "train.batch": _COUNT,
    "train.workers": Range(0, 256),
    "train.threads": Range(0, 1024),
    "train.losses": Range(0, 1e6),
    "train.label_smoothing": _PART,
    "train.absent_large_logit": Range(-1e6, 0),
    "train.absent_small_logit": Range(-1e6, 0),
    "train.absent_shrunk_logit": Range(-1e6, 0),
    "train.cutmix": _CHANCE,
    "train.mixup": _CHANCE,
    "train.evaluate_every": _COUNT,
    "train.subset_cap": Range(0, 1e9),
    "train.minutes": _COUNT,
    "train.early_stop": _COUNT,
    "export.opset": Range(13, 20),  # what torch's tracing exporter writes and all runtimes here read
    "export.calibration_pictures": Range(1, 1e9),
    "export.stored_answers": Range(1, _MANY),
}


def check_asked(*, epochs: int | None, minutes: float | None) -> None:
    """What is asked for beside a recipe. Raises: RecipeError, as ``check_ranges``."""
    for option, allowed, number in (("--epochs", RANGES["schedule.stages"], epochs), ("--minutes", RANGES["train.minutes"], minutes)):
        if number is not None and not allowed.holds(number):
            raise RecipeError("bad_value", f"{option} must be {allowed}: received {_shown(number)}.", "Give less.")


def check_ranges(values: Mapping[str, Any]) -> None:
    """``values``: "section.field" -> value, as recipe.flat gives them. Raises: RecipeError for the first number that is out of its range."""
    for name, allowed in RANGES.items():
        numbers = list(_numbers(values[name]))
        for number in numbers:
            if not allowed.holds(number):
                raise RecipeError("bad_value", f"{name} must be {allowed}: received {_shown(number)}.", "Correct the recipe or the --set.")
        if allowed.rising and numbers != sorted(numbers):
            raise RecipeError(
                "bad_value", f"{name} goes from the smaller to the larger: received {numbers}.", "Correct the recipe or the --set."
            )


def _numbers(value: Any) -> Iterator[float]:
    """The numbers in a value, one after the other; text and switches have none."""
    if isinstance(value, Mapping):
        value = tuple(value.values())
    if isinstance(value, tuple):
        for item in value:
            yield from _numbers(item)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield value


def _shown(number: float) -> str:
    return f"{number:g}" if isinstance(number, float) or math.log10(abs(number) + 1) > 15 else str(number)
