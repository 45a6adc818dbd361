"""What the lens's replies look like; see service.replies."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field
from typing_extensions import TypedDict

Shape = Annotated[list[int], Field(description="Without the batch axis.")]
Pair = Annotated[list[float | None], Field(min_length=2, max_length=2, description="Height, width in pixels of the prepared picture.")]


class Field2d(TypedDict):
    """What a unit sees of the picture. ``size`` null: all of it; ``stride``: to the next unit; ``start``: first pixel of the first unit."""

    size: Pair
    stride: Pair
    start: Pair


class Stored(TypedDict):
    """A tensor that a layer computes with."""

    role: str
    shape: list[int]


class Layer(TypedDict):
    """One step. ``number`` 0 is the picture. ``arithmetic``: how its numbers come about, with ``settings``; "other" is not taken apart."""

    number: Annotated[int, Field(ge=0)]
    name: str
    kind: Annotated[str, Field(description="The operator of ONNX.")]
    shape: Shape
    parameters: Annotated[int, Field(ge=0)]
    multiply_adds: Annotated[int, Field(ge=0)]
    sources: Annotated[list[int], Field(description="Numbers of the layers it takes from.")]
    outputs: Annotated[list[str], Field(description="The model's names for what it makes.")]
    arithmetic: str
    settings: dict[str, Any]
    weights: list[Stored]
    field: Field2d


class Network(TypedDict):
    """The network that answers, as layers in the order in which they run."""

    model: str
    bundle_hash: str
    input: Annotated[dict[str, Any], Field(description="How a picture is prepared.")]
    labels: list[str]
    names: Annotated[list[str], Field(description="Of the labels, for people.")]
    unfolded: Annotated[bool, Field(description="The bundle keeps a trace: nothing was folded into anything.")]
    layers: Annotated[list[Layer], Field(min_length=1)]


class SmallMap(TypedDict):
    """One channel, small: bytes from the layer's low to its high, rows from the top."""

    channel: int
    height: Annotated[int, Field(ge=1)]
    width: Annotated[int, Field(ge=1)]
    pixels: Annotated[str, Field(description="base64")]


class Glance(TypedDict):
    """The range of a layer's numbers, the share that is 0, its busiest channels."""

    number: int
    low: float
    high: float
    zeros: Annotated[float, Field(ge=0, le=1)]
    maps: list[SmallMap]


class Look(TypedDict):
    """One photo as the network sees it, and a glance at every layer."""

    prepared: Annotated[str, Field(description="base64 of rows of pixels, (height, width, channels), uint8")]
    answer: Annotated[dict[str, Any], Field(description="The line of /v1/locate.")]
    layers: list[Glance]
