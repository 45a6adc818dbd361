"""``places.csv`` beside the classes of a training folder, or where it is said to lie."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from landsight.bundle.manifest import BundlePlace
from landsight.bundle.placed import PLACES_NAME, placed
from landsight.studio.recipe import DataRecipe


def places_of(data: DataRecipe, labels: Sequence[str], table: Path | None = None) -> dict[str, BundlePlace]:
    """Label -> place from ``table``; None: from places.csv in the data folder, and empty when there is none.

    Called before training as well, so that a table that does not fit is told then.
    Raises: PlacesError, see bundle.placed.
    """
    path = table or Path(os.path.expandvars(data.root)).expanduser() / PLACES_NAME
    return placed(labels, path) if table is not None or path.is_file() else {}
