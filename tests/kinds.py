"""Which pages of the built site tests look at: those that together hold every kind of element."""

import re

from book import SITE
from conftest import NIGHTLY

PAGES = [name.removesuffix("index").rstrip("/") for name in SITE.pages]
PAGES = sorted(f"{name}/" if name else "" for name in PAGES)
"""The address of each page of the book."""


def tried(folder):
    """Pages that together hold every kind of element, the richest first; all pages each night.

    A page that brings something new is among them from the day that it does.
    """
    if NIGHTLY:
        return PAGES
    kinds = {path: kinds_of((folder / path / "index.html").read_text(encoding="utf-8")) for path in PAGES}
    left, chosen = set().union(*kinds.values()), []
    while left:
        chosen.append(max(PAGES, key=lambda path: len(kinds[path] & left)))
        left -= kinds[chosen[-1]]
    return chosen


def kinds_of(text):
    """The elements of a page, by name, class and role."""
    tags = re.findall(r"<([a-z][\w-]*)([^<>]*)>", text)
    return {(name, *re.findall(r' (?:class|role)="[^"]*"', attributes)) for name, attributes in tags}
