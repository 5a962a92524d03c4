"""Every row of the five source tutorials is taught somewhere, or waits for its chapter: tests/curriculum.toml."""

import tomllib
from collections import Counter
from functools import cache

import pytest
from conftest import ROOT
from markdown import Markdown
from torchproof.compare.site import Site
from torchproof.model.problems import did_you_mean

CURRICULUM = tomllib.loads((ROOT / "tests" / "curriculum.toml").read_text(encoding="utf-8"))
SITE = Site.read(ROOT)
ROWS = [f"{source}-{row:02}" for source, count in CURRICULUM["rows"].items() for row in range(1, count + 1)]


@cache
def anchors(page):
    """The anchors of a page's headings, as the toc extension makes them."""
    md = Markdown(extensions=["attr_list", "pymdownx.superfences", "pymdownx.details", "admonition", "toc"])
    md.convert(SITE.pages[page].text)
    waiting, found = list(md.toc_tokens), []
    while waiting:
        heading = waiting.pop()
        found.append(heading["id"])
        waiting += heading["children"]
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
    wrong = [f"{row}: {place}: {broken(place)}" for row, place in CURRICULUM["taught"].items() if broken(place)]

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
    taught = {place.partition("#")[0].removesuffix(".md") for place in CURRICULUM["taught"].values()}
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
        ("tensors/memory.md#a-line-and-walk", "no heading with the anchor 'a-line-and-walk'; did you mean"),
        ("tensors/memory.md#the-position-is-a-sum", "no heading"),
        ("tensors/memory#a-line-and-a-walk", "shows no cell"),
    ],
    ids=["misspelt page", "misspelt cell", "misspelt heading", "cell as a heading", "heading as a cell"],
)
def test_a_place_that_does_not_exist_is_noticed(place, complaint):
    assert complaint in broken(place)
