"""Pictures of tensors and tables of values, made of what a session measured (`model/drawings.py`) and nothing else.

Inline SVG whose colours are the page's CSS variables, so it follows the light and the dark scheme;
whatever colour says is said by text or dashes too, and the description says what the picture shows.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from itertools import pairwise, product
from typing import Any

from ..model.drawings import KINDS, Broadcast, Data, Graph, Memory, Node, Row, Table, View

__all__ = ["described", "draw"]

CELL = 28
"""Width of one number; twelve of them fit a phone."""

LEFT = 4
CHARACTER = 7.3
"""Width of a character of the labels, which are monospaced."""


@dataclass(frozen=True)
class Picture:
    """A drawing, drawn."""

    width: float
    height: float
    title: str
    description: str
    body: str


def draw(data: Data, identity: str) -> str:
    """HTML of what a fence shows; `identity` makes its ids unique within the page."""
    if isinstance(data, Table):
        return _table(data)
    picture = DRAWERS[type(data)](data, identity)
    width, height = picture.width, picture.height
    return (
        '<figure class="tp-drawing" data-search-exclude>'
        f'<svg viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}" role="img" '
        f'aria-labelledby="{identity}-t {identity}-d"><title id="{identity}-t">{escape(picture.title)}</title>'
        f'<desc id="{identity}-d">{escape(picture.description)}</desc>{picture.body}</svg></figure>'
    )


def described(data: Data) -> str:
    """What a drawing shows, in words."""
    picture = DRAWERS[type(data)](data, "")
    return f"{picture.title}. {picture.description}"


def _table(table: Table) -> str:
    """Expressions and their values, beside their labels where they have any."""
    has_labels = any(row.label for row in table.rows)
    heads = ["<td></td>"] * has_labels + [f"<th scope=col>{head}</th>" for head in ("Expression", "Value")]
    body = "".join(_table_row(row, has_labels=has_labels) for row in table.rows)
    return (
        '<div class="tp-table" data-search-exclude><table class="tp-rows">'
        "<caption>Evaluated after the cell above</caption>"
        f"<thead><tr>{''.join(heads)}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _table_row(row: Row, *, has_labels: bool) -> str:
    """One line of HTML; the label is the row's header, else the expression is."""
    from .highlight import highlighted  # needs Pygments, which a machine that records lacks

    code = highlighted(row.expression).partition("<code>")[2].rpartition("</code>")[0].strip("\n")
    code = f"<code class=highlight>{code}</code>"
    head, cell = (escape(row.label), f"<td>{code}</td>") if has_labels else (code, "")
    raised = " class=tp-raised" if row.raised else ""
    value = escape(row.value).replace("\n", "&#10;")
    return f"<tr><th scope=row>{head}</th>{cell}<td{raised}><pre><samp>{value}</samp></pre></td></tr>"


def _memory(data: Memory, identity: str) -> Picture:
    """Each tensor as its brackets show it, and under them all the one storage that they read."""
    storage, views = data.storage, data.views
    cell = max(CELL, max(map(len, storage), default=1) * CHARACTER + 8)
    # a number has the colour of the row in which the first tensor reads it
    rows = {place: index[0] if index else 0 for index, place in reversed(_places(views[0]))}
    parts = [_arrowheads(identity)]
    y, width = 0.0, LEFT * 2 + len(storage) * cell
    for view in views:
        facts = f"shape {view.shape}  strides {view.strides}"
        facts += f"  offset {view.offset}  {view.order}" if view.offset else f"  {view.order}"
        parts.append(_text(LEFT, y + 16, view.name, "tp-d-name"))
        parts.append(_text(LEFT, y + 34, facts, "tp-d-fact"))
        grid, grid_width, grid_height = _grid(view, storage, rows, cell, y + 46)
        parts.append(grid)
        y += 46 + grid_height + 12
        width = max(width, LEFT * 2 + grid_width, LEFT * 2 + max(len(view.name) * 7.4, len(facts) * 6.7))
    one = "one " if len(views) > 1 else ""
    parts.append(_text(LEFT, y + 10, f"{one}storage: {len(storage)} × {data.dtype}", "tp-d-fact"))
    y += 18
    reached = {place for view in views for _, place in _places(view)}
    for place, number in enumerate(storage):
        style = f"tp-d-c{rows.get(place, 0) % 6}" if place in reached else "tp-d-unread"
        parts.append(_box(LEFT + place * cell, y, cell, number, style))
    arrows, steps_width, steps_height = _steps(views, cell, y + CELL, identity)
    names = " and ".join(view.name for view in views)
    said = " ".join(_said(view, len(storage)) for view in views)
    height = y + CELL + steps_height + 10
    return Picture(max(width, steps_width), height, f"Memory of {names}", said, "".join(parts) + arrows)


