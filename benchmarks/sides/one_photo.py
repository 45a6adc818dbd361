"""Decoding and the network for one photo after the other, in one process: milliseconds of each, as JSON.

python one_photo.py BUNDLE LIST [COUNT]
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from landsight.answer.road import answer_batch
from landsight.bundle.load import load
from landsight.photo.limits import Limits
from landsight.photo.prepare import prepare
from landsight.photo.read import read
from landsight.runtime.choose import pick

WARM = 10


def main() -> None:
    """See the module."""
    bundle = load(sys.argv[1])
    paths = Path(sys.argv[2]).read_text(encoding="utf-8").split("\n")[: int(sys.argv[3])]
    contents = [Path(path).read_bytes() for path in paths]
    engine, limits, preparation = pick(bundle, runtime="onnxruntime", precision="fp32"), Limits(), bundle.manifest.input
    times = []
    for content in contents[:WARM] + contents:
        began = time.perf_counter()
        prepared = prepare(read(content, limits=limits, decode_px=preparation.decode_px).pixels_hwc_u8, preparation)
        answer_batch(prepared[None], bundle, engine)
        times.append(1e3 * (time.perf_counter() - began))
    print(json.dumps(times[WARM:]))


if __name__ == "__main__":
    main()
