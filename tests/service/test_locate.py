"""POST /v1/locate answers what `landsight locate` answers, refuses with a reason, and keeps nothing."""

from __future__ import annotations

import base64
import io
import tempfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

import landsight
from bundle_factory import COLOURS, HEAD, LABELS, draw_photo, make_bundle, make_manifest
from landsight.bundle.confused import CONFUSED_NAME, Confused
from landsight.bundle.seal import seal
from landsight.photo.prepare import Preparation
from landsight.service.app import create_app
from landsight.service.settings import Settings
from photos_drawn import eiffel, jpeg


def test_one_photo_is_answered_as_by_the_library(client: TestClient) -> None:
    photo = jpeg()
    reply = client.post("/v1/locate", files={"files": ("holiday.jpg", photo)})
    assert reply.status_code == 200
    assert reply.json() == {"results": [{**landsight.locate(photo, runtime="onnxruntime").to_line(), "path": "holiday.jpg"}]}
    assert reply.headers["x-content-type-options"] == "nosniff"


def test_a_raw_body_is_a_photo_too(client: TestClient) -> None:
    reply = client.post("/v1/locate?top_k=7", content=jpeg(), headers={"content-type": "image/jpeg"})
    (line,) = reply.json()["results"]
    assert (line["path"], len(line["candidates"])) == ("photo", 7)


def test_several_files_keep_their_order_and_errors_stay_inside(client: TestClient) -> None:
    files = [("files", (f"{i}.jpg", jpeg(seed=i))) for i in range(5)]
    files.insert(2, ("files", ("notes.txt", b"hello")))
    reply = client.post("/v1/locate", files=files)
    assert reply.status_code == 200
    assert [line["path"] for line in reply.json()["results"]] == ["0.jpg", "1.jpg", "notes.txt", "2.jpg", "3.jpg", "4.jpg"]
    assert [line["outcome"] == "error" for line in reply.json()["results"]] == [False, False, True, False, False, False]


def test_a_position_and_a_thumbnail(client: TestClient) -> None:
    reply = client.post("/v1/locate?thumbnail=64", files={"files": ("a.jpg", jpeg(exif=eiffel()))})
    (line,) = reply.json()["results"]
    assert line["outcome"] == "gps" and line["camera"]["place"]["country_code"] == "FR"
    kind, _, data = line["thumbnail"].partition(",")
    assert kind == "data:image/jpeg;base64"
    assert Image.open(io.BytesIO(base64.b64decode(data))).size == (64, 40)


@pytest.mark.parametrize(
    ("content", "headers", "status", "code"),
    [
        (b"hello", {"content-type": "image/jpeg"}, 415, "not_a_photo"),
        (jpeg()[:700], {"content-type": "image/jpeg"}, 422, "damaged"),
        (b"", {"content-type": "image/jpeg"}, 415, "not_a_photo"),
        (b"{}", {"content-type": "application/json"}, 415, "bad_content_type"),
        (b"no boundary", {"content-type": "multipart/form-data"}, 400, "bad_form"),
        (b"--x\r\n\r\nbroken", {"content-type": "multipart/form-data; boundary=x"}, 400, None),
    ],
)
def test_what_is_refused_says_why(client: TestClient, content: bytes, headers: dict[str, str], status: int, code: str | None) -> None:
    reply = client.post("/v1/locate", content=content, headers=headers)
    assert reply.status_code == status, reply.text
    assert reply.headers["content-type"] == "application/problem+json"
    body = reply.json()
    assert {"type", "title", "status", "detail", "code"} <= body.keys() and body["status"] == status
    assert code is None or body["code"] == code


def test_a_form_without_files_and_a_bad_parameter(client: TestClient) -> None:
    assert client.post("/v1/locate", files={"photos": ("a.jpg", jpeg())}).json()["code"] == "no_files"
    reply = client.post("/v1/locate?top_k=0", files={"files": ("a.jpg", jpeg())})
    assert (reply.status_code, reply.json()["code"]) == (422, "bad_parameter")


