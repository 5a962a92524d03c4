"""Text as it may be shown: nothing invisible in it, and errors without what torch says about its own sources."""

import re
from textwrap import shorten

from .raw import exact, full_name, own_name

__all__ = ["clean", "error_text", "is_title", "plain", "shown", "title_of", "visible"]


def visible(text: str) -> str:
    """The text with every control, bidirectional or unpaired character spelled out.

    Tab and newline stay; C0 controls become their pictures (ESC: U+241B), others `⟨U+202E⟩`.
    """
    return INVISIBLE.sub(_spell, text)


def plain(text: str) -> str:
    """The text without the colours of a terminal, also where their ESC is spelt out."""
    return COLOURS.sub("", text)


COLOURS = re.compile(r"[\x1b␛]\[[\d;]*m")


def error_text(error: BaseException) -> str:
    """Type and message, as Python's last line has them: without C++ frames, and without what a version of Python adds
    to them when it prints ("Did you mean …").
    """
    name = full_name(type(error))
    try:
        message = exact(str(error.msg if issubclass(type(error), SyntaxError) else error))
        notes = [exact(str(note)) for note in getattr(error, "__notes__", [])]
    except BaseException:
        message, notes = f"<unprintable {own_name(type(error))} object>", []
    lines = [f"{name}: {message}" if message else name, *notes]
    return clean("\n".join(lines)).rstrip("\n")


def shown(title: str) -> str:
    """What a reader sees of a title in Markdown: escapes and the ticks of code are gone."""
    return MARKUP.sub(lambda found: found["code"] or found["sign"], title)


def is_title(title: str, error: str) -> bool:
    """Whether a title is the message of an error, with or without its type: a gap (`…`) stands for any other words.

    Ticks do not count, for a title loses them where Markdown makes them code.
    """
    title, error = title.replace("`", ""), error.replace("`", "")
    pieces = (r"\s+".join(map(re.escape, piece.split())) for piece in title.split("…"))
    pattern = rf"\s*{GAP.join(pieces)}\s*"
    messages = (error, TYPE.sub("", error))
    return bool(re.search(r"\w", title)) and any(re.fullmatch(pattern, message, re.S) for message in messages)


def title_of(error: str) -> str:
    """A title for a box of this error, in Markdown: its first words."""
    words = shorten(TYPE.sub("", error) or error, 120, placeholder=" …", break_on_hyphens=False)
    return SIGN.sub(r"\\\g<0>", words)


MARKUP = re.compile(r"(?P<ticks>`+)(?P<code>.+?)(?P=ticks)|\\(?P<sign>[\\`*_{}\[\]()>#+.!-])")
GAP = r"(?!(?<=\w)\w).*\S.*(?!(?<=\w)\w)"
"""Something, and no part of a word."""
TYPE = re.compile(r"\A[\w.]+(: |\Z)")
SIGN = re.compile(r"[\\*]|(?<![a-zA-Z0-9])_|_(?![a-zA-Z0-9])")
"""What Markdown would take for its own."""


def clean(text: str) -> str:
    """The text without what torch says about its own sources."""
    text = re.sub(r"\s*\(Triggered internally at [^)]*\)", "", text)
    return re.sub(r"\nException raised from .*", "", text, flags=re.S)


INVISIBLE = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]"
)


def _spell(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "␡"
    return f"⟨U+{code:04X}⟩"
