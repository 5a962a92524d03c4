"""Small SVG: matplotlib's picture in a third of the bytes.

Out goes what no eye can see: fonts, metadata, empty groups, digits below a tenth of a point, points on a straight line.
Marks in a row become the corners of one path, pieces drawn alike become one path, and ids become letters.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from itertools import groupby, pairwise
from math import hypot
from string import ascii_letters
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from ..model.text import visible

__all__ = ["slim"]

Point = tuple[float, float]


@lru_cache(1000)  # while serving, each edit of a figure is another one
def slim(svg: str) -> str:
    """The same picture in few bytes; valid by itself and within a page."""
    root = ElementTree.fromstring(visible(svg))
    for element in root.iter():
        element.tag = _local(element.tag)
        element.attrib = {_local(name): value for name, value in element.items()}
    _prune(root)
    shapes = {f"#{path.get('id')}": path for path in root.iter("path")}
    for element in list(root.iter()):
        _join_marks(element, shapes)
        _join_paths(element)
        _join_glyphs(element)
    for element in root.iter():
        element.attrib = {name: _short(name, value, element) for name, value in element.items()}
    _rename(root)
    root.attrib = SPACES | {name: value for name, value in root.items() if name != "version"}
    return ElementTree.tostring(root, encoding="unicode").replace(" />", "/>")


def _local(name: str) -> str:
    # without the prefix, Material's script takes every element with an address for a link of HTML, and stumbles
    return name.rpartition("}")[2].replace("href", "xlink:href")


SPACES = {"xmlns": "http://www.w3.org/2000/svg", "xmlns:xlink": "http://www.w3.org/1999/xlink"}


def _prune(element: Element) -> None:
    """Take out what draws nothing, and the groups that say nothing about what they hold."""
    kept: list[Element] = []
    for child in element:
        _prune(child)
        child.tail = None
        child.attrib = {name: text for name, value in child.items() if (text := _useful(name, value))}
        if child.tag in ("metadata", "style") or child.get("style") == "fill:none":
            continue
        if child.tag == "g" and not child.attrib.keys() - {"id"}:
            kept += child
        elif len(child) or child.tag not in ("g", "defs"):
            kept.append(child)
    element[:] = kept
    if len(element) or element.tag not in ("text", "tspan"):
        element.text = None


def _useful(name: str, value: str) -> str:
    """The value of an attribute without what means nothing here."""
    if name == "transform" and value.startswith("rotate(-0 "):
        return ""
    if name == "style":
        rules = [re.sub(r"\s*:\s*", ":", rule.strip()) for rule in value.split(";")]
        return ";".join(rule for rule in rules if rule and not rule.startswith("font-family"))
    return value


def _join_marks(parent: Element, shapes: dict[str, Element]) -> None:
    """Draw marks in a row, of points or ticks, as one path that has the mark at each of its corners."""
    for run in _runs(parent, _mark, between=_label):
        kind = f"{run[0].get('xlink:href')} {run[0].get('style')}"
        if len(run) < 2 and kind not in shapes:
            continue
        joined = []
        if kind not in shapes:
            shape = shapes[run[0].get("xlink:href", "")]
            style = ";".join(f"{rule}:{value}" for rule, value in (_rules(run[0]) | _rules(shape)).items())
            shapes[kind] = Element("marker", id=f"mark{len(shapes)}", overflow="visible", markerUnits="userSpaceOnUse")
            shapes[kind].append(Element("path", d=shape.get("d", ""), style=style))
            joined.append(shapes[kind])
        corners = " L ".join(f"{use.get('x')} {use.get('y')}" for use in run)
        joined.append(Element("path", d=f"M {corners}", style=f"fill:none;marker:url(#{shapes[kind].get('id')})"))
        _replace(parent, run, joined)


def _mark(element: Element) -> object:
    return element.tag == "use" and (element.get("xlink:href"), element.get("style"))


def _label(element: Element) -> bool:
    return element.tag in ("text", "defs", "marker") or (element.tag == "g" and all(map(_label, element)))


def _rules(element: Element) -> dict[str, str]:
    return dict(rule.split(":", 1) for rule in element.get("style", "").split(";") if rule)


def _join_paths(parent: Element) -> None:
    """Draw neighbours of one style as one path, where none shows through or covers another."""
    for run in _runs(parent, _alike):
        filled = _rules(run[0]).get("fill", "black") != "none"
        if len(run) > 1 and not (filled and _overlap(run)):
            data = " ".join(path.get("d", "") for path in run)
            _replace(parent, run, [Element("path", run[0].attrib | {"d": data})])


def _alike(element: Element) -> object:
    style = element.get("style", "")
    sound = "opacity" not in style and ("fill:none" in style or "stroke" not in style) and "id" not in element.attrib
    return element.tag == "path" and sound and sorted(item for item in element.items() if item[0] != "d")


def _overlap(paths: list[Element]) -> bool:
    """Whether the boxes around two of the paths overlap."""
    boxes = []
    for path in paths:
        xs, ys = zip(*[point for _, points in _steps(path.get("d", "")) for point in points], strict=True)
        boxes.append((min(xs), max(xs), min(ys), max(ys)))
    boxes.sort()
    return any(a[1] > b[0] + SEEN / 2 for a, b in pairwise(boxes))


def _runs(
    parent: Element, kind: Callable[[Element], object], between: Callable[[Element], bool] = lambda _: False
) -> list[list[Element]]:
    """The children of one kind that follow each other, but for what may stand between."""
    children = [child for child in parent if not between(child)]
    return [list(run) for key, run in groupby(children, kind) if key]


def _replace(parent: Element, old: list[Element], new: list[Element]) -> None:
    place = list(parent).index(old[0])
    for element in old:
        parent.remove(element)
    parent[place:place] = new


def _join_glyphs(text: Element) -> None:
    """Put the glyphs of a formula that stand on one line into one span, each still at its place."""
    for run in _runs(text, _glyph):
        run[0].set("x", " ".join(_number(float(span.get("x", "0"))) for span in run))
        run[0].text = "".join(span.text or "" for span in run)
        for span in run[1:]:
            text.remove(span)


def _glyph(span: Element) -> object:
    return span.tag == "tspan" and len(span.text or "") == 1 and (span.get("y"), span.get("style"))


def _short(name: str, value: str, element: Element) -> str:
    """The value of an attribute with the digits that count."""
    if name == "d":
        return _path(value, straight="marker:" not in element.get("style", ""))
    if name in ("x", "y", "width", "height", "viewBox") or value.startswith(("rotate", "translate(")):
        return re.sub(NUMBER, lambda number: _number(float(number[0])), value)
    if name in ("style", "transform"):
        return re.sub(r"\d+\.\d{4,}", lambda number: f"{float(number[0]):.3f}", value)
    return value


def _path(data: str, *, straight: bool) -> str:
    """Path data from corner to corner, in tenths; `straight` leaves out the corners that bend nothing."""
    moves: list[tuple[str, list[int]]] = []
    here: Point = (0, 0)
    pen = start = (0, 0)  # where `here` is in tenths
    for letter, points in _steps(data):
        if letter == "z":
            moves.append(("z", []))
            here, pen = (start[0] / 10, start[1] / 10), start
            continue
        if letter == "L" and straight:
            points = _bends([here, *points])[1:]
        ends = [(round(x * 10), round(y * 10)) for x, y in points]
        if letter == "L":
            for x, y in ends:
                across, down = x - pen[0], y - pen[1]
                pen = x, y
                if across or down or len(ends) == 1 or not straight:
                    moves.append(("h", [across]) if not down else ("l", [across, down]) if across else ("v", [down]))
        else:
            moves.append((letter.lower(), [number for x, y in ends for number in (x - pen[0], y - pen[1])]))
            pen = ends[-1]
        here = points[-1]
        start = pen if letter == "M" else start
    return _written(moves)


def _steps(data: str) -> list[tuple[str, list[Point]]]:
    """The commands of path data with their points; lines in a row are one command."""
    steps: list[tuple[str, list[Point]]] = []
    for letter, rest in re.findall(r"([MLQCz])([^MLQCz]*)", data):
        numbers = [float(number) for number in rest.split()]
        points = list(zip(numbers[::2], numbers[1::2], strict=True))
        if letter == "L" and steps and steps[-1][0] == "L":
            steps[-1][1].extend(points)
        else:
            steps.append((letter, points))
    return steps


def _bends(points: list[Point]) -> list[Point]:
    """The points without which the line would look different (Ramer, Douglas and Peucker)."""
    kept = {0, len(points) - 1}
    spans = [(0, len(points) - 1)]
    while spans:
        first, last = spans.pop()
        if last - first < 2:
            continue
        far, place = max((_distance(points[k], points[first], points[last]), k) for k in range(first + 1, last))
        if far > SEEN:
            kept.add(place)
            spans += [(first, place), (place, last)]
    return [points[place] for place in sorted(kept)]


def _distance(point: Point, start: Point, end: Point) -> float:
    """From a point to the line between two others."""
    x, y = end[0] - start[0], end[1] - start[1]
    along = ((point[0] - start[0]) * x + (point[1] - start[1]) * y) / (x * x + y * y or 1)
    along = min(1.0, max(0.0, along))
    return hypot(point[0] - start[0] - along * x, point[1] - start[1] - along * y)


def _written(moves: list[tuple[str, list[int]]]) -> str:
    """Relative path data with no sign that could be left out."""
    out: list[str] = []
    said = ""
    for letter, numbers in moves:
        if letter != said:
            out.append(letter)
        said = "l" if letter == "m" else letter
        for number in numbers:
            text = _number(number / 10)
            apart = text[0] == "-" or out[-1].isalpha() or (text[0] == "." and "." in out[-1])
            out.append(text if apart else f" {text}")
    return "".join(out)


def _number(value: float) -> str:
    """With one digit after the point."""
    text = f"{value:.1f}".removesuffix(".0")
    return "0" if text == "-0" else re.sub(r"^(-?)0\.", r"\1.", text)


def _rename(root: Element) -> None:
    """Short ids for what is referred to, and no others."""
    used = {name for element in root.iter() for value in element.attrib.values() for name in REFERENCE.findall(value)}
    for definitions in root.iter("defs"):
        definitions[:] = [element for element in definitions if element.get("id") in used]
    for parent in list(root.iter()):
        parent[:] = [child for child in parent if child.tag != "defs" or len(child)]
    names: dict[str, str] = {}
    for element in root.iter():
        name = element.attrib.pop("id", "")
        if name in used:
            letter = ascii_letters[len(names) % 52] + str(len(names) // 52 or "")
            element.set("id", names.setdefault(name, letter))
    for element in root.iter():
        element.attrib = {
            attribute: REFERENCE.sub(lambda name: names[name[0]], value) for attribute, value in element.items()
        }


SEEN = 0.1
"""What can be seen, in points: a page shows a figure at one and a third pixels a point."""

NUMBER = r"-?\d+(?:\.\d+)?(?:e-?\d+)?"
REFERENCE = re.compile(r"(?<=url\(#)[^)]+|(?<=^#).+")
