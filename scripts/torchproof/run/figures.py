"""Figures: what a cell left open in pyplot, as SVG that follows the page's colours, and what is plotted, as facts."""

import base64
import io
import re
import sys
from typing import Any

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
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is None:
        return []
    figures = [pyplot.figure(number) for number in pyplot.get_fignums()]
    taken = [Figure(tuple(_facts(figure)), _svg(figure)) for figure in figures]
    discard()
    return taken


def discard() -> None:
    """Close the open figures."""
    if pyplot := sys.modules.get("matplotlib.pyplot"):
        pyplot.close("all")


def _svg(figure: Any) -> str:
    """The picture as matplotlib draws it, its ink the colour of the page's text; `show/slim.py` makes it small."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", bbox_inches="tight", metadata={"Date": None, "Creator": None})
    svg = buffer.getvalue().replace(INK, "currentColor")
    return re.sub(r"data:image/png;base64,([^\"]{2000,})", lambda match: _small_image(match[1]), svg)


def _small_image(png: str) -> str:
    """A large picture within a figure, a photo say, as WebP: a tenth of the bytes; PNG where that is smaller."""
    from PIL import Image  # what matplotlib itself writes PNG with

    buffer = io.BytesIO()
    Image.open(io.BytesIO(base64.b64decode(png))).save(buffer, "WEBP", quality=85, method=6)
    webp = base64.b64encode(buffer.getvalue()).decode()
    return f"data:image/webp;base64,{webp}" if len(webp) < len(png) else f"data:image/png;base64,{png}"


def _facts(figure: Any) -> list[str]:
    width, height = figure.get_size_inches()
    lines = [f"figure {width:g} × {height:g} in"]
    if title := figure.get_suptitle():
        lines[0] += f" {title!r}"
    for axes in figure.axes:
        labels = {"title": axes.get_title(), "x": axes.get_xlabel(), "y": axes.get_ylabel()}
        lines.append(" ".join(["axes", *(f"{kind} {text!r}" for kind, text in labels.items() if text)]))
        lines += [f"  {line}" for line in _plotted(axes)]
    return lines


def _plotted(axes: Any) -> list[str]:
    """One line for each thing drawn on the axes, in drawing order: kind, size, label."""
    facts = [_labelled(f"line of {len(line.get_xdata())} points", line) for line in axes.lines]
    for artist in axes.collections:
        facts.append(_labelled(f"{type(artist).__name__} of {len(artist.get_offsets())}", artist))
    facts += [f"image {' × '.join(map(str, image.get_array().shape))}" for image in axes.images]
    facts += [f"{len(axes.patches)} patches"] if axes.patches else []
    texts = [repr(text.get_text()) for text in axes.texts]
    facts += [f"texts {', '.join(texts)}"] if texts else []
    return facts


def _labelled(fact: str, artist: Any) -> str:
    label = str(artist.get_label())
    return fact if label.startswith("_") else f"{fact} {label!r}"
