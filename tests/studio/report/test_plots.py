"""Plots and thumbnails become data URIs; the same plot is the same file; hostile files do no harm."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from landsight.studio.report.plots import DARK, DPI, LIGHT, Look, plot, png
from landsight.studio.report.thumbnails import thumbnails


def curve(figure: Figure, look: Look) -> None:
    figure.subplots().plot([0, 1, 2], [0, 1, 4], color=look.series[0])


def opened(uri: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(uri.split(",", 1)[1])))


def test_a_plot_is_drawn_for_light_and_dark_and_leaves_nothing_global_behind() -> None:
    before = mpl.rcParams.copy()
    made = plot(curve, alt="a curve", size=(3.0, 2.0))
    assert mpl.rcParams.copy() == before
    for uri, look in ((made.light, LIGHT), (made.dark, DARK)):
        image = opened(uri).convert("RGB")
        assert image.size == (round(3 * DPI), round(2 * DPI))
        assert "#{:02x}{:02x}{:02x}".format(*image.getpixel((0, 0))) == look.ground
    assert made.width_px == 288


def test_the_same_plot_is_the_same_file() -> None:
    assert png(curve) == png(curve)


def test_powers_of_ten_beside_an_axis_are_text() -> None:
    kept: list[Figure] = []

    def logarithmic(figure: Figure, look: Look) -> None:
        kept.append(figure)
        wide, narrow = figure.subplots(1, 2)
        wide.plot([1e-5, 1e-2], [1, 2])
        narrow.plot([1e-3, 3e-3], [1, 2])
        for axes in (wide, narrow):
            axes.set_xscale("log")

    png(logarithmic)
    wide, narrow = ([t.get_text().replace("\N{MINUS SIGN}", "-") for t in axes.get_xticklabels(which="both")] for axes in kept[0].axes)
    assert {"1e-05", "1e-03"} <= set(wide)
    assert {"1e-03", "2e-03"} <= set(narrow), "less than a decade needs labels in between"
    assert not any("$" in text for text in wide + narrow)


def test_thumbnails(tmp_path: Path) -> None:
    picture = tmp_path / "a.png"
    Image.fromarray(np.full((300, 600, 3), 90, np.uint8)).save(picture)
    broken = tmp_path / "b.jpg"
    broken.write_bytes(b"\xff\xd8\xff\xe0 no")
    bomb = b"\x89PNG\r\n\x1a\n" + b"\x00" * 40
    found = thumbnails([picture, broken, tmp_path / "absent.jpg", bomb, picture.read_bytes()], px=100)
    assert found[1:4] == ["", "", ""]
    assert opened(found[0]).size == opened(found[4]).size == (100, 50)
