"""PNG, WebP, TIFF, GIF, BMP, AVIF, and the JPEGs that the fast decoder refuses: through Pillow, one format each, nothing guessed."""

from __future__ import annotations

import io
import threading
import warnings as python_warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Final

import numpy as np
from PIL import Image, ImageFile

from landsight.errors import PhotoError
from landsight.photo.colour import to_rgb
from landsight.photo.facts import PhotoWarning
from landsight.photo.limits import Limits
from landsight.photo.orient import turn, turn_size
from landsight.photo.pixels import Decoded, as_photo_error, check_pixels, damage_warning, translated

#: Ours -> Pillow's class for exactly this format. Never Image.open with its whole list: some plugins start other programs.
_PLUGINS: Final[dict[str, str]] = {
    "jpeg": "PIL.JpegImagePlugin:JpegImageFile",
    "png": "PIL.PngImagePlugin:PngImageFile",
    "webp": "PIL.WebPImagePlugin:WebPImageFile",
    "tiff": "PIL.TiffImagePlugin:TiffImageFile",
    "gif": "PIL.GifImagePlugin:GifImageFile",
    "bmp": "PIL.BmpImagePlugin:BmpImageFile",
    "avif": "PIL.AvifImagePlugin:AvifImageFile",
}
_SAYS_MULTI_FRAME: Final = frozenset({"png", "webp", "tiff", "gif"})
_ORIENTATION = 274
_SIZE_KEY = "landsight_size"
#: Pillow's WebP reader holds two canvases of four bytes a pixel from the start (WebPAnimDecoder).
_WEBP_BYTES_A_PIXEL = 8
#: Pillow's words for an overlong PNG text chunk, which it then leaves out: no pixel is concerned.
_HARMLESS: Final = "MAX_TEXT_"

#: Pillow keeps some of its settings in module globals; they are changed for one photo at a time and put back.
_pillow_lock = threading.RLock()


@contextmanager
def pillow_settings(*, allow_truncated: bool) -> Iterator[None]:
    """Our own limits instead of Pillow's, no Python warnings, and truncated files allowed or not; put back afterwards."""
    with _pillow_lock, python_warnings.catch_warnings():
        python_warnings.simplefilter("ignore")
        before = Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES
        # check_pixels has the say, on the same declared size and with the caller's limit.
        Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES = None, allow_truncated
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES = before


def decode(data: bytes, kind: str, *, limits: Limits, decode_px: int | None) -> Decoded:
    """Decode one picture of format ``kind`` (a key of this module's plugins), strictly first, then leniently with the damage measured.

    Only the first frame is read; warning ``multi_frame`` when a TIFF, GIF, PNG or WebP holds more. With ``decode_px`` the result
    is shrunk by a whole factor (box filter) that keeps both sides at least so long.
    Raises: PhotoError.
    """
    try:
        with pillow_settings(allow_truncated=False):
            image = _open(data, kind, limits)
            notes = _frame_warning(image, kind)
            applied = _own_orientation(image, kind)
            image = _load(image, kind, decode_px)
            return _finish(image, kind, decode_px, applied, notes)
    except PhotoError:
        raise
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        complaint = error
    except Exception as error:
        raise as_photo_error(error, kind.upper()) from error
    with translated(kind.upper()):
        return _decode_leniently(data, kind, limits, decode_px, complaint)


def _decode_leniently(data: bytes, kind: str, limits: Limits, decode_px: int | None, complaint: Exception) -> Decoded:
    """Second try, on a canvas of noise: what is still noise afterwards was never decoded. Raises: anything."""
    with pillow_settings(allow_truncated=True):
        image = _open(data, kind, limits)
        notes = _frame_warning(image, kind)
        applied = _own_orientation(image, kind)
        noise = _fill_with_noise(image)
        try:
            image = _load(image, kind, decode_px)
        except (OSError, SyntaxError, ValueError, EOFError) as error:
            raise as_photo_error(error, kind.upper()) from complaint
        if _HARMLESS not in str(complaint):
            notes = (damage_warning(_decoded_share(image, kind, noise), str(complaint)), *notes)
        return _finish(image, kind, decode_px, applied, notes)


def _open(data: bytes, kind: str, limits: Limits) -> ImageFile.ImageFile:
    if kind == "webp":
        # Pillow asks for the whole canvas while opening, before its size can be looked at.
        width, height = _webp_size(data)
        check_pixels(width, height, limits)
        if width * height * _WEBP_BYTES_A_PIXEL > limits.max_memory:
            raise as_photo_error(MemoryError(), "WEBP")
    module_name, name = _PLUGINS[kind].split(":")
    module = import_module(module_name)
    if kind == "avif":
        # As in heif.py: threads cost address space and gain nothing beside other workers.
        module.DEFAULT_MAX_THREADS = 1  # type: ignore[attr-defined]
    image: ImageFile.ImageFile = getattr(module, name)(io.BytesIO(data), "")
    check_pixels(image.width, image.height, limits)
    return image


