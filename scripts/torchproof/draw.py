"""Pictures of tensors, drawn from what a session measured (`measure.py`) and nothing else.

Inline SVG whose colours are the page's CSS variables, so it follows the light and the dark scheme;
whatever colour says is said by text or dashes too, and the description says what the picture shows.
"""

from collections.abc import Callable
from html import escape
from itertools import product
from typing import Any

__all__ = ["described", "draw"]

CELL = 28
"""Width of one number; twelve of them fit a phone."""

LEFT = 4
CHARACTER = 7.3
"""Width of a character of the labels, which are monospaced."""


def draw(data: dict[str, Any], identity: str) -> str:
    """The picture of one drawing; `identity` makes its ids unique within the page."""
    width, height, title, description, body = DRAWERS[data["kind"]](data, identity)
    return (
        '<figure class="tp-drawing" data-search-exclude>'
        f'<svg viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}" role="img" '
        f'aria-labelledby="{identity}-t {identity}-d"><title id="{identity}-t">{escape(title)}</title>'
        f'<desc id="{identity}-d">{escape(description)}</desc>{body}</svg></figure>'
    )


def described(data: dict[str, Any]) -> str:
    """What a drawing shows, in words."""
    _, _, title, description, _ = DRAWERS[data["kind"]](data, "")
    return f"{title}. {description}"


Picture = tuple[float, float, str, str, str]
"""Width, height, title, description and body."""


def _memory(data: dict[str, Any], identity: str) -> Picture:
    """Each tensor as its brackets show it, and under them all the one storage that they read."""
    storage, views = data["storage"], data["views"]
    cell = max(CELL, max(map(len, storage), default=1) * CHARACTER + 8)
    # a number has the colour of the row in which the first tensor reads it
    rows = {place: index[0] if index else 0 for index, place in reversed(_places(views[0]))}
    parts = [_arrowheads(identity)]
    said: list[str] = []
    reached: set[int] = set()
    y, width = 0.0, LEFT * 2 + len(storage) * cell
    for view in views:
        places = _places(view)
        reached |= {place for _, place in places}
        order = "contiguous" if view["contiguous"] else "not contiguous"
        facts = f"shape {_tuple(view['shape'])}  strides {_tuple(view['strides'])}"
        facts += f"  offset {view['offset']}" if view["offset"] else ""
        parts.append(_text(LEFT, y + 16, view["name"], "tp-d-name"))
        parts.append(_text(LEFT, y + 34, f"{facts}  {order}", "tp-d-fact"))
        grid_width, grid_height = _grid(parts, view, places, storage, rows, cell, y + 46)
        y += 46 + grid_height + 12
        words = max(len(view["name"]) * 7.4, (len(facts) + len(order) + 2) * 6.7)
        width = max(width, LEFT * 2 + grid_width, LEFT * 2 + words)
        said.append(_said(view, places, len(storage), order))
    one = "one " if len(views) > 1 else ""
    parts.append(_text(LEFT, y + 10, f"{one}storage: {len(storage)} × {data['dtype']}", "tp-d-fact"))
    y += 18
    for place, number in enumerate(storage):
        style = f"tp-d-c{rows.get(place, 0) % 6}" if place in reached else "tp-d-unread"
        parts.append(_box(LEFT + place * cell, y, cell, number, style))
    steps = _steps(parts, views, cell, y + CELL, identity)
    names = " and ".join(view["name"] for view in views)
    return max(width, steps[0]), y + CELL + steps[1] + 10, f"Memory of {names}", " ".join(said), "".join(parts)


def _places(view: dict[str, Any]) -> list[tuple[tuple[int, ...], int]]:
    """Every index of a tensor, in reading order, with its place in the storage."""
    indices = product(*map(range, view["shape"]))
    return [(index, view["offset"] + sum(map(int.__mul__, index, view["strides"]))) for index in indices]


def _grid(
    parts: list[str],
    view: dict[str, Any],
    places: list[tuple[tuple[int, ...], int]],
    storage: list[str],
    rows: dict[int, int],
    cell: float,
    top: float,
) -> tuple[float, float]:
    """The tensor as its brackets show it: rows and columns, further axes as blocks; returns the size."""
    shape = [1] * (4 - len(view["shape"])) + view["shape"]
    if not places:
        return 0, 0
    seen: set[int] = set()
    block_width, block_height = shape[3] * cell + 12, shape[2] * CELL + 12
    for index, place in places:
        a, b, row, column = (0,) * (4 - len(index)) + index
        x, y = LEFT + b * block_width + column * cell, top + a * block_height + row * CELL
        style = f"tp-d-c{rows.get(place, 0) % 6}" + (" tp-d-again" if place in seen else "")
        parts.append(_box(x, y, cell, storage[place], style))
        seen.add(place)
    return shape[1] * block_width - 12, shape[0] * block_height - 12


