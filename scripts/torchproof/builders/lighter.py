"""Makes a page light: figures, pictures and the values of its X-ray become files, and what HTML can do without goes.

So a page weighs what its words and its code weigh, and a browser shows them before the figures have come.
"""

import base64
import hashlib
import json
import re
from collections.abc import Callable
from html import unescape

from mkdocs.utils import get_relative_url

__all__ = ["address", "lighter"]


def lighter(html: str, url: str, write: Callable[[str, bytes], str]) -> str:
    """A page with the addresses of files; `write` writes one by its path within the site, which it returns."""

    def relative(path: str, data: bytes) -> str:
        return get_relative_url(write(path, data), url)

    def figure(found: re.Match[str]) -> str:
        path = address("pictures", "svg", found["drawing"].encode())
        drawn = {path.replace(".", f"{look}."): f"<svg {style}{found['drawing']}" for look, style in LOOKS.items()}
        light, dark = (relative(path, svg.encode()) for path, svg in drawn.items())
        size = " ".join(f'{side}="{float(found[side]) * 4 / 3:.1f}"' for side in ("width", "height"))
        said = f'alt="{found["title"]}" {size}'
        # only the dark one is lazy: it is fetched where it is shown, the light one may be asked for by a printer
        return f'<figure class="tp-figure"><img src="{light}" {said}><img src="{dark}" {said} loading="lazy"></figure>'

    def picture(found: re.Match[str]) -> str:
        data = base64.b64decode(found["data"])
        return f'{found["before"]}{relative(address("pictures", found["kind"], data), data)}"'

    if values := {row["id"]: unescape(row["text"]) for row in VALUES.finditer(html)}:
        html = VALUES.sub(lambda row: row["before"], html)
        path = write(f"assets/xray/{url.strip('/').removesuffix('.html') or 'index'}.js", _script(values))
        path = f"{get_relative_url(path, url)}?{hashlib.sha256(html.encode()).hexdigest()[:12]}"
        html = html.replace('<table class="xr-rows"', f'<table class="xr-rows" data-file="{path}"', 1)
    html = UNSEARCHED.sub(r"\1", html)
    html = ROWS.sub(lambda table: re.sub("</t[dhr]>", "", table[0]), html)
    return PICTURE.sub(picture, FIGURE.sub(figure, html.replace("&#10;", "\n")))


def address(folder: str, kind: str, content: bytes) -> str:
    """Where within the site a file lies whose name says what is in it."""
    return f"assets/{folder}/{hashlib.sha256(content).hexdigest()[:12]}.{kind}"


def _script(values: dict[str, str]) -> bytes:
    """The values of a page's X-ray as a script that `torchproof.js` loads.

    A script and no JSON: a page that was opened from a folder may load one. It has the page's name, and no page holds
    a hash of it: what stands in memory that nobody wrote, or was drawn without a seed, is another in each build.
    """
    data = json.dumps(values, separators=(",", ":"), ensure_ascii=False)
    return f"(self.tpValues??={{}})[document.currentScript.src.split('/').pop()]={data}".encode()


ROWS = re.compile(r'<table class="xr-rows".*?</table>')
"""An X-ray: half of it would be the ends of its fields, which HTML need not say."""

UNSEARCHED = re.compile('(<[a-z]+ [^<>]*?) data-search-exclude(?:="")?(?=[ >])')
"""The search has read the page."""

VALUES = re.compile(r'(?P<before><tr id="(?P<id>x\d+)") data-values="(?P<text>[^"]*)"')

FIGURE = re.compile(
    r'<figure class="tp-figure"><svg role="img" aria-label="(?P<title>[^"]*)"'
    r'(?P<drawing>[^>]* width="(?P<width>[\d.]+)pt" height="(?P<height>[\d.]+)pt".*?</svg>)</figure>',
    re.S,
)

LOOKS = {
    look: f'color="{colour}" font-family="system-ui,sans-serif" stroke-linejoin="round"'
    for look, colour in {"": "rgba(0,0,0,.87)", "-dark": "hsla(220,15%,90%,.82)"}.items()
}
"""What a figure has of the page around it, and a file must say itself: on light ground, and on dark."""

PICTURE = re.compile(r'(?P<before><img\s[^>]*?src=")data:image/(?P<kind>\w+);base64,(?P<data>[^"]{500,})"')
"""A picture in a page; a smaller one weighs less than the request for a file would."""
