"""The Open Inference Protocol, version 2, as KServe and Triton speak it: photos as BYTES in, probabilities and classes out.

Source: github.com/kserve/open-inference-protocol, and Triton's "binary tensor data" extension. JSON cannot carry the bytes of a photo, so a
tensor in JSON holds base64 (and may say so: parameters.content_type = "base64"); with the extension the bytes follow the JSON as they are.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final

import numpy as np
from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import JSONResponse
from numpy.typing import NDArray

import landsight
from landsight.errors import PHOTO_CODES
from landsight.service.openapi import photo_codes, reference, refusals
from landsight.service.problems import ServiceError
from landsight.service.replies import ConfigTensor, InferReply, Live, ModelConfig, ModelMetadata, ModelReady, Ready, Server, TensorMetadata
from landsight.service.station import Station
from landsight.service.uploads import Upload, body_of, unless_gone
from landsight.whereabouts.located import Located

router = APIRouter(prefix="/v2", tags=["Open Inference Protocol"])
INPUT: Final = "image"
PROBABILITIES: Final = "probabilities"
CLASSES: Final = "classes"
#: Says how many bytes of a body are JSON; the rest are tensors.
HEADER: Final = "Inference-Header-Content-Length"
_VERSION: Final = "1"
#: What photos in JSON are; a request may say so as the "content_type" of a tensor's parameters.
_ENCODED: Final = "base64"
_PLATFORM: Final = "landsight_bundle"
#: Photos in one request.
_MOST: Final = 1_000
_LENGTH: Final = struct.Struct("<I")
Name = Annotated[str, Path(description="The bundle's name, as /v1/models says it.")]
Version = Annotated[str, Path(description="The only one.", json_schema_extra={"enum": [_VERSION]})]


@dataclass(frozen=True, slots=True)
class Asked:
    """One request, checked: the photos, and each output that is wanted -> does it follow as bytes."""

    id: str
    photos: tuple[bytes, ...]
    outputs: Mapping[str, bool]


_NO_MODEL: Final = refusals({404: ("no_model",)})
_INFER: Final = {
    200: {
        "description": "The tensors; with the binary extension as bytes behind the JSON.",
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        "headers": {HEADER: {"description": "How many bytes are JSON, where tensors follow it.", "schema": {"type": "string"}}},
    },
    **refusals({
        400: ("bad_inference_request", "cut_off"),
        404: ("no_model",),
        408: ("too_slow_upload",),
        413: ("too_many_bytes",),
        415: photo_codes()[415],
        422: photo_codes()[422],
        503: ("busy",),
    }),
}  # fmt: skip
_BODY: Final = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": reference("InferRequest")}},
        "description": f"JSON, or, with the header {HEADER}, JSON and behind it each photo after its length in four bytes, little-endian.",
    }
}


@router.get("", summary="What speaks")
async def server() -> Server:
    """Name, version and extensions of the server."""
    return Server(name="landsight", version=landsight.__version__, extensions=["binary_tensor_data", "model_configuration"])


@router.get("/health/live", summary="Does it live")
async def server_live() -> Live:
    """It answers, so it lives."""
    return Live(live=True)


@router.get("/health/ready", summary="Can it be asked")
async def server_ready() -> Ready:
    """It answers once its network is loaded, so it is ready."""
    return Ready(ready=True)


@router.get("/models/{model}", responses=_NO_MODEL, summary="Tensors of the model")
async def model_metadata(request: Request, model: Name) -> ModelMetadata:
    """Name, tensors and shapes of the model."""
    return _metadata(request, model)


@router.get("/models/{model}/versions/{version}", responses=_NO_MODEL, summary="Tensors of the model")
async def version_metadata(request: Request, model: Name, version: Version) -> ModelMetadata:
    """Name, tensors and shapes of the model."""
    return _metadata(request, model, version)


@router.get("/models/{model}/config", responses=_NO_MODEL, summary="The model in Triton's words")
async def model_config(request: Request, model: Name) -> ModelConfig:
    """Triton's model configuration extension: how many photos a request may have, and the tensors without their axis of photos."""
    return _config(request, model)


@router.get("/models/{model}/versions/{version}/config", responses=_NO_MODEL, summary="The model in Triton's words")
async def version_config(request: Request, model: Name, version: Version) -> ModelConfig:
    """Triton's model configuration extension: how many photos a request may have, and the tensors without their axis of photos."""
    return _config(request, model, version)


@router.get("/models/{model}/ready", responses=_NO_MODEL, summary="Can the model be asked")
async def model_ready(request: Request, model: Name) -> ModelReady:
    """The model can be asked."""
    _station(request, model)
    return ModelReady(name=model, ready=True)