def _places(view: View) -> list[tuple[tuple[int, ...], int]]:
    """Every index of a tensor, in reading order, with its place in the storage."""
    indices = product(*map(range, view.shape))
    return [(index, view.offset + sum(map(int.__mul__, index, view.strides))) for index in indices]


def _grid(
    view: View, storage: tuple[str, ...], rows: dict[int, int], cell: float, top: float
) -> tuple[str, float, float]:
    """The tensor as its brackets show it, rows and columns, further axes as blocks; with its width and height."""
    shape = (1,) * (4 - len(view.shape)) + view.shape
    parts: list[str] = []
    seen: set[int] = set()
    block_width, block_height = shape[3] * cell + 12, shape[2] * CELL + 12
    for index, place in _places(view):
        a, b, row, column = (0,) * (4 - len(index)) + index
        x, y = LEFT + b * block_width + column * cell, top + a * block_height + row * CELL
        style = f"tp-d-c{rows.get(place, 0) % 6}" + (" tp-d-again" if place in seen else "")
        parts.append(_box(x, y, cell, storage[place], style))
        seen.add(place)
    return "".join(parts), *((shape[1] * block_width - 12, shape[0] * block_height - 12) if parts else (0, 0))


def _steps(views: tuple[View, ...], cell: float, top: float, identity: str) -> tuple[str, float, float]:
    """An arrow under the storage for each axis: how far one step along it goes; with the width and height used."""
    steps = [
        (view.offset + stride, view.offset, stride, axis, f"{view.name}, " if len(views) > 1 else "")
        for view in views
        for axis, (size, stride) in enumerate(zip(view.shape, view.strides, strict=True))
        if size > 1
    ]
    # the farthest end first, so that no arrow crosses the label of another
    steps.sort(key=lambda step: (step[2] == 0, -step[0]))
    ends = Counter(place for end, start, stride, *_ in steps if stride for place in (start, end))
    left = ends.copy()

    def column(place: int) -> float:
        """Where the next line to a place stands: beside the others, from the right, so that none covers another."""
        left[place] -= 1
        apart = min(7, (cell - 9) / ends[place])
        return LEFT + (place + 0.5) * cell - 1.5 + apart * (left[place] - (ends[place] - 1) / 2)

    parts: list[str] = []
    width = 0.0
    for number, (end, start, stride, axis, name) in enumerate(steps, 1):
        goal, depth = LEFT + (end + 0.5) * cell, top + 17 * number
        style = f"tp-d-axis{axis % 3}"
        label = f"{name}dim {axis}: +{stride}" + ("" if stride else ", the same number again")
        if stride:
            x, goal = column(start), column(end)
            path = f"M{x:g} {top + 1:g}V{depth:g}H{goal:g}V{top + 5:g}"
            parts.append(f'<path d="{path}" class="tp-d-step {style}" marker-end="url(#{identity}-a{axis % 3})"/>')
        parts.append(_text(goal + 6, depth + 1, label, f"tp-d-label {style}"))
        width = max(width, goal + 6 + len(label) * 6.7)
    return "".join(parts), width, 17 * len(steps)


def _said(view: View, held: int) -> str:
    places = [place for _, place in _places(view)]
    left = sorted(set(range(held)) - set(places))
    unread = f" It never reads {', '.join(map(str, left))}." if left else ""
    what = f"{view.name} has shape {view.shape} and strides {view.strides}"
    read = ", ".join(map(str, places))
    return f"{what}, starts at {view.offset}, and is {view.order}. It reads storage places {read}.{unread}"


