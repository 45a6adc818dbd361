"""Finds in the source which codes errors and warnings can carry."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import landsight
from landsight import errors

SOURCE = Path(landsight.__file__).parent
ERRORS = {name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, errors.LandsightError)}


def codes_of(names: set[str]) -> dict[str, str]:
    """code -> where, for every literal first argument of a call to one of ``names``, or to a class derived from one in the same file."""
    found: dict[str, str] = {}
    for path, tree in _trees().items():
        derived = {
            node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and any(_name(base) in names for base in node.bases)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and _name(node.func) in names | derived and node.args:
                for code in _texts(node.args[0]):
                    found.setdefault(code, f"{path.relative_to(SOURCE)}:{node.lineno}")
    return found


@cache
def _trees() -> dict[Path, ast.Module]:
    return {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(SOURCE.rglob("*.py"))}


def _texts(node: ast.expr) -> Iterator[str]:
    """The literal, or both of ``a if ... else b``."""
    if isinstance(node, ast.IfExp):
        yield from _texts(node.body)
        yield from _texts(node.orelse)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
