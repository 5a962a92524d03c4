"""Lines of text as a PDF file, written by hand: two fonts that every reader of PDF has, colours, and links.

Nothing is compressed, dated or embedded, so the same lines are the same bytes, whenever and wherever.
"""

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["CHARACTER", "Text", "pdf"]

CHARACTER = 0.6
"""Width of any character of Courier, in its size."""


@dataclass(frozen=True)
class Text:
    """A piece of a line."""

    x: float
    """From the left, in points."""
    y: float
    """Of its foot, from the bottom."""
    text: str
    colour: str
    """As `#1d2733`."""
    url: str = ""
    """Where a click leads."""
    bold: bool = False


def pdf(pages: Sequence[Sequence[Text]], *, width: int, height: int, size: float, title: str) -> bytes:
    """The bytes of a file with these pages.

    Raises:
        ValueError: the fonts lack a character.
    """
    kids = " ".join(f"{6 + 2 * number} 0 R" for number in range(len(pages)))
    fonts = "/Resources << /Font << /F0 3 0 R /F1 4 0 R >> >>"
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R /Lang (en) /ViewerPreferences << /DisplayDocTitle true >> >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} /MediaBox [0 0 {width} {height}] {fonts} >>".encode(),
        *(b"<< /Type /Font /Subtype /Type1 /BaseFont /%s /Encoding /WinAnsiEncoding >>" % name for name in FONTS),
        b"<< /Title %s >>" % _string(title),
    ]
    for number, texts in enumerate(pages):
        links = b" ".join(_link(text, size) for text in texts if text.url)
        drawn = b"\n".join(_drawn(text, size) for text in texts)
        page = f"/Type /Page /Parent 2 0 R /Contents {7 + 2 * number} 0 R".encode()
        objects.append(b"<< %s /Annots [%s] >>" % (page, links))
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(drawn), drawn))
    return _file(objects)


FONTS = (b"Courier", b"Courier-Bold")


def _file(objects: list[bytes]) -> bytes:
    """The objects, and the table of where each starts."""
    out, starts = b"%PDF-1.7\n", []
    for number, body in enumerate(objects, 1):
        starts.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % start for start in starts)
    entries = len(objects) + 1
    trailer = b"trailer\n<< /Size %d /Root 1 0 R /Info 5 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (entries, len(out))
    return out + b"xref\n0 %d\n0000000000 65535 f \n" % entries + table + trailer


def _drawn(text: Text, size: float) -> bytes:
    red, green, blue = (int(text.colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    place = f"{red:.3f} {green:.3f} {blue:.3f} rg /F{text.bold:d} {size} Tf {text.x:.2f} {text.y:.2f} Td"
    return b"BT %s %s Tj ET" % (place.encode(), _string(text.text))


def _link(text: Text, size: float) -> bytes:
    corners = text.x, text.y - 0.2 * size, text.x + len(text.text) * CHARACTER * size, text.y + 0.8 * size
    place = " ".join(f"{corner:.2f}" for corner in corners)
    action = b"<< /S /URI /URI %s >>" % _string(text.url)
    return b"<< /Type /Annot /Subtype /Link /Border [0 0 0] /Rect [%s] /A %s >>" % (place.encode(), action)


def _string(text: str) -> bytes:
    try:
        encoded = text.encode("cp1252")
    except UnicodeEncodeError as error:
        odd = text[error.start]
        raise ValueError(f"a PDF's own fonts have no {odd!r}, which `{text}` holds; write it without") from None
    for sign in (b"\\", b"(", b")"):
        encoded = encoded.replace(sign, b"\\" + sign)
    return b"(%s)" % encoded