def _broadcast(data: Broadcast, identity: str) -> Picture:
    """Each shape in a row, aligned from the right, and under them the numbers, stretched."""
    names, shapes, result = [*data.names, "result"], [*data.shapes, data.result], data.result
    left = max(map(len, names)) * CHARACTER + 16
    parts: list[str] = []
    said = []
    for line, (name, shape) in enumerate(zip(names, shapes, strict=True)):
        y = line * 38 + (8 if name == "result" else 0)
        parts.append(_text(LEFT, y + 19, name, "tp-d-name"))
        sizes = (None,) * (len(result) - len(shape)) + tuple(shape)
        for axis, size in enumerate(sizes):
            is_stretched = size != result[axis]
            plain = "tp-d-c2" if name == "result" else "tp-d-c0"
            text = f"{'' if size is None else f'{size} '}→ {result[axis]}" if is_stretched else str(size)
            parts.append(_box(left + axis * WIDE, y, WIDE - 6, text, "tp-d-again" if is_stretched else plain))
        stretched = [str(axis) for axis, size in enumerate(sizes) if size != result[axis]]
        repeats = f", repeated along axis {' and '.join(stretched)} of the result" if stretched else ""
        said.append(f"{name} has shape {shape}{repeats}.")
    height = len(names) * 38 + 6
    parts.append(_text(left, height + 12, "aligned from the right; dashed: repeated, not stored", "tp-d-fact"))
    width = max(left + len(result) * WIDE, left + 52 * 6.8)
    height += 22
    if data.values:
        used, grids = _broadcast_grids(data, height + 10)
        parts.append(grids)
        width, height = max(width, used), height + 10 + (result[0] if len(result) > 1 else 1) * CELL + 26
    return Picture(width, height, f"Broadcasting {' with '.join(data.names)}", " ".join(said), "".join(parts))


WIDE = 64
"""Width of one size of a shape."""


def _broadcast_grids(data: Broadcast, top: float) -> tuple[float, str]:
    """Each tensor stretched to the result's shape, the repeats dashed; returns width and body."""
    rows, columns = (1, 1, *data.result)[-2:]
    cell = max(CELL, max((len(text) for values in data.values for text in values), default=1) * CHARACTER + 8)
    parts, x = [], float(LEFT)
    for name, shape, values in zip(data.names, data.shapes, data.values, strict=True):
        own_rows, own_columns = (1, 1, *shape)[-2:]
        parts.append(_text(x, top + 12, name, "tp-d-name"))
        for row, column in product(range(rows), range(columns)):
            again = row >= own_rows or column >= own_columns
            text = values[min(row, own_rows - 1) * own_columns + min(column, own_columns - 1)]
            place = x + column * cell, top + 20 + row * CELL
            parts.append(_box(*place, cell, text, "tp-d-c0 tp-d-again" if again else "tp-d-c0"))
        x += max(columns * cell, len(name) * CHARACTER) + 24
    return x, "".join(parts)


@dataclass
class _NodeBox:
    """A node of a graph, and where it is drawn; without a node, the gap in a layer through which an arrow goes on."""

    node: Node | None
    depth: int = 0
    x: float = 0.0
    y: float = 0.0
    floor: float = 0.0
    """The lower end of the highest box beside it."""

    @property
    def label(self) -> list[str]:
        if self.node is None:
            return []
        if self.node.kind == "op":
            return [self.node.label, *(f"keeps {kept}" for kept in self.node.saved)]
        lands = [".grad lands here"] if self.node.kind == "leaf" else []
        return [self.node.label, f"shape {self.node.shape}", *lands]

    @property
    def width(self) -> float:
        return max(map(len, self.label)) * CHARACTER + 18 if self.node else 6

    @property
    def height(self) -> float:
        return len(self.label) * 16 + 12 if self.node else 0

    @property
    def middle(self) -> float:
        return self.x + self.width / 2


