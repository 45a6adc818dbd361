"""The pictures of docs/explain.md: `landsight explain` on a drawn photo of the sample, and the sanity figure that the benchmark measured.

python scripts/draw_explain_picture.py docs/images
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from draw_sample import draw_sample
from PIL import Image

from landsight.bundle.manifest import Metric
from landsight.studio.sanity.check import Sanity
from landsight.studio.sanity.deletion import Deletion
from landsight.studio.sanity.page import figure
from landsight.studio.sanity.randomise import Randomised, Step

#: Of the sample: a tower that the network knows.
PHOTO = "tower.jpg"


#: Measured by benchmarks/explain_sanity.py.
RESULTS = Path(__file__).parents[1] / "benchmarks" / "results" / "explain_sanity.json"
PART = "landmarks/test"


def main() -> None:
    """Both pictures."""
    folder = Path(sys.argv[1]).resolve()
    panel(folder / "explain.png")
    sanity(folder / "explain_sanity.png")


def sanity(out: Path) -> None:
    """Drawn as `landsight explain --sanity` draws it."""
    measured = json.loads(RESULTS.read_text(encoding="utf-8"))["figures"][PART]
    hidden, drawn = measured["deletion"], measured["randomised"]
    margin = {fill: {kind: Metric(**m) for kind, m in row.items()} for fill, row in hidden["margin"].items()}
    steps = tuple(Step(step["layers"], Metric(**step["likeness"])) for step in drawn["steps"])
    found = Sanity(
        measured["network"], measured["method"], PART, "", Deletion(**hidden | {"margin": margin}),
        Randomised(drawn["layers"], steps, Metric(**drawn["others"])),
    )  # fmt: skip
    out.write_bytes(figure(found))


def panel(out: Path) -> None:
    """Draw, explain, keep the panel with 256 colours."""
    with tempfile.TemporaryDirectory() as folder:
        draw_sample(Path(folder))
        subprocess.run([sys.executable, "-m", "landsight", "explain", "-q", "--runtime", "onnxruntime", PHOTO], cwd=folder, check=True)
        with Image.open(Path(folder) / "explained" / f"{PHOTO}.why.png") as picture:
            small = picture.convert("RGB").resize((picture.width * 2 // 3, picture.height * 2 // 3), Image.Resampling.LANCZOS)
            # Dithered: in flat steps the heat would show edges that are not there.
            small.quantize(palette=small.quantize(256, kmeans=2), dither=Image.Dither.FLOYDSTEINBERG).save(out, optimize=True)


if __name__ == "__main__":
    main()
