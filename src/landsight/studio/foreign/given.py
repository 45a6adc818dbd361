"""What people say about a model, what its graph says, and the Preparation that follows; what neither says is asked for, all at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, cast

from landsight.errors import UsageError
from landsight.photo.prepare import FILTERS, Preparation

Layout = Literal["NCHW", "NHWC"]
Colour = Literal["RGB", "BGR", "L"]
Kind = Literal["logits", "probabilities"]

#: Element types of an input that are understood. Whole numbers can only be pixels as they are: no mean, no deviation.
FLOATS: Final = ("float32", "float16")
PIXELS: Final = ("uint8",)
_QUESTIONS: Final = {
    "size": "--size WIDTHxHEIGHT",
    "layout": "--layout NCHW or NHWC (channels first or last)",
    "colour": "--colour RGB, BGR or L",
    "resize": "--resize squash, crop or letterbox",
    "filter": f"--filter {', '.join(FILTERS)}",
    "mean": "--mean (one number, or one a channel, of pixels 0..255)",
    "std": "--std (the same)",
}


@dataclass(frozen=True, slots=True)
class Given:
    """The options of ``landsight bundle import``; None: not said. ``mean`` and ``std`` in the order of ``colour``, for pixels of 0..255."""

    size: tuple[int, int] | None = None
    layout: Layout | None = None
    colour: Colour | None = None
    resize: str | None = None
    filter: str | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    input_name: str | None = None
    output_name: str | None = None
    kind: Kind | None = None


@dataclass(frozen=True, slots=True)
class Entrance:
    """A model's input as its graph tells: ``shape`` of four (None: any), the element type by NumPy's name."""

    name: str
    shape: tuple[int | None, ...]
    dtype: str


@dataclass(frozen=True, slots=True)
class Way:
    """How a prepared picture gets in: ``preparation`` as landsight makes it; then laid out as ``layout``, channels ``reversed``, cast to ``dtype``."""

    preparation: Preparation
    layout: Layout
    reversed: bool
    dtype: str
    batch: int | None


def way_in(entrance: Entrance, given: Given) -> Way:
    """Raises: UsageError for what is missing (all of it named), or contradicts the graph."""
    if len(entrance.shape) != 4:
        raise unfit(f"its input {entrance.name!r} has {len(entrance.shape)} axes, pictures have 4")
    if entrance.dtype not in (*FLOATS, *PIXELS):
        raise unfit(f"its input {entrance.name!r} takes {entrance.dtype}", f"Known: {', '.join((*FLOATS, *PIXELS))}.")
    missing: list[str] = []
    layout = given.layout or _layout(entrance.shape)
    if layout is None:
        raise _unsaid(["layout", *(name for name in _QUESTIONS if name not in ("layout", "size") and getattr(given, name) is None)])
    batch, *rest = entrance.shape
    channels, height, width = rest if layout == "NCHW" else (rest[2], rest[0], rest[1])
    size = _size(given, width, height, missing)
    colour = _colour(given, channels, missing)
    is_pixels = entrance.dtype in PIXELS
    mean = given.mean or ((0.0,) if is_pixels else None)
    std = given.std or ((1.0,) if is_pixels else None)
    missing += [name for name, value in (("resize", given.resize), ("filter", given.filter), ("mean", mean), ("std", std)) if value is None]
    if missing or size is None or mean is None or std is None:
        raise _unsaid(missing)
    count = 1 if colour == "L" else 3
    preparation = Preparation(
        width=size[0], height=size[1], resize=cast("Literal['squash', 'crop', 'letterbox']", given.resize), filter=given.filter or "",
        colour="L" if colour == "L" else "RGB", mean=_values("mean", mean, count, colour), std=_values("std", std, count, colour),
    )  # fmt: skip
    return Way(preparation, layout, colour == "BGR", entrance.dtype, batch)


def unfit(what: str, advice: str = "It must be a classifier of pictures, with one input and one score a label.") -> UsageError:
    """The error for a model that cannot become a bundle."""
    return UsageError("import_unfit", f"This model does not fit: {what}.", advice)


def _unsaid(missing: Sequence[str]) -> UsageError:
    questions = "; ".join(question for name, question in _QUESTIONS.items() if name in missing)
    return UsageError(
        "import_unsaid", "The graph does not say how pictures must be prepared, and nothing is guessed.", f"Give {questions}."
    )


def _layout(shape: Sequence[int | None]) -> Layout | None:
    """Told by where the 1 or 3 channels stand, when that is in one place alone."""
    first, last = shape[1] in (1, 3), shape[3] in (1, 3)
    return None if first == last else "NCHW" if first else "NHWC"


def _size(given: Given, width: int | None, height: int | None, missing: list[str]) -> tuple[int, int] | None:
    if width is None or height is None:
        if given.size is None:
            missing.append("size")
        return given.size
    if given.size not in (None, (width, height)):
        raise unfit(
            f"its input is {width}x{height}, --size says {given.size[0]}x{given.size[1]}" if given.size else "", "Leave --size out."
        )
    return width, height


def _colour(given: Given, channels: int | None, missing: list[str]) -> Colour:
    if given.colour is None:
        if channels == 1:
            return "L"
        missing.append("colour")
        return "RGB"
    expected = 1 if given.colour == "L" else 3
    if channels not in (None, expected):
        raise unfit(f"its input has {channels} channels, --colour {given.colour} has {expected}", "Correct --colour or --layout.")
    return given.colour


def _values(name: str, values: tuple[float, ...], count: int, colour: Colour) -> tuple[float, ...]:
    """One a channel, in the order of RGB. Raises: UsageError for another number of them, or what looks like units of 0..1."""
    if len(values) not in (1, count):
        raise UsageError("import_unfit", f"--{name} needs 1 or {count} numbers: received {len(values)}.", "One a channel.")
    if any(0 < value < 1 for value in values):
        times = ",".join(f"{255 * value:g}" for value in values)
        raise UsageError(
            "import_unfit", f"--{name} is for pixels of 0 to 255: received {values}.", f"Of pixels of 0 to 1 it is --{name} {times}."
        )
    all_channels = values * count if len(values) == 1 else values
    return tuple(reversed(all_channels)) if colour == "BGR" else all_channels
