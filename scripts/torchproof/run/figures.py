"""Figures: what a cell left open in pyplot, as SVG that follows the page's colours, and what is plotted, as facts.

Facts are what a reader sees: places in percent of their axes, ends of axes, colours, words. Places and colours are
rounded and few, so that a line can be reviewed, and the last digits of a number do not count.
"""

import base64
import io
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ..model.raw import library
from ..model.runs import Figure

__all__ = ["STYLE", "discard", "take"]

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
    if pyplot is None:
        return []
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
    """
    buffer, boxes = io.StringIO(), []
    heard = figure.canvas.mpl_connect("draw_event", lambda event: boxes.append(figure.get_tightbbox(event.renderer)))
    figure.savefig(buffer, format="svg", bbox_inches=None, metadata={"Date": None, "Creator": None})
    figure.canvas.mpl_disconnect(heard)
    box = boxes[-1].padded(library("matplotlib").rcParams["savefig.pad_inches"])
    corner = box.x0, figure.get_figheight() - box.y1
    left, top, width, height = (f"{72 * inches:.6f}" for inches in (*corner, box.width, box.height))
    header = f'width="{width}pt" height="{height}pt" viewBox="{left} {top} {width} {height}"'
    svg = re.sub(r'width="[^"]+" height="[^"]+" viewBox="[^"]+"', header, buffer.getvalue(), count=1)
    svg = svg.replace(INK, "currentColor")
    return re.sub(r"data:image/png;base64,([^\"]{2000,})", lambda match: _small_image(match[1]), svg)


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
    width, height = figure.get_size_inches()
    title = figure.get_suptitle()
    words = [*map(_text, _seen(figure.texts)), figure.get_supxlabel(), figure.get_supylabel()]
    lines = [_joined(f"figure {width:g} × {height:g} in", repr(title) if title else "")]
    lines += [f"  {line}" for line in [*_quoted("texts", words), *_legends(figure.legends)]]
    for axes in _seen(figure.axes):
        titles = {"title": axes.get_title(), "left": axes.get_title("left"), "right": axes.get_title("right")}
        labels = titles | {"x": axes.get_xlabel(), "y": axes.get_ylabel()}
        said = [f"{kind} {text!r}" for kind, text in labels.items() if text]
        lines.append(_joined("axes", *said, "" if axes.axison else "off"))
        lines += [f"  {line}" for line in [_limits(axes), *_ticks(axes), *_plotted(axes)]]
    return lines


def _seen(artists: Iterable[Any]) -> Iterator[Any]:
    """The artists that are drawn, and axes within axes after those that hold them."""
    for artist in artists:
        if artist is not None and artist.get_visible():
            yield artist
            yield from _seen(getattr(artist, "child_axes", ()))


def _limits(axes: Any) -> str:
    """Where the axes begin and end: in data, or on their scale where it is another one, as exponents for a log's."""
    said = []
    for name, axis, ends in (("x", axes.xaxis, axes.get_xlim()), ("y", axes.yaxis, axes.get_ylim())):
        transform = axis.get_transform()
        scale = "" if axis.get_scale() == "linear" else f"{axis.get_scale()}{getattr(transform, 'base', '')}"
        said.append(_joined(name, scale, _ends(*(map(transform.transform, ends) if scale else ends))))
    return ", ".join(said)


def _ends(low: float, high: float) -> str:
    """Two numbers, to a thousandth of what lies between them."""
    span = abs(high - low)
    digits = 3 - math.ceil(math.log10(span)) if 0 < span < math.inf else 3
    return " … ".join(f"{round(float(end), digits) + 0.0:.15g}" for end in (low, high))


def _ticks(axes: Any) -> list[str]:
    """The words at ticks that were set by hand."""
    found = []
    for name, axis in (("x", axes.xaxis), ("y", axes.yaxis)) if axes.axison else ():
        if type(axis.get_major_locator()).__name__ in ("FixedLocator", "NullLocator"):
            found += _quoted(f"{name} ticks", map(_text, axis.get_ticklabels())) or [f"{name} ticks none"]
    return found


def _plotted(axes: Any) -> list[str]:
    """One line for each thing drawn on the axes, in drawing order: kind, size, label, colours, places."""
    facts = [_line(line, axes) for line in _seen(axes.lines)]
    facts += [_collection(artist, axes) for artist in _seen(axes.collections)]
    facts += [_image(image, axes) for image in _seen(axes.images)]
    if patches := list(_seen(axes.patches)):
        boxes = [box for patch in patches for box in _boxes([patch.get_path()], patch.get_transform())]
        colours = _colours([patch.get_facecolor() for patch in patches])
        facts.append(_joined(f"{len(patches)} patches", colours, _places(boxes, axes, each=2)))
    texts = list(_seen(axes.texts))
    places = _places([_point(text, axes) for text in texts], axes)
    facts += [_joined(line, places) for line in _quoted("texts", map(_text, texts))]
    for table in _seen(axes.tables):
        facts += _quoted("table", (_text(cell.get_text()) for _, cell in sorted(table.get_celld().items())))
    return facts + _legends([axes.get_legend()])


