"""From decoded pixels to what a network sees: the one Preparation that training, evaluation, export and use share."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from landsight.errors import BundleError

ImageU8 = NDArray[np.uint8]

#: Pillow's antialiased filters (it widens the kernel when shrinking), by the name a bundle writes down.
FILTERS: dict[str, Image.Resampling] = {
    "box": Image.Resampling.BOX,
    "bilinear": Image.Resampling.BILINEAR,
    "hamming": Image.Resampling.HAMMING,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


#: Pixels are 0 to 255; far beyond, nothing is left of a picture.
_LARGEST_MEAN = 1e6


@dataclass(frozen=True, slots=True)
class Preparation:
    """How a picture becomes network input. Written into recipe and bundle; nothing about it is guessed.

    ``resize``: "squash" maps the whole picture onto width x height and so hides its aspect; "crop" keeps the aspect and takes the
    middle; "letterbox" keeps the aspect and fills with ``fill``. ``hide_px``: when set, a picture is first squashed to at most
    hide_px x hide_px, so that its original sharpness cannot be told. mean and std are in units of 0..255, one per channel.
    """

    width: int
    height: int
    resize: Literal["squash", "crop", "letterbox"] = "squash"
    filter: str = "bicubic"
    hide_px: int | None = None
    colour: Literal["RGB", "L"] = "RGB"
    mean: tuple[float, ...] = (127.0, 127.0, 127.0)
    std: tuple[float, ...] = (128.0, 128.0, 128.0)
    fill: int = 114

    def __post_init__(self) -> None:
        channels = 3 if self.colour == "RGB" else 1
        if self.filter not in FILTERS or self.resize not in ("squash", "crop", "letterbox") or self.colour not in ("RGB", "L"):
            raise BundleError(
                "bad_preparation",
                f"Unknown resize rule, filter or colour: received {self.resize!r}, {self.filter!r}, {self.colour!r}.",
                f"Filters: {', '.join(FILTERS)}; rules: squash, crop, letterbox; colours: RGB, L.",
            )
        if len(self.mean) != channels or len(self.std) != channels or min(self.std) <= 0:
            raise BundleError(
                "bad_preparation",
                f"mean and std need {channels} values, std above 0: received {self.mean}, {self.std}.",
                "One value a channel.",
            )
        if not all(abs(value) <= _LARGEST_MEAN for value in (*self.mean, *self.std)) or not 0 <= self.fill <= 255:
            raise BundleError(
                "bad_preparation",
                f"mean, std or fill out of range: received {self.mean}, {self.std}, {self.fill}.",
                "Units are those of 0..255.",
            )
        if not (1 <= self.width <= 4096 and 1 <= self.height <= 4096):
            raise BundleError(
                "bad_preparation", f"Input size out of range: received {self.width}x{self.height}.", "1 to 4096 pixels a side."
            )
        if self.hide_px is not None and not 1 <= self.hide_px <= 4096:
            raise BundleError("bad_preparation", f"hide_px out of range: received {self.hide_px}.", "1 to 4096 pixels, or leave it out.")

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Preparation:
        """From bundle.json or a recipe; a missing or unknown field raises TypeError."""
        return cls(**{**data, "mean": tuple(data["mean"]), "std": tuple(data["std"])})

    @property
    def decode_px(self) -> int:
        """The smallest side, in pixels, that a scaled decode may return without losing what the network can see."""
        return max(self.width, self.height)


def prepare(image_hwc_u8: ImageU8, preparation: Preparation) -> ImageU8:
    """Resize as the preparation says.

    Shape: image_hwc_u8 (h, w, 3) uint8 sRGB; returns (height, width, channels) uint8. Deterministic, pure.
    """
    image = Image.fromarray(image_hwc_u8)
    if preparation.colour == "L":
        image = image.convert("L")
    resample = FILTERS[preparation.filter]
    if preparation.hide_px is not None and max(image.size) > preparation.hide_px:
        side = preparation.hide_px
        image = image.resize((min(side, image.width), min(side, image.height)), resample)
    resized = np.asarray(_RULES[preparation.resize](image, preparation, resample))
    return resized if resized.ndim == 3 else resized[:, :, None]


def seen_part(preparation: Preparation, size_px: tuple[int, int]) -> tuple[float, float, float, float]:
    """The part of a photo that the prepared picture holds: left, top, right, bottom as fractions of the photo's width and height.

    ``size_px``: (width, height) of the upright photo. "squash" holds all of it, "crop" a part; "letterbox" reaches beyond its edges, so
    below 0 and above 1.
    """
    p = preparation
    if p.resize == "squash":
        return (0.0, 0.0, 1.0, 1.0)
    width, height = size_px
    if p.hide_px is not None:
        width, height = min(p.hide_px, width), min(p.hide_px, height)
    scales = (p.width / width, p.height / height)
    scale = max(scales) if p.resize == "crop" else min(scales)
    beside, above = (1 - scales[0] / scale) / 2, (1 - scales[1] / scale) / 2
    return (beside, above, 1 - beside, 1 - above)


def normalise(batch_nhwc_u8: ImageU8, preparation: Preparation) -> NDArray[np.float32]:
    """(n, h, w, c) uint8 -> (n, c, h, w) float32, (value - mean) / std, contiguous."""
    mean = np.asarray(preparation.mean, np.float32)
    scale = np.float32(1) / np.asarray(preparation.std, np.float32)
    batch = batch_nhwc_u8.transpose(0, 3, 1, 2).astype(np.float32, order="C")
    batch -= mean[:, None, None]
    batch *= scale[:, None, None]
    return batch


def _squash(image: Image.Image, p: Preparation, resample: Image.Resampling) -> Image.Image:
    return image.resize((p.width, p.height), resample)


def _crop(image: Image.Image, p: Preparation, resample: Image.Resampling) -> Image.Image:
    scale = max(p.width / image.width, p.height / image.height)
    crop_w, crop_h = p.width / scale, p.height / scale
    left, top = (image.width - crop_w) / 2, (image.height - crop_h) / 2
    return image.resize((p.width, p.height), resample, box=(left, top, left + crop_w, top + crop_h))


def _letterbox(image: Image.Image, p: Preparation, resample: Image.Resampling) -> Image.Image:
    scale = min(p.width / image.width, p.height / image.height)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    canvas = Image.new(image.mode, (p.width, p.height), p.fill if image.mode == "L" else (p.fill,) * 3)
    canvas.paste(image.resize(size, resample), ((p.width - size[0]) // 2, (p.height - size[1]) // 2))
    return canvas


_RULES = {"squash": _squash, "crop": _crop, "letterbox": _letterbox}
