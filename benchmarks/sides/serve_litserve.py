"""The same network behind LitServe, as its documentation recommends for speed: batches, and as many workers as there are cores.

python serve_litserve.py MODEL.onnx PORT WORKERS THREADS SIZE MEAN STD

A form's field "request" holds the photo. Decoded by Pillow, which is told to shrink while it decodes (draft): what a careful user writes.
"""

# No "from __future__ import annotations": LitServe looks at the type of the request as it stands.
import io
import sys
from typing import Any

import litserve
import numpy as np
import onnxruntime
from fastapi import UploadFile
from PIL import Image, ImageOps

MODEL, PORT, WORKERS, THREADS = sys.argv[1], *map(int, sys.argv[2:5])
SIZE, MEAN, STD = int(sys.argv[5]), float(sys.argv[6]), float(sys.argv[7])
BATCH, WAIT_S = 16, 0.005


class Api(litserve.LitAPI):
    """One worker: its own session, a batch at a time."""

    def setup(self, device: str) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = THREADS
        self.session = onnxruntime.InferenceSession(MODEL, options, providers=["CPUExecutionProvider"])
        self.input = self.session.get_inputs()[0].name

    def decode_request(self, request: UploadFile) -> np.ndarray:
        image = Image.open(io.BytesIO(request.file.read()))
        image.draft("RGB", (SIZE, SIZE))
        image = ImageOps.exif_transpose(image).convert("RGB").resize((SIZE, SIZE), Image.Resampling.BICUBIC)
        return ((np.asarray(image, np.float32) - MEAN) / STD).transpose(2, 0, 1)

    def batch(self, inputs: list[np.ndarray]) -> np.ndarray:
        return np.ascontiguousarray(np.stack(inputs))

    def predict(self, batch: np.ndarray) -> np.ndarray:
        logits = self.session.run(["logits"], {self.input: batch})[0]
        powers = np.exp(logits - logits.max(1, keepdims=True))
        return powers / powers.sum(1, keepdims=True)

    def unbatch(self, output: np.ndarray) -> list[np.ndarray]:
        return list(output)

    def encode_response(self, output: np.ndarray) -> dict[str, Any]:
        best = np.argsort(-output)[:3]
        return {"candidates": [{"class": int(i), "probability": float(output[i])} for i in best]}


if __name__ == "__main__":
    api = Api(max_batch_size=BATCH, batch_timeout=WAIT_S)
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=WORKERS, timeout=120)
    server.run(host="127.0.0.1", port=PORT, generate_client_file=False, log_level="warning")
