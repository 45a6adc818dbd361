"""Which reader a folder needs, told from what lies in it."""

from __future__ import annotations

from landsight.errors import DataError
from landsight.studio.data.readers import Reader, csv, folder, idx
from landsight.studio.data.readers.parts import folder_of
from landsight.studio.recipe import DataRecipe


def from_recipe(recipe: DataRecipe) -> Reader:
    """A table when the recipe names one or ``labels.csv`` is there; idx files; else a folder a class. Raises: DataError no_folder."""
    root = folder_of(recipe.root)
    if not root.is_dir():
        raise DataError(
            "no_folder",
            f"The data folder does not exist: received {root}.",
            "Set data.root to a folder with one folder a class, a labels.csv, or idx files.",
        )
    if recipe.labels_file or any((root / name).is_file() for name in csv.USUAL_TABLES):
        return csv.from_recipe(recipe)
    return idx.from_recipe(recipe) if idx.is_idx(root) else folder.from_recipe(recipe)
