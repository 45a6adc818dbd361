"""The command line called in this process, on a tiny bundle and drawn photos."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from bundle_factory import COLOURS, draw_photo, make_bundle
from landsight.cli.app import run


class Result(NamedTuple):
    code: int
    out: str
    err: str


Landsight = Callable[..., Result]


@pytest.fixture
def landsight(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Landsight:
    """Call ``landsight ARGS`` and get exit code, stdout and stderr. Nothing is remembered outside the test."""
    monkeypatch.setenv("LANDSIGHT_CACHE", str(tmp_path / "cache"))

    def call(*args: object) -> Result:
        capsys.readouterr()
        with pytest.raises(SystemExit) as exit_info:
            run([str(arg) for arg in args])
        out, err = capsys.readouterr()
        code = exit_info.value.code
        assert isinstance(code, int)
        return Result(code, out, err)

    return call


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle that tells red, green and blue pictures apart."""
    root = tmp_path_factory.mktemp("cli") / "bundle"
    make_bundle(root)
    return root


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder: a landmark, one with GPS far away from what it shows, a broken one, and a text."""
    folder = tmp_path / "photos"
    (folder / "sub").mkdir(parents=True)
    (folder / "a red.jpg").write_bytes(draw_photo(COLOURS["red_rock"]))
    (folder / "b gps.jpg").write_bytes(draw_photo(COLOURS["green_hill"], gps=(-33.8568, 151.2153)))
    (folder / "c broken.jpg").write_bytes(draw_photo(COLOURS["green_hill"])[:300])
    (folder / "notes.txt").write_text("no photo", encoding="utf-8")
    (folder / "sub" / "d blue.png").write_bytes(draw_photo(COLOURS["blue_bay"], format="PNG"))
    return folder