def _line(line: Any, axes: Any) -> str:
    looks = [line.get_linestyle(), line.get_marker(), line.get_drawstyle()]
    looks = [look for look in looks if isinstance(look, str) and look not in ("-", "", " ", "None", "default")]
    fact = _labelled(f"line of {len(line.get_xdata())} points", line)
    places = _places(line.get_transform().transform(line.get_xydata()), axes)
    return _joined(fact, *looks, _colours([line.get_color()]), places)


def _collection(artist: Any, axes: Any) -> str:
    name, offsets, move = type(artist).__name__, artist.get_offsets(), artist.get_transform()
    said, each = [_labelled(f"{name} of {len(offsets)}", artist)], 1
    if name == "PathCollection" or len(offsets) > 1:
        points = artist.get_offset_transform().transform(offsets)
    elif name.endswith("ContourSet"):  # where a contour begins depends on the last digits, its box does not
        points, each = _boxes(artist.get_paths(), move), 2
        said.append(f"levels {', '.join(f'{level:.6g}' for level in artist.levels)}")
    else:
        points = [point for path in artist.get_paths() for point in move.transform(path.vertices)]
    sizes = getattr(artist, "get_sizes", list)()
    said += [f"sizes {_ends(min(sizes), max(sizes))}"] if len(set(sizes)) > 1 else []
    faces = artist.get_facecolors()
    return _joined(*said, _colours(faces if len(faces) else artist.get_edgecolors()), _places(points, axes, each=each))


def _image(image: Any, axes: Any) -> str:
    """Its shape, how numbers became colours, where it lies, and the mean colours of its tiles on white."""
    import numpy

    array = image.get_array()
    meaning = f"{image.get_cmap().name} {_ends(*image.get_clim())}" if array.ndim == 2 else ""
    colours = image.to_rgba(array, alpha=image.get_alpha(), bytes=True) / 255.0
    colours = 1 - colours[..., 3:] * (1 - colours[..., :3])
    rows = numpy.array_split(colours, min(TILES[0], len(array)))
    tiles = [tile for row in rows for tile in numpy.array_split(row, min(TILES[1], row.shape[1]), axis=1)]
    left, right, bottom, top = image.get_extent()
    places = _places(image.get_transform().transform([(left, bottom), (right, top)]), axes)
    shape = " × ".join(map(str, array.shape))
    return _joined(f"image {shape}", meaning, image.origin, _hex(tile.mean((0, 1)) for tile in tiles), places)


def _labelled(fact: str, artist: Any) -> str:
    label = str(artist.get_label())
    return fact if label.startswith("_") else f"{fact} {label!r}"


def _legends(legends: Iterable[Any]) -> list[str]:
    return [line for legend in _seen(legends) for line in _quoted("legend", map(_text, legend.get_texts()))]


def _text(text: Any) -> str:
    return text.get_text()


def _quoted(kind: str, texts: Iterable[str]) -> list[str]:
    """A line with those texts that are not empty; none where all are."""
    told = ", ".join(repr(text) for text in texts if text)
    return [f"{kind} {told}"] if told else []


def _point(text: Any, axes: Any) -> tuple[float, float]:
    """Where a text stands, or what an annotation points at."""
    if hasattr(text, "xycoords"):
        return axes.transData.transform(text.xy) if text.xycoords == "data" else (math.nan, math.nan)
    return text.get_transform().transform(text.get_unitless_position())


def _boxes(paths: Iterable[Any], transform: Any) -> list[tuple[float, float]]:
    """The lower left and the upper right corner of each path."""
    boxes = [transform.transform(path.vertices) for path in paths if len(path.vertices)]
    return [corner for box in boxes for corner in (tuple(box.min(axis=0)), tuple(box.max(axis=0)))]


def _places(points: Sequence[Any], axes: Any, *, each: int = 1) -> str:
    """The box around points of the screen and some of them, `each` a thing, in percent of the axes.

    A point that is nowhere, as one with a NaN, is a `gap`.
    """
    if not len(points):
        return ""
    placed = [tuple(100 * point) for point in axes.transAxes.inverted().transform(points)]
    seen = [place for place in placed if all(map(math.isfinite, place))]
    box = [tuple(map(end, zip(*seen, strict=True))) for end in (min, max)] if len(seen) > SAMPLES else []
    around = f"from {_place(box[0])} to {_place(box[1])}" if box else ""
    told = _some([placed[k : k + each] for k in range(0, len(placed), each)])
    return _joined(around, "at", *(_place(place) for places in told for place in places))


def _place(place: tuple[float, float]) -> str:
    if not all(map(math.isfinite, place)):
        return "gap"
    return ",".join(str(round(min(max(end, LOW), HIGH))) for end in place)


def _colours(colours: Sequence[Any]) -> str:
    """Some of the colours, or the only one."""
    from matplotlib.colors import to_rgb

    known = [to_rgb(colour) for colour in colours]
    return _hex(known[:1] if len(set(known)) == 1 else _some(known))


def _hex(colours: Iterable[Any]) -> str:
    return " ".join("#" + "".join(f"{round(255 * float(part)):02x}" for part in colour) for colour in colours)


def _some(things: Sequence[Any]) -> list[Any]:
    last = len(things) - 1
    return list(things) if last < SAMPLES else [things[round(k * last / (SAMPLES - 1))] for k in range(SAMPLES)]


def _joined(*words: str) -> str:
    return " ".join(word for word in words if word)
