"""The Open Inference Protocol: what is read, what is refused, and the numbers of the same photo by the other door."""

from __future__ import annotations

import base64
import json
import struct
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from landsight.service.inference import HEADER
from photos_drawn import jpeg

URL = "/v2/models/world110/infer"


def binary(photos: list[bytes], *, outputs: list[dict[str, Any]] | None = None, **parameters: Any) -> tuple[bytes, dict[str, str]]:
    """A request as tritonclient writes it: JSON, then each photo behind its length."""
    tail = b"".join(struct.pack("<I", len(photo)) + photo for photo in photos)
    tensor = {"name": "image", "datatype": "BYTES", "shape": [len(photos)], "parameters": {"binary_data_size": len(tail)}}
    head = json.dumps({"id": "7", "inputs": [tensor], "outputs": outputs or [], "parameters": parameters}).encode()
    return head + tail, {HEADER: str(len(head))}


def test_json_and_bytes_give_the_numbers_of_locate(client: TestClient) -> None:
    photos = [jpeg(seed=1), jpeg(seed=2)]
    tensor = {
        "name": "image",
        "datatype": "BYTES",
        "shape": [2],
        "parameters": {"content_type": "base64"},
        "data": [base64.b64encode(p).decode() for p in photos],
    }
    said = client.post(URL, json={"inputs": [tensor]}).json()
    assert (said["model_name"], said["model_version"]) == ("world110", "1")
    probabilities, classes = said["outputs"]
    assert (probabilities["name"], probabilities["datatype"], probabilities["shape"]) == ("probabilities", "FP32", [2, 110])
    rows = np.array(probabilities["data"], np.float32).reshape(2, 110)
    np.testing.assert_allclose(rows.sum(1), 1, atol=1e-4)

    content, headers = binary(photos, binary_data_output=True)
    reply = client.post(URL, content=content, headers=headers)
    head = json.loads(reply.content[: int(reply.headers[HEADER])])
    size = head["outputs"][0]["parameters"]["binary_data_size"]
    raw = reply.content[int(reply.headers[HEADER]) :]
    np.testing.assert_array_equal(np.frombuffer(raw[:size], "<f4").reshape(2, 110), rows)
    assert head["id"] == "7" and len(raw) == size + head["outputs"][1]["parameters"]["binary_data_size"]

    line = client.post("/v1/locate", content=photos[0], headers={"content-type": "image/jpeg"}).json()["results"][0]
    best, index, label = classes["data"][0].split(":")
    assert label == line["candidates"][0]["class"] and int(index) == int(rows[0].argmax())
    assert float(best) == pytest.approx(line["candidates"][0]["probability"], abs=1e-5)


def test_one_output_alone(client: TestClient) -> None:
    content, headers = binary([jpeg()], outputs=[{"name": "classes"}])
    outputs = client.post(URL, content=content, headers=headers).json()["outputs"]
    assert [o["name"] for o in outputs] == ["classes"] and len(outputs[0]["data"]) == 110


def test_metadata_and_health(client: TestClient) -> None:
    assert client.get("/v2").json()["extensions"] == ["binary_tensor_data", "model_configuration"]
    assert client.get("/v2/health/live").status_code == client.get("/v2/health/ready").status_code == 200
    for url in ("/v2/models/world110", "/v2/models/world110/versions/1"):
        assert client.get(url).json()["inputs"] == [{"name": "image", "datatype": "BYTES", "shape": [-1]}]
        assert client.get(f"{url}/ready").status_code == 200
    assert client.get("/v2/models/other").status_code == client.get("/v2/models/world110/versions/2").status_code == 404


_GOOD = {
    "name": "image",
    "datatype": "BYTES",
    "shape": [1],
    "parameters": {"content_type": "base64"},
    "data": [base64.b64encode(jpeg()).decode()],
}


@pytest.mark.parametrize(
    ("body", "headers", "word"),
    [
        (b"nothing", {}, "not JSON"),
        (b"[" * 100_000, {}, "not JSON"),
        (b"[]", {}, "no object"),
        (b'{"inputs": 3}', {}, "one input"),
        (json.dumps({"inputs": [_GOOD, _GOOD]}).encode(), {}, "one input"),
        (json.dumps({"inputs": [_GOOD], "outputs": [{"name": "x"}]}).encode(), {}, "outputs are"),
        (json.dumps({"inputs": [{**_GOOD, "datatype": "FP32"}]}).encode(), {}, "FP32"),
        (json.dumps({"inputs": [{**_GOOD, "shape": [2]}]}).encode(), {}, "shape"),
        (json.dumps({"inputs": [{**_GOOD, "shape": [-1, -1]}]}).encode(), {}, "shape"),
        (json.dumps({"inputs": [{**_GOOD, "shape": [True]}]}).encode(), {}, "shape"),
        (json.dumps({"inputs": [_GOOD], "parameters": None}).encode(), {}, "an object"),
        (json.dumps({"inputs": [_GOOD], "outputs": None}).encode(), {}, "outputs are"),
        (json.dumps({"inputs": [_GOOD], "id": 7}).encode(), {}, "id"),
        (json.dumps({"inputs": [_GOOD], "parameters": {"binary_data_output": "no"}}).encode(), {}, "true or false"),
        (json.dumps({"inputs": [{**_GOOD, "data": ["%%%"]}]}).encode(), {}, "no base64"),
        (json.dumps({"inputs": [{**_GOOD, "parameters": {"content_type": "text"}}]}).encode(), {}, "content_type"),
        (json.dumps({"inputs": [{**_GOOD, "shape": [0], "data": []}]}).encode(), {}, "1 to"),
        (b"{}", {HEADER: "99999"}, HEADER),
        (b"{}", {HEADER: "-1"}, HEADER),
        (binary([jpeg()])[0][:-5], binary([jpeg()])[1], "binary_data_size"),
    ],
)
def test_what_does_not_hold_together_is_refused(client: TestClient, body: bytes, headers: dict[str, str], word: str) -> None:
    reply = client.post(URL, content=body, headers=headers)
    assert reply.status_code == 400 and word in reply.json()["error"], reply.text


def test_lengths_that_lie(client: TestClient) -> None:
    tail = struct.pack("<I", 2**31) + b"abc"
    head = json.dumps({"inputs": [{**_GOOD, "parameters": {"binary_data_size": len(tail)}}]}).encode()
    reply = client.post(URL, content=head + tail, headers={HEADER: str(len(head))})
    assert reply.status_code == 400 and "within a photo" in reply.json()["error"]


def test_a_photo_that_cannot_be_read_has_its_own_status(client: TestClient) -> None:
    content, headers = binary([jpeg(), b"hello"])
    reply = client.post(URL, content=content, headers=headers)
    assert reply.status_code == 415 and reply.json()["error"].startswith("image[1]:")
