"""The service as an ASGI application: what it is made of, how it starts and ends, what every reply has in common."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

import landsight
from landsight.errors import BundleError, LandsightError
from landsight.service import inference, lens
from landsight.service.metrics import Metrics
from landsight.service.openapi import document
from landsight.service.page import PageRoute
from landsight.service.problems import ServiceError, refusal
from landsight.service.routes import router
from landsight.service.settings import Settings, check
from landsight.service.station import Station

LOG = logging.getLogger("landsight.service")
#: How often the bundle's folder is looked at.
_WATCH_S = 2.0
#: What a token is asked for: all but whether the service lives, and the page, which holds no secret and asks for the token itself.
_GUARDED = ("/v1/", "/v2", "/metrics", "/openapi.json")


def create_app(settings: Settings) -> FastAPI:
    """The application. Its workers start with it and end with it. Raises: UsageError, BundleError."""
    check(settings)
    metrics = Metrics()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        station = await asyncio.to_thread(Station, settings, metrics)
        await asyncio.to_thread(station.describe)
        app.state.station = station
        watch = asyncio.create_task(_watch(station))
        try:
            yield
        finally:
            watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watch
            app.state.lens.close()
            await asyncio.to_thread(station.close)

    app = FastAPI(
        title="landsight",
        version=landsight.__version__,
        summary="Any photo in, its place out, with the evidence.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.settings, app.state.metrics, app.state.lens = settings, metrics, lens.Lens()
    app.include_router(router)
    app.include_router(inference.router)
    app.include_router(lens.router)
    app.router.routes.append(PageRoute())
    app.openapi = lambda: _document(app, settings)  # type: ignore[method-assign]
    app.add_exception_handler(LandsightError, _of_ours)
    app.add_exception_handler(RequestValidationError, _of_validation)
    app.add_exception_handler(HTTPException, _of_http)
    app.add_exception_handler(Exception, _of_nobody)
    app.add_middleware(Gate, settings=settings, metrics=metrics)
    return app


async def _watch(station: Station) -> None:
    """Take another bundle that is put into the folder; one that is broken is left there, and said once."""
    complained = ""
    while True:
        await asyncio.sleep(_WATCH_S)
        try:
            if await asyncio.to_thread(lambda: station.has_changed):
                await station.exchange()
                LOG.info("another bundle answers: %s", station.bundle.bundle_hash)
            complained = ""
        except (BundleError, OSError) as error:
            if str(error) != complained:
                LOG.warning("the bundle in the folder is not taken: %s", error)
            complained = str(error)


class Gate:
    """Plain ASGI around everything: asks for the token, counts, adds the headers that every reply has."""

    def __init__(self, app: ASGIApp, settings: Settings, metrics: Metrics) -> None:
        self.app, self.settings, self.metrics = app, settings, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, status = time.perf_counter(), 500

        async def sent(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["X-Content-Type-Options"] = "nosniff"
            await send(message)

        try:
            if self.settings.token and scope["path"].startswith(_GUARDED) and not _has_token(Headers(scope=scope), self.settings.token):
                text = "This service asks for a token: Authorization: Bearer TOKEN."
                await refusal(scope["path"], 401, "no_token", text, {"WWW-Authenticate": "Bearer"})(scope, receive, sent)
            else:
                await self.app(scope, receive, sent)
        finally:
            path = getattr(scope.get("route"), "path", "other")
            self.metrics.requests.labels(path, str(status)).inc()
            self.metrics.seconds.labels(path).observe(time.perf_counter() - began)


def _has_token(headers: Headers, token: str) -> bool:
    kind, _, given = headers.get("authorization", "").partition(" ")
    return kind.lower() == "bearer" and hmac.compare_digest(given.strip().encode("utf-8", "replace"), token.encode())


def _document(app: FastAPI, settings: Settings) -> dict[str, Any]:
    """Made when it is first asked for, and again when another bundle answers."""
    station = getattr(app.state, "station", None)
    model = station.bundle.manifest.name if station else None
    if app.openapi_schema is None or app.state.described != model:
        app.openapi_schema, app.state.described = document(app, settings, model), model
    return app.openapi_schema


async def _of_ours(request: Request, error: Exception) -> Response:
    if not isinstance(error, LandsightError):
        raise error
    headers = error.headers if isinstance(error, ServiceError) else {}
    return refusal(request.url.path, error.http_status, error.code, str(error), headers)


async def _of_validation(request: Request, error: Exception) -> Response:
    found = error.errors()[0] if isinstance(error, RequestValidationError) and error.errors() else {}
    where = ".".join(str(part) for part in found.get("loc", ()))
    return refusal(request.url.path, 422, "bad_parameter", f"{where}: {found.get('msg', 'cannot be read')}.")


async def _of_http(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    headers = dict(error.headers or {}) if isinstance(error, HTTPException) else {}
    return refusal(request.url.path, status, f"http_{status}", str(getattr(error, "detail", "")), headers)


async def _of_nobody(request: Request, _: Exception) -> Response:
    """A fault of ours. The server logs where it happened; the client is told no more than that it did."""
    return refusal(request.url.path, 500, "internal", "This request met a fault of the service. The service goes on; its log says more.")
