"""Figures: what a cell left open in pyplot, as SVG that follows the page's colours, and what is plotted, as facts.

Facts are what a reader sees: places in percent of their axes, ends of axes, colours, words, and whatever else of an
artist's looks is not as matplotlib has it. Places and colours are rounded and few, so that a line can be reviewed,
and the last digits of a number do not count.
"""

import base64
import io
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from numbers import Real
from typing import Any

from ..model.raw import library, members, mro
from ..model.runs import Figure

__all__ = ["STYLE", "discard", "take", "usual"]

INK = "#0b1c2d"
"""A colour nobody chooses: whatever is drawn in it takes the text colour of the page."""

STYLE = {
    "backend": "agg",
    "svg.hashsalt": "torchproof",
    "svg.fonttype": "none",
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "savefig.edgecolor": "none",
    "figure.dpi": 100,
    **dict.fromkeys(
        ["text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color", "hatch.color"], INK
    ),
}
"""Settings of matplotlib in every session, so that pixels and ids do not depend on the machine."""


def take() -> list[Figure]:
    """Close the open figures and return what is plotted on each, and its picture."""
    pyplot = library("matplotlib.pyplot")
    if pyplot is None or not pyplot.get_fignums():
        return []
    if usual() and _methods() != METHODS:
        raise RuntimeError("a method of matplotlib's artists was replaced, by which figures are looked at")
    figures = [pyplot.figure(number) for number in pyplot.get_fignums()]
    taken = [Figure(svg=_svg(figure), lines=tuple(_facts(figure))) for figure in figures]  # drawing fixes the ends
    discard()
    return taken


def discard() -> None:
    """Close the open figures."""
    if pyplot := library("matplotlib.pyplot"):
        pyplot.close("all")


def _svg(figure: Any) -> str:
    """The picture as matplotlib draws it, its ink the colour of the page's text; `show/slim.py` makes it small.

    It is cut to what is drawn by its header: matplotlib's own way, `bbox_inches="tight"`, draws everything twice.
    Where something lies beyond the canvas it takes that: lines that end there would be cut off.
    """
    layouts, boxes = [figure.get_layout_engine()], []

    def draw(renderer: Any) -> None:
        """Lay out, for which matplotlib would draw everything once more; then draw, and see how far it goes."""
        if layouts and (layout := layouts.pop()):
            if figure.axes:
                layout.execute(figure)
        else:
            type(figure).draw(figure, renderer)
            boxes.append(figure.get_tightbbox(renderer))

    figure.draw = draw
    svg = _saved(figure, None)
    del figure.draw
    inside, (wide, high) = boxes[-1], figure.get_size_inches()
    box = inside.padded(library("matplotlib").rcParams["savefig.pad_inches"])
    if inside.x0 < 0 or inside.y0 < 0 or inside.x1 > wide or inside.y1 > high:
        svg = _saved(figure, box)
    else:
        left, top, width, height = (f"{72 * inches:.6f}" for inches in (box.x0, high - box.y1, box.width, box.height))
        header = f'width="{width}pt" height="{height}pt" viewBox="{left} {top} {width} {height}"'
        svg = re.sub(r'width="[^"]+" height="[^"]+" viewBox="[^"]+"', header, svg, count=1)
    svg = svg.replace(INK, "currentColor")
    return re.sub(r"data:image/png;base64,([^\"]{2000,})", lambda match: _small_image(match[1]), svg)


def _saved(figure: Any, bounds: Any) -> str:
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", bbox_inches=bounds, metadata={"Date": None, "Creator": None})
    return buffer.getvalue()


def _small_image(png: str) -> str:
    """A large picture within a figure, a photo say, as WebP: a tenth of the bytes; PNG where that is smaller."""
    from PIL import Image  # what matplotlib itself writes PNG with

    buffer = io.BytesIO()
    Image.open(io.BytesIO(base64.b64decode(png))).save(buffer, "WEBP", quality=85, method=6)
    webp = base64.b64encode(buffer.getvalue()).decode()
    return f"data:image/webp;base64,{webp}" if len(webp) < len(png) else f"data:image/png;base64,{png}"


# --- facts ------------------------------------------------------------------------------------------------------------

SAMPLES = 8
"""How many places or colours are told of one thing, evenly from its first to its last."""

TILES = 3, 4
"""Into how many rows and columns an image is cut, to tell the mean colour of each piece."""

LOW, HIGH = -99, 199
"""In percent of the axes: what lies further off is told as lying here."""


