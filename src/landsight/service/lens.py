"""Inside the network that answers: its layers, and their numbers on one photo. Nothing is kept from one request to the next but the network."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Any, Final, TypeVar, cast

import numpy as np
from fastapi import APIRouter, Path, Query, Request, Response
from numpy.typing import NDArray
from starlette.types import Receive, Scope, Send

from landsight.answer.line import clean
from landsight.bundle.load import Bundle
from landsight.errors import PHOTO_CODES
from landsight.explain.inside import Inside, open_inside
from landsight.explain.overview import overview
from landsight.photo.prepare import normalise
from landsight.service.lens_replies import Look, Network
from landsight.service.openapi import photo_codes, refusals
from landsight.service.problems import ServiceError, busy
from landsight.service.station import Station
from landsight.service.uploads import Upload, body_of, unless_gone, uploads

T = TypeVar("T")

router = APIRouter(prefix="/v1/lens", tags=["lens"])
_BINARY: Final = "application/octet-stream"
_BYTES: Final[dict[str, Any]] = {"schema": {"type": "string", "format": "binary"}}
_FLOATS: Final[dict[int | str, dict[str, Any]]] = {200: {"description": "float32, little-endian, one tensor after the other.", "content": {_BINARY: _BYTES}}}  # fmt: skip
_UPLOAD: Final = {400: ("cut_off",), 408: ("too_slow_upload",), 413: ("too_many_bytes",), 503: ("busy",)}
_TENSORS: Final = {**_FLOATS, **refusals({**_UPLOAD, 404: ("no_layer",), 422: ("bad_picture", "bad_parameter")})}
_WEIGHTS: Final = {**_FLOATS, **refusals({400: ("cut_off",), 404: ("no_layer",), 422: ("bad_parameter",), 503: ("busy",)})}
_NETWORK: Final = refusals({400: ("cut_off",), 503: ("busy",)})
_OWN: Final[dict[int | str, dict[str, Any]]] = {
    200: {"description": "A photo, as the bundle has it.", "content": {_BINARY: _BYTES}},
    **refusals({404: ("no_photo",)}),
}
_LOOK: Final = refusals({
    **_UPLOAD,
    400: ("bad_form", "no_files", "cut_off"),
    415: ("bad_content_type", *photo_codes()[415]),
    422: ("one_photo", *photo_codes()[422]),
})  # fmt: skip
_PHOTO: Final = {"requestBody": {"required": True, "description": "One photo.", "content": {"image/*": _BYTES, _BINARY: _BYTES}}}
_PICTURE: Final = {"requestBody": {"required": True, "description": "`prepared` of /v1/lens/look, as bytes.", "content": {_BINARY: _BYTES}}}
#: Numbers that wait for their readers, all requests together: those of the sixteen largest layers of a network four times over.
_UNREAD_BYTES: Final = 256_000_000
_RETRY_S: Final = 2
_PIECE: Final = 262_144
#: Layers that one request may ask for: one, and what it takes. In one word: a list in a query cannot be told from a number.
_NUMBERS: Final = "^[0-9]{1,6}(,[0-9]{1,6}){0,15}$"


class Lens:
    """Opens the bundle that answers when it is first looked into; again when another one answers. One thread runs it: what all layers make of
    a photo may be 100 MB. Who leaves before his turn is left out."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="landsight-lens")
        self._inside: Inside | None = None
        self._unread = 0

    async def run(self, request: Request, bundle: Bundle, function: Callable[[Inside], T]) -> T:
        """``function`` of the network. Raises: BundleError, RuntimeUnavailable, ServiceError."""
        return await unless_gone(request, asyncio.wrap_future(self._thread.submit(self._opened, bundle, function)))

    def _opened(self, bundle: Bundle, function: Callable[[Inside], T]) -> T:
        if self._inside is None or self._inside.bundle_hash != bundle.bundle_hash:
            self._inside = open_inside(bundle)
        return function(self._inside)

    def reply(self, content: bytes) -> Response:
        """The reply that carries numbers, which are kept until they are read. Raises: ServiceError 503 when too many wait for slow readers."""
        if self._unread and self._unread + len(content) > _UNREAD_BYTES:
            raise busy(_RETRY_S)
        self._unread += len(content)
        return _Numbers(content, self._read)

    def _read(self, size: int) -> None:
        self._unread -= size

    def close(self) -> None:
        """Without waiting for a run."""
        self._thread.shutdown(wait=False, cancel_futures=True)


