"""What is said beside a map, the same words wherever it is shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from landsight.bundle.confused import Taken


def confused_words(confused: Sequence[Taken] | None, shown_name: Callable[[str], str] = str) -> str:
    """such as "most often confused with: Blue Mosque (2 of 19 test photos)"; what is known when it was never confused; "" when nothing is."""
    if confused is None:
        return ""
    if not confused:
        return "never taken for another in the test"
    first, *others = confused
    parts = [
        f"{shown_name(first.label)} ({first.count} of {first.of} test photos)",
        *(f"{shown_name(t.label)} ({t.count})" for t in others),
    ]
    return f"most often confused with: {', '.join(parts)}"


def percent(probability: float | None) -> str:
    """With no false precision: 97 %, and never 100 % or 0 %."""
    if probability is None:
        return ""
    if probability >= 0.995:
        return "over 99 %"
    return "under 1 %" if probability < 0.005 else f"{100 * probability:.0f} %"