def _facts(figure: Any) -> list[str]:
    (width, height), plain = figure.get_size_inches(), usual()
    lines = [_joined(f"figure {width:g} × {height:g} in", _looks(figure, plain["Figure"]))]
    lines += [f"  {line}" for part in _seen([figure]) for line in _plotted(part, part.transSubfigure)]
    for axes in _seen(figure.axes):
        parts, models = _parts(axes), _parts(plain["Axes"])
        said = [_told(name, part, models.get(name, models["top"])) for name, part in parts.items()]
        lines.append(_joined("axes", "" if axes.axison else "off", *said, _looks(axes, plain["Axes"]), _lies(axes)))
        lines += [f"  {line}" for line in [_limits(axes), *_ticks(axes), *_plotted(axes, axes.transAxes)]]
    return lines


def _parts(axes: Any) -> dict[str, Any]:
    """The words around axes, and the lines."""
    titles = {"title": axes.title, "left title": axes._left_title, "right title": axes._right_title}
    return {**titles, "x": axes.xaxis.label, "y": axes.yaxis.label, **axes.spines}


def _told(name: str, part: Any, plain: Any) -> str:
    """The words of a part and how they look, or how it looks where it is none with words."""
    words, place = part.get_text() if hasattr(part, "get_text") else None, getattr(part, "_position", None)
    looks = _joined("" if place in (None, ("outward", 0)) else _look(place), _looks(part, plain))
    return _joined(name, repr(words) if words else "", looks) if words or (looks and words is None) else ""


def _lies(axes: Any) -> str:
    """Where the axes lie: in which cell of the figure's grid, as a layout decides by the size of words; else in 5 %."""
    cell, plain = axes.get_subplotspec(), usual()["Axes"].get_subplotspec()
    if axes.figure.get_layout_engine():
        said = f"in {cell}" if cell and str(cell) != str(plain) else ""
        return re.sub(r"\d+\.\d{3,}", lambda found: f"{float(found[0]):.2g}", said)
    box, other = (5 * (20 * each.get_position(original=True).get_points()).round() for each in (axes, usual()["Axes"]))
    return "" if (box == other).all() else _joined("in", *map(_place, box))


def _seen(artists: Iterable[Any]) -> Iterator[Any]:
    """The artists that are drawn, and those within them after those that hold them."""
    for artist in artists:
        if artist is not None and artist.get_visible():
            yield artist
            yield from _seen([*getattr(artist, "child_axes", ()), *getattr(artist, "subfigs", ())])


def _limits(axes: Any) -> str:
    """Where the axes begin and end: in data, or on their scale where it is another one, as exponents for a log's."""
    said = []
    for name, axis in _axes_of(axes):
        transform, ends = axis.get_transform(), getattr(axes, f"get_{name}lim")()
        scale = "" if axis.get_scale() == "linear" else f"{axis.get_scale()}{getattr(transform, 'base', '')}"
        said.append(_joined(name, scale, _ends(*(map(transform.transform, ends) if scale else ends))))
    return ", ".join(said)


def _axes_of(axes: Any) -> list[tuple[str, Any]]:
    return [(name, getattr(axes, f"{name}axis")) for name in "xyz" if hasattr(axes, f"{name}axis")]


def _ends(low: float, high: float) -> str:
    """Two numbers, to a thousandth of what lies between them."""
    span = abs(high - low)
    digits = 3 - math.ceil(math.log10(span)) if 0 < span < math.inf else 3
    return " … ".join(f"{round(float(end), digits) + 0.0:.15g}" for end in (low, high))


def _ticks(axes: Any) -> list[str]:
    """What was set by hand: how ticks and grid look, and the words at ticks."""
    found, plain = [], usual()["Axes"]
    for name, axis in _axes_of(axes) if axes.axison else ():
        for which in ("major", "minor"):
            mine, theirs = (each.get_tick_params(which=which) for each in (axis, _axes_of(plain)[name == "y"][1]))
            said = [f"{key} {_look(look)}" for key, look in mine.items() if look != theirs.get(key)]
            said += [] if which == "major" or axis.isDefault_minloc else [type(axis.get_minor_locator()).__name__]
            found += [_joined(name, which, *said)] if said else []
        is_category = type(axis.get_major_locator()).__name__ == "StrCategoryLocator"
        is_usual = axis.isDefault_majloc and axis.isDefault_majfmt and _set(axis) in ([], _set(_axes_of(plain)[0][1]))
        if is_category or not is_usual:
            words = *axis.get_ticklabels(), axis.get_offset_text()
            found += _quoted(f"{name} ticks", words) or [f"{name} ticks none"]
    return found


