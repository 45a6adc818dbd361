"""Open a bundle folder: read what it says, check that it is what was exported, hand out paths and arrays."""

from __future__ import annotations

import hashlib
import shlex
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landsight.bundle.confused import CONFUSED_NAME, MAX_CONFUSED_BYTES, Confused
from landsight.bundle.manifest import Manifest, is_safe_name
from landsight.errors import BundleError

MANIFEST_NAME = "bundle.json"
ARRAYS_NAME = "arrays.npz"
#: The network with nothing folded, where the model has folded something.
TRACE_NAME = "trace.onnx"

#: Where a run folder keeps its bundle.
RUN_BUNDLE = "bundle"

#: A manifest of 10,000 labels with places takes about 2 MB; far above that is no manifest.
MAX_MANIFEST_BYTES = 16_000_000
#: Uncompressed size of all arrays together; a patch memory of 100,000 x 1,536 halves takes 0.3 GB.
MAX_ARRAY_BYTES = 2_000_000_000

_EXPORT_AGAIN = "Export the bundle again, or copy it again from where it came."
_GIVE_EXPORTED = "Give a folder that `landsight export` made."


@dataclass(frozen=True)
class Bundle:
    """A trained model on disk. ``bundle_hash`` is the sha256 of bundle.json, and so of every file it lists."""

    root: Path
    manifest: Manifest
    bundle_hash: str

    @cached_property
    def arrays(self) -> Mapping[str, NDArray[Any]]:
        """The fitted arrays of arrays.npz, halves widened to float32, read on first use; empty when the bundle lists none.

        Raises: BundleError when damaged.
        """
        if ARRAYS_NAME not in self.manifest.files:
            return MappingProxyType({})
        return MappingProxyType(_read_arrays(self.file(ARRAYS_NAME)))

    @cached_property
    def confused(self) -> Confused | None:
        """Which labels were taken for which in the test, read on first use; None when the bundle does not say. Raises: BundleError."""
        if CONFUSED_NAME not in self.manifest.files:
            return None
        path = self.file(CONFUSED_NAME)
        try:
            with path.open("rb") as stream:
                content = stream.read(MAX_CONFUSED_BYTES + 1)
            if len(content) > MAX_CONFUSED_BYTES:
                raise ValueError(f"it has more than {MAX_CONFUSED_BYTES:,} bytes")
            text = content.decode("utf-8")
        except (OSError, ValueError) as error:
            raise BundleError("bundle_damaged", f"{path} cannot be read: {error}.", _EXPORT_AGAIN) from None
        return Confused.from_json(text, self.manifest.labels)

    def file(self, name: str) -> Path:
        """The path of a listed file. Raises: BundleError for a name that the bundle does not list."""
        if name not in self.manifest.files:
            raise BundleError("bundle_incomplete", f"The bundle {self.manifest.name} lists no file {name!r}.", _EXPORT_AGAIN)
        return inside(self.root, name)

    def model_path(self, precision: str) -> Path:
        """The model file of a precision, such as "fp32". Raises: BundleError for a precision that the bundle does not have."""
        try:
            name = self.manifest.precisions[precision]
        except KeyError:
            known = ", ".join(self.manifest.precisions)
            raise BundleError("bundle_precision", f"The bundle has no precision {precision!r}.", f"Choose one of: {known}.") from None
        return self.file(name)


def shipped_path() -> Path:
    """Where the bundle that comes with the package lies."""
    return Path(__file__).with_name("world")


def bundle_root(path: Path) -> Path:
    """The bundle folder that is meant: ``path`` itself, or bundle/ in it, where a run folder keeps what was exported of it."""
    if not (path / MANIFEST_NAME).exists() and (path / RUN_BUNDLE / MANIFEST_NAME).is_file():
        return path / RUN_BUNDLE
    return path


def is_model(path: Path) -> bool:
    """Whether ``path`` is a bundle or a run folder, exported or not; else it may be a photo or a folder of them."""
    return (bundle_root(path) / MANIFEST_NAME).exists() or (path / "recipe.toml").is_file()


