"""What the service's replies look like, typed once: FastAPI checks replies against these and the OpenAPI document is made of them.

The line of a photo is not here: its schema stands beside whereabouts.located (service.openapi puts it into the document).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired

from pydantic import Field, with_config
from typing_extensions import TypedDict

Status = Annotated[int, Field(ge=400, le=599)]


class Health(TypedDict):
    """The service lives."""

    status: Literal["ok"]


# The functional form: "class" is a word of Python.
KnownPlace = TypedDict(
    "KnownPlace",
    {
        "class": str,
        "name": NotRequired[str],
        "latitude": NotRequired[Annotated[float, Field(ge=-90, le=90)]],
        "longitude": NotRequired[Annotated[float, Field(ge=-180, le=180)]],
        "radius_m": NotRequired[Annotated[float, Field(ge=0, description="Extent of the place.")]],
        "city": NotRequired[str | None],
        "country": NotRequired[str | None],
        "country_code": NotRequired[str | None],
    },
)


class KnownPlaces(TypedDict):
    """In the order of the model's labels. A model without places has classes alone."""

    places: list[KnownPlace]


class Model(TypedDict):
    """What answers: the bundle, and how it is run."""

    bundle: str
    bundle_hash: str
    task: str
    labels: Annotated[int, Field(ge=1, description="How many.")]
    runtime: str
    precision: str


class Models(TypedDict):
    """One."""

    models: list[Model]


ConfusedWith = TypedDict(
    "ConfusedWith",
    {
        "class": str,
        "name": str,
        "count": Annotated[int, Field(ge=1, description="So many of them were taken for this place.")],
        "of": Annotated[int, Field(ge=1, description="Test photos of the likeliest place.")],
    },
)

ActivationMap = TypedDict(
    "ActivationMap",
    {
        "class": str,
        "grid": Annotated[
            list[list[Annotated[float, Field(ge=0, le=1)]]], Field(description="Rows from the top; 1 where most speaks for the class.")
        ],
        "box": Annotated[
            list[float],
            Field(
                min_length=4,
                max_length=4,
                description="The part of the upright photo that the grid lies on: left, top, right, bottom as fractions of its width and "
                "height. [0, 0, 1, 1] unless the bundle crops (within that) or pads (beyond it).",
            ),
        ],
    },
)


@with_config(extra="allow")
class Problem(TypedDict):
    """Why a request is not served (RFC 9457). ``code`` is stable; ``path`` and ``line`` come with a photo that cannot be read."""

    type: Annotated[str, Field(pattern="^urn:landsight:")]
    title: str
    status: Status
    detail: str
    code: Annotated[str, Field(pattern="^[a-z0-9_]+$")]
    path: NotRequired[Annotated[str, Field(description="Name of the file.")]]
    line: NotRequired[Annotated[dict[str, Any], Field(description="The line of the photo, with its error.")]]
    error: NotRequired[Annotated[str, Field(description="Under /v2: the detail once more, where its clients look for it.")]]


class Server(TypedDict):
    """What speaks the Open Inference Protocol here."""

    name: str
    version: str
    extensions: list[str]


class Live(TypedDict):
    """The server lives."""

    live: Literal[True]


class Ready(TypedDict):
    """The server can be asked."""

    ready: Literal[True]


class ModelReady(TypedDict):
    """The model can be asked."""

    name: str
    ready: Literal[True]


class TensorMetadata(TypedDict):
    """A tensor: -1 in its shape is any number."""

    name: str
    datatype: Literal["BYTES", "FP32"]
    shape: list[int]


class ModelMetadata(TypedDict):
    """Of the Open Inference Protocol."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]


class ConfigTensor(TypedDict):
    """A tensor without its axis of photos, in Triton's words."""

    name: str
    data_type: Literal["TYPE_STRING", "TYPE_FP32"]
    dims: list[int]


class ModelConfig(TypedDict):
    """Of Triton's model configuration extension, what is fixed here."""

    name: str
    platform: str
    backend: str
    max_batch_size: int
    input: list[ConfigTensor]
    output: list[ConfigTensor]


class OutputParameters(TypedDict, total=False):
    """How many bytes of the tensor follow the JSON, when it is not in it."""

    binary_data_size: Annotated[int, Field(ge=0)]


class OutputTensor(TypedDict):
    """``data`` is flat, the last axis fastest; it is missing when the tensor follows as bytes."""

    name: Literal["probabilities", "classes"]
    datatype: Literal["FP32", "BYTES"]
    shape: list[int]
    data: NotRequired[list[float] | list[str]]
    parameters: NotRequired[OutputParameters]


class InferReply(TypedDict):
    """Of the Open Inference Protocol; ``id`` is the request's."""

    model_name: str
    model_version: str
    id: NotRequired[str]
    outputs: list[OutputTensor]


@with_config(extra="allow")
class InputParameters(TypedDict, total=False):
    """Photos in JSON are base64, and may say so."""

    content_type: Literal["base64"]


class InputTensor(TypedDict):
    """``data``: the files of the photos; ``shape``: how many there are."""

    name: Literal["image"]
    datatype: Literal["BYTES"]
    shape: Annotated[list[Annotated[int, Field(ge=1, le=1000)]], Field(min_length=1, max_length=1)]
    parameters: NotRequired[InputParameters]
    data: Annotated[
        list[Annotated[str, Field(json_schema_extra={"contentEncoding": "base64", "format": "photo-base64"})]],
        Field(min_length=1, max_length=1000),
    ]


@with_config(extra="allow")
class WantedParameters(TypedDict, total=False):
    """``binary_data``: as bytes behind the JSON."""

    binary_data: bool


class WantedOutput(TypedDict):
    """An output that is asked for."""

    name: Literal["probabilities", "classes"]
    parameters: NotRequired[WantedParameters]


@with_config(extra="allow")
class RequestParameters(TypedDict, total=False):
    """``binary_data_output``: all outputs as bytes."""

    binary_data_output: bool


class InferRequest(TypedDict):
    """One input, the photos. Without ``outputs``: both. (With the binary extension, which JSON cannot show, photos follow the JSON.)"""

    id: NotRequired[str]
    inputs: Annotated[list[InputTensor], Field(min_length=1, max_length=1)]
    outputs: NotRequired[list[WantedOutput]]
    parameters: NotRequired[RequestParameters]
