"""What Schemathesis cannot know from a document: what a photo is, how large a network's picture is, and that a shape counts the data.

Loaded by Schemathesis itself (SCHEMATHESIS_HOOKS), in the process that test_openapi.py starts.
"""

from __future__ import annotations

import base64
from typing import Any

import schemathesis
from hypothesis import strategies as st
from schemathesis.transport.serialization import Binary

from photos_drawn import jpeg

PHOTOS = [jpeg(64, 48, seed=seed) for seed in range(3)]
#: Bytes of a picture as the network of bundle_factory takes it.
PICTURE = 32 * 32 * 3

schemathesis.openapi.format("photo-base64", st.sampled_from([base64.b64encode(photo).decode() for photo in PHOTOS]))
# Without this, files of all kinds: archives among them, which no schema can forbid and the service refuses.
schemathesis.openapi.format("binary", st.sampled_from([Binary(photo) for photo in PHOTOS]))
schemathesis.openapi.media_type("image/*", st.sampled_from(PHOTOS))
schemathesis.openapi.media_type("application/octet-stream", st.sampled_from(PHOTOS))


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """JSON Schema cannot say that a shape counts the data: where both are otherwise legal, it does here. Nor how large a picture is."""
    if case.operation.path == "/v1/lens/tensors" and isinstance(case.body, bytes):
        case.body = bytes(PICTURE)
    inputs = case.body.get("inputs") if isinstance(case.body, dict) else None
    for tensor in inputs if isinstance(inputs, list) else ():
        if isinstance(tensor, dict) and isinstance(tensor.get("data"), list) and is_legal(tensor.get("shape")):
            tensor["shape"] = [len(tensor["data"])]


def is_legal(shape: Any) -> bool:
    """By the document."""
    return (
        isinstance(shape, list)
        and len(shape) == 1
        and isinstance(shape[0], int | float)
        and not isinstance(shape[0], bool)
        and 1 <= shape[0] <= 1000
        and shape[0] == int(shape[0])
    )
