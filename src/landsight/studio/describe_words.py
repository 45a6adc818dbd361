"""Shapes, sizes and counts as people read them."""

from __future__ import annotations


def by(shape: tuple[int, ...]) -> str:
    """3x224x224."""
    return "x".join(map(str, shape))


def pixels(pair: tuple[float | None, float | None], endless: str = "all") -> str:
    """One number when height and width are equal."""
    texts = [endless if value is None else f"{value:g}" for value in pair]
    return texts[0] if texts[0] == texts[1] else "x".join(texts)


def memory(number: int) -> str:
    """Bytes as people read them."""
    size, units = float(number), ["B", "kB", "MB", "GB", "TB"]
    while size >= 1000 and len(units) > 1:
        size, units = size / 1000, units[1:]
    return f"{size:.0f} {units[0]}" if units[0] == "B" else f"{size:.3g} {units[0]}" if size < 100 else f"{size:.0f} {units[0]}"


def amount(number: int) -> str:
    """Operations as people read them."""
    size, units = float(number), ["", " thousand", " million", " billion", " trillion"]
    while size >= 1000 and len(units) > 1:
        size, units = size / 1000, units[1:]
    return f"{size:.3g}{units[0]}" if size < 100 else f"{size:.0f}{units[0]}"


def short(number: int) -> str:
    """1,234,567 as 1.23M."""
    size, units = float(number), ["", "k", "M", "G", "T"]
    while size >= 999.5 and len(units) > 1:
        size, units = size / 1000, units[1:]
    return f"{size:.3g}{units[0]}"
