"""Figures as a reader sees them: shares in per cent, intervals, tiles."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib import metadata

from landsight.bundle.manifest import Metric
from landsight.studio.report.page import Cell, Tile


def percent(share: float, digits: int = 1) -> str:
    """0.9451 -> "94.5 %"."""
    return f"{100 * share:.{digits}f} %"


def points(difference: float) -> str:
    """-0.031 -> "−3.1": percentage points with their sign, as a true minus; none for 0."""
    text = f"{100 * difference:+.1f}".replace("-", "−")
    return "0.0" if text[1:] == "0.0" else text


def interval(metric: Metric, digits: int = 1) -> str:
    """ "93.2 to 95.6 %"."""
    return f"{100 * metric.low:.{digits}f} to {100 * metric.high:.{digits}f} %"


def points_interval(metric: Metric) -> str:
    """ "−4.1 to −2.0"."""
    return f"{points(metric.low)} to {points(metric.high)}"


def share_cell(metric: Metric | None, *, bar: bool = True) -> Cell:
    """A share with its interval below and a bar; a dash for None."""
    if metric is None:
        return Cell("–")
    return Cell(percent(metric.value), metric.value, metric.value if bar else None, detail=interval(metric))


def difference_cell(metric: Metric) -> Cell:
    """A difference of shares in percentage points with its interval below."""
    return Cell(points(metric.value), metric.value, detail=points_interval(metric))


def tile(name: str, metric: Metric) -> Tile:
    """A share with its interval."""
    return Tile(name, percent(metric.value), interval(metric), metric.what)


def made_by() -> str:
    """The foot of a page: version and time."""
    return f"landsight {metadata.version('landsight')}, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
