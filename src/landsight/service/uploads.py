"""Files out of a request, in memory alone: nothing that is uploaded is ever written to a disk."""

from __future__ import annotations

import asyncio
from asyncio import Future
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from landsight.service.problems import ServiceError
from landsight.service.settings import Settings

T = TypeVar("T")
#: The field of a form that files come in, and how many of them one request may have.
FIELD, MOST_FILES = "files", 1_000
#: Of a file that came as the body, which has no name.
_NAMELESS = "photo"
#: More than any length that can be has.
_DIGITS = 20
#: Told of every piece by its bytes; raises ServiceError 503 when too much is in memory (station.Station.arriving).
Arrived = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Upload:
    """``name`` as the client said it: for messages, never for a path."""

    name: str
    content: bytes


class _InMemory(MultiPartParser):
    """Starlette's, which would put files above a megabyte into the system's temporary folder."""

    spool_max_size = 2**62


async def uploads(request: Request, settings: Settings, arrived: Arrived) -> list[Upload]:
    """All files of a request: of the form's field "files", or its body alone. Raises: ServiceError (400, 408, 413, 415, 503)."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        async with _in_time(settings):
            return await _of_form(request, _counted(request, settings.request_bytes, arrived))
    if kind.startswith("image/") or kind == "application/octet-stream":
        return [Upload(_NAMELESS, await body_of(request, settings, arrived))]
    raise ServiceError(
        415, "bad_content_type", f"Photos come as multipart/form-data or as an image: received {kind[:100]!r}.",
        f"Send a form whose field {FIELD!r} holds the files.",
    )  # fmt: skip


async def body_of(request: Request, settings: Settings, arrived: Arrived) -> bytes:
    """The whole body. Raises: ServiceError (400, 408, 413, 503)."""
    async with _in_time(settings):
        return b"".join([chunk async for chunk in _counted(request, settings.request_bytes, arrived)])


async def unless_gone(request: Request, jobs: Future[T]) -> T:
    """What ``jobs`` give; when the client leaves before, they are cancelled, so that nobody waits for photos that nobody wants.

    The body must have been read. Raises: ServiceError 400, which nobody will see.
    """
    gone = asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait((jobs, gone), return_when=asyncio.FIRST_COMPLETED)
        if not jobs.done():
            jobs.cancel()
            await asyncio.wait((jobs,))
            _ = jobs.cancelled() or jobs.exception()  # seen, or asyncio would complain
            raise _cut_off()
        return jobs.result()
    finally:
        gone.cancel()


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


@asynccontextmanager
async def _in_time(settings: Settings) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(settings.upload_s):
            yield
    except TimeoutError:
        raise ServiceError(
            408, "too_slow_upload", f"The request took longer than {settings.upload_s:g} s to arrive.", "Send less."
        ) from None
    except ClientDisconnect:
        raise _cut_off() from None


def _cut_off() -> ServiceError:
    return ServiceError(400, "cut_off", "The connection ended within the request.")


async def _of_form(request: Request, stream: AsyncGenerator[bytes, None]) -> list[Upload]:
    try:
        form = await _InMemory(request.headers, stream, max_files=MOST_FILES, max_fields=MOST_FILES).parse()
    except MultiPartException as error:
        raise ServiceError(400, "bad_form", f"The form cannot be read: {error.message}") from None
    try:
        files = [item for name, item in form.multi_items() if name == FIELD and isinstance(item, UploadFile)]
        if not files:
            advice = "Name the field so; it may be there many times."
            raise ServiceError(400, "no_files", f"The form has no file in its field {FIELD!r}.", advice)
        return [Upload(item.filename or _NAMELESS, await item.read()) for item in files]
    finally:
        await form.close()


async def _counted(request: Request, most: int, arrived: Arrived) -> AsyncGenerator[bytes, None]:
    """The body as it comes. What is said to be too large is refused before it comes."""
    declared = request.headers.get("content-length", "")
    if len(declared) <= _DIGITS and declared.isdecimal() and int(declared) > most:
        raise _too_many(most)
    seen = 0
    async for chunk in request.stream():
        seen += len(chunk)
        if seen > most:
            raise _too_many(most)
        arrived(len(chunk))
        yield chunk


def _too_many(most: int) -> ServiceError:
    return ServiceError(413, "too_many_bytes", f"A request may have {most:,} bytes.", "Send fewer files at once.")
