"""Coordinates to places and back, offline. Tables are read on first use, not at import."""

from __future__ import annotations

from landsight.places.catalogue import CataloguePlace, read_catalogue
from landsight.places.place import Place
from landsight.places.reverse import reverse

__all__ = ["CataloguePlace", "Place", "read_catalogue", "reverse"]
