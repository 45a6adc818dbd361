"""Plots for reports, with one look for all of them: matplotlib's Figure on an Agg canvas, no pyplot and nothing global.

A plot is drawn twice, for light and for dark surroundings; the page shows the one that fits:

    plot(lambda figure, look: figure.subplots().plot(xs, ys, color=look.series[0]), alt="loss by epoch")

Colours are told apart with the common kinds of colour blindness (from Okabe and Ito's set, darkened for white and lightened for black).
"""

from __future__ import annotations

import base64
import io
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cycler import cycler
from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import Colormap, LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatter, LogFormatterMathtext

from landsight.studio.report.page import Plot

#: Dots an inch of the files: twice what a page shows, for sharp screens and paper.
DPI = 180
#: Pixels that a page gives to one inch of figure.
PAGE_PX = 96


@dataclass(frozen=True, slots=True)
class Look:
    """Colours of a plot. ``ground`` is that of the page's card; ``series`` for what is compared; ``ramp`` a colour map from little to much, for cmap=."""

    ground: str
    ink: str
    soft: str
    grid: str
    series: tuple[str, ...]
    ramp: Colormap

    def settings(self) -> dict[Any, Any]:
        """matplotlib's settings."""
        return {
            "figure.facecolor": self.ground, "axes.facecolor": self.ground, "savefig.facecolor": self.ground, "text.color": self.ink,
            "axes.labelcolor": self.soft, "axes.edgecolor": self.grid, "xtick.color": self.soft, "ytick.color": self.soft,
            "axes.titlecolor": self.ink, "axes.titlesize": 11, "axes.titlelocation": "left", "axes.titleweight": "bold",
            "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "grid.color": self.grid, "grid.linewidth": 0.7,
            "axes.axisbelow": True, "axes.prop_cycle": cycler(color=self.series), "font.size": 9.5, "axes.labelsize": 9.5,
            "legend.frameon": False, "legend.fontsize": 9, "lines.linewidth": 1.9, "xtick.major.size": 0, "ytick.major.size": 0,
            "figure.constrained_layout.use": True, "font.family": "DejaVu Sans",
            "text.parse_math": False,  # a name of a class with dollars in it is no formula
        }  # fmt: skip

    def is_dark_at(self, share: float) -> bool:
        """Is the ramp dark at ``share`` in [0, 1], so that text on it must be white."""
        red, green, blue, _ = self.ramp(share)
        return bool(0.299 * red + 0.587 * green + 0.114 * blue < 0.55)


def _ramp(*colours: str) -> Colormap:
    return LinearSegmentedColormap.from_list("landsight", colours)


LIGHT = Look(
    "#ffffff", "#22262b", "#5d666f", "#e2e0da", ("#1f6f8b", "#c8612c", "#3d8a5f", "#8a5a9e", "#b08a1e", "#6b747c"),
    _ramp("#f4f6f7", "#a9cedb", "#3f8ba6", "#0e4357"),
)  # fmt: skip
DARK = Look(
    "#1d2126", "#e4e6e8", "#9aa4ad", "#363d45", ("#6fc0da", "#f0a070", "#7fcf9f", "#c79bdb", "#e3c463", "#a5aeb6"),
    _ramp("#262b31", "#2a5a6c", "#5fb0ca", "#e6f7fc"),
)  # fmt: skip

Draw = Callable[[Figure, Look], object]


def plot(draw: Draw, *, alt: str, caption: str = "", size: tuple[float, float] = (7.2, 3.8), dpi: int = DPI) -> Plot:
    """A block for the page. ``draw(figure, look)`` fills an empty figure of ``size`` inches (96 page pixels each).

    A plot wider than about 10 inches is not made smaller to fit: the page lets it be moved about.
    """
    light, dark = (data_uri(png(draw, size=size, look=look, dpi=dpi)) for look in (LIGHT, DARK))
    return Plot(light, dark, alt, caption, round(size[0] * PAGE_PX))


def png(draw: Draw, *, size: tuple[float, float] = (7.2, 3.8), look: Look = LIGHT, dpi: int = DPI) -> bytes:
    """The same as the bytes of a PNG file."""
    with rc_context(look.settings()):
        figure = Figure(figsize=size, dpi=dpi)
        FigureCanvasAgg(figure)
        draw(figure, look)
        _plain_logarithms(figure)
        return png_of(figure)


def _plain_logarithms(figure: Figure) -> None:
    """1e-03 beside a logarithmic axis: matplotlib writes powers of ten as formulas, which are not parsed here."""
    for axis in (axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)):
        if isinstance(axis.get_major_formatter(), LogFormatterMathtext):
            axis.set_major_formatter(LogFormatter())
            axis.set_minor_formatter(LogFormatter(labelOnlyBase=False))


def png_of(figure: Figure) -> bytes:
    """A finished figure (someone else's, too) as a PNG file; without a date, so that the same plot is the same file."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph", UserWarning)  # a letter that the font lacks is drawn as a box; the page itself has it
        figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def data_uri(content: bytes, kind: str = "image/png") -> str:
    """Bytes as something an <img> can show without a file."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