@router.get("/models/{model}/versions/{version}/ready", responses=_NO_MODEL, summary="Can the model be asked")
async def version_ready(request: Request, model: Name, version: Version) -> ModelReady:
    """The model can be asked."""
    _station(request, model, version)
    return ModelReady(name=model, ready=True)


@router.post("/models/{model}/infer", response_model=InferReply, responses=_INFER, openapi_extra=_BODY, summary="Ask the model")
async def infer(request: Request, model: Name) -> Response:
    """Probabilities in the order of the labels; classes as "probability:index:label", the likeliest first, as Triton writes them."""
    return await _inferred(request, model)


@router.post(
    "/models/{model}/versions/{version}/infer", response_model=InferReply, responses=_INFER, openapi_extra=_BODY, summary="Ask the model"
)
async def version_infer(request: Request, model: Name, version: Version) -> Response:
    """Probabilities in the order of the labels; classes as "probability:index:label", the likeliest first, as Triton writes them."""
    return await _inferred(request, model, version)


def _metadata(request: Request, model: str, version: str = _VERSION) -> ModelMetadata:
    labels = len(_station(request, model, version).bundle.manifest.labels)
    return ModelMetadata(
        name=model, versions=[_VERSION], platform=_PLATFORM,
        inputs=[TensorMetadata(name=INPUT, datatype="BYTES", shape=[-1])],
        outputs=[
            TensorMetadata(name=PROBABILITIES, datatype="FP32", shape=[-1, labels]),
            TensorMetadata(name=CLASSES, datatype="BYTES", shape=[-1, labels]),
        ],
    )  # fmt: skip


def _config(request: Request, model: str, version: str = _VERSION) -> ModelConfig:
    labels = len(_station(request, model, version).bundle.manifest.labels)
    return ModelConfig(
        name=model, platform=_PLATFORM, backend=_PLATFORM, max_batch_size=_MOST,
        input=[ConfigTensor(name=INPUT, data_type="TYPE_STRING", dims=[])],
        output=[
            ConfigTensor(name=PROBABILITIES, data_type="TYPE_FP32", dims=[labels]),
            ConfigTensor(name=CLASSES, data_type="TYPE_STRING", dims=[labels]),
        ],
    )  # fmt: skip


async def _inferred(request: Request, model: str, version: str = _VERSION) -> Response:
    station = _station(request, model, version)
    labels = station.bundle.manifest.labels
    with station.arriving() as arrived:
        asked = parsed(await body_of(request, station.settings, arrived), request.headers.get(HEADER))
        async with station.room_for(len(asked.photos)):
            jobs = (station.locate(Upload(f"{INPUT}[{i}]", photo), top_k=len(labels)) for i, photo in enumerate(asked.photos))
            found = [seen.located for seen in await unless_gone(request, asyncio.gather(*jobs))]
    for located in found:
        if located.error:
            raise ServiceError(PHOTO_CODES[located.error.code][0], located.error.code, f"{located.path}: {located.error.reason}")
    return _reply(asked, model, _tensors(found, labels))


def parsed(body: bytes, json_length: str | None) -> Asked:
    """A request's body. Raises: ServiceError 400 for whatever does not hold together."""
    if json_length is None:
        head, rest = body, b""
    else:
        if not json_length.isascii() or not json_length.isdigit() or int(json_length) > len(body):
            raise _bad(f"{HEADER} is {json_length!r}, and the body has {len(body)} bytes")
        head, rest = body[: int(json_length)], body[int(json_length) :]
    try:
        request = json.loads(head)
    except (ValueError, RecursionError):
        raise _bad("the body is not JSON") from None
    if not isinstance(request, dict):
        raise _bad("the body is no object")
    inputs, outputs, identity = request.get("inputs"), request.get("outputs", []), request.get("id", "")
    if not isinstance(inputs, list) or len(inputs) != 1 or not isinstance(inputs[0], dict) or inputs[0].get("name") != INPUT:
        raise _bad(f"there must be one input, named {INPUT!r}")
    if not isinstance(outputs, list) or not all(isinstance(o, dict) and o.get("name") in (PROBABILITIES, CLASSES) for o in outputs):
        raise _bad(f"outputs are {PROBABILITIES!r} and {CLASSES!r}")
    if not isinstance(identity, str):
        raise _bad("the id is no text")
    asked = _parameters(request)
    every = _flag(asked, "binary_data_output", False)
    wanted = {o["name"]: _flag(_parameters(o), "binary_data", every) for o in outputs} or dict.fromkeys((PROBABILITIES, CLASSES), every)
    return Asked(identity, _photos(inputs[0], rest), wanted)


