"""The digits that scikit-learn carries, as a folder that every verb reads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from click.testing import CliRunner, Result
from PIL import Image
from sklearn.datasets import load_digits

from landsight.cli.app import cli
from landsight.errors import LandsightError
from landsight.studio.data.readers import open_reader
from landsight.studio.recipe import DataRecipe


def digits(folder: Path) -> Result:
    return CliRunner().invoke(cli, ["data", "digits", str(folder)])


def test_a_folder_a_class_of_real_digits_in_the_middle_of_black(tmp_path: Path) -> None:
    result = digits(tmp_path / "digits")
    assert result.exit_code == 0, result.output
    assert "1797 pictures, 10 classes of 174 to 183" in result.output
    samples = open_reader(DataRecipe(root=str(tmp_path / "digits"))).read("train")
    assert (len(samples), samples.labels) == (1797, tuple("0123456789"))
    picture = np.asarray(Image.open(tmp_path / "digits" / "0" / "0000.png"))
    assert (picture.shape, picture.dtype) == ((24, 24), np.uint8)
    assert not picture[:4].any() and not picture[-4:].any() and not picture[:, :4].any() and not picture[:, -4:].any()
    # The digit is scikit-learn's own: shrunk again it is the same, but for what an enlargement smooths.
    shrunk = Image.fromarray(picture[4:20, 4:20]).resize((8, 8), Image.Resampling.BOX)
    original = load_digits().images[0] * 255 / 16
    assert np.corrcoef(np.asarray(shrunk, float).ravel(), original.ravel())[0, 1] > 0.99


def test_given_again_it_writes_the_same_and_leaves_others_alone(tmp_path: Path) -> None:
    digits(tmp_path)
    before = (tmp_path / "7" / "0007.png").read_bytes()
    (tmp_path / "7" / "mine.png").write_bytes(b"mine")
    assert digits(tmp_path).exit_code == 0
    assert (tmp_path / "7" / "0007.png").read_bytes() == before
    assert (tmp_path / "7" / "mine.png").read_bytes() == b"mine"


def test_a_place_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "3").write_text("in the way")
    result = digits(tmp_path)
    assert isinstance(result.exception, LandsightError)
    assert (result.exception.code, result.exception.exit_code) == ("bad_output", 2)