def _steps(
    parts: list[str], views: list[dict[str, Any]], cell: float, top: float, identity: str
) -> tuple[float, float]:
    """An arrow under the storage for each axis: how far one step along it goes; returns the width and height used."""
    steps = [
        (view["offset"] + stride, view["offset"], stride, axis, f"{view['name']}, " if len(views) > 1 else "")
        for view in views
        for axis, (size, stride) in enumerate(zip(view["shape"], view["strides"], strict=True))
        if size > 1
    ]
    width = 0.0
    # the farthest end first, so that no arrow crosses the label of another
    steps.sort(key=lambda step: (step[2] == 0, -step[0]))
    for number, (end, start, stride, axis, name) in enumerate(steps, 1):
        x, goal, depth = LEFT + (start + 0.5) * cell, LEFT + (end + 0.5) * cell, top + 17 * number
        style = f"tp-d-axis{axis % 2}"
        label = f"{name}dim {axis}: +{stride}" + ("" if stride else ", the same number again")
        if stride:
            path = f"M{x:g} {top + 1:g}V{depth:g}H{goal:g}V{top + 5:g}"
            parts.append(f'<path d="{path}" class="tp-d-step {style}" marker-end="url(#{identity}-a{axis % 2})"/>')
        parts.append(_text(goal + 6, depth + 1, label, f"tp-d-label {style}"))
        width = max(width, goal + 6 + len(label) * 6.7)
    return width, 17 * len(steps)


def _said(view: dict[str, Any], places: list[tuple[tuple[int, ...], int]], held: int, order: str) -> str:
    reads = ", ".join(str(place) for _, place in places)
    left = sorted(set(range(held)) - {place for _, place in places})
    unread = f" It never reads {', '.join(map(str, left))}." if left else ""
    what = f"{view['name']} has shape {_tuple(view['shape'])} and strides {_tuple(view['strides'])}"
    return f"{what}, starts at {view['offset']}, and is {order}. It reads storage places {reads}.{unread}"


def _broadcast(data: dict[str, Any], identity: str) -> Picture:
    names, shapes, result = [*data["names"], "result"], [*data["shapes"], data["result"]], data["result"]
    axes = len(result)
    label = max(map(len, names)) * CHARACTER + 16
    wide = 64
    parts: list[str] = []
    said = []
    for line, (name, shape) in enumerate(zip(names, shapes, strict=True)):
        y = line * 38 + (8 if name == "result" else 0)
        parts.append(_text(LEFT, y + 19, name, "tp-d-name"))
        missing = axes - len(shape)
        for axis in range(axes):
            size = shape[axis - missing] if axis >= missing else None
            x = label + axis * wide
            if size is None:
                style, text = "tp-d-again", f"→ {result[axis]}"
            elif size != result[axis]:
                style, text = "tp-d-again", f"{size} → {result[axis]}"
            else:
                style, text = "tp-d-c2" if name == "result" else "tp-d-c0", str(size)
            parts.append(_box(x, y, wide - 6, text, style))
        stretched = [str(axis) for axis in range(axes) if axis < missing or shape[axis - missing] != result[axis]]
        repeats = f", repeated along axis {' and '.join(stretched)} of the result" if stretched else ""
        said.append(f"{name} has shape {_tuple(shape)}{repeats}.")
    height = len(names) * 38 + 6
    width = label + axes * wide
    parts.append(_text(label, height + 12, "aligned from the right; dashed: repeated, not stored", "tp-d-fact"))
    width = max(width, label + 52 * 6.8)
    height += 22
    if "values" in data:
        used, grids = _broadcast_grids(data, height + 10)
        parts.append(grids)
        width, height = max(width, used), height + 10 + (result[0] if axes > 1 else 1) * CELL + 26
    return width, height, f"Broadcasting {' with '.join(data['names'])}", " ".join(said), "".join(parts)


def _broadcast_grids(data: dict[str, Any], top: float) -> tuple[float, str]:
    """Each tensor stretched to the result's shape, the repeats dashed; returns width and body."""
    rows, columns = [1, 1, *data["result"]][-2:]
    cell = max(CELL, max((len(text) for values in data["values"] for text in values), default=1) * CHARACTER + 8)
    parts, x = [], float(LEFT)
    for name, shape, values in zip(data["names"], data["shapes"], data["values"], strict=True):
        own_rows, own_columns = [1, 1, *shape][-2:]
        parts.append(_text(x, top + 12, name, "tp-d-name"))
        for row, column in product(range(rows), range(columns)):
            again = row >= own_rows or column >= own_columns
            text = values[min(row, own_rows - 1) * own_columns + min(column, own_columns - 1)]
            place = x + column * cell, top + 20 + row * CELL
            parts.append(_box(*place, cell, text, "tp-d-c0 tp-d-again" if again else "tp-d-c0"))
        x += max(columns * cell, len(name) * CHARACTER) + 24
    return x, "".join(parts)


