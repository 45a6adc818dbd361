"""A run -> a model file for other programs (studio.formats), with a manifest beside it; verified against the trained network, or deleted."""

from __future__ import annotations

import copy
import json
from importlib import import_module, metadata
from pathlib import Path
from typing import Any, Final, cast

from landsight.bundle.load import sha256_of
from landsight.bundle.seal import files_under
from landsight.studio.engine import Trained, open_run
from landsight.studio.folders import now, partial_folder
from landsight.studio.formats import FORMATS, Format
from landsight.studio.onnx_export import INPUT
from landsight.studio.parity import BATCHES, Parity, compare, drawn_photos, require_equal, turned_pictures, worst_of
from landsight.studio.resolve import resolve

MANIFEST_NAME: Final = "manifest.json"
SCHEMA_VERSION: Final = 1


def export_as(run: Path, out: Path, form: str, *, which: str = "best") -> dict[str, Any]:
    """Write ``form`` (a key of FORMATS) into the folder ``out``, which must not exist; returns its manifest.

    Raises: RecipeError for an unknown format; RuntimeUnavailable when it needs a package that is not installed; VerificationError when the
    file does not answer as the trained network does: nothing is left then.
    """
    known = {name: f"{module}:write" for name, module in FORMATS.items()}
    resolve(known, form, "format")
    module = cast("Format", import_module(FORMATS[form]))
    trained = open_run(run, which)
    with partial_folder(out) as partial:
        file = module.write(copy.deepcopy(trained.net), trained.recipe.input, partial, opset=trained.recipe.export.opset)
        row, pictures = _checked(trained, module, partial / file)
        manifest = _manifest(trained, form, file, partial) | {
            "versions": {package: metadata.version(package) for package in ("landsight", *module.PACKAGES)},
            "verified": {"pictures": pictures, "batches": list(BATCHES), "worst": worst_of(row), "allowed": row.tolerance},
        }
        text = json.dumps(manifest, indent=1, ensure_ascii=False) + "\n"
        (partial / MANIFEST_NAME).write_text(text, encoding="utf-8")
    written: dict[str, Any] = json.loads(text)
    return written


def _checked(trained: Trained, module: Format, file: Path) -> tuple[Parity, int]:
    """From the bytes of photos of all orientations, alone and in threes. Raises: VerificationError."""
    folder = file.parent / ".check"
    photos = turned_pictures(folder)
    for number, content in enumerate(drawn_photos()):
        photos.append(folder / f"drawn_{number}.jpg")
        photos[-1].write_bytes(content)
    try:
        row = compare(trained.engine(), module.engine(file, trained.net.output_names), photos, trained.recipe.input)
    finally:
        for photo in photos:
            photo.unlink()
        folder.rmdir()
    require_equal([row])
    return row, len(photos)


def _manifest(trained: Trained, form: str, file: str, folder: Path) -> dict[str, Any]:
    """All that a program must know to use the file as landsight does."""
    preparation = trained.recipe.input
    channels = 3 if preparation.colour == "RGB" else 1
    return {
        "schema_version": SCHEMA_VERSION,
        "name": trained.recipe.export.name,
        "format": form,
        "file": file,
        "task": trained.task.name,
        "made": now(),
        "input": preparation.to_dict(),
        "tensor": {"name": INPUT, "shape": ["n", channels, preparation.height, preparation.width], "type": "float32", "values": "(pixel 0..255 - mean) / std"},
        "outputs": list(trained.net.output_names),
        "labels": list(trained.task.labels),
        "files": {name: sha256_of(folder / name) for name in sorted(files_under(folder))},
    }  # fmt: skip
