"""What the service answers: places of photos, the places it knows, the model behind it."""

from __future__ import annotations

import asyncio
import base64
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse

from landsight.answer.line import clean
from landsight.errors import PHOTO_CODES
from landsight.runtime.stream import Item
from landsight.service.problems import MEDIA_TYPE, problem
from landsight.service.station import Station
from landsight.service.uploads import FIELD, Upload, uploads
from landsight.whereabouts.located import Located

router = APIRouter()
_FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": [FIELD],
                    "properties": {FIELD: {"type": "array", "items": {"type": "string", "format": "binary"}}},
                }
            },
            "image/*": {"schema": {"type": "string", "format": "binary"}},
            "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
        },
    }
}


@router.post("/v1/locate", openapi_extra=_FORM)
async def locate(
    request: Request,
    top_k: Annotated[int | None, Query(ge=1, le=1000)] = None,
    thumbnail: Annotated[int | None, Query(ge=16, le=1024)] = None,
) -> Response:
    """Where each photo was taken or what it shows. One file: its answer, or its error as a problem. Several: 200, errors inside."""
    station: Station = request.app.state.station
    files = await uploads(request, station.settings)
    async with station.room_for(len(files)):
        found = await asyncio.gather(*(station.locate(f, top_k=top_k or station.settings.top_k, thumbnail_px=thumbnail) for f in files))
    for located, _ in found:
        station.metrics.photos.labels(located.outcome).inc()
        if located.error:
            station.metrics.errors.labels(located.error.code).inc()
    if len(found) == 1 and (error := found[0][0].error) is not None:
        status = PHOTO_CODES[error.code][0]
        body = problem(status, error.code, f"{error.reason} {error.advice}".strip(), path=files[0].name, line=found[0][0].to_line())
        return JSONResponse(body, status, media_type=MEDIA_TYPE)
    return JSONResponse({"results": [_line(*one) for one in found]})


@router.get("/v1/places")
async def places(request: Request) -> Any:
    """The places that the model knows."""
    station: Station = request.app.state.station
    manifest = station.bundle.manifest
    return clean({"places": [{"class": label} | _place(manifest, label) for label in manifest.labels]})


@router.get("/v1/models")
async def models(request: Request) -> Any:
    """What answers: one model."""
    station: Station = request.app.state.station
    return {"models": [await asyncio.to_thread(station.describe)]}


@router.get("/health")
async def health() -> dict[str, str]:
    """The service lives."""
    return {"status": "ok"}


@router.get("/metrics", response_class=Response)
async def metrics(request: Request) -> Response:
    """For Prometheus."""
    return Response(request.app.state.metrics.text(), media_type="text/plain; version=0.0.4")


def _line(located: Located, item: Item) -> dict[str, Any]:
    line = located.to_line()
    if item.thumbnail is not None:
        line["thumbnail"] = "data:image/jpeg;base64," + base64.b64encode(item.thumbnail).decode()
    return line


def _place(manifest: Any, label: str) -> dict[str, Any]:
    place = manifest.places.get(label) if manifest.places else None
    return (
        {}
        if place is None
        else {name: getattr(place, name) for name in ("name", "latitude", "longitude", "radius_m", "city", "country", "country_code")}
    )


__all__ = ["Upload", "router"]