def _graph(data: dict[str, Any], identity: str) -> Picture:
    nodes, edges = data["nodes"], data["edges"]
    depth = [0] * len(nodes)
    for _ in nodes:
        for above, below in edges:
            depth[below] = max(depth[below], depth[above] + 1)
    for place, node in enumerate(nodes):  # leaves at the foot, where the gradients land
        if node["kind"] == "leaf":
            depth[place] = max(depth)
    layers = [[place for place in range(len(nodes)) if depth[place] == level] for level in range(max(depth) + 1)]
    labels = [_node_label(node) for node in nodes]
    widths = [max(len(line) for line in label) * CHARACTER + 18 for label in labels]
    heights = [max((len(labels[p]) * 16 + 12 for p in layer), default=0) for layer in layers]
    total = max(sum(widths[place] + 18 for place in layer) for layer in layers)
    x: dict[int, float] = {}
    for layer in layers:
        layer.sort(key=lambda place: _barycentre(place, edges, x))
        left = (total - sum(widths[place] + 18 for place in layer)) / 2 + 9
        for place in layer:
            x[place] = left
            left += widths[place] + 18
    tops = [4 + sum(heights[:level]) + 30 * level for level in range(len(layers))]
    parts = [_arrowheads(identity)]
    for number, (above, below) in enumerate(edges):
        beside = 20 * edges[:number].count([above, below])  # the same way once more: side by side
        x1, y1 = x[above] + widths[above] / 2 + beside, tops[depth[above]] + len(labels[above]) * 16 + 12
        x2, y2 = x[below] + widths[below] / 2 + beside, tops[depth[below]] - 5
        bend = (y2 - y1) / 2
        path = f"M{x1:g} {y1:g}C{x1:g} {y1 + bend:g} {x2:g} {y2 - bend:g} {x2:g} {y2:g}"
        parts.append(f'<path d="{path}" class="tp-d-edge" marker-end="url(#{identity}-a2)"/>')
    for place, node in enumerate(nodes):
        y, label = tops[depth[place]], labels[place]
        style = {"root": "tp-d-c1", "leaf": "tp-d-c2", "op": "tp-d-op"}[node["kind"]]
        parts.append(
            f'<rect x="{x[place]:g}" y="{y:g}" width="{widths[place]:g}" height="{len(label) * 16 + 12}" '
            f'rx="{12 if node["kind"] == "leaf" else 4}" class="{style}"/>'
        )
        for number, line in enumerate(label):
            middle = x[place] + widths[place] / 2
            parts.append(_text(middle, y + 20 + 16 * number, line, "tp-d-mid" if number else "tp-d-mid tp-d-name"))
    said = "; ".join(f"from {nodes[above]['label']} to {nodes[below]['label']}" for above, below in edges)
    leaves = sorted({node["label"] for node in nodes if node["kind"] == "leaf"})
    description = f"Backward goes {said}. Gradients land in .grad of {', '.join(leaves) or 'no leaf'}."
    height = tops[-1] + heights[-1] + 6
    return total, height, f"Autograd graph of {nodes[0]['label']}", description, "".join(parts)


def _node_label(node: dict[str, Any]) -> list[str]:
    if node["kind"] == "op":
        return [node["label"], *(f"keeps {kept}" for kept in node["saved"])]
    shape = f"shape {_tuple(node['shape'])}"
    return [node["label"], shape] if node["kind"] == "root" else [node["label"], shape, ".grad lands here"]


def _barycentre(place: int, edges: list[list[int]], x: dict[int, float]) -> float:
    above = [x[start] for start, end in edges if end == place and start in x]
    return sum(above) / len(above) if above else 0.0


def _box(x: float, y: float, width: float, text: str, style: str) -> str:
    return f'<rect x="{x:g}" y="{y:g}" width="{width - 3:g}" height="{CELL - 3}" rx="3" class="{style}"/>' + _text(
        x + (width - 3) / 2, y + CELL / 2 + 3, text, "tp-d-mid"
    )


def _text(x: float, y: float, text: str, style: str) -> str:
    return f'<text x="{x:g}" y="{y:g}" class="{style}">{escape(text)}</text>'


def _arrowheads(identity: str) -> str:
    heads = "".join(
        f'<marker id="{identity}-a{n}" viewBox="0 0 8 8" refX="5" refY="4" markerWidth="6" markerHeight="6" '
        f'orient="auto"><path d="M0 0L8 4L0 8z" class="tp-d-head tp-d-axis{n}"/></marker>'
        for n in range(3)
    )
    return f"<defs>{heads}</defs>"


def _tuple(sizes: list[int]) -> str:
    return f"({sizes[0]},)" if len(sizes) == 1 else f"({', '.join(map(str, sizes))})"


DRAWERS: dict[str, Callable[[dict[str, Any], str], Picture]] = {
    "memory": _memory,
    "broadcast": _broadcast,
    "graph": _graph,
}
