"""From an empty cache to a tested and exported model of the landmark photos: minutes, and how good it is; beside it the plain way.

    python benchmarks/fitted_head.py      writes benchmarks/results/fitted_head.json

Ours is one command, `landsight train DIR --minutes 1`: so little time leaves no epochs, so the head alone is fitted to frozen features.
The plain way: every file opened with Pillow, the same pretrained network in torch fp32, scikit-learn's logistic regression as it comes;
no check of the data, no validation, nothing exported. Each look at the test part is counted in docs/log.md.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from common import Figure, Report, run, settings, use_same_cores
from PIL import Image

from landsight.studio.metrics import proportion
from landsight.studio.nets import table
from landsight.studio.recipe import NetRecipe, Recipe

_SIDE = 224


def main() -> None:
    """Both ways, one after the other."""
    chosen = settings(__doc__.splitlines()[0] if __doc__ else "")
    cores = use_same_cores()
    report = Report("fitted_head", "landmarks: from an empty cache to a tested, exported model", chosen)
    root = chosen.data / "landmarks"
    with tempfile.TemporaryDirectory() as folder:
        ours = _ours(root, Path(folder) / "run")
    plain_s, plain = _plain(root)
    report.details = {"ours": ours, "plain": {"seconds": plain_s, "top1": plain}, "cores": cores}
    report.finish([
        Figure("landsight train DIR --minutes 1", "min", [ours["seconds"] / 60], 4.0),
        Figure("test top-1", "share", [ours["metrics"]["top1"]["value"]], 0.92, ">="),
        Figure("plain way, nothing exported", "min", [plain_s / 60]),
        Figure("plain way, test top-1", "share", [plain["value"]]),
    ])  # fmt: skip


def _ours(root: Path, out: Path) -> dict[str, Any]:
    ran = run([sys.executable, "-m", "landsight", "train", str(root), "--minutes", "1", "--out", str(out)])
    metrics = json.loads((out / "evaluation-test.json").read_text(encoding="utf-8"))["metrics"]
    if not re.search(r"bundle: ", ran.stdout):
        sys.exit("no bundle was made")
    return {"seconds": ran.wall_s, "processor_seconds": ran.cpu_s, "peak_mb": ran.peak_mb, "metrics": metrics}


def _plain(root: Path) -> tuple[float, dict[str, Any]]:
    from sklearn.linear_model import LogisticRegression

    began = time.monotonic()
    net = table.build(NetRecipe(pretrained=True, frozen_blocks=0), 2, Recipe().input).eval()
    train_x, train_y, labels = _features(net, root / "train", None)
    test_x, test_y, _ = _features(net, root / "test", labels)
    model = LogisticRegression(max_iter=1000).fit(train_x, train_y)
    hits = model.predict(test_x) == test_y
    seconds = time.monotonic() - began
    metric = proportion(hits, "right at first guess, Wilson")
    return seconds, {"value": metric.value, "low": metric.low, "high": metric.high, "n": metric.n}


@torch.inference_mode()
def _features(net: torch.nn.Module, folder: Path, labels: list[str] | None) -> tuple[Any, Any, list[str]]:
    labels = labels or sorted(p.name for p in folder.iterdir() if p.is_dir())
    rows, truths = [], []
    for number, label in enumerate(labels):
        for path in sorted((folder / label).glob("*")) if (folder / label).is_dir() else ():
            with Image.open(path) as opened:
                image = np.asarray(opened.convert("RGB").resize((_SIDE, _SIDE), Image.Resampling.BICUBIC), np.float32)
            x = torch.from_numpy((image - 127) / 128).permute(2, 0, 1)[None]
            rows.append(net(x)["embedding"][0].numpy())
            truths.append(number)
    return np.stack(rows), np.array(truths), labels


if __name__ == "__main__":
    main()
