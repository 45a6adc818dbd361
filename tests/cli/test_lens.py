"""What `landsight lens` takes: one photo, with or without a model before it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from bundle_factory import make_bundle
from landsight.cli.lens import lens
from landsight.errors import UsageError
from photos_drawn import jpeg


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.jpg"
    path.write_bytes(jpeg(seed=5))
    return path


def test_a_photo_alone_is_shown_in_the_shipped_network(photo: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(lens, [str(photo), "--out", str(tmp_path / "page.html"), "--limit-mb", "1"])
    assert done.exit_code == 0, done.output
    written = re.search(r'id="lens-data">(.*?)</script>', (tmp_path / "page.html").read_text(encoding="utf-8"), re.DOTALL)
    assert written is not None and json.loads(written[1])["network"]["model"] == "world110"


def test_a_model_alone_and_two_photos_are_refused(photo: Path, tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path / "bundle").root
    for paths, code in (([bundle], "no_photos"), ([bundle, photo, photo], "too_many_photos")):
        with pytest.raises(UsageError) as caught:
            CliRunner().invoke(lens, [str(p) for p in paths], catch_exceptions=False)
        assert caught.value.code == code
    assert not (tmp_path / "lens.html").exists()
