"""The text of a value as a Jupyter kernel shows it: lists, tuples, dicts and sets broken where a line gets too long.

A kernel breaks the outermost brackets first, at each comma, and indents by how deep it is; sets it sorts. Around what
itself has several lines, brackets within brackets are broken here where a kernel may leave them on one line.
"""

from typing import Any, NamedTuple

from ..model.raw import exact

__all__ = ["pretty"]

WIDTH, MOST = 79, 1000
"""The characters of a line, and the items of a container, that a kernel shows."""

BRACKETS = (
    (list, "[", "]"),
    (tuple, "(", ")"),
    (dict, "{", "}"),
    (set, "{", "}"),
    (frozenset, "frozenset({", "})"),
)


class _Group(NamedTuple):
    """Brackets and what stands in them."""

    opening: str
    items: list[tuple[str, "_Group | str"]]
    """Each with the key before it."""
    closing: str
    flat: str
    """All of it on one line; empty where something in it has several."""


def pretty(value: Any) -> str:
    """The text of a value, on one line or several."""
    return _laid(_tree(value, ()), 0, 0, 0)


def _tree(value: Any, above: tuple[int, ...]) -> _Group | str:
    found = next((each for each in BRACKETS if type(value) is each[0]), None)
    if found is None or not value:
        return exact(repr(value))
    kind, opening, closing = found
    if id(value) in above:
        return f"{opening}...{closing}"
    closing = f",{closing}" if kind is tuple and len(value) == 1 else closing
    parts = value.items() if kind is dict else [("", part) for part in _ordered(value)]
    items = [
        (exact(repr(key)) + ": " if kind is dict else "", _tree(part, (*above, id(value))))
        for key, part in list(parts)[:MOST]
    ]
    items += [("", "...")] * (len(value) > MOST)
    texts = [key + (part if isinstance(part, str) else part.flat) for key, part in items]
    flat = f"{opening}{', '.join(texts)}{closing}"
    is_flat = "\n" not in flat and all(isinstance(part, str) or part.flat for _, part in items)
    return _Group(opening, items, closing, flat if is_flat else "")


def _ordered(value: Any) -> list[Any]:
    if type(value) in (list, tuple) or len(value) >= MOST:
        return list(value)
    try:
        return sorted(value)
    except Exception:
        return sorted(value, key=str)


def _laid(node: _Group | str, depth: int, column: int, behind: int) -> str:
    """The text of what begins in a column; so many characters stand behind it before the line can end."""
    if isinstance(node, str):
        return node.replace("\n", "\n" + " " * depth)
    if node.flat and column + len(node.flat) + behind <= WIDTH:
        return node.flat
    inner, last = depth + len(node.opening), len(node.items) - 1
    lines = []
    for place, (key, part) in enumerate(node.items):
        start = (inner if place else column + len(node.opening)) + len(key)
        lines.append(key + _laid(part, inner, start, 1 if place < last else len(node.closing) + behind))
    return node.opening + f",\n{' ' * inner}".join(lines) + node.closing
