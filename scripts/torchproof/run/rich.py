"""A value's own form for readers, by the methods that notebooks ask it for: a table, a formula, a picture.

A page runs no script. Of what draws itself by one, its picture is taken; else, where nothing is left to see, it fails.
"""

import base64
import re
from collections.abc import Iterator
from typing import Any

from ..model.raw import exact, members, mro, own_name
from ..model.rich import described
from ..model.runs import Rich
from ..model.text import visible
from .pretty import pretty

__all__ = ["PICTURE", "rich", "shown"]

KINDS = {
    "_repr_html_": "text/html",
    "_repr_markdown_": "text/markdown",
    "_repr_svg_": "image/svg+xml",
    "_repr_png_": "image/png",
    "_repr_latex_": "text/latex",
}
"""The first that a value has is shown."""


PICTURE = "show a picture of it, as PIL.Image.open of a PNG that it writes"
"""The way out where something moves, or opens a window."""


def shown(value: Any) -> tuple[str, Rich | None]:
    """The text of a value and its form; beside a form, a text says no address, which another run has elsewhere."""
    form, text = rich(value), pretty(value)
    return re.sub(r" at 0x[0-9a-fA-F]+", "", text) if form else text, form


def rich(value: Any) -> Rich | None:
    """The form of a value that a page shows in place of its text; None where it has none.

    Raises:
        ValueError: it has nothing to see without a script.
    """
    wordless = False
    for form in _forms(value):
        if form.kind != "text/html" or not re.search(r"<(?:script|iframe)\b", form.data):
            return form
        wordless = not described(form)
    if wordless:
        raise ValueError(f"{own_name(type(value))} is drawn by a script, and pages run none of a cell's; {PICTURE}")
    return None


def _forms(value: Any) -> Iterator[Rich]:
    """The forms of a value that are known here, as Jupyter would ask for them."""
    has = {name for cls in mro(type(value)) for name in members(cls)}
    bundle = value._repr_mimebundle_(include=None, exclude=None) if "_repr_mimebundle_" in has else None
    told = dict((bundle[0] if type(bundle) is tuple else bundle) or {})
    for method, kind in KINDS.items():
        data = told.get(kind)
        if data is None and method in has and callable(ask := getattr(value, method)):
            try:
                data = ask()
            except NotImplementedError:
                continue
        data = data[0] if type(data) is tuple else data
        if isinstance(data, bytes):
            data = base64.b64encode(data).decode()
        if isinstance(data, str) and data.strip():
            yield Rich(kind, visible(exact(data)))
