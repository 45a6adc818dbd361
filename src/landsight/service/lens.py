"""Inside the network that answers: its layers, and their numbers on one photo. Nothing is kept from one request to the next but the network."""

from __future__ import annotations

import asyncio
import base64
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Query, Request, Response
from numpy.typing import NDArray

from landsight.bundle.load import Bundle
from landsight.errors import PHOTO_CODES
from landsight.explain.inside import Inside, open_inside
from landsight.explain.overview import overview
from landsight.photo.prepare import normalise
from landsight.service.problems import ServiceError
from landsight.service.station import Station
from landsight.service.uploads import Upload, body_of, uploads

router = APIRouter(prefix="/v1/lens")
_BINARY = "application/octet-stream"
_NUMBERS = {200: {"content": {_BINARY: {"schema": {"type": "string", "format": "binary"}}}, "description": "float32, little-endian"}}
_PICTURE = {
    "requestBody": {"required": True, "content": {_BINARY: {"schema": {"type": "string", "format": "binary"}}}},
}
_PHOTO = {
    "requestBody": {"required": True, "content": {"image/*": {"schema": {"type": "string", "format": "binary"}}}},
}
#: Tensors that one request may ask for: a layer, and what it takes.
_AT_ONCE = 16


class Lens:
    """Opens the bundle that answers when it is first looked into; again when another one answers. One request at a time runs it."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._inside: Inside | None = None

    async def inside(self, bundle: Bundle) -> Inside:
        """Raises: BundleError, RuntimeUnavailable."""
        async with self._lock:
            if self._inside is None or self._inside.bundle_hash != bundle.bundle_hash:
                self._inside = await asyncio.to_thread(open_inside, bundle)
            return self._inside

    async def run(self, function: Any, *arguments: Any) -> Any:
        """In a thread, one at a time: what a layer makes of a photo may be 100 MB."""
        async with self._lock:
            return await asyncio.to_thread(function, *arguments)


async def _opened(request: Request) -> tuple[Lens, Inside]:
    lens: Lens = request.app.state.lens
    station: Station = request.app.state.station
    return lens, await lens.inside(station.bundle)


@router.get("")
async def network(request: Request) -> Any:
    """The network as layers: shapes, parameters, what each takes from which, how it is computed, what a unit sees of the picture."""
    _, inside = await _opened(request)
    return inside.to_dict()


@router.get("/photo", response_class=Response, responses={200: {"content": {"image/*": {}}, "description": "A photo"}})
async def photo(request: Request) -> Response:
    """A photo that the bundle carries, to begin with. 404 when it carries none."""
    station: Station = request.app.state.station
    bundle = station.bundle
    names = sorted(name for name in bundle.manifest.files if name.startswith("photos/"))
    if not names:
        raise ServiceError(404, "no_photo", "The bundle carries no photo.", "Give one.")
    content = await asyncio.to_thread(bundle.file(names[0]).read_bytes)
    return Response(content, media_type=_BINARY)


@router.post("/look", openapi_extra=_PHOTO)
async def look(request: Request) -> Any:
    """One photo as the network sees it (``prepared``, base64 of rows of pixels), a glance at every layer, and the answer."""
    station: Station = request.app.state.station
    files = await uploads(request, station.settings)
    if len(files) != 1:
        raise ServiceError(422, "one_photo", f"The lens looks at one photo at a time: received {len(files)}.", "Send one.")
    lens, inside = await _opened(request)
    picture, answer = await _prepared(station, files[0])
    glances = await lens.run(overview, inside.trace, normalise(picture[None], inside.preparation)[0])
    return {"prepared": base64.b64encode(picture.tobytes()).decode(), "answer": answer, "layers": [glance.to_dict() for glance in glances]}


@router.post("/tensors", response_class=Response, openapi_extra=_PICTURE, responses=_NUMBERS)  # type: ignore[arg-type]  # its own type is wider
async def tensors(request: Request, numbers: Annotated[list[int], Query(min_length=1, max_length=_AT_ONCE)]) -> Response:
    """What layers make of a prepared picture, the body: one after the other as asked for, each as the network's description says."""
    station: Station = request.app.state.station
    body = await body_of(request, station.settings)
    lens, inside = await _opened(request)
    picture = _picture(body, inside)
    async with station.room_for(1):
        made = await lens.run(inside.trace.tensors, normalise(picture[None], inside.preparation)[0], numbers)
    return Response(b"".join(_bytes(made[number]) for number in numbers), media_type=_BINARY)


@router.get("/weights/{number}", response_class=Response, responses=_NUMBERS)  # type: ignore[arg-type]  # its own type is wider
async def weights(request: Request, number: int) -> Response:
    """The stored numbers that a layer computes with, one tensor after the other as its description lists them."""
    _, inside = await _opened(request)
    if not 0 <= number < len(inside.trace.layers):
        raise ServiceError(404, "no_layer", f"There is no layer {number}.", f"They are numbered from 0 to {len(inside.trace.layers) - 1}.")
    found = await asyncio.to_thread(inside.trace.weights, number)
    return Response(b"".join(map(_bytes, found.values())), media_type=_BINARY)


async def _prepared(station: Station, file: Upload) -> tuple[NDArray[np.uint8], dict[str, Any]]:
    async with station.room_for(1):
        seen = await station.locate(file, top_k=station.settings.top_k)
    error = seen.located.error
    if error is not None or seen.item.prepared is None:
        code = error.code if error is not None else "not_a_photo"
        words = f"{error.reason} {error.advice}".strip() if error is not None else "There is no picture in it."
        raise ServiceError(PHOTO_CODES[code][0], code, words)
    return seen.item.prepared, seen.located.to_line()


def _picture(body: bytes, inside: Inside) -> NDArray[np.uint8]:
    shape = inside.picture_shape
    if len(body) != int(np.prod(shape)):
        raise ServiceError(
            422, "bad_picture", f"A prepared picture has {int(np.prod(shape)):,} bytes (height, width, channels {shape}): received {len(body):,}.",
            "Send `prepared` of /v1/lens/look.",
        )  # fmt: skip
    return np.frombuffer(body, np.uint8).reshape(shape)


def _bytes(array: NDArray[np.float32]) -> bytes:
    return np.ascontiguousarray(array, "<f4").tobytes()