def test_nothing_is_stored(client: TestClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refused(*_: object, **__: object) -> None:
        raise AssertionError("a temporary file was opened")

    monkeypatch.setattr(tempfile, "NamedTemporaryFile", refused)
    monkeypatch.setattr(tempfile, "TemporaryFile", refused)
    big = jpeg(3000, 2000) + b"\0" * 3_000_000
    assert client.post("/v1/locate", files={"files": ("big.jpg", big)}).status_code == 200


def test_places_models_health_and_metrics(client: TestClient) -> None:
    places = client.get("/v1/places").json()["places"]
    assert len(places) == 110 and {"class", "name", "latitude", "longitude"} <= places[0].keys()
    assert client.get("/v1/models").json()["models"][0]["bundle"] == "world110"
    assert client.get("/health").json() == {"status": "ok"}
    text = client.get("/metrics").text
    assert 'landsight_requests_total{route="/v1/locate",status="200"}' in text and "landsight_photos_in_work 0.0" in text
    assert client.get("/nothing").json()["code"] == "http_404"


def test_a_full_queue_says_when_to_come_back() -> None:
    with TestClient(create_app(Settings(workers=1, queue=1))) as made:
        station = made.app.state.station  # type: ignore[attr-defined]
        station._waiting = 1
        reply = made.post("/v1/locate", files={"files": ("a.jpg", jpeg())})
        assert (reply.status_code, reply.json()["code"], reply.headers["retry-after"]) == (503, "busy", "2")
        station._waiting = 0
        assert made.post("/v1/locate", files={"files": ("a.jpg", jpeg())}).status_code == 200


def test_too_many_bytes_in_one_request() -> None:
    with TestClient(create_app(Settings(workers=1, request_bytes=1000))) as made:
        assert made.post("/v1/locate", files={"files": ("a.jpg", jpeg())}).json()["code"] == "too_many_bytes"


def test_too_many_bytes_of_all_requests_together() -> None:
    with TestClient(create_app(Settings(workers=1, upload_bytes=1000))) as made:
        station = made.app.state.station  # type: ignore[attr-defined]
        assert made.post("/v1/locate", files={"files": ("a.jpg", jpeg())}).status_code == 200  # one alone always may
        with station.arriving() as arrived:
            arrived(10)
            reply = made.post("/v1/locate", files={"files": ("a.jpg", jpeg())})
            assert (reply.status_code, reply.json()["code"]) == (503, "busy")
        assert made.post("/v1/locate", files={"files": ("a.jpg", jpeg())}).status_code == 200


def test_a_token_is_asked_for() -> None:
    with TestClient(create_app(Settings(workers=1, token="ünlock"))) as made:
        for headers in ({}, {"authorization": "Bearer wrong"}, {"authorization": "Basic ünlock".encode()}):
            reply = made.get("/v1/models", headers=headers)
            assert (reply.status_code, reply.headers["www-authenticate"]) == (401, "Bearer")
        assert made.get("/health").status_code == 200


def test_why(client: TestClient) -> None:
    files = [("files", ("a.jpg", jpeg())), ("files", ("b", b"no"))]
    answered, failed = client.post("/v1/locate?explain=true", files=files).json()["results"]
    for key, candidate in (("activation_map", answered["candidates"][0]), ("runner_up_map", answered["candidates"][1])):
        grid = np.array(answered[key]["grid"])
        assert answered[key]["class"] == candidate["class"]
        assert grid.shape == (7, 7) and grid.min() >= 0 and grid.max() in (0, 1)
        assert answered[key]["box"] == [0, 0, 1, 1]
    assert failed["activation_map"] is None
    assert "activation_map" not in client.post("/v1/locate", files=files[:1]).json()["results"][0]


def test_what_the_likeliest_place_is_often_confused_with(tmp_path: Path) -> None:
    """Counts as the bundle has them, with names; null where it does not know; nothing of it unless asked."""
    root = tmp_path / "bundle"
    make_bundle(root, arrays=HEAD)
    counts = Confused.of_table(LABELS, [[8, 0, 2], [0, 5, 0], [0, 0, 0]], "drawn")
    (root / CONFUSED_NAME).write_text(counts.to_json(), encoding="utf-8")
    seal(root, make_manifest())
    with TestClient(create_app(Settings(bundle=root, workers=1, runtime="onnxruntime"))) as client:
        asked = {label: draw_photo(COLOURS[label]) for label in LABELS}
        files = [("files", (f"{label}.jpg", photo)) for label, photo in asked.items()]
        red, green, blue = client.post("/v1/locate?explain=true", files=files).json()["results"]
        assert "often_confused_with" not in client.post("/v1/locate", files=files[:1]).json()["results"][0]
    assert red["often_confused_with"] == [{"class": "blue_bay", "name": "Blue Bay", "count": 2, "of": 10}]
    assert green["often_confused_with"] == []
    assert blue["often_confused_with"] is None


def test_a_bundle_that_crops_says_which_part_its_map_lies_on(tmp_path: Path) -> None:
    make_bundle(tmp_path / "crops", arrays=HEAD, preparation=Preparation(width=32, height=32, resize="crop"))
    picture = Image.new("RGB", (192, 96), COLOURS["red_rock"])
    picture.paste(COLOURS["blue_bay"], (120, 0, 144, 96))  # from 0.625 to 0.75 of the width: the right edge of the middle square
    out = io.BytesIO()
    picture.save(out, "PNG")
    with TestClient(create_app(Settings(workers=1, bundle=tmp_path / "crops"))) as made:
        (line,) = made.post("/v1/locate?explain=true", files={"files": ("a.png", out.getvalue())}).json()["results"]
    found = {line[key]["class"]: line[key] for key in ("activation_map", "runner_up_map")}
    left, top, right, bottom = found["blue_bay"]["box"]
    assert (left, top, right, bottom) == (0.25, 0, 0.75, 1)
    lit = np.nonzero(np.array(found["blue_bay"]["grid"]).mean(0) > 0.5)[0]
    assert left + (right - left) * lit.min() / 16 == pytest.approx(0.625, abs=0.04)
    assert left + (right - left) * (lit.max() + 1) / 16 == pytest.approx(0.75, abs=0.04)
