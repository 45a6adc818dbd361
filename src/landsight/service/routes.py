"""What the service answers: places of photos, the places it knows, the model behind it."""

from __future__ import annotations

import asyncio
import base64
from typing import Annotated, Any, Final, cast

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse

from landsight.answer.line import clean
from landsight.errors import PHOTO_CODES
from landsight.service.openapi import photo_codes, reference, refusals
from landsight.service.problems import refusal
from landsight.service.replies import Health, KnownPlaces, Model, Models
from landsight.service.station import Seen, Station
from landsight.service.uploads import FIELD, MOST_FILES, unless_gone, uploads

router = APIRouter()
_BYTES: Final[dict[str, Any]] = {"schema": {"type": "string", "format": "binary"}}
_FORM: Final = {
    "requestBody": {
        "required": True,
        "description": f"A form whose field {FIELD!r} holds 1 to {MOST_FILES:,} files, or one photo as the body.",
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": [FIELD],
                    "properties": {
                        FIELD: {"type": "array", "minItems": 1, "maxItems": MOST_FILES, "items": {"type": "string", "format": "binary"}}
                    },
                }
            },
            "image/*": _BYTES,
            "application/octet-stream": _BYTES,
        },
    }
}
_LOCATED: Final = {
    200: {"description": "The answers.", "content": {"application/json": {"schema": reference("LocateReply")}}},
    **refusals({
        400: ("bad_form", "no_files", "cut_off"),
        408: ("too_slow_upload",),
        413: ("too_many_bytes",),
        415: ("bad_content_type", *photo_codes()[415]),
        422: ("bad_parameter", *photo_codes()[422]),
        503: ("busy",),
    }),
}  # fmt: skip


@router.post(
    "/v1/locate", openapi_extra=_FORM, responses=_LOCATED, response_class=Response, tags=["photos"], summary="Where photos were taken"
)
async def locate(
    request: Request,
    top_k: Annotated[
        int | None, Query(ge=1, le=1000, description="Candidates a photo, 1 to 1000; the service's own number (3) if not given.")
    ] = None,
    thumbnail: Annotated[
        int | None, Query(ge=16, le=1024, description="Longer side, 16 to 1024 pixels, of a JPEG that comes with the answer.")
    ] = None,
    explain: Annotated[bool, Query(description="With maps of what speaks for the likeliest place and for the next one.")] = False,
) -> Response:
    """Where each photo was taken or what it shows. One file: its answer, or its error as a problem. Several: 200, errors inside."""
    station: Station = request.app.state.station
    top_k = top_k or station.settings.top_k
    with station.arriving() as arrived:
        files = await uploads(request, station.settings, arrived)
        async with station.room_for(len(files)):
            jobs = (station.locate(f, top_k=top_k, thumbnail_px=thumbnail, explain=explain) for f in files)
            found = await unless_gone(request, asyncio.gather(*jobs))
    for seen in found:
        station.metrics.photos.labels(seen.located.outcome).inc()
        if seen.located.error:
            station.metrics.errors.labels(seen.located.error.code).inc()
    if len(found) == 1 and (error := found[0].located.error) is not None:
        detail, line = f"{error.reason} {error.advice}".strip(), _line(found[0], explain=False)
        return refusal(request.url.path, PHOTO_CODES[error.code][0], error.code, detail, path=files[0].name, line=line)
    return JSONResponse({"results": [_line(seen, explain=explain) for seen in found]})


@router.get("/v1/places", tags=["model"], summary="What it knows")
async def places(request: Request) -> KnownPlaces:
    """The places that the model knows."""
    station: Station = request.app.state.station
    manifest = station.bundle.manifest
    found: KnownPlaces = clean({"places": [{"class": label} | _place(manifest, label) for label in manifest.labels]})
    return found


@router.get("/v1/models", tags=["model"], summary="What answers")
async def models(request: Request) -> Models:
    """What answers: one model."""
    station: Station = request.app.state.station
    return Models(models=[cast("Model", await asyncio.to_thread(station.describe))])


@router.get("/health", tags=["service"], summary="Does it live")
async def health() -> Health:
    """The service lives. Never asks for the token."""
    return Health(status="ok")


_TEXT: Final[dict[int | str, dict[str, Any]]] = {
    200: {"description": "Prometheus' text format.", "content": {"text/plain": {"schema": {"type": "string"}}}}
}


@router.get("/metrics", response_class=Response, responses=_TEXT, tags=["service"], summary="For Prometheus")
async def metrics(request: Request) -> Response:
    """Requests by route and status, seconds, photos by outcome, photos in work."""
    return Response(request.app.state.metrics.text(), media_type="text/plain; version=0.0.4")


def _line(seen: Seen, *, explain: bool) -> dict[str, Any]:
    line = seen.located.to_line()
    if seen.item.thumbnail is not None:
        line["thumbnail"] = "data:image/jpeg;base64," + base64.b64encode(seen.item.thumbnail).decode()
    if explain:
        maps = [
            {"class": label, "grid": grid.astype(float).round(3).tolist(), "box": [round(edge, 6) for edge in seen.box]}
            for label, grid in seen.maps.items()
        ]
        line["activation_map"] = maps[0] if maps else None
        line["runner_up_map"] = maps[1] if len(maps) > 1 else None
        line["often_confused_with"] = (
            None if seen.confused is None else [{"class": t.label, "name": name, "count": t.count, "of": t.of} for name, t in seen.confused]
        )
    return line


def _place(manifest: Any, label: str) -> dict[str, Any]:
    place = manifest.places.get(label) if manifest.places else None
    return (
        {}
        if place is None
        else {name: getattr(place, name) for name in ("name", "latitude", "longitude", "radius_m", "city", "country", "country_code")}
    )


__all__ = ["router"]
