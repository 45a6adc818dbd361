"""The page: plain files, read once, sent packed. A policy keeps the browser from asking anything of any other machine."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from importlib import resources
from pathlib import PurePosixPath
from typing import Final

from fastapi import APIRouter, Request, Response

from landsight.service.problems import ServiceError

#: What a browser is told a file is. A file of another kind is not served.
_TYPES: Final = {
    ".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".mjs": "text/javascript; charset=utf-8",
    ".json": "application/json", ".svg": "image/svg+xml", ".txt": "text/plain; charset=utf-8",
}  # fmt: skip
#: Address -> file, for what people type.
_PAGES: Final = {"": "index.html", "lens": "lens.html"}
#: Scripts, styles and requests of this service alone; pictures also from the page's own memory.
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; worker-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
    "Vary": "Accept-Encoding",
}


@dataclass(frozen=True, slots=True)
class File:
    """One file of the page. ``packed``: by gzip."""

    kind: str
    content: bytes
    packed: bytes
    tag: str


def files() -> dict[str, File]:
    """Path below the page's folder -> file. Cost: packing three megabytes, a fifth of a second."""
    found: dict[str, File] = {}
    folders = [("", resources.files("landsight.service") / "web")]
    for prefix, folder in folders:
        for entry in folder.iterdir():
            if entry.is_dir():
                folders.append((f"{prefix}{entry.name}/", entry))
            elif (kind := _TYPES.get(PurePosixPath(entry.name).suffix)) is not None:
                content = entry.read_bytes()
                found[prefix + entry.name] = File(
                    kind, content, gzip.compress(content, 9, mtime=0), f'"{hashlib.sha256(content).hexdigest()[:32]}"'
                )
    return found


def page_router() -> APIRouter:
    """Serves / and what belongs to it. Added last: every other route goes first."""
    router, known = APIRouter(), files()

    @router.get("/{path:path}", include_in_schema=False)
    async def page(request: Request, path: str) -> Response:
        file = known.get(_PAGES.get(path, path))
        if file is None:
            raise ServiceError(404, "http_404", "Not Found")
        headers = {**_HEADERS, "ETag": file.tag}
        if request.headers.get("if-none-match") == file.tag:
            return Response(None, 304, headers)
        if "gzip" in request.headers.get("accept-encoding", ""):
            return Response(file.packed, 200, {**headers, "Content-Encoding": "gzip"}, file.kind)
        return Response(file.content, 200, headers, file.kind)

    return router
