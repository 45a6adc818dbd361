"""The Open Inference Protocol, version 2, as KServe and Triton speak it: photos as BYTES in, probabilities and classes out.

Source: github.com/kserve/open-inference-protocol, and Triton's "binary tensor data" extension. JSON cannot carry the bytes of a photo, so a
tensor in JSON holds base64 and says so (parameters.content_type = "base64"); with the extension the bytes follow the JSON as they are.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from numpy.typing import NDArray

import landsight
from landsight.errors import PHOTO_CODES, LandsightError
from landsight.service.problems import ServiceError
from landsight.service.station import Station
from landsight.service.uploads import Upload, body_of
from landsight.whereabouts.located import Located

router = APIRouter(prefix="/v2")
INPUT, PROBABILITIES, CLASSES = "image", "probabilities", "classes"
#: Says how many bytes of a body are JSON; the rest are tensors.
HEADER: Final = "Inference-Header-Content-Length"
_VERSION: Final = "1"
#: Photos in one request.
_MOST: Final = 1_000
_LENGTH: Final = struct.Struct("<I")


@dataclass(frozen=True, slots=True)
class Asked:
    """One request, checked: the photos, and each output that is wanted -> does it follow as bytes."""

    id: str
    photos: tuple[bytes, ...]
    outputs: Mapping[str, bool]


@router.get("")
async def server() -> dict[str, Any]:
    """What speaks."""
    return {"name": "landsight", "version": landsight.__version__, "extensions": ["binary_tensor_data"]}


@router.get("/health/live")
@router.get("/health/ready")
async def live() -> dict[str, bool]:
    """It answers, so it lives; it answers once its network is loaded, so it is ready."""
    return {"live": True, "ready": True}


@router.get("/models/{model}")
@router.get("/models/{model}/versions/{version}")
async def metadata(request: Request, model: str, version: str = _VERSION) -> dict[str, Any]:
    """Name, tensors and shapes of the model."""
    station = _station(request, model, version)
    labels = len(station.bundle.manifest.labels)
    return {
        "name": model, "versions": [_VERSION], "platform": "landsight_bundle",
        "inputs": [{"name": INPUT, "datatype": "BYTES", "shape": [-1]}],
        "outputs": [
            {"name": PROBABILITIES, "datatype": "FP32", "shape": [-1, labels]},
            {"name": CLASSES, "datatype": "BYTES", "shape": [-1, labels]},
        ],
    }  # fmt: skip


@router.get("/models/{model}/ready")
@router.get("/models/{model}/versions/{version}/ready")
async def ready(request: Request, model: str, version: str = _VERSION) -> dict[str, Any]:
    """The model can be asked."""
    _station(request, model, version)
    return {"name": model, "ready": True}


@router.post("/models/{model}/infer")
@router.post("/models/{model}/versions/{version}/infer")
async def infer(request: Request, model: str, version: str = _VERSION) -> Response:
    """Probabilities in the order of the labels; classes as "probability:index:label", the likeliest first, as Triton writes them."""
    try:
        station = _station(request, model, version)
        asked = parsed(await body_of(request, station.settings), request.headers.get(HEADER))
        labels = station.bundle.manifest.labels
        async with station.room_for(len(asked.photos)):
            jobs = (station.locate(Upload(f"{INPUT}[{i}]", photo), top_k=len(labels)) for i, photo in enumerate(asked.photos))
            found = [seen.located for seen in await asyncio.gather(*jobs)]
        for located in found:
            if located.error:
                raise ServiceError(PHOTO_CODES[located.error.code][0], located.error.code, f"{located.path}: {located.error.reason}")
    except LandsightError as error:  # the protocol has a form of its own for what is refused
        headers = error.headers if isinstance(error, ServiceError) else {}
        return JSONResponse({"error": str(error)}, error.http_status, headers)
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
    inputs, outputs = request.get("inputs"), request.get("outputs") or []
    if not isinstance(inputs, list) or len(inputs) != 1 or not isinstance(inputs[0], dict) or inputs[0].get("name") != INPUT:
        raise _bad(f"there must be one input, named {INPUT!r}")
    if not isinstance(outputs, list) or not all(isinstance(o, dict) and o.get("name") in (PROBABILITIES, CLASSES) for o in outputs):
        raise _bad(f"outputs are {PROBABILITIES!r} and {CLASSES!r}")
    every = bool(_parameters(request).get("binary_data_output", False))
    wanted = {o["name"]: bool(_parameters(o).get("binary_data", every)) for o in outputs} or dict.fromkeys((PROBABILITIES, CLASSES), every)
    identity = request.get("id", "")
    return Asked(identity if isinstance(identity, str) else "", _photos(inputs[0], rest), wanted)


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
        if _parameters(tensor).get("content_type") != "base64":
            raise _bad('photos in JSON are base64, and say so: parameters.content_type = "base64"')
        try:
            photos = tuple(base64.b64decode(item, validate=True) for item in data)
        except (binascii.Error, ValueError):
            raise _bad("the photos are no base64") from None
    shape = tensor.get("shape")
    if (
        not isinstance(shape, list)
        or not all(isinstance(n, int) and n >= 0 for n in shape)
        or int(np.prod(shape, dtype=object)) != len(photos)
    ):
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


def _station(request: Request, model: str, version: str) -> Station:
    station: Station = request.app.state.station
    name = station.bundle.manifest.name
    if model != name or version != _VERSION:
        raise ServiceError(
            404, "no_model", f"There is no model {model[:100]!r} of version {version[:20]!r} here.", f"It is {name!r}, version {_VERSION}."
        )
    return station


def _parameters(item: Mapping[str, Any]) -> Mapping[str, Any]:
    found = item.get("parameters")
    return found if isinstance(found, Mapping) else {}


def _bad(why: str) -> ServiceError:
    return ServiceError(400, "bad_inference_request", f"Not a request of the Open Inference Protocol that is understood here: {why}.")
