"""HTML of a value's own form: what a cell wrote is no page's markup, so of it stays what can do no harm there.

A picture is an image, whose scripts browsers do not run. HTML, and Markdown made HTML, loses in `nh3` what is not
listed here: scripts, styles, pictures, classes and ids, by which it could hide a cell, ask others for files or pass
for another output.
"""

import base64
import re
from html import escape

from markdown import markdown

from ..model.runs import Rich
from ..show.page import Drift

__all__ = ["rich_html"]


def rich_html(form: Rich, text: str) -> str:
    """What a page shows of a form; `text` is what it says where a reader cannot see."""
    if form.kind.startswith("image/"):
        data = form.data if form.kind == "image/png" else base64.b64encode(form.data.encode()).decode()
        return f'<img src="data:{form.kind};base64,{"".join(data.split())}" alt="{escape(text)}">'
    if form.kind == "text/latex":
        return _formula(re.sub(r"\\displaystyle\b", "", form.data.strip().strip("$")))
    is_html = form.kind == "text/html"
    return _clean(form.data if is_html else markdown(form.data, extensions=["tables", "fenced_code"]))


def _formula(tex: str) -> str:
    from .maths import rendered

    try:
        return rendered(tex, display=True)
    except ValueError:  # TeX that no browser draws is still TeX
        return f"<pre><samp>{escape(tex)}</samp></pre>"


def _clean(html: str) -> str:
    try:
        import nh3
    except ImportError:
        raise Drift("a value that shows itself as HTML or Markdown needs nh3; install torchproof[mkdocs]") from None
    html = re.sub(r"<(/?)h[1-6]\b[^>]*>", r"<\1p>", html)  # no heading of the page
    return nh3.clean(html, tags=TAGS, attributes=ATTRIBUTES, url_schemes={"http", "https", "mailto"})


TAGS = {
    *("a", "b", "br", "caption", "code", "dd", "div", "dl", "dt", "em", "hr", "i", "kbd", "li", "ol", "p", "pre", "s"),
    *("small", "span", "strong", "sub", "sup", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "u", "ul", "var"),
}
ATTRIBUTES = {"a": {"href"}, "td": {"colspan", "rowspan"}, "th": {"colspan", "rowspan", "scope"}, "ol": {"start"}}
