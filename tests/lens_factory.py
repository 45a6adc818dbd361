"""A bundle with a trace of its own, of any network of the table, with norms that have seen something; nothing is trained."""

from __future__ import annotations

from pathlib import Path

import torch

from landsight.bundle.load import Bundle
from landsight.bundle.manifest import Manifest
from landsight.bundle.seal import seal
from landsight.studio import recipe as recipes
from landsight.studio.nets import table
from landsight.studio.onnx_export import write_fp32, write_trace
from photos_drawn import jpeg


def make_lens_bundle(root: Path, name: str = "resnet", side: int = 64, labels: int = 5) -> Bundle:
    """In ``root``, which is made."""
    root.mkdir(parents=True)
    recipe = recipes.from_dict({"net": {"name": name, "pretrained": False}, "input": {"width": side, "height": side}}, [])
    torch.manual_seed(0)
    net = table.build(recipe.net, labels, recipe.input).eval()
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.normal_(module.running_mean, 0, 0.1)  # type: ignore[arg-type]
            torch.nn.init.uniform_(module.running_var, 0.5, 2)  # type: ignore[arg-type]
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.normal_(module.bias, 0, 0.1)
    outputs = write_fp32(net, recipe.input, root / "model.onnx", opset=18)
    write_trace(net, recipe.input, root / "trace.onnx", opset=18)
    (root / "card.md").write_text("A network for tests.\n", encoding="utf-8")
    (root / "photos").mkdir()
    (root / "photos" / "00.jpg").write_bytes(jpeg(seed=5))
    manifest = Manifest(
        name=f"{name} for tests", task="classify", made="2026-11-27T08:00:00Z", input=recipe.input, outputs=outputs,
        labels=tuple(f"label {i}" for i in range(labels)), precisions={"fp32": "model.onnx"}, calibration={"temperature": 1.5}, rights="Drawn by the tests.",
    )  # fmt: skip
    return seal(root, manifest)
