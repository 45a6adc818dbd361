"""What went wrong, as RFC 9457 problem JSON: the same code and words as everywhere else."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from fastapi.responses import JSONResponse

from landsight.answer.line import clean
from landsight.errors import LandsightError

MEDIA_TYPE = "application/problem+json"


class ServiceError(LandsightError):
    """A request that is not served. ``status`` is HTTP's; ``headers`` go with the reply."""

    def __init__(self, status: int, code: str, reason: str, advice: str = "", *, headers: dict[str, str] | None = None) -> None:
        super().__init__(code, reason, advice)
        self.http_status = status
        self.headers = headers or {}


def problem(status: int, code: str, detail: str, **more: Any) -> dict[str, Any]:
    """The body of a reply. ``more``: members of its own, such as "path"."""
    body: dict[str, Any] = clean(
        {"type": f"urn:landsight:{code}", "title": HTTPStatus(status).phrase, "status": status, "detail": detail, "code": code, **more}
    )
    return body


def refusal(asked_path: str, status: int, code: str, detail: str, headers: dict[str, str] | None = None, **more: Any) -> JSONResponse:
    """The reply to a request of ``asked_path``; ``more`` as for problem. Clients of the Open Inference Protocol look for words under "error", so there they stand too."""
    under_v2 = {"error": detail} if asked_path == "/v2" or asked_path.startswith("/v2/") else {}
    return JSONResponse(problem(status, code, detail, **under_v2, **more), status, headers, media_type=MEDIA_TYPE)


def busy(retry_s: int) -> ServiceError:
    """The queue is full."""
    return ServiceError(
        503,
        "busy",
        "More photos wait than this service takes at once.",
        f"Try again in {retry_s} s.",
        headers={"Retry-After": str(retry_s)},
    )