def _photos(tensor: Mapping[str, Any], rest: bytes) -> tuple[bytes, ...]:
    if tensor.get("datatype") != "BYTES":
        raise _bad(f"the input is of type BYTES, not {tensor.get('datatype')!r}")
    size = _parameters(tensor).get("binary_data_size")
    if size is not None:
        if size != len(rest):
            raise _bad(f"binary_data_size is {size!r}, and {len(rest)} bytes follow the JSON")
        photos = _elements(rest)
    else:
        data = tensor.get("data")
        if not isinstance(data, list) or not all(isinstance(item, str) for item in data):
            raise _bad('the photos are neither bytes behind the JSON nor base64 in "data"')
        if (content_type := _parameters(tensor).get("content_type", _ENCODED)) != _ENCODED:
            raise _bad(f"photos in JSON are {_ENCODED!r}, and the content_type is {content_type!r}")
        try:
            photos = tuple(base64.b64decode(item, validate=True) for item in data)
        except (binascii.Error, ValueError):
            raise _bad("the photos are no base64") from None
    shape = tensor.get("shape")
    # 3.0 is a whole number in JSON, and true is none.
    if not isinstance(shape, list) or any(isinstance(n, bool) for n in shape) or shape != [len(photos)]:
        raise _bad(f"the shape is {shape!r}, and there are {len(photos)} photos")
    if not 1 <= len(photos) <= _MOST:
        raise _bad(f"a request has 1 to {_MOST} photos")
    return photos


def _elements(rest: bytes) -> tuple[bytes, ...]:
    """BYTES as the extension has them: the length of each in four bytes, little-endian, before it."""
    found, place = [], 0
    while place < len(rest):
        if place + _LENGTH.size > len(rest) or place + _LENGTH.size + (length := _LENGTH.unpack_from(rest, place)[0]) > len(rest):
            raise _bad("the bytes behind the JSON end within a photo")
        place += _LENGTH.size
        found.append(rest[place : place + length])
        place += length
    return tuple(found)


def _tensors(found: list[Located], labels: tuple[str, ...]) -> dict[str, NDArray[Any]]:
    """Shape: of n photos and k labels, probabilities (n, k) float32 and classes (n, k) of bytes."""
    place = {label: i for i, label in enumerate(labels)}
    probabilities = np.zeros((len(found), len(labels)), np.float32)
    classes = np.empty((len(found), len(labels)), object)
    for row, located in enumerate(found):
        for rank, candidate in enumerate(located.candidates):
            index = place[candidate.label]
            probabilities[row, index] = candidate.probability
            classes[row, rank] = f"{candidate.probability:f}:{index}:{candidate.label}".encode()
    return {PROBABILITIES: probabilities, CLASSES: classes}


def _reply(asked: Asked, model: str, tensors: Mapping[str, NDArray[Any]]) -> Response:
    outputs: list[dict[str, Any]] = []
    tail = b""
    for name, as_bytes in asked.outputs.items():
        tensor, is_text = tensors[name], name == CLASSES
        one: dict[str, Any] = {"name": name, "datatype": "BYTES" if is_text else "FP32", "shape": list(tensor.shape)}
        if as_bytes:
            raw = b"".join(_LENGTH.pack(len(item)) + item for item in tensor.ravel()) if is_text else tensor.astype("<f4").tobytes()
            one["parameters"] = {"binary_data_size": len(raw)}
            tail += raw
        else:
            one["data"] = [item.decode() for item in tensor.ravel()] if is_text else [float(x) for x in tensor.ravel()]
        outputs.append(one)
    body = {"model_name": model, "model_version": _VERSION, **({"id": asked.id} if asked.id else {}), "outputs": outputs}
    if not tail:
        return JSONResponse(body)
    head = json.dumps(body).encode()
    return Response(head + tail, headers={HEADER: str(len(head))}, media_type="application/octet-stream")


def _station(request: Request, model: str, version: str = _VERSION) -> Station:
    station: Station = request.app.state.station
    name = station.bundle.manifest.name
    if model != name or version != _VERSION:
        raise ServiceError(
            404, "no_model", f"There is no model {model[:100]!r} of version {version[:20]!r} here.", f"It is {name!r}, version {_VERSION}."
        )
    return station


def _parameters(item: Mapping[str, Any]) -> Mapping[str, Any]:
    found = item.get("parameters", {})
    if not isinstance(found, Mapping):
        raise _bad("parameters are an object")
    return found


def _flag(parameters: Mapping[str, Any], name: str, default: bool) -> bool:
    value = parameters.get(name, default)
    if not isinstance(value, bool):
        raise _bad(f"{name} is true or false")
    return value


def _bad(why: str) -> ServiceError:
    return ServiceError(400, "bad_inference_request", f"Not a request of the Open Inference Protocol that is understood here: {why}.")
