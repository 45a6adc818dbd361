"""Reads an ONNX file as bytes and refuses one that reaches outside itself."""

from __future__ import annotations

from pathlib import Path

from landsight.errors import RuntimeUnavailable

#: ONNX protobuf allows 2 GB in one file; a network that looks at photos is far below.
MAX_MODEL_BYTES = 2_000_000_000

#: Weights outside the file are named by an entry whose key is the text "location". In protobuf a text follows its length: the byte 8,
#: or a padded form of it that ends in 0.
#: Searching is complete and takes a few ms for 14 MB (a regular expression took 140); a model with a part called exactly "location" is
#: refused too, which is the safe side.
_EXTERNAL_DATA = (b"\x08location", b"\x00location")
#: OpenVINO's own form of a model: its graph, and beside it its weights.
IR_SUFFIX = ".xml"
WEIGHTS_SUFFIX = ".bin"


def read_model(model: Path | str | bytes) -> bytes:
    """The bytes of a model. Runtimes get bytes, never a path, so that what was checked is what runs.

    Raises: RuntimeUnavailable when it cannot be read, is far too large, or keeps weights in other files (a bundle from a stranger could
    make the runtime open any file of this machine).
    """
    if isinstance(model, bytes):
        data = model
    else:
        data = _read_file(Path(model))
    if any(mark in data for mark in _EXTERNAL_DATA):
        raise RuntimeUnavailable(
            "model_external", "The model keeps weights outside its own file.", "Export it again with everything in one .onnx file."
        )
    return data


def refused(runtime: str, error: Exception) -> RuntimeUnavailable:
    """The error for a model that a runtime does not take; its own words shortened to one line."""
    words = " ".join(str(error).split())[:300]
    return RuntimeUnavailable(
        "model_refused", f"{runtime} refuses the model: {words}.", "Export the bundle again, or choose the other runtime."
    )


def _read_file(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if size > MAX_MODEL_BYTES:
            raise RuntimeUnavailable(
                "model_too_large", f"{path.name} has {size:,} bytes.", f"A model file has at most {MAX_MODEL_BYTES:,}."
            )
        return path.read_bytes()
    except OSError as error:
        raise RuntimeUnavailable(
            "model_missing", f"The model {path} cannot be read: {error.strerror}.", "Export the bundle again."
        ) from None
