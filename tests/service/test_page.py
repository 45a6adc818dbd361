"""The page as it is sent: whole, small, and with a policy that keeps it on this machine. What it does is seen in a browser."""

from __future__ import annotations

import gzip
import re

from starlette.testclient import TestClient

from landsight.service.page import POLICY, files

OWN = {name: file for name, file in files().items() if not name.startswith("vendor/")}


def test_it_is_served_packed_and_once(client: TestClient) -> None:
    reply = client.get("/")
    assert reply.headers["content-security-policy"] == POLICY and reply.headers["content-type"].startswith("text/html")
    assert reply.headers["content-encoding"] == "gzip" and "Where was it taken?" in reply.text
    assert client.get("/", headers={"if-none-match": reply.headers["etag"]}).status_code == 304
    assert client.get("/app.js", headers={"accept-encoding": "identity"}).content == OWN["app.js"].content
    for path in ("/nothing.js", "/../page.py", "/vendor/", "/vendor/../../page.py", "/page.py"):
        assert client.get(path).status_code == 404


def test_everything_it_asks_for_is_there_and_small(client: TestClient) -> None:
    asked = set(re.findall(r'(?:href|src)="([^"#:]+)"', OWN["index.html"].content.decode())) - {"openapi.json"}
    asked |= set(re.findall(r'(?:href|src)="([^"#:]+)"', OWN["lens.html"].content.decode())) - {"./"}
    for name, file in OWN.items():
        if name.endswith(".js"):
            folder = name.rpartition("/")[0]
            found = re.findall(r'(?:from|new URL\()\s*"(\.[^"]+)"', file.content.decode())
            asked |= {f"{folder}/{one.removeprefix('./')}".lstrip("/") for one in found}
    assert len(asked) > 10
    assert all(client.get(f"/{name}").status_code == 200 for name in asked)
    assert client.get("/openapi.json").status_code == 200
    sent = sum(len(file.packed) for file in files().values())
    assert sent < 2_500_000  # the goal for the page as transferred
    assert all(gzip.decompress(file.packed) == file.content for file in files().values())


def test_nothing_of_ours_names_another_machine_or_makes_markup_of_text() -> None:
    for name, file in OWN.items():
        text = file.content.decode()
        outside = set(re.findall(r"https?://[^\"' )<]+", text)) - {"https://www.geonames.org/", "http://www.w3.org/2000/svg"}
        assert not outside, (name, outside)
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(| style=| on[a-z]+=\"", text), name


def test_the_open_page_asks_for_the_token_only_when_it_needs_it() -> None:
    from landsight.service.app import create_app
    from landsight.service.settings import Settings

    with TestClient(create_app(Settings(workers=1, token="t"))) as made:
        assert made.get("/").status_code == 200
        for path in ("/v1/places", "/v1/models", "/v2", "/metrics", "/openapi.json"):
            assert made.get(path).status_code == 401, path
            assert made.get(path, headers={"authorization": "Bearer t"}).status_code == 200, path
