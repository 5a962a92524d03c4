"""Every row of the five source tutorials is taught somewhere, or waits for its chapter: tests/curriculum.toml."""

import re
import tomllib
from collections import Counter
from functools import cache

import pytest
from conftest import ROOT
from markdown import Markdown
from torchproof.compare.site import Site
from torchproof.compare.transcript import Block, parse
from torchproof.model.problems import did_you_mean
from torchproof.read.pages import blocks

CURRICULUM = tomllib.loads((ROOT / "tests" / "curriculum.toml").read_text(encoding="utf-8"))
SITE = Site.read(ROOT)
ROWS = [f"{source}-{row:02}" for source, count in CURRICULUM["rows"].items() for row in range(1, count + 1)]


@cache
def anchors(page):
    """The anchors of a page's headings, in order, as the toc extension makes them."""
    md = Markdown(extensions=["attr_list", "pymdownx.superfences", "pymdownx.details", "admonition", "toc"])
    md.convert(SITE.pages[page].text)
    waiting, found = list(md.toc_tokens), []
    while waiting:
        heading = waiting.pop(0)
        found.append(heading["id"])
        waiting = heading["children"] + waiting
    return found


def broken(place):
    """What is wrong with a place such as `tensors/shapes#some-cell` or `tensors/shapes.md#some-heading`."""
    file, _, name = place.partition("#")
    page = file.removesuffix(".md")
    if page not in SITE.pages:
        return f"there is no docs/{page}.md; {did_you_mean(page, list(SITE.pages))}"
    if file.endswith(".md"):
        known, kind = anchors(page), "has no heading with the anchor"
    else:
        known, kind = [embed.slug for embed in SITE.pages[page].embeds if embed.chapter == page], "shows no cell"
    return "" if name in known else f"docs/{page}.md {kind} '{name}'; {did_you_mean(name, known)}"


@cache
def sections(page):
    """What stands below each heading of a page, by its anchor, with the code and the transcript of its cells."""
    found, anchor = {"": []}, ""
    waiting = iter(anchors(page))
    for block in blocks(SITE.pages[page].text.split("\n")):
        if not block.mark and re.match("#{1,6} ", block.text):
            found[anchor := next(waiting)] = [block.text]
        elif block.info == "cell":
            chapter, _, slug = block.body[0].strip().partition("#")
            found[anchor] += [SITE.snippets[chapter].cell(slug).source, *lines(chapter, slug)]
        else:
            found[anchor] += [block.text, *block.body]
    return {anchor: "\n".join(text) for anchor, text in found.items()}


def lines(chapter, slug):
    """The transcript of a cell; none of one that the CPU does not run."""
    return parse(SITE.committed(SITE.snippets[chapter])).cells.get(slug, Block()).lines


def silent(row, place, words):
    """What is wrong with a row that shall be taught by these words at a place."""
    if complaint := broken(place):
        return f"{row}: {place}: {complaint}"
    page, _, name = place.partition("#")
    if page.endswith(".md"):
        texts = [sections(page.removesuffix(".md"))[name]]
    else:
        texts = [SITE.snippets[page].cell(name).source, *lines(page, name)]
        texts += [text for text in sections(page).values() if SITE.snippets[page].cell(name).source in text]
    return "" if words in "\n".join(texts) else f"{row}: nothing at {place} says {words!r}"


PLACES = {row: place["at"] if isinstance(place, dict) else place for row, place in CURRICULUM["taught"].items()}
WORDS = {row: place["shows"] for row, place in CURRICULUM["taught"].items() if isinstance(place, dict)}


def test_a_row_with_words_is_taught_by_them_where_it_points_to():
    wrong = [complaint for row, words in WORDS.items() if (complaint := silent(row, PLACES[row], words))]

    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("training/modules#a-model-in-ten-lines", "inference_mode"),
        ("data/images.md#the-same-in-torchvision", "inference_mode"),
    ],
    ids=["cell", "heading"],
)
def test_a_place_that_does_not_say_the_words_is_noticed(place, words):
    assert f"says {words!r}" in silent("S0-01", place, words)


def test_the_sources_have_202_rows():
    assert len(ROWS) == 202


def test_every_row_stands_in_the_curriculum_once():
    listed = Counter(list(CURRICULUM["taught"]))
    for chapter in CURRICULUM["open"].values():
        listed.update(chapter["rows"])

    missing = [row for row in ROWS if row not in listed]
    unknown = [row for row in listed if row not in ROWS]
    twice = [row for row, times in listed.items() if times > 1]
    assert not missing, f"tests/curriculum.toml has lost {missing}; put each under [taught], or under its open chapter"
    assert not unknown, f"tests/curriculum.toml names {unknown}, which no source has"
    assert not twice, f"{twice} stand in tests/curriculum.toml twice; a taught row is no longer open"


def test_every_taught_row_points_to_a_place_that_exists():
    wrong = [f"{row}: {place}: {broken(place)}" for row, place in PLACES.items() if broken(place)]

    assert not wrong, "mend these rows of tests/curriculum.toml:\n" + "\n".join(wrong)


def test_no_chapter_that_exists_has_open_rows():
    wrong = [
        f"docs/{chapter['page']}.md: {', '.join(chapter['rows'])}"
        for chapter in CURRICULUM["open"].values()
        if chapter["page"] in SITE.pages
    ]

    assert not wrong, (
        "say under [taught] of tests/curriculum.toml where these chapters teach each row, and delete them from [open]:\n"
        + "\n".join(wrong)
    )


def test_every_chapter_teaches_rows_or_goes_beyond_the_sources():
    taught = {place.partition("#")[0].removesuffix(".md") for place in PLACES.values()}
    wrong = [chapter for chapter in SITE.snippets if chapter not in taught.union(CURRICULUM["beyond"])]

    assert not wrong, (
        "no row is taught in these chapters; move their rows from [open] of tests/curriculum.toml to [taught], "
        "or list them under `beyond` if the sources have none:\n" + "\n".join(wrong)
    )


@pytest.mark.parametrize(
    ("place", "complaint"),
    [
        ("tensors/memroy#the-position-is-a-sum", "did you mean 'tensors/memory'?"),
        ("tensors/memory#the-position-is-sum", "shows no cell 'the-position-is-sum'; did you mean"),
        ("tensors/memory.md#storage-strides-offset", "no heading with the anchor 'storage-strides-offset'; did you mean"),
        ("tensors/memory.md#the-position-is-a-sum", "no heading"),
        ("tensors/memory#storage-stride-offset", "shows no cell"),
    ],
    ids=["misspelt page", "misspelt cell", "misspelt heading", "cell as a heading", "heading as a cell"],
)
def test_a_place_that_does_not_exist_is_noticed(place, complaint):
    assert complaint in broken(place)
