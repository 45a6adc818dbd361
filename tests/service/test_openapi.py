"""The OpenAPI document: it describes what the service answers, and a machine that reads it finds nothing that is not so."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from httpx2 import Response
from starlette.testclient import TestClient

from bundle_factory import HEAD, make_bundle
from landsight.service.app import create_app
from landsight.service.settings import Settings
from photos_drawn import eiffel, jpeg
from serve_child import running

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def document(client: TestClient) -> dict[str, Any]:
    """Of a service without a token."""
    found: dict[str, Any] = client.get("/openapi.json").json()
    return found


def check(document: dict[str, Any], route: str, reply: Response) -> None:
    """The document knows such a reply of "METHOD PATH". Raises: KeyError, jsonschema.ValidationError."""
    method, _, path = route.partition(" ")
    schema = document["paths"][path][method]["responses"][str(reply.status_code)]["content"][reply.headers["content-type"]]["schema"]
    jsonschema.Draft202012Validator({**schema, "components": document["components"]}).validate(reply.json())


def test_every_route_of_the_service_is_in_it_and_every_reply_has_a_form(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    assert {"/v1/locate", "/v1/places", "/v1/models", "/health", "/metrics", "/v2", "/v2/models/{model}/infer"} <= document["paths"].keys()
    operations = [operation for item in document["paths"].values() for operation in item.values()]
    assert len({operation["operationId"] for operation in operations}) == len(operations)
    for operation in operations:
        assert operation["summary"] and operation["description"] and operation["tags"]
        for status, reply in operation["responses"].items():
            assert all(media["schema"] != {} for media in reply["content"].values()), (operation["operationId"], status)
            assert status == "200" or list(reply["content"]) == ["application/problem+json"]
    used = set(json.dumps(document).split("#/components/schemas/"))
    named = {text.partition('"')[0] for text in used}
    assert document["components"]["schemas"].keys() <= named, "a schema that nothing leads to"


@pytest.mark.parametrize("asked", ["", "?explain=true&thumbnail=32&top_k=4"])
def test_answers_are_as_it_says(client: TestClient, document: dict[str, Any], asked: str) -> None:
    for files in (
        [("files", ("a.jpg", jpeg(exif=eiffel())))],
        [("files", ("a.jpg", jpeg())), ("files", ("b", b"no"))],
        [("files", ("b", b"no"))],
        [("files", ("c.jpg", jpeg()[:600]))],
        [("other", ("c.jpg", jpeg()))],
    ):
        reply = client.post(f"/v1/locate{asked}", files=files)
        check(document, "post /v1/locate", reply)
    for path in ("/v1/places", "/v1/models", "/health", "/v2", "/v2/health/live", "/v2/health/ready"):
        check(document, f"get {path}", client.get(path))
    check(document, "get /v2/models/{model}/ready", client.get("/v2/models/other/ready"))


def test_the_line_is_that_of_the_schema_and_no_copy(document: dict[str, Any]) -> None:
    source = json.loads((HERE.parents[1] / "src" / "landsight" / "whereabouts" / "locate-line.schema.json").read_text(encoding="utf-8"))
    line = document["components"]["schemas"]["Line"]
    assert line["required"] == source["required"] and line["allOf"] == source["allOf"] and line["additionalProperties"] is False
    assert line["properties"].keys() - source["properties"].keys() == {
        "thumbnail",
        "activation_map",
        "runner_up_map",
        "often_confused_with",
    }
    with pytest.raises(jsonschema.ValidationError):
        check(document, "post /v1/locate", Response(200, json={"results": [{}]}))


def test_a_token_is_in_it_when_one_is_set(document: dict[str, Any]) -> None:
    assert "securitySchemes" not in document["components"] and "401" not in document["paths"]["/v1/locate"]["post"]["responses"]
    guarded = create_app(Settings(token="t")).openapi()
    assert guarded["components"]["securitySchemes"] == {"token": {"type": "http", "scheme": "bearer"}}
    assert guarded["paths"]["/v1/locate"]["post"]["security"] == [{"token": []}]
    assert "401" in guarded["paths"]["/v1/locate"]["post"]["responses"] and "security" not in guarded["paths"]["/health"]["get"]


def test_a_method_that_a_route_does_not_know_says_which_it_knows(client: TestClient) -> None:
    for path, method, allowed in (("/v1/locate", "GET", "POST"), ("/v1/places", "POST", "GET"), ("/v2/models/world110", "DELETE", "GET")):
        reply = client.request(method, path)
        assert (reply.status_code, reply.json()["code"], reply.headers["allow"]) == (405, "http_405", allowed)


def test_schemathesis_finds_nothing(tmp_path: Path) -> None:
    """All of its checks, data that fit the document and data that do not, over a socket, with a token; schemathesis_hooks.py gives it photos.

    A small network, so that the thousand photos which the document allows in a request are no long time.
    """
    make_bundle(tmp_path / "bundle", arrays=HEAD)
    config = tmp_path / "schemathesis.toml"
    config.write_text((HERE / "schemathesis.toml").read_text(encoding="utf-8"), encoding="utf-8")
    with running("--token", "t", "--bundle", str(tmp_path / "bundle"), "--queue", "3000") as (_, address):
        environment = os.environ | {"SCHEMATHESIS_HOOKS": "schemathesis_hooks", "PYTHONPATH": os.pathsep.join([str(HERE), *sys.path])}
        command = [
            sys.executable,
            "-m",
            "schemathesis.cli",
            "--config-file",
            str(config),
            "run",
            f"{address}/openapi.json",
            "-H",
            "Authorization: Bearer t",
        ]
        ran = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=300, check=False, env=environment)
    assert ran.returncode == 0, "\n".join(line[:400] for line in (ran.stdout + ran.stderr).splitlines() if line.strip())