def _webp_size(data: bytes) -> tuple[int, int]:
    """Width and height that the first chunk declares (RFC 9649, 2.5 to 2.7); (1, 1) when there is none, for the decoder to refuse."""
    chunk, body = data[12:16], data[20:30]
    if len(body) == 10 and chunk == b"VP8X":
        return int.from_bytes(body[4:7], "little") + 1, int.from_bytes(body[7:10], "little") + 1
    if len(body) == 10 and chunk == b"VP8 ":
        return int.from_bytes(body[6:8], "little") & 0x3FFF, int.from_bytes(body[8:10], "little") & 0x3FFF
    if len(body) >= 5 and chunk == b"VP8L":
        bits = int.from_bytes(body[1:5], "little")
        return (bits & 0x3FFF) + 1, ((bits >> 14) & 0x3FFF) + 1
    return 1, 1


def _frame_warning(image: ImageFile.ImageFile, kind: str) -> tuple[PhotoWarning, ...]:
    if kind not in _SAYS_MULTI_FRAME:
        return ()
    try:
        several = bool(getattr(image, "is_animated", False))
    except (OSError, SyntaxError, ValueError, EOFError):
        # A damaged second frame: there is more than the first all the same.
        several = True
    return (PhotoWarning("multi_frame", f"The {kind.upper()} holds more than one picture; the first is used."),) if several else ()


def _own_orientation(image: ImageFile.ImageFile, kind: str) -> int | None:
    """The orientation that the container itself asks for, if it does (see Decoded.applied)."""
    if kind == "tiff":
        value = image.getexif().get(_ORIENTATION, 1)
    elif kind == "avif":
        # Pillow writes irot and imir into this block, over what EXIF said; XMP has no say.
        exif = Image.Exif()
        exif.load(image.info.get("exif", b""))
        value = dict(exif).get(_ORIENTATION, 1)
    else:
        return None
    return value if value in range(1, 9) else 1


def _load(image: ImageFile.ImageFile, kind: str, decode_px: int | None) -> ImageFile.ImageFile:
    """Loaded, with the size of the original (for TIFF: as Pillow has turned it) in ``info``."""
    full = image.size
    if kind == "jpeg" and decode_px is not None:
        image.draft(image.mode, (decode_px, decode_px))
    image.load()
    image.info[_SIZE_KEY] = image.size if kind == "tiff" else full
    return image


def _finish(image: Image.Image, kind: str, decode_px: int | None, applied: int | None, notes: tuple[PhotoWarning, ...]) -> Decoded:
    size: tuple[int, int] = image.info[_SIZE_KEY]
    profile = image.info.get("icc_profile")
    if decode_px is not None:
        factor = min(image.width, image.height) // decode_px
        if factor > 1:
            image = _shrinkable(image).reduce(factor)
    pixels, colour_notes = to_rgb(image, profile if isinstance(profile, bytes) and profile else None)
    if kind == "avif" and applied is not None:
        pixels, size = turn(pixels, applied), turn_size(size, applied)
    return Decoded(pixels, size, applied=applied, warnings=notes + colour_notes)


def _shrinkable(image: Image.Image) -> Image.Image:
    """In a mode that can be averaged: indices cannot, nor can Pillow average 16 bits."""
    if image.mode.startswith("I;16"):
        return image.convert("I")
    if image.mode == "PA" or "transparency" in image.info:
        return image.convert("RGBA") if image.mode not in ("I", "F") else image
    return image.convert({"P": "RGB", "1": "L"}[image.mode]) if image.mode in ("P", "1") else image


def _fill_with_noise(image: ImageFile.ImageFile) -> dict[str, Image.Image]:
    """Make the decoder write onto noise; the noise is in the returned table once the decoder has asked for its canvas."""
    kept: dict[str, Image.Image] = {}
    original = image.load_prepare

    def prepare() -> None:
        original()
        canvas = Image.new(image.mode, (image.im.size[0], image.im.size[1]))
        random = np.random.default_rng(0)
        size = len(canvas.tobytes())
        canvas.frombytes(random.integers(0, 256, size, dtype=np.uint8).tobytes())
        kept["noise"] = canvas
        image.im.paste(canvas.im, (0, 0, *image.im.size))

    image.load_prepare = prepare  # type: ignore[method-assign]
    return kept


def _decoded_share(image: Image.Image, kind: str, kept: dict[str, Image.Image]) -> float:
    """The share of pixels that are no longer noise; 1 for decoders that give all or nothing (WebP, AVIF)."""
    noise = kept.get("noise")
    if noise is None or noise.size != image.size or noise.mode != image.mode:
        return 1.0 if noise is None else 0.0
    same = np.asarray(noise) == np.asarray(image)
    if kind == "jpeg":
        # libjpeg ends a picture cut short with the middle of the range (127 where Adobe's CMYK is inverted).
        values = np.asarray(image)
        same |= (values == 127) | (values == 128)
    if same.ndim == 3:
        same = np.all(same, axis=2)
    # One value in 256 (of two, for bilevel pictures) equals the noise by chance.
    chance = 1 / 2 if image.mode == "1" else 1 / 256
    return float(1 - max(0.0, (same.mean() - chance) / (1 - chance)))
