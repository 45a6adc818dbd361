"""Typed values from TOML: a frozen dataclass says what is allowed; unknown keys are errors with the nearest known one, not guesses."""

from __future__ import annotations

import dataclasses
import json
import tomllib
import types
import typing
from collections.abc import Mapping
from typing import Any

from landsight.errors import BundleError, RecipeError
from landsight.photo.prepare import Preparation
from landsight.studio.resolve import nearest


def copied(data: Mapping[str, Any]) -> dict[str, Any]:
    """Nested tables as dicts of our own, which may be changed."""
    return {k: copied(v) if isinstance(v, Mapping) else v for k, v in data.items()}


def set_value(tree: dict[str, Any], setting: str) -> None:
    """Put one ``section.key=value`` into a parsed tree; a value is TOML, or plain text. Raises: RecipeError."""
    key, sign, text = setting.partition("=")
    *path, last = key.strip().split(".")
    if not sign or not last:
        raise RecipeError(
            "bad_setting", f"A setting has the form section.key=value: received {setting!r}.", "For example optimise.rate=3e-4."
        )
    for name in path:
        tree = tree.setdefault(name, {})
        if not isinstance(tree, dict):
            raise RecipeError("bad_setting", f"{key!r} goes through a value that has no keys.", "Name a section and a key.")
    try:
        tree[last] = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        tree[last] = text.strip()


def build(kind: Any, data: Any, where: str) -> Any:
    """A dataclass from a mapping, field by field, every value checked against its annotation."""
    if not isinstance(data, Mapping):
        raise _wrong(where, "a section with keys", data)
    hints = typing.get_type_hints(kind)
    for key in data:
        if key not in hints:
            name = f"{where}.{key}" if where else key
            raise RecipeError("unknown_key", f"Unknown key in the recipe: received {name!r}.", nearest(key, hints))
    values = {key: _value(hints[key], value, f"{where}.{key}" if where else key) for key, value in data.items()}
    if kind is Preparation:
        values = {"width": 192, "height": 192, **values}
    try:
        return kind(**values)
    except BundleError as error:
        raise RecipeError("bad_value", error.reason, error.advice) from None


def _value(hint: Any, value: Any, where: str) -> Any:
    """``value`` as ``hint`` wants it; a whole number does for a float, nothing else is converted."""
    if dataclasses.is_dataclass(hint):
        return build(hint, value, where)
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        if value is None and type(None) in arguments:
            return None
        return next(_value(a, value, where) for a in arguments if a is not type(None))
    if origin is typing.Literal:
        if value not in arguments:
            raise RecipeError("bad_value", f"{where}: received {value!r}.", nearest(str(value), arguments))
        return value
    if origin is tuple:
        return _tuple(arguments, value, where)
    if origin is not None and issubclass(origin, Mapping):
        if not isinstance(value, Mapping):
            raise _wrong(where, "a table", value)
        return {str(k): _value(arguments[1], v, f"{where}.{k}") for k, v in value.items()}
    if hint is float and type(value) is int:
        return float(value)
    if type(value) is not hint:
        raise _wrong(where, {bool: "true or false", int: "a whole number", float: "a number", str: "text"}[hint], value)
    if hint is str and not is_text(value):
        raise _wrong(where, "text in UTF-8, without NUL", value)
    return value


def is_text(value: str) -> bool:
    """Can it be written down and read again: no NUL, which no path holds, and none of the bytes of a path that is not UTF-8."""
    return "\0" not in value and not any("\ud800" <= character <= "\udfff" for character in value)


def _tuple(arguments: tuple[Any, ...], value: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise _wrong(where, "a list", value)
    if arguments[-1] is Ellipsis:
        return tuple(_value(arguments[0], v, f"{where}[{i}]") for i, v in enumerate(value))
    if len(value) != len(arguments):
        raise _wrong(where, f"a list of {len(arguments)}", value)
    return tuple(_value(a, v, f"{where}[{i}]") for i, (a, v) in enumerate(zip(arguments, value, strict=True)))


def _wrong(where: str, wanted: str, value: Any) -> RecipeError:
    return RecipeError("wrong_type", f"{where or 'the recipe'} must be {wanted}: received {value!r}.", "Correct the recipe or the --set.")


def toml_value(value: Any) -> str:
    """A value as TOML text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace(
            "\x7f", "\\u007f"
        )  # the one character that JSON allows as it is and TOML does not
    if isinstance(value, Mapping):
        return (
            "{ "
            + ", ".join(f"{k if k.isidentifier() and k.isascii() else toml_value(k)} = {toml_value(v)}" for k, v in value.items())
            + " }"
        )
    if isinstance(value, tuple | list):
        return "[" + ", ".join(toml_value(v) for v in value) + "]"
    return repr(value)
