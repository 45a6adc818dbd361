"""The OpenAPI document: every route, what it takes, every reply it gives.

Three sources and no fourth: the routes (parameters and their ranges), service.replies (typed replies), and the schema of the line, which
stands beside whereabouts.located. What each route may be refused with is said where the route is, by ``refusals``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from importlib import resources
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import TypeAdapter

from landsight.errors import PHOTO_CODES
from landsight.service.problems import MEDIA_TYPE, problem
from landsight.service.replies import ActivationMap, ConfusedWith, InferRequest, Problem
from landsight.service.settings import Settings

_REF: Final = "#/components/schemas/"
_BEARER: Final = "token"
#: Headers that a refusal carries.
_HEADERS: Final = {
    401: {"WWW-Authenticate": {"description": "How to show the token.", "required": True, "schema": {"const": "Bearer"}}},
    503: {"Retry-After": {"description": "Seconds to wait.", "required": True, "schema": {"type": "string", "pattern": "^[0-9]+$"}}},
}
#: What any route may be refused with, whatever it is asked.
_ALWAYS: Final = {500: ("internal",)}
_GUARD: Final = {401: ("no_token",)}
DESCRIPTION: Final = (
    "The answers of `landsight locate` over HTTP. Nothing that is uploaded is stored; where photos were taken is never logged. "
    "Coordinates are degrees WGS 84, distances metres."
)


def reference(name: str) -> dict[str, Any]:
    """A schema of the document."""
    return {"$ref": _REF + name}


def refusals(codes: Mapping[int, Sequence[str]]) -> dict[int | str, dict[str, Any]]:
    """For ``responses`` of a route: status -> its problem; ``codes`` names those that a status may have."""
    return {
        status: {
            "description": f"{HTTPStatus(status).phrase}: {', '.join(names)}.",
            "content": {MEDIA_TYPE: {"schema": reference("Problem"), "example": problem(status, names[0], "What is wrong. What to do.")}},
            **({"headers": _HEADERS[status]} if status in _HEADERS else {}),
        }
        for status, names in codes.items()
    }


def photo_codes() -> dict[int, list[str]]:
    """Status -> codes of photos that came as bytes and cannot be read."""
    found: dict[int, list[str]] = {}
    for code, (status, _) in PHOTO_CODES.items():
        if code not in ("unreadable", "no_position"):  # of a file on a disk; of metadata alone
            found.setdefault(status, []).append(code)
    return found


def document(app: FastAPI, settings: Settings, model: str | None) -> dict[str, Any]:
    """The OpenAPI 3.1 document of ``app``; with a token set, the routes that ask for it say so. ``model``: the only one there is, if known."""
    made = get_openapi(
        title=app.title, version=app.version, summary=app.summary, description=DESCRIPTION, routes=app.routes, license_info={"name": "Apache-2.0"}
    )  # fmt: skip
    schemas = made.setdefault("components", {}).setdefault("schemas", {})
    schemas |= _line() | _typed(Problem) | _typed(ActivationMap) | _typed(ConfusedWith) | _typed(InferRequest)
    for name in ("HTTPValidationError", "ValidationError"):  # our refusals are problems
        schemas.pop(name, None)
    operations = [o for path in made["paths"].values() for o in path.values()]
    for operation in operations:
        if "application/json" in operation["responses"].get("422", {}).get("content", {}):
            del operation["responses"]["422"]  # FastAPI's own, of parameters that may be any text
        operation["responses"] |= {str(status): value for status, value in refusals(_ALWAYS).items()}
        for parameter in operation.get("parameters", ()):
            if model is not None and parameter["in"] == "path" and parameter["name"] == "model":
                parameter["schema"]["enum"] = [model]
    if settings.token:
        made["components"]["securitySchemes"] = {_BEARER: {"type": "http", "scheme": "bearer"}}
        for path, item in made["paths"].items():
            if path != "/health":
                for operation in item.values():
                    operation["security"] = [{_BEARER: []}]
                    operation["responses"] |= {str(status): value for status, value in refusals(_GUARD).items()}
    return made


def _typed(kind: Any) -> dict[str, Any]:
    """Name -> schema of a type of service.replies and of those inside it."""
    schema = TypeAdapter(kind).json_schema(ref_template=_REF + "{model}")
    inner = schema.pop("$defs", {})
    return {kind.__name__: schema, **inner}


def _line() -> dict[str, Any]:
    """The line, its parts beside it under names of their own, and the reply that is made of lines."""
    line = json.loads(
        (resources.files("landsight.whereabouts") / "locate-line.schema.json").read_text(encoding="utf-8"), object_hook=_moved
    )
    parts = {_part(name): part for name, part in line.pop("$defs").items()}
    del line["$schema"], line["$id"]
    asked = {
        "thumbnail": {
            "type": "string",
            "description": "With ?thumbnail: a small JPEG as a data URL.",
            "pattern": "^data:image/jpeg;base64,",
        },
        "activation_map": {"oneOf": [{"type": "null"}, reference("ActivationMap")], "description": "With ?explain=true."},
        "runner_up_map": {"oneOf": [{"type": "null"}, reference("ActivationMap")], "description": "With ?explain=true."},
        "often_confused_with": {
            "oneOf": [{"type": "null"}, {"type": "array", "items": reference("ConfusedWith")}],
            "description": "With ?explain=true: what test photos of the likeliest place were taken for; null where the bundle does not know.",
        },
    }
    reply = {
        "type": "object", "additionalProperties": False, "required": ["results"],
        "description": "One line a file, in the order of the files.",
        "properties": {"results": {"type": "array", "minItems": 1, "items": reference("Line")}},
    }  # fmt: skip
    return {"Line": {**line, "properties": line["properties"] | asked}, "LocateReply": reply, **parts}


def _moved(node: dict[str, Any]) -> dict[str, Any]:
    """References of the schema's own file lead to where its parts stand in the document."""
    target = node.get("$ref")
    return {"$ref": _REF + _part(target.removeprefix("#/$defs/"))} if isinstance(target, str) else node


def _part(name: str) -> str:
    return "Line" + "".join(word.capitalize() for word in name.split("_"))