def _set(axis: Any) -> list[Any]:
    """How numbers at ticks are written, and how many there are; nothing where another scale decides."""
    parts = axis.get_major_formatter(), axis.get_major_locator()
    is_plain = [type(part).__name__ for part in parts] == ["ScalarFormatter", "AutoLocator"]
    return [repr(vars(part).get(name)) for part in parts for name in WRITTEN.split()] if is_plain else []


WRITTEN = "_scientific _useOffset _offset_threshold _powerlimits _nbins _steps _integer _symmetric _prune _min_n_ticks"


def _plotted(holder: Any, frame: Any) -> list[str]:
    """One line for each thing drawn on the axes or the figure, in drawing order: kind, size, label, looks, places."""
    drawn = {kind: list(_seen(getattr(holder, kind, ()))) for kind in KINDS}
    facts = [_line(line, frame) for line in drawn["lines"]]
    facts += [_collection(artist, frame) for artist in drawn["collections"]]
    facts += [_image(image, frame) for image in drawn["images"]]
    if patches := drawn["patches"]:
        boxes = [box for patch in patches for box in _boxes([patch.get_path()], patch.get_transform())]
        facts.append(_joined(f"{len(patches)} patches", _each(map(_looks, patches)), _places(boxes, frame, each=2)))
    if texts := [text for text in drawn["texts"] if text.get_text()]:
        places = _places([point for text in texts for point in _points(text)], frame)
        facts += [_joined(*_quoted("texts", texts), _each(map(_worn, texts)), places)]
    for table in drawn["tables"]:
        cells = [cell for _, cell in sorted(table.get_celld().items())]
        facts += [_joined(*_quoted("table", [cell.get_text() for cell in cells]), _each(map(_looks, cells)))]
    for each in drawn["artists"]:
        where = _places(_points(each), frame) if hasattr(each, "xycoords") else ""
        facts.append(_joined(type(each).__name__, *_quoted("", each.findobj(_is_text)), where))
    return facts + [_legend(each, frame) for each in _seen([*drawn["legends"], getattr(holder, "legend_", None)])]


KINDS = "lines", "collections", "images", "patches", "texts", "tables", "artists", "legends"


def _line(line: Any, frame: Any) -> str:
    places = _places(line.get_transform().transform(line.get_xydata()), frame)
    return _joined(_labelled(f"line of {len(line.get_xdata())} points", line), _looks(line), places)


def _collection(artist: Any, frame: Any) -> str:
    name, offsets, move = type(artist).__name__, artist.get_offsets(), artist.get_transform()
    paths, said, each = artist.get_paths(), [_labelled(f"{name} of {len(offsets)}", artist)], 1
    if name == "PathCollection" or len(offsets) > 1:
        points = artist.get_offset_transform().transform(offsets)
        dot = _shape(usual()["PathCollection"].get_paths()[0])
        said += [shape for shape in map(_shape, _some(paths)) if shape != dot]
    elif name.endswith("ContourSet"):  # where a contour begins depends on the last digits, its box does not
        points, each = _boxes(paths, move), 2
        said.append(f"levels {', '.join(f'{level:.6g}' for level in artist.levels)}")
    else:
        points = [point for path in paths for point in move.transform(path.vertices)]
    return _joined(*said, _meaning(artist), _looks(artist), _places(points, frame, each=each))