class _Numbers(Response):
    """``sent`` is told of the size once the reader has it, or has left."""

    def __init__(self, content: bytes, sent: Callable[[int], None]) -> None:
        super().__init__(content, media_type=_BINARY)
        self._sent = sent

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI. In pieces: a server takes a whole body at once and keeps it, but waits for the reader before it takes the next piece."""
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            for start in range(0, len(self.body), _PIECE):
                await send({"type": "http.response.body", "body": self.body[start : start + _PIECE], "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        finally:
            self._sent(len(self.body))


def _of(request: Request) -> tuple[Lens, Station]:
    return request.app.state.lens, request.app.state.station


@router.get("", responses=_NETWORK, summary="The network, layer by layer")
async def network(request: Request) -> Network:
    """Shapes, parameters, what each layer takes from which, how its numbers come about, what a unit sees of the picture."""
    lens, station = _of(request)
    async with station.room_for(1):
        return cast("Network", clean(await lens.run(request, station.bundle, Inside.to_dict)))


@router.get("/photo", response_class=Response, responses=_OWN, summary="A photo to begin with")
async def photo(request: Request) -> Response:
    """The first photo that the bundle carries."""
    station: Station = request.app.state.station
    bundle = station.bundle
    names = sorted(name for name in bundle.manifest.files if name.startswith("photos/"))
    if not names:
        raise ServiceError(404, "no_photo", "The bundle carries no photo.", "Give one.")
    return Response(await asyncio.to_thread(bundle.file(names[0]).read_bytes), media_type=_BINARY)


@router.post("/look", openapi_extra=_PHOTO, responses=_LOOK, summary="A photo through all layers")
async def look(request: Request) -> Look:
    """The photo as the network sees it, a glance at every layer, and the answer."""
    lens, station = _of(request)
    with station.arriving() as arrived:
        files = await uploads(request, station.settings, arrived)
        if len(files) != 1:
            raise ServiceError(422, "one_photo", f"The lens looks at one photo at a time: received {len(files)}.", "Send one.")
        bundle = station.bundle
        async with station.room_for(1):
            picture, answer = await unless_gone(request, asyncio.ensure_future(_prepared(station, files[0])))
            p = bundle.manifest.input
            glances = await lens.run(request, bundle, lambda inside: overview(inside.trace, normalise(picture[None], p)[0]))
    layers = [glance.to_dict() for glance in glances]
    return cast("Look", clean({"prepared": base64.b64encode(picture.tobytes()).decode(), "answer": answer, "layers": layers}))


@router.post("/tensors", response_class=Response, openapi_extra=_PICTURE, responses=_TENSORS, summary="What layers make of a photo")
async def tensors(
    request: Request,
    numbers: Annotated[str, Query(pattern=_NUMBERS, description="Of 1 to 16 layers, such as 3,2; 0 is the picture itself.")],
) -> Response:
    """One layer after the other as asked for, each once, as large as the network's description says."""
    lens, station = _of(request)
    wanted = [int(number) for number in numbers.split(",")]
    if len(set(wanted)) < len(wanted):
        raise ServiceError(422, "bad_parameter", "query.numbers: a layer is named twice.", "Ask for each once.")
    with station.arriving() as arrived:
        body = await body_of(request, station.settings, arrived)

        def made(inside: Inside) -> bytes:
            picture = _picture(body, inside)
            if max(wanted) >= len(inside.trace.layers):
                raise ServiceError(404, "no_layer", f"There is no layer {max(wanted)}.", _numbered(inside))
            found = inside.trace.tensors(normalise(picture[None], inside.preparation)[0], wanted)
            return b"".join(_bytes(found[number]) for number in wanted)

        async with station.room_for(1):
            content = await lens.run(request, station.bundle, made)
    return lens.reply(content)


@router.get("/weights/{number}", response_class=Response, responses=_WEIGHTS, summary="The numbers that a layer stores")
async def weights(request: Request, number: Annotated[int, Path(description="Of the layer.")]) -> Response:
    """One tensor after the other as its description lists them; nothing for a layer that stores none."""
    lens, station = _of(request)

    def stored(inside: Inside) -> bytes:
        if not 0 <= number < len(inside.trace.layers):
            raise ServiceError(404, "no_layer", f"There is no layer {number}.", _numbered(inside))
        return b"".join(map(_bytes, inside.trace.weights(number).values()))

    async with station.room_for(1):
        content = await lens.run(request, station.bundle, stored)
    return lens.reply(content)


async def _prepared(station: Station, file: Upload) -> tuple[NDArray[np.uint8], dict[str, Any]]:
    seen = await station.locate(file, top_k=station.settings.top_k)
    error = seen.located.error
    if error is not None or seen.item.prepared is None:
        code = error.code if error is not None else "not_a_photo"
        raise ServiceError(
            PHOTO_CODES[code][0], code, f"{error.reason} {error.advice}".strip() if error is not None else "There is no picture in it."
        )
    return seen.item.prepared, seen.located.to_line()


def _picture(body: bytes, inside: Inside) -> NDArray[np.uint8]:
    shape = inside.picture_shape
    if len(body) != int(np.prod(shape)):
        raise ServiceError(
            422, "bad_picture", f"A prepared picture has {int(np.prod(shape)):,} bytes (height, width, channels {shape}): received {len(body):,}.",
            "Send `prepared` of /v1/lens/look.",
        )  # fmt: skip
    return np.frombuffer(body, np.uint8).reshape(shape)


def _numbered(inside: Inside) -> str:
    return f"They are numbered from 0 to {len(inside.trace.layers) - 1}."


def _bytes(array: NDArray[np.float32]) -> bytes:
    return np.ascontiguousarray(array, "<f4").tobytes()
