"""The page: plain files, read once, sent packed. A policy keeps the browser from asking anything of any other machine."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from importlib import resources
from pathlib import PurePosixPath
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import Scope

#: What a browser is told a file is. A file of another kind is not served.
_TYPES: Final = {
    ".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".mjs": "text/javascript; charset=utf-8",
    ".json": "application/json", ".svg": "image/svg+xml", ".txt": "text/plain; charset=utf-8",
}  # fmt: skip
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


class PageRoute(Route):
    """Answers for / and the files that belong to it, and for no other path: what is not there, another route may know by another method."""

    def __init__(self) -> None:
        self._known = files()
        super().__init__("/{path:path}", self._sent, methods=["GET"], include_in_schema=False)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """See starlette.routing.Route."""
        match, child = super().matches(scope)
        return (match, child) if match is Match.NONE or self._file(child["path_params"]["path"]) else (Match.NONE, {})

    def _file(self, path: str) -> File | None:
        return self._known.get(path or "index.html") or self._known.get(f"{path}.html")

    async def _sent(self, request: Request) -> Response:
        file = self._file(request.path_params["path"])
        if file is None:
            raise HTTPException(404)
        headers = {**_HEADERS, "ETag": file.tag}
        if request.headers.get("if-none-match") == file.tag:
            return Response(None, 304, headers)
        if "gzip" in request.headers.get("accept-encoding", ""):
            return Response(file.packed, 200, {**headers, "Content-Encoding": "gzip"}, file.kind)
        return Response(file.content, 200, headers, file.kind)
