"""Real labelled pictures that need no network: the 1,797 handwritten digits that scikit-learn carries, as a folder a class.

E. Alpaydin, C. Kaynak (1998), "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository, its test part (CC BY 4.0): 13 writers,
8 x 8 pixels of 17 greys.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from landsight.errors import UsageError

#: A digit is enlarged twice and stands in the middle of a black square, so that it can be moved by 4 pixels and lose nothing.
SIDE_PX, MARGIN_PX = 24, 4
#: The largest grey of the 8 x 8 pictures.
_WHITE = 16


def write_digits(root: Path) -> dict[str, int]:
    """Write ROOT/0/0000.png ... ROOT/9/1796.png, 24 x 24 px and grey; returns how many each class has. Other files are left alone.

    Raises: UsageError for a folder that cannot be written to.
    """
    from sklearn.datasets import load_digits

    found = load_digits()
    counts = {str(digit): 0 for digit in range(10)}
    try:
        for number, (image, target) in enumerate(zip(found.images, found.target, strict=True)):
            folder = root / str(target)
            folder.mkdir(parents=True, exist_ok=True)
            enlarged(image).save(folder / f"{number:04d}.png")
            counts[str(target)] += 1
    except OSError as error:
        raise UsageError("bad_output", f"{root} cannot be written: {error.strerror}.", "Give a folder that you may write to.") from None
    return counts


def enlarged(image: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> Image.Image:
    """One 8 x 8 digit (0 to 16) as a grey picture of 24 x 24 px."""
    grey = Image.fromarray((image * (255 / _WHITE)).round().astype(np.uint8))
    side = SIDE_PX - 2 * MARGIN_PX
    picture = Image.new("L", (SIDE_PX, SIDE_PX))
    picture.paste(grey.resize((side, side), Image.Resampling.BICUBIC), (MARGIN_PX, MARGIN_PX))
    return picture
