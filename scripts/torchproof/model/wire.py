"""Dataclasses as JSON and back: between host and session, and in the cache.

A dataclass becomes an object that names its class under `_`; every list comes back as a tuple.
"""

import dataclasses
import json
from functools import cache
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

from . import drawings, runs

__all__ = ["dump", "is_typed", "load"]


def dump(value: Any) -> str:
    """A dataclass of this room, as one line of JSON."""
    return _encode(value)


def load(text: str | bytes) -> Any:
    """What `dump` wrote.

    Raises:
        ValueError: it is something else.
    """
    try:
        return _read(_decode(text.decode() if isinstance(text, bytes) else text))
    except (KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"not written by torchproof: {error!r}") from None


def is_typed(value: Any, hint: Any) -> bool:
    """Whether what was loaded is what the annotations say, all the way down."""
    kind, parts = get_origin(hint), get_args(hint)
    if kind is UnionType:
        return any(is_typed(value, part) for part in parts)
    if kind is tuple:
        hints = parts[:1] * len(value) if parts[-1] is ... and isinstance(value, tuple) else parts
        return isinstance(value, tuple) and len(value) == len(hints) and all(map(is_typed, value, hints))
    if kind is dict:
        return isinstance(value, dict) and all(map(is_typed, value.values(), parts[1:] * len(value)))
    if dataclasses.is_dataclass(hint):
        return type(value) is hint and all(is_typed(getattr(value, name), part) for name, part in _hints(hint))
    return isinstance(value, (int, float) if hint is float else hint)


@cache
def _hints(kind: type) -> list[tuple[str, Any]]:
    return list(get_type_hints(kind).items())


def _fields(value: Any) -> dict[str, Any]:
    kind = type(value)
    return {"_": kind.__name__} | {field.name: getattr(value, field.name) for field in dataclasses.fields(kind)}


def _read(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(map(_read, value))
    if not isinstance(value, dict):
        return value
    fields = {name: _read(part) for name, part in value.items()}
    return CLASSES[fields.pop("_")](**fields) if "_" in fields else fields


_encode, _decode = json.JSONEncoder(default=_fields).encode, json.JSONDecoder().decode
"""Bound here, so that a session whose cells replace `json.dumps` is still understood."""

CLASSES = {
    kind.__name__: kind
    for module in (drawings, runs)
    for kind in vars(module).values()
    if isinstance(kind, type) and dataclasses.is_dataclass(kind)
}
