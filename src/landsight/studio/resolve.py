"""Tables, not registries: ``name -> "module:function"``, resolved on use, so that listing is instant and nothing is imported for it."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Mapping
from typing import Any

from landsight.errors import RecipeError


def nearest(name: str, known: object) -> str:
    """Advice for a name that is not known: the closest one, or the whole list."""
    names = sorted(str(k) for k in known)  # type: ignore[attr-defined]
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    return f"Did you mean {close[0]!r}?" if close else f"Known: {', '.join(names)}."


def resolve(table: Mapping[str, str], name: str, what: str) -> Any:
    """The object that ``table[name]`` names. Raises: RecipeError for an unknown name, with the nearest known one."""
    if name not in table:
        raise RecipeError("unknown_name", f"Unknown {what}: received {name!r}.", nearest(name, table))
    module, _, attribute = table[name].partition(":")
    return getattr(importlib.import_module(module), attribute)
