"""What tests look at where looking at all takes too long: a few that together hold every kind."""

import os
import re

from book import SITE
from conftest import NIGHTLY

PAGES = [name.removesuffix("index").rstrip("/") for name in SITE.pages]
PAGES = sorted(f"{name}/" if name else "" for name in PAGES)
"""The address of each page of the book."""


def taken():
    """Chapters whose notebooks and scripts are run: the shortest that together do everything that a reader would see.

    All of them with TORCHPROOF_KERNELS=all.
    """
    texts = {name: SITE.committed(snippet) for name, snippet in SITE.snippets.items()}
    if os.environ.get("TORCHPROOF_KERNELS") == "all":
        return list(texts)
    shortest = sorted(texts, key=lambda name: len(texts[name]))
    marks = {name: set(re.findall("^[|!=x#](?= )", texts[name], re.M)) for name in shortest}
    return holding_all({name: marks[name] | {SITE.snippets[name].is_walkthrough} for name in shortest})


def tried(folder):
    """Pages that together hold every kind of element, the richest first; all pages each night.

    A page that brings something new is among them from the day that it does.
    """
    if NIGHTLY:
        return PAGES
    return holding_all({path: kinds_of((folder / path / "index.html").read_text(encoding="utf-8")) for path in PAGES})


def holding_all(kinds):
    """Those names whose kinds together are all kinds, the richest first; `kinds` has the kinds of each name."""
    left, chosen = set().union(*kinds.values()), []
    while left:
        chosen.append(max(kinds, key=lambda name: len(kinds[name] & left)))
        left -= kinds[chosen[-1]]
    return chosen


def kinds_of(text):
    """The elements of a page, by name, class and role; without the words of code, of formulas and the shapes of drawings.

    Those differ in colour and in nothing else, and are looked at each night.
    """
    text = re.sub(r"<(math|svg)\b.*?</\1>", r"<\1>", text, flags=re.S)
    tags = re.findall(r"<([a-z][\w-]*)([^<>]*)>", text)
    kinds = {(name, *re.findall(r' (?:class|role)="[^"]*"', attributes)) for name, attributes in tags}
    return {kind for kind in kinds if not re.fullmatch(r' class="\w{1,3}"', kind[-1])}
