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


def placed(labels: Collection[str], path: Path, *, spare: Collection[str] = ()) -> dict[str, BundlePlace]:
    """Label -> place, in the order of the labels. ``spare``: classes that the table may name although the model does not know them.

    Raises: PlacesError for a table that cannot be read or holds impossible values, that names a class which is no label, or that leaves
    a label without a place: half a locator would point nowhere for the other half.
    """
    catalogue = read_catalogue(path)
    if strangers := [label for label in catalogue if label not in labels and label not in spare]:
        close = difflib.get_close_matches(strangers[0], labels, n=1, cutoff=0.6)
        advice = (
            f"Did you mean {close[0]!r}?"
            if close
            else "Name it as the model does, or take its row out; the table needs a row for each class, and no others."
        )
        raise PlacesError(
            "places_csv", f"{path.name} names {strangers[0]!r}, which is no class of this model{_more(strangers, 'and so are')}.", advice
        )
    if missing := [label for label in labels if label not in catalogue]:
        raise PlacesError(
            "places_csv", f"{path.name} has no row for the class {missing[0]!r}{_more(missing, 'nor for')}.",
            "Add what is missing; without any table the model is a classifier (landsight predict).",
        )  # fmt: skip
    rows = ((label, catalogue[label]) for label in labels)
    return {
        label: BundlePlace(p.name, p.latitude, p.longitude, p.extent_m, p.city, p.country_code, p.country) for label, p in rows
    }  # fmt: skip


def _more(names: list[str], words: str) -> str:
    return f", {words} {len(names) - 1} more" if len(names) > 1 else ""
