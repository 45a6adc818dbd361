"""The straight pipeline: Pillow decodes the whole photo, resizes it, torch computes the network in fp32; one photo after the other.

python straight.py --model M.onnx --preparation P.json --list FILES.txt --layout contiguous [--threads 2]
python straight.py --model M.onnx --preparation P.json --layouts      (which memory layout is faster here, as JSON)

Prints JSON: import_s, load_s, loop_s, top1 (an index for each photo, -1 when it could not be read).
"""

from __future__ import annotations

import time

_START = time.perf_counter()

import argparse  # noqa: E402 - the clock starts before what is slow to import
import json  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

import numpy as np  # noqa: E402
import torch  # noqa: E402
from PIL import Image, ImageOps, UnidentifiedImageError  # noqa: E402
from torch_twin import TorchTwin  # noqa: E402

_IMPORTED = time.perf_counter()
LAYOUTS = ("contiguous", "channels_last")


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--preparation", type=Path, required=True)
    parser.add_argument("--list", type=Path)
    parser.add_argument("--layout", choices=LAYOUTS, default=LAYOUTS[0])
    parser.add_argument("--layouts", action="store_true")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=40, help="of each layout; the first fifth is not counted")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    preparation = json.loads(given.preparation.read_text(encoding="utf-8"))
    if given.layouts:
        print(json.dumps(time_layouts(given.model, preparation, given.runs)))
        return
    net = TorchTwin(given.model, given.layout)
    net(torch.zeros(1, 3, preparation["height"], preparation["width"]))
    loaded = time.perf_counter()
    files = given.list.read_text(encoding="utf-8").splitlines()
    top1 = [look(Path(file), net, preparation) for file in files]
    end = time.perf_counter()
    print(json.dumps({"import_s": _IMPORTED - _START, "load_s": loaded - _IMPORTED, "loop_s": end - loaded, "top1": top1}))


def look(path: Path, net: TorchTwin, preparation: dict[str, Any]) -> int:
    """One photo from its file to its best label; -1 when Pillow cannot read it."""
    try:
        with Image.open(path) as image:
            upright = ImageOps.exif_transpose(image).convert("RGB")
    except (OSError, UnidentifiedImageError, ValueError):
        return -1
    probabilities = net(to_input(upright, preparation)).softmax(1)
    return int(probabilities.topk(3).indices[0, 0])


def to_input(image: Image.Image, p: dict[str, Any]) -> torch.Tensor:
    """Bicubic to the network's size and normalised: (1, 3, height, width) float32. "hide_px" first, as the bundle was trained."""
    hide = p.get("hide_px")
    if hide is not None and max(image.size) > hide:
        image = image.resize((min(hide, image.width), min(hide, image.height)), Image.Resampling.BICUBIC)
    pixels = torch.from_numpy(np.array(image.resize((p["width"], p["height"]), Image.Resampling.BICUBIC)))
    mean, std = torch.tensor(p["mean"]), torch.tensor(p["std"])
    return ((pixels.float() - mean) / std).permute(2, 0, 1)[None]


def time_layouts(model: Path, preparation: dict[str, Any], runs: int) -> dict[str, float]:
    """Median milliseconds of the network alone in each layout; the two take turns."""
    nets = {layout: TorchTwin(model, layout) for layout in LAYOUTS}
    image = torch.randn(1, 3, preparation["height"], preparation["width"])
    times: dict[str, list[float]] = {layout: [] for layout in LAYOUTS}
    for _ in range(runs):
        for layout, net in nets.items():
            start = time.perf_counter()
            net(image)
            times[layout].append(1000 * (time.perf_counter() - start))
    return {layout: float(np.median(values[runs // 5 :])) for layout, values in times.items()}


if __name__ == "__main__":
    main()
