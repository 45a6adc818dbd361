"""Every hostile file, posted: an answer or a refusal with a reason, never a failure of the service, which still answers afterwards."""

from __future__ import annotations

from pathlib import Path

from starlette.testclient import TestClient

from photos_drawn import jpeg


def test_every_hostile_file_is_answered_or_refused(client: TestClient, data_dir: Path) -> None:
    seen: dict[int, int] = {}
    for path in sorted((data_dir / "hostile").iterdir()):
        if not path.is_file():
            continue
        reply = client.post("/v1/locate", files={"files": (path.name, path.read_bytes())})
        seen[reply.status_code] = seen.get(reply.status_code, 0) + 1
        assert reply.status_code in (200, 413, 415, 422), (path.name, reply.text)
        if reply.status_code != 200:
            assert reply.json()["detail"] and reply.json()["path"] == path.name
    assert seen[200] > 50 and seen[415] > 50 and seen[422] > 20
    assert client.post("/v1/locate", files={"files": ("a.jpg", jpeg())}).status_code == 200


def test_names_are_only_ever_words(client: TestClient) -> None:
    for name in ("../../etc/passwd", "<script>alert(1)</script>.jpg", "a\tb\u202ec.jpg", "\N{GRINNING FACE}" * 300 + ".jpg", "x" * 5000):
        reply = client.post("/v1/locate", files=[("files", (name, jpeg())), ("files", ("b", b"no"))])
        if len(name) > 4000:  # more than a part's head may have
            assert (reply.status_code, reply.json()["code"]) == (400, "bad_form")
        else:
            assert reply.status_code == 200, (name, reply.text)
            assert [line["outcome"] == "error" for line in reply.json()["results"]] == [False, True]
        assert reply.headers["content-type"] in ("application/json", "application/problem+json")
