"""The picture of docs/explain.md: `landsight explain` on a drawn photo of the sample.

python scripts/draw_explain_picture.py docs/images/explain.png
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from draw_sample import draw_sample
from PIL import Image

#: Of the sample: a tower that the network knows.
PHOTO = "tower.jpg"


def main() -> None:
    """Draw, explain, keep the panel with 256 colours."""
    out = Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as folder:
        draw_sample(Path(folder))
        subprocess.run([sys.executable, "-m", "landsight", "explain", "-q", "--runtime", "onnxruntime", PHOTO], cwd=folder, check=True)
        with Image.open(Path(folder) / "explained" / f"{PHOTO}.why.png") as picture:
            small = picture.convert("RGB").resize((picture.width * 2 // 3, picture.height * 2 // 3), Image.Resampling.LANCZOS)
            # Dithered: in flat steps the heat would show edges that are not there.
            small.quantize(palette=small.quantize(256, kmeans=2), dither=Image.Dither.FLOYDSTEINBERG).save(out, optimize=True)


if __name__ == "__main__":
    main()
