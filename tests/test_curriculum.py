"""Every row of the five source tutorials is taught somewhere, and a page says where: docs/assets/curriculum.toml."""

import re
import tomllib
from functools import cache

import pytest
from book import SITE
from conftest import ROOT
from markdown import Markdown
from torchproof.builders.sources import place, source
from torchproof.compare.transcript import Block, parse
from torchproof.model.problems import did_you_mean
from torchproof.read.pages import blocks

CURRICULUM = tomllib.loads((ROOT / "docs/assets/curriculum.toml").read_text(encoding="utf-8"))
SOURCES = CURRICULUM["sources"]
ROWS = [f"{source}-{row:02}" for source, about in SOURCES.items() for row in range(1, about["rows"] + 1)]


@cache
def anchors(page):
    """The anchors of a page's headings, in order, as the toc extension makes them."""
    md = Markdown(extensions=["attr_list", "pymdownx.superfences", "pymdownx.details", "admonition", "toc"])
    md.convert("\n".join(block.text for block in blocks(SITE.pages[page].text.split("\n")) if not block.mark))
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


PLACES = {row: place["at"] for row, place in CURRICULUM["taught"].items()}
WORDS = {row: place["shows"] for row, place in CURRICULUM["taught"].items() if "shows" in place}


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


def test_every_row_stands_in_the_curriculum_in_order():
    assert list(CURRICULUM["taught"]) == ROWS


def test_every_taught_row_points_to_a_place_that_exists():
    wrong = [f"{row}: {place}: {broken(place)}" for row, place in PLACES.items() if broken(place)]

    assert not wrong, "mend these rows of docs/assets/curriculum.toml:\n" + "\n".join(wrong)


def test_every_chapter_teaches_rows_or_goes_beyond_the_sources():
    taught = {place.partition("#")[0].removesuffix(".md") for place in PLACES.values()}
    wrong = [chapter for chapter in SITE.snippets if chapter not in taught.union(CURRICULUM["beyond"])]

    assert not wrong, (
        "no row is taught in these chapters; list them under `beyond` of docs/assets/curriculum.toml:\n"
        + "\n".join(wrong)
    )


@pytest.mark.parametrize(
    ("place", "complaint"),
    [
        ("tensors/memroy#the-position-is-a-sum", "did you mean 'tensors/memory'?"),
        ("tensors/memory#the-position-is-sum", "shows no cell 'the-position-is-sum'; did you mean"),
        (
            "tensors/memory.md#storage-strides-offset",
            "no heading with the anchor 'storage-strides-offset'; did you mean",
        ),
        ("tensors/memory.md#the-position-is-a-sum", "no heading"),
        ("tensors/memory#storage-stride-offset", "shows no cell"),
    ],
    ids=["misspelt page", "misspelt cell", "misspelt heading", "cell as a heading", "heading as a cell"],
)
def test_a_place_that_does_not_exist_is_noticed(place, complaint):
    assert complaint in broken(place)


# --- the page that says where -----------------------------------------------------------------------------------------


def test_the_page_lists_each_source_under_its_title():
    page = SITE.pages["lookup/sources"].text
    found = re.findall(r'^## (.+)\n\n```python exec="true"\n.*\n\nprint\(reports.source\("(.+)"\)\)$', page, re.M)

    assert found == [(about["title"], name) for name, about in SOURCES.items()]


def test_a_row_leads_where_the_tests_say_that_it_is_taught():
    wrong = [row for row, at in PLACES.items() if not leads_to(place(SITE, at)[1], at)]

    assert not wrong, wrong


def leads_to(link, at):
    """Whether a link from a page in a folder of docs/ leads to a place."""
    file, _, anchor = link.removeprefix("../").partition("#")
    page, _, name = at.partition("#")
    there = SITE.pages[page.removesuffix(".md")]
    return f"docs/{file}" == there.file and anchor == (name if page.endswith(".md") else f"cell-{name}")


def test_titles_are_those_of_the_site():
    assert place(SITE, "tensors/shapes#two-blanks-have-no-answer")[0] == "Shapes: Two blanks have no answer"
    assert place(SITE, "tensors/shapes.md#view-or-reshape")[0] == "Shapes: View or reshape"
    assert place(SITE, "start.md#start-here")[0] == "Start here: install PyTorch, train a first model"


@pytest.mark.parametrize(
    ("at", "complaint"),
    [
        ("tensors/shape#two-blanks-have-no-answer", "there is no docs/tensors/shape.md; did you mean 'tensors/shapes'"),
        (
            "tensors/shapes#two-blanks-have-answers",
            "docs/tensors/shapes.md shows no 'two-blanks-have-answers'; did you",
        ),
        ("tensors/shapes.md#two-blanks-have-no-answer", "docs/tensors/shapes.md shows no 'two-blanks-have-no-answer'"),
    ],
    ids=["page", "cell", "section"],
)
def test_a_row_that_leads_nowhere_ends_the_build(at, complaint):
    told = CURRICULUM | {"taught": {"S0-01": {"at": at, "teaches": "what PyTorch is for"}}}

    with pytest.raises(ValueError, match=re.escape(complaint)):
        source(SITE, told, "S0")


def test_what_is_to_put_right_is_counted_and_said():
    told = CURRICULUM | {
        "taught": {
            "S0-01": {"at": "start.md#start-here", "teaches": "one"},
            "S0-02": {"at": "start.md#start-here", "teaches": "two", "wrong": "It is not."},
            "S1-01": {"at": "start.md#start-here", "teaches": "another's", "wrong": "Nor this."},
        }
    }

    page = source(SITE, told, "S0")

    assert "2 rows, 1 of them with something to put right." in page
    assert re.findall(r"^    \| \d\. (\w+) \|.*<br>(.*) \|$", page, re.M) == [("one", ""), ("two", "It is not.")]
