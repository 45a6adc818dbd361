"""A table of places (``places.csv``) put onto the labels of a model: what makes a classifier a locator."""

from __future__ import annotations

import difflib
from collections.abc import Collection
from pathlib import Path

from landsight.bundle.manifest import BundlePlace
from landsight.errors import PlacesError
from landsight.places.catalogue import read_catalogue

#: What the table is called where it lies beside the classes.
PLACES_NAME = "places.csv"


def placed(labels: Collection[str], path: Path) -> dict[str, BundlePlace]:
    """Label -> place, in the order of the labels. Rows for other classes do nothing: one table may serve many models.

    Raises: PlacesError for a table that cannot be read or holds impossible values, or that leaves a label without a place: half a
    locator would point nowhere for the other half, and a misspelt row is found that way.
    """
    catalogue = read_catalogue(path)
    if missing := [label for label in labels if label not in catalogue]:
        close = difflib.get_close_matches(missing[0], [name for name in catalogue if name not in labels], n=1, cutoff=0.6)
        raise PlacesError(
            "places_csv", f"{path.name} has no row for the class {missing[0]!r}{_more(missing, 'nor for')}.",
            f"Did you mean {missing[0]!r} where it says {close[0]!r}?" if close
            else "Add what is missing; without any table the model is a classifier (landsight predict).",
        )  # fmt: skip
    rows = ((label, catalogue[label]) for label in labels)
    return {
        label: BundlePlace(p.name, p.latitude, p.longitude, p.extent_m, p.city, p.country_code, p.country) for label, p in rows
    }  # fmt: skip


def _more(names: list[str], words: str) -> str:
    return f", {words} {len(names) - 1} more" if len(names) > 1 else ""