def _shape(path: Any) -> str:
    """How many corners a marker has, and where two of them lie."""
    ends = path.vertices[[0, len(path.vertices) // 2]] / abs(path.vertices).max() if len(path.vertices) else ()
    return _joined(f"{len(path.vertices)} corners", *(_place(100 * end) for end in ends))


def _meaning(artist: Any) -> str:
    """How numbers became colours, where they did."""
    if artist.get_array() is None or artist.get_array().ndim > 2:
        return ""
    norm = type(artist.norm).__name__.replace("Normalize", "")
    return _joined(artist.get_cmap().name, norm, _ends(*artist.get_clim()))


def _image(image: Any, frame: Any) -> str:
    """Its shape, how numbers became colours, where it lies, and on white the mean colours of its tiles and some."""
    numpy, array, alpha = library("numpy"), image.get_array(), image.get_alpha()
    if image.get_interpolation() == "none" and numpy.ndim(alpha):
        alpha = None  # into an SVG such an image goes as it is, without an alpha for each pixel
    colours = image.to_rgba(array, alpha=alpha, bytes=True) / 255.0
    colours = 1 - colours[..., 3:] * (1 - colours[..., :3])
    rows = numpy.array_split(colours, min(TILES[0], len(array)))
    tiles = [tile for row in rows for tile in numpy.array_split(row, min(TILES[1], row.shape[1]), axis=1)]
    pixels = colours.reshape(-1, 3)
    some = ["of pixels", *map(_hex, _some(pixels))] if len(pixels) > len(tiles) else []
    left, right, bottom, top = image.get_extent()
    places = _places(image.get_transform().transform([(left, bottom), (right, top)]), frame)
    tiles = [_hex(tile.mean((0, 1))) for tile in tiles]
    shape = " × ".join(map(str, array.shape))
    return _joined(f"image {shape}", _meaning(image), image.origin, _looks(image), *tiles, *some, places)


def _labelled(fact: str, artist: Any) -> str:
    label = str(artist.get_label())
    return fact if label.startswith("_") else f"{fact} {label!r}"


def _legend(legend: Any, frame: Any) -> str:
    """Its words, its place, and how it looks."""
    plain, texts, anchor = usual()["Legend"], legend.get_texts(), legend.get_bbox_to_anchor()
    place = next((word for word, code in legend.codes.items() if code == legend._loc != 0), "")
    where = "" if anchor.bounds == legend.parent.bbox.bounds else _places(anchor.get_points(), frame)
    parts = zip(("title", "frame"), *((each.get_title(), each.get_frame()) for each in (legend, plain)), strict=True)
    said = [*(_told(*part) for part in parts), "" if legend.get_frame_on() else "no frame", _each(map(_worn, texts))]
    columns = f"{legend._ncols} columns" if legend._ncols > 1 else ""
    return _joined(*(_quoted("legend", texts) or ["legend"]), place, where, columns, *said)


def _is_text(artist: Any) -> bool:
    return hasattr(artist, "get_text") and hasattr(artist, "get_fontsize") and bool(artist.get_text())


def _quoted(kind: str, texts: Iterable[Any]) -> list[str]:
    """A line with those texts that are not empty; none where all are."""
    told = ", ".join(repr(text.get_text()) for text in texts if text.get_text())
    return [_joined(kind, told)] if told else []


def _points(text: Any) -> list[Any]:
    """Where a text stands; before it, what an annotation points at."""
    if not hasattr(text, "xycoords"):
        return [text.get_transform().transform(text.get_unitless_position())]
    ends = [end for end, coords in _ends_of(text) if coords == "data"]
    return [text.axes.transData.transform((text.convert_xunits(x), text.convert_yunits(y))) for x, y in ends]


def _ends_of(note: Any) -> list[tuple[Any, Any]]:
    return [(note.xy, note.xycoords), *([(note.xyann, note.anncoords)] if note.xyann != note.xy else [])]


def _boxes(paths: Iterable[Any], transform: Any) -> list[tuple[float, float]]:
    """The lower left and the upper right corner of each path."""
    boxes = [transform.transform(path.vertices) for path in paths if len(path.vertices)]
    return [corner for box in boxes for corner in (tuple(box.min(axis=0)), tuple(box.max(axis=0)))]


def _places(points: Sequence[Any], frame: Any, *, each: int = 1) -> str:
    """The box around points of the screen and some of them, `each` a thing, in percent of the axes.

    Of many, how long the way through all of them is, too: a point that stands out makes it longer.
    A point that is nowhere, as one with a NaN, is a `gap`.
    """
    if not len(points):
        return ""
    placed = [tuple(100 * point) for point in frame.inverted().transform(points)]
    seen = [place for place in placed if all(map(math.isfinite, place))]
    around = ""
    if len(seen) > SAMPLES:
        low, high = (tuple(map(end, zip(*seen, strict=True))) for end in (min, max))
        around = f"from {_place(low)} to {_place(high)} long {sum(map(math.dist, seen, seen[1:])):.3g}"
    told = _some([placed[k : k + each] for k in range(0, len(placed), each)])
    return _joined(around, "at", *(_place(place) for places in told for place in places))


def _place(place: tuple[float, float]) -> str:
    if not all(map(math.isfinite, place)):
        return "gap"
    return ",".join(str(round(min(max(end, LOW), HIGH))) for end in place)


def _some(things: Sequence[Any]) -> list[Any]:
    last = len(things) - 1
    return list(things) if last < SAMPLES else [things[round(k * last / (SAMPLES - 1))] for k in range(SAMPLES)]


def _each(told: Iterable[str]) -> str:
    """What is told of some things, or of all of them at once."""
    told = list(told)
    return told[0] if len(set(told)) == 1 else ", ".join(word or "plain" for word in _some(told))


def _joined(*words: str) -> str:
    return " ".join(word for word in words if word)


# --- looks ------------------------------------------------------------------------------------------------------------

SHADES = "color", "facecolor", "edgecolor", "markerfacecolor", "markeredgecolor", "gapcolor"

LOOKS = """
alpha linewidth linestyle drawstyle marker markersize markeredgewidth markevery fillstyle sizes hatch fill capstyle
joinstyle zorder visible path_effects fontsize fontweight fontstyle fontfamily rotation ha va linespacing
interpolation aspect anchor box_aspect axisbelow bounds boxstyle arrowstyle dpi layout_engine
"""
"""What an artist is asked about how it looks, beside its colours; told is what is not as matplotlib has it."""


@cache
def usual() -> dict[str, Any]:
    """An artist of each kind as matplotlib makes it; sessions have them from before their cells."""
    from matplotlib import collections, figure, image, lines, patches, text

    made = figure.Figure()
    axes = made.add_subplot()
    bare = collections.Collection(), collections.LineCollection([]), lines.Line2D([], []), patches.Patch(), text.Text()
    found = [made, axes, axes.scatter([], []), image.AxesImage(axes), axes.legend([], []), *bare]
    CLASSES[:] = [cls for artist in found for cls in mro(type(artist))]
    METHODS[:] = _methods()
    return {type(artist).__name__: artist for artist in found}


CLASSES: list[type] = []
METHODS: list[int] = []
"""The classes of the usual artists, and their members as they were then."""


def _methods() -> list[int]:
    return [mark for cls in CLASSES for mark in map(id, members(cls).values())]


def _looks(artist: Any, plain: Any = None) -> str:
    """What of an artist's looks is not as its plain one's; of its own kind's with its first colour in any case."""
    kinds = (cls.__name__ for cls in type(artist).__mro__)
    model = plain or next((usual()[kind] for kind in kinds if kind in usual()), artist)
    shades, theirs = ({name: _shade(each, name) for name in SHADES} for each in (artist, model))
    first = "" if plain else next(filter(None, shades.values()), "")
    said = [first, *(f"{name} {has}" for name, has in shades.items() if has not in ("", first, theirs[name]))]
    asked = LOOKS.split()[hasattr(artist, "get_facecolor") :]  # alpha, the first of them, is a part of such a colour
    for name in asked:
        mine, other = (_look(getattr(each, f"get_{name}", bool)()) for each in (artist, model))
        said += [f"{name} {mine}"] if mine not in ("", other) else []
    return _joined(*said)


def _worn(text: Any) -> str:
    """How a text looks, with its box and its arrow."""
    box, arrow = text.get_bbox_patch(), getattr(text, "arrow_patch", None)
    boxed, pointed = (f"{kind} {_looks(each)}" if each else "" for kind, each in (("box", box), ("arrow", arrow)))
    ends = _ends_of(text) if hasattr(text, "xycoords") else ()
    stands = [f"{' '.join(map(_look, end))} {_look(coords)}" for end, coords in ends if coords != "data"]
    return _joined(*stands, _looks(text, usual()["Text"]), boxed, pointed)


def _look(value: Any) -> str:
    """A property in a few words; of many numbers the smallest and the largest, the first and the last."""
    if value is None or isinstance(value, str | bool):
        return str(value)
    if isinstance(value, Real):
        return f"{value:.4g}"
    if hasattr(value, "flat") and value.size > 1 and value.min() < value.max():
        return f"{_ends(value.min(), value.max())} {_ends(value.flat[0], value.flat[-1])}"
    if isinstance(value, Iterable):
        return " ".join(dict.fromkeys(map(_look, getattr(value, "flat", value))))
    return type(value).__name__


def _shade(artist: Any, name: str) -> str:
    """Some of the colours of an artist, or the only one; empty where it has none of that name."""
    value = getattr(artist, f"get_{name}", bool)()
    rows = () if value is False or value is None else library("matplotlib.colors").to_rgba_array(value)
    hexes = [_hex(colour) for colour in rows]
    mean = f" mean {_hex(rows.mean(0))}" if len(hexes) > SAMPLES else ""
    return hexes[0] if len(set(hexes)) == 1 else " ".join(_some(hexes)) + mean


def _hex(colour: Any) -> str:
    *colour, alpha = (*colour, 1.0)[:4]
    parts = colour if alpha == 1 else (*colour, alpha)
    return "#" + "".join(f"{round(255 * float(part)):02x}" for part in parts) if alpha else "none"
