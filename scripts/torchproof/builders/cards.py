"""Cards: the picture that a shared link shows, with the title of its page.

Drawn by Pillow in the font that comes with matplotlib, both pinned, so one title is one file on every machine,
and nothing is asked of anyone. (Material's own plugin needs Cairo, and fetches fonts while it builds.)
"""

import io
from functools import cache
from pathlib import Path
from typing import Any

__all__ = ["card"]

SIZE = 1200, 630
LEFT = 90
INK, GROUND, ACCENT = (29, 39, 51), (255, 255, 255), (194, 65, 12)
SHADES = 15
"""From ink to ground; with the accent, sixteen colours, which a PNG holds in half a byte each."""


def card(title: str, line: str) -> bytes:
    """A PNG of 1200 × 630 with a page's title, and a line below it."""
    from PIL import Image, ImageDraw

    grey = Image.new("L", SIZE, 255)
    draw = ImageDraw.Draw(grey)
    lines, font = _set(title, draw)
    for number, line in enumerate(lines):
        draw.text((LEFT, 120 + number * font.size * 1.3), line, 0, font)
    draw.text((LEFT, 505), f"✓ {line}", 0, _font("DejaVuSans.ttf", 36))
    picture = grey.point([value * SHADES // 256 for value in range(256)])
    ImageDraw.Draw(picture).rectangle((0, 0, 24, SIZE[1]), fill=SHADES)
    parts = [number / (SHADES - 1) for number in range(SHADES)]
    shades = [round(a + part * (b - a)) for part in parts for a, b in zip(INK, GROUND, strict=True)]
    picture.putpalette([*shades, *ACCENT])
    held = io.BytesIO()
    picture.save(held, "PNG", bits=4, compress_level=6)
    return held.getvalue()


def _set(title: str, draw: Any) -> tuple[list[str], Any]:
    """The title in lines, as large as it fits."""
    for size in (84, 72, 60, 50, 42):
        font = _font("DejaVuSans-Bold.ttf", size)
        lines = [""]
        for word in title.split():
            longer = f"{lines[-1]} {word}".strip()
            if lines[-1] and draw.textlength(longer, font) > SIZE[0] - 2 * LEFT:
                lines.append(word)
            else:
                lines[-1] = longer
        fits = all(draw.textlength(line, font) <= SIZE[0] - 2 * LEFT for line in lines)
        if fits and len(lines) * size * 1.3 <= 350:
            break
    return lines, font


@cache
def _font(name: str, size: int) -> Any:
    import matplotlib
    from PIL import ImageFont

    path = Path(matplotlib.get_data_path(), "fonts", "ttf", name)
    return ImageFont.truetype(str(path), size, layout_engine=ImageFont.Layout.BASIC)
