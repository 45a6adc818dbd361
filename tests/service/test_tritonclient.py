"""NVIDIA's own client of the Open Inference Protocol, as its users write it."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import numpy as np
import pytest
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

from photos_drawn import jpeg
from serve_child import running

MODEL = "world110"
PHOTOS = [jpeg(seed=seed) for seed in range(5)]


@pytest.fixture(scope="module")
def server() -> Iterator[triton.InferenceServerClient]:
    """A client of a service."""
    with running("--runtime", "onnxruntime") as (_, address):
        client = triton.InferenceServerClient(address.removeprefix("http://"))
        yield client
        client.close()


def tensor(photos: list[bytes], *, binary: bool) -> triton.InferInput:
    """The photos; in JSON they are base64."""
    made = triton.InferInput("image", [len(photos)], "BYTES")
    content = photos if binary else [base64.b64encode(photo) for photo in photos]
    return made.set_data_from_numpy(np.array(content, object), binary_data=binary)


def test_what_it_asks_before(server: triton.InferenceServerClient) -> None:
    assert server.is_server_live() and server.is_server_ready() and server.is_model_ready(MODEL)
    assert server.is_model_ready(MODEL, "1") and not server.is_model_ready("other")
    assert server.get_server_metadata()["name"] == "landsight"
    found = server.get_model_metadata(MODEL)
    assert [(t["name"], t["datatype"], t["shape"]) for t in (*found["inputs"], *found["outputs"])] == [
        ("image", "BYTES", [-1]), ("probabilities", "FP32", [-1, 110]), ("classes", "BYTES", [-1, 110]),
    ]  # fmt: skip
    config = server.get_model_config(MODEL)
    assert config["max_batch_size"] == 1000 and [o["dims"] for o in config["output"]] == [[110], [110]]


@pytest.mark.parametrize("sent", [True, False], ids=["bytes", "json"])
@pytest.mark.parametrize("got", [True, False], ids=["bytes", "json"])
def test_several_photos_in_one_request(server: triton.InferenceServerClient, sent: bool, got: bool) -> None:
    wanted = [triton.InferRequestedOutput(name, binary_data=got) for name in ("probabilities", "classes")]
    reply = server.infer(MODEL, [tensor(PHOTOS, binary=sent)], outputs=wanted, request_id="7")
    probabilities, classes = reply.as_numpy("probabilities"), reply.as_numpy("classes")
    assert probabilities.shape == classes.shape == (5, 110) and probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-4)
    best = [text if isinstance(text, str) else text.decode() for text in classes[:, 0]]
    assert [int(text.split(":")[1]) for text in best] == probabilities.argmax(1).tolist()
    assert reply.get_response()["id"] == "7"


def test_one_output_and_the_default_is_bytes(server: triton.InferenceServerClient) -> None:
    reply = server.infer(MODEL, [tensor(PHOTOS[:1], binary=True)])
    assert reply.as_numpy("probabilities").shape == (1, 110) and reply.as_numpy("classes").shape == (1, 110)


def test_errors_come_with_their_words(server: triton.InferenceServerClient) -> None:
    with pytest.raises(InferenceServerException, match=r"image\[1\]: Not a picture"):
        server.infer(MODEL, [tensor([PHOTOS[0], b"hello"], binary=True)])
    with pytest.raises(InferenceServerException, match="no model 'other'"):
        server.get_model_metadata("other")
    with pytest.raises(InferenceServerException, match="no model 'other'"):
        server.infer("other", [tensor(PHOTOS[:1], binary=True)])
