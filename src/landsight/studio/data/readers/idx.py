"""The idx files of MNIST and its relatives: one file of pictures and one of labels a part, plain or gzipped.

Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits": magic 0x00000803 (pictures), 0x00000801 (labels).
"""

from __future__ import annotations

import gzip
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from landsight.errors import DataError
from landsight.studio.data.readers.parts import fixed_labels, folder_of
from landsight.studio.data.samples import Sample, Samples
from landsight.studio.random import number_of
from landsight.studio.recipe import DataRecipe
from landsight.studio.resolve import nearest

_UNSIGNED_BYTE = 0x08


@dataclass(frozen=True, slots=True)
class IdxPicture:
    """Number ``index`` of the pictures in ``file``. Pickles by that address: each process opens the file itself."""

    file: Path
    index: int

    def content(self) -> bytes:
        """Its bytes in the file, row by row."""
        pixels: bytes = _array(self.file)[self.index].tobytes()
        return pixels

    def encoded(self) -> bytes:
        """As a PNG, grey or RGB as the file has it."""
        buffer = io.BytesIO()
        Image.fromarray(_array(self.file)[self.index]).save(buffer, "PNG", compress_level=1)
        return buffer.getvalue()


class IdxReader:
    """Reads a folder with ``*images*idx3*`` (n, h, w) or ``*images*idx4*`` (n, h, w, 3) and the labels of each, ``*labels*idx1*``.

    Parts by name: "t10k" or "test" is test, "valid" is validation, all else is train.
    """

    takes_columns = False
    takes_folders = False

    def __init__(self, root: Path) -> None:
        self.root = root
        self.files = _pairs(root)

    def splits(self) -> dict[str, Path]:
        """Part -> its file of pictures."""
        return {part: pictures for part, (pictures, _) in self.files.items()}

    def read(self, split: str, labels: Sequence[str] | None = None) -> Samples:
        """All pictures of a part in the order of the file, named ``part/00000`` and so on.

        Raises: DataError for a part that is not there, a damaged file, or fewer labels than pictures.
        """
        if split not in self.files:
            raise DataError("no_split", f"{self.root} has no part {split!r}.", nearest(split, self.files))
        pictures, label_file = self.files[split]
        images, numbers = _array(pictures), _array(label_file)
        if images.ndim not in (3, 4) or 0 in images.shape[1:] or (images.ndim == 4 and images.shape[3] != 3) or numbers.ndim != 1:
            raise _bad(
                pictures, f"pictures of shape {images.shape[1:]}, labels of shape {numbers.shape}", "Known: (n, h, w), (n, h, w, 3)."
            )
        if len(images) != len(numbers):
            raise _bad(label_file, f"{len(numbers)} labels for {len(images)} pictures", "Download both files again.")
        if not len(images):
            raise DataError("no_pictures", f"{pictures} holds no picture.", "Download it again.")
        found = [str(n) for n in np.unique(numbers).tolist()]
        names = fixed_labels(found, labels or found, str(label_file))
        index = {name: i for i, name in enumerate(names)}
        return Samples(names, tuple(self._sample(split, pictures, i, index[str(n)]) for i, n in enumerate(numbers.tolist())))

    @staticmethod
    def _sample(split: str, file: Path, index: int, truth: int) -> Sample:
        name = f"{split}/{index:05d}"
        return Sample(file, name, number_of(name), truth, picture=IdxPicture(file, index))


def from_recipe(recipe: DataRecipe) -> IdxReader:
    """See readers.READERS."""
    return IdxReader(folder_of(recipe.root))


def is_idx(root: Path) -> bool:
    """Does the folder hold idx files of pictures."""
    return any(_kind(p) == "images" for p in root.iterdir() if p.is_file())


def _kind(path: Path) -> str | None:
    name = path.name.lower()
    return next((kind for kind in ("images", "labels") if kind in name and "idx" in name), None)


def _part(path: Path) -> str:
    name = path.name.lower()
    if "t10k" in name or "test" in name:
        return "test"
    return "validation" if "valid" in name else "train"


def _pairs(root: Path) -> dict[str, tuple[Path, Path]]:
    """Part -> (pictures, labels). A file that is there both plain and gzipped is read plain."""
    if not root.is_dir():
        raise DataError("no_folder", f"The data folder does not exist: received {root}.", "Set data.root to the folder of the idx files.")
    found: dict[str, dict[str, Path]] = {}
    for path in sorted(root.iterdir(), key=lambda p: (p.suffix == ".gz", p.name)):
        kind = _kind(path)
        if kind is not None and path.is_file():
            found.setdefault(_part(path), {}).setdefault(kind, path)
    pairs = {part: (files["images"], files["labels"]) for part, files in sorted(found.items()) if len(files) == 2}
    for part, files in found.items():
        if part not in pairs:
            have = next(iter(files.values())).name
            missing = "labels" if "images" in files else "images"
            raise DataError(
                "bad_idx", f"{root} has {have} and no file of {missing} for it.", "Put both files of each part into the folder."
            )
    if "train" not in pairs:
        raise DataError(
            "no_split", f"{root} has no idx files for training: found {sorted(pairs)}.", "Give train-images-idx3-ubyte and its labels."
        )
    return pairs


@lru_cache(maxsize=8)
def _array(path: Path) -> NDArray[np.uint8]:
    """The array in an idx file: mapped, or unpacked into memory once a process. Raises: DataError bad_idx."""
    try:
        data = np.frombuffer(gzip.decompress(path.read_bytes()), np.uint8) if path.suffix == ".gz" else np.memmap(path, np.uint8, "r")
    except (OSError, EOFError, ValueError) as error:
        raise _bad(path, f"it cannot be read: {error}", "Download it again.") from None
    head = data[:4].tolist()
    if len(head) < 4 or head[:2] != [0, 0] or head[2] != _UNSIGNED_BYTE or not 1 <= head[3] <= 4:
        raise _bad(path, f"it begins with {bytes(head).hex(' ')}", "An idx file of unsigned bytes begins with 00 00 08.")
    start = 4 + 4 * head[3]
    shape = tuple(int(n) for n in np.frombuffer(data[4:start].tobytes(), ">u4"))
    if len(shape) != head[3] or len(data) - start != math.prod(shape):
        raise _bad(path, f"it declares {shape} and holds {max(0, len(data) - start)} bytes", "Download it again.")
    return np.asarray(data[start:]).reshape(shape)


def _bad(path: Path, what: str, advice: str) -> DataError:
    return DataError("bad_idx", f"{path.name} is no idx file that can be used: {what}.", advice)
