"""What the service answers: places of photos, the places it knows, the model behind it."""

from __future__ import annotations

import asyncio
import base64
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse

from landsight.answer.line import clean
from landsight.errors import PHOTO_CODES
from landsight.service.problems import MEDIA_TYPE, problem
from landsight.service.station import Seen, Station
from landsight.service.uploads import FIELD, uploads

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
    explain: bool = False,
) -> Response:
    """Where each photo was taken or what it shows. One file: its answer, or its error as a problem. Several: 200, errors inside."""
    station: Station = request.app.state.station
    files = await uploads(request, station.settings)
    top_k = top_k or station.settings.top_k
    async with station.room_for(len(files)):
        found = await asyncio.gather(*(station.locate(f, top_k=top_k, thumbnail_px=thumbnail, explain=explain) for f in files))
    for seen in found:
        station.metrics.photos.labels(seen.located.outcome).inc()
        if seen.located.error:
            station.metrics.errors.labels(seen.located.error.code).inc()
    if len(found) == 1 and (error := found[0].located.error) is not None:
        status = PHOTO_CODES[error.code][0]
        body = problem(
            status, error.code, f"{error.reason} {error.advice}".strip(), path=files[0].name, line=_line(found[0], explain=False)
        )
        return JSONResponse(body, status, media_type=MEDIA_TYPE)
    return JSONResponse({"results": [_line(seen, explain=explain) for seen in found]})


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


def _line(seen: Seen, *, explain: bool) -> dict[str, Any]:
    line = seen.located.to_line()
    if seen.item.thumbnail is not None:
        line["thumbnail"] = "data:image/jpeg;base64," + base64.b64encode(seen.item.thumbnail).decode()
    if explain:
        box = [round(share, 4) for share in seen.box]
        maps = [
            {"class": label, "grid": [[round(float(v), 3) for v in row] for row in grid], "box": box} for label, grid in seen.maps.items()
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
