"""Is a bundle folder what was exported? Every file against its sha256; answers are replayed by answer.replay."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from landsight.bundle.load import MANIFEST_NAME, Bundle, inside, sha256_of
from landsight.bundle.seal import files_under


@dataclass(frozen=True, slots=True)
class FileReport:
    """Names of files: ``changed`` have another sha256 than bundle.json says, ``missing`` are not there, ``unlisted`` are not in it."""

    checked: int
    changed: tuple[str, ...]
    missing: tuple[str, ...]
    unlisted: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """True when the folder holds the listed files, unchanged, and no others."""
        return not (self.changed or self.missing or self.unlisted)

    def problems(self) -> list[str]:
        """One line a file that is not as it should be; empty when all is well."""
        return [
            *(f"{name!r} was changed since the bundle was made" for name in self.changed),
            *(f"{name!r} is missing" for name in self.missing),
            *(f"{name!r} is not listed in {MANIFEST_NAME}" for name in self.unlisted),
        ]


def verify_files(bundle: Bundle) -> FileReport:
    """Compare every file of the folder with bundle.json. Open the bundle with ``load(path, check_files=False)``, which
    leaves the findings to this.

    Raises: BundleError when a listed name or link leads out of the folder.
    """
    listed = bundle.manifest.files
    paths: dict[str, Path] = {name: inside(bundle.root, name) for name in listed}
    missing = tuple(name for name, path in paths.items() if not path.is_file())
    changed = tuple(name for name, path in paths.items() if name not in missing and sha256_of(path) != listed[name])
    unlisted = tuple(sorted(name for name in files_under(bundle.root) if name not in listed and name != MANIFEST_NAME))
    return FileReport(len(listed), changed, missing, unlisted)