def _graph(data: Graph, identity: str) -> Picture:
    """The steps of a backward from the result down to the leaves, an arrow for each input."""
    boxes = [_NodeBox(node) for node in data.nodes]
    width, height, ways = _place(boxes, data.edges)
    parts = [_arrowheads(identity)]
    for number, edge in enumerate(data.edges):
        beside = 20 * data.edges[:number].count(edge)  # the same way once more: side by side
        parts.append(_arrow(ways[number], beside, identity))
    parts += map(_node, boxes)
    said = "; ".join(f"from {data.nodes[above].label} to {data.nodes[below].label}" for above, below in data.edges)
    leaves = sorted({node.label for node in data.nodes if node.kind == "leaf"})
    description = f"Backward goes {said}. Gradients land in .grad of {', '.join(leaves) or 'no leaf'}."
    return Picture(width, height, f"Autograd graph of {data.nodes[0].label}", description, "".join(parts))


def _place(
    boxes: list[_NodeBox], edges: tuple[tuple[int, int], ...]
) -> tuple[float, float, list[tuple[_NodeBox, ...]]]:
    """Put each node below all that leads to it, near them; returns the width and height used, and each edge's way.

    An edge that goes past a layer has a gap of its own there, so that no arrow goes behind a box.
    """
    for _ in boxes:
        for above, below in edges:
            boxes[below].depth = max(boxes[below].depth, boxes[above].depth + 1)
    deepest = max(box.depth for box in boxes)
    for box in boxes:
        if box.node.kind == "leaf":  # at the foot, where the gradients land
            box.depth = deepest
    ways = []
    for above, below in edges:
        gaps = [_NodeBox(None, depth) for depth in range(boxes[above].depth + 1, boxes[below].depth)]
        ways.append((boxes[above], *gaps, boxes[below]))
    everything = [*boxes, *(gap for way in ways for gap in way[1:-1])]
    layers = [[box for box in everything if box.depth == depth] for depth in range(deepest + 1)]
    width = max(sum(box.width + 18 for box in layer) for layer in layers)
    y = 4.0
    for layer in layers:
        layer.sort(key=lambda box: _barycentre(box, ways))
        left = (width - sum(box.width + 18 for box in layer)) / 2 + 9
        tallest = max((box.height for box in layer), default=0)
        for box in layer:
            box.x, box.y, box.floor = left, y, y + tallest
            left += box.width + 18
        y += tallest + 30
    return width, y - 30 + 6, ways


def _barycentre(box: _NodeBox, ways: list[tuple[_NodeBox, ...]]) -> float:
    """Where, from left to right, what leads to a box stands."""
    above = [start.middle for way in ways for start, end in pairwise(way) if end is box]
    return sum(above) / len(above) if above else 0.0


def _arrow(way: tuple[_NodeBox, ...], beside: float, identity: str) -> str:
    """From box to box, down to the end of each layer first: what bends, bends between the layers."""
    above, *_, below = way
    path = f"M{above.middle + beside:g} {above.y + above.height:g}"
    for start, end in pairwise(way):
        x1, y1 = start.middle + beside, start.floor
        x2, y2 = end.middle + beside, end.y - (5 if end is below else 0)
        half = (y1 + y2) / 2
        path += f"V{y1:g}C{x1:g} {half:g} {x2:g} {half:g} {x2:g} {y2:g}"
    return f'<path d="{path}" class="tp-d-edge" marker-end="url(#{identity}-a2)"/>'


def _node(box: _NodeBox) -> str:
    style = {"root": "tp-d-c1", "leaf": "tp-d-c2", "op": "tp-d-op"}[box.node.kind]
    frame = (
        f'<rect x="{box.x:g}" y="{box.y:g}" width="{box.width:g}" height="{box.height:g}" '
        f'rx="{12 if box.node.kind == "leaf" else 4}" class="{style}"/>'
    )
    lines = enumerate(box.label)
    return frame + "".join(
        _text(box.middle, box.y + 20 + 16 * n, line, "tp-d-mid" if n else "tp-d-mid tp-d-name") for n, line in lines
    )


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


DRAWERS: dict[type, Callable[[Any, str], Picture]] = {Memory: _memory, Broadcast: _broadcast, Graph: _graph}

if odd := set(KINDS.values()) ^ {*DRAWERS, Table}:  # said before anything is accepted
    raise NotImplementedError(f"model/drawings.py measures it, or show/drawings.py draws it, but not both: {odd}")