def load(path: Path | str | None = None, *, check_files: bool = True) -> Bundle:
    """Open a bundle, also that of a run folder; None opens the one that is shipped.

    ``check_files`` False reads bundle.json only, for bundle.verify, which reports each file that is wrong; every other caller leaves it
    True. Cost of True: reads every listed file once (sha256: 17 ms for 20 MB on a processor with SHA instructions).
    Raises: BundleError (bundle_missing, bundle_foreign, bundle_newer, bundle_incomplete, bundle_tampered).
    """
    root = shipped_path() if path is None else bundle_root(Path(path))
    text = _read_manifest(root)
    try:
        manifest = Manifest.from_json(text.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise BundleError("bundle_foreign", f"{root / MANIFEST_NAME} is not UTF-8: {error.reason}.", _GIVE_EXPORTED) from None
    bundle = Bundle(root, manifest, hashlib.sha256(text).hexdigest())
    if check_files:
        _require_unchanged(bundle)
    return bundle


def _require_unchanged(bundle: Bundle) -> None:
    """Unlisted files are left alone here: nothing reads them."""
    for name in bundle.manifest.files:
        if not inside(bundle.root, name).is_file():
            raise BundleError("bundle_incomplete", f"The bundle {bundle.root} lacks its file {name!r}.", _EXPORT_AGAIN)
    wrong = [name for name, expected in bundle.manifest.files.items() if sha256_of(inside(bundle.root, name)) != expected]
    if wrong:
        named = ", ".join(map(repr, wrong[:5]))
        raise BundleError("bundle_tampered", f"The bundle {bundle.root} was changed since it was made: {named}.", _EXPORT_AGAIN)


def sha256_of(path: Path) -> str:
    """Hexadecimal sha256 of a file, read in pieces. Raises: BundleError when it cannot be read."""
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise BundleError("bundle_incomplete", f"{path} cannot be read: {error.strerror}.", _EXPORT_AGAIN) from None


def inside(root: Path, name: str) -> Path:
    """The path of ``name`` under ``root``. Raises: BundleError for a name, or a link, that leads out of the folder."""
    path = root / name
    if not is_safe_name(name) or not path.resolve().is_relative_to(root.resolve()):
        raise BundleError("bundle_foreign", f"The bundle {root} names a file outside its folder: {name!r}.", "Do not use this bundle.")
    return path


def _read_manifest(root: Path) -> bytes:
    path = root / MANIFEST_NAME
    if not root.exists():
        raise BundleError(
            "bundle_missing",
            f"There is no bundle at {root}.",
            "Give a folder that `landsight export` made, or none: then the shipped bundle answers.",
        )
    if not path.is_file():
        is_run = (root / "recipe.toml").is_file()
        raise BundleError(
            "bundle_foreign", f"{root} is no bundle: it has no {MANIFEST_NAME}.",
            f"It is a run that was not exported: `landsight export {shlex.quote(str(root))}` makes its bundle." if is_run else _GIVE_EXPORTED,
        )  # fmt: skip
    try:
        size = path.stat().st_size
        if size > MAX_MANIFEST_BYTES:
            raise BundleError(
                "bundle_foreign", f"{path} has {size:,} bytes; a manifest has at most {MAX_MANIFEST_BYTES:,}.", "Export the bundle again."
            )
        return path.read_bytes()
    except OSError as error:
        raise BundleError("bundle_missing", f"{path} cannot be read: {error.strerror}.", "Check its permissions.") from None


def _read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """All arrays of an .npz, halves as float32; pickled objects are refused."""
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
        if size > MAX_ARRAY_BYTES:
            raise BundleError(
                "bundle_foreign", f"{path} unpacks to {size:,} bytes; at most {MAX_ARRAY_BYTES:,} are read.", "Do not use this bundle."
            )
        with np.load(path, allow_pickle=False) as arrays:
            found = {name: arrays[name] for name in arrays.files}
            if wrong := [name for name, array in found.items() if not isinstance(array, np.ndarray)]:
                raise ValueError(f"{wrong[0]!r} is no array")
            if wrong := [name for name, array in found.items() if array.dtype.kind == "f" and not np.isfinite(array).all()]:
                raise ValueError(f"{wrong[0]!r} holds what is no finite number")
            return {name: _fast(array) for name, array in found.items()}
    except (OSError, ValueError, zipfile.BadZipFile, zlib.error, EOFError, KeyError, RuntimeError, MemoryError) as error:
        raise BundleError("bundle_damaged", f"{path} is not a readable table of arrays: {error}.", _EXPORT_AGAIN) from None


def _fast(array: NDArray[Any]) -> NDArray[Any]:
    """Halves save room on disk; no processor here multiplies them, so they are widened once and not at every use."""
    return array.astype(np.float32) if array.dtype == np.float16 else array
