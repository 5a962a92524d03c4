"""Where a handbook teaches what other tutorials do, row by row, as a file of the project tells.

The titles of cells and sections are those of the site, so a page of this can name no place that is not there.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from markdown.extensions.toc import slugify

from ..compare.site import Site
from ..model.pages import Page
from ..model.problems import did_you_mean, many
from ..model.text import shown
from ..read.pages import blocks

__all__ = ["place", "source"]


def source(site: Site, told: Mapping[str, Any], name: str) -> str:
    """One tutorial: how many rows it has, how many need a word, and a folded table of all of them.

    Raises:
        ValueError: a row leads nowhere.
    """
    about = told["sources"][name]
    rows = [row for slug, row in told["taught"].items() if slug.startswith(f"{name}-")]
    lines = ["| there | here, and what to put right |", "| --- | --- |"]
    for number, row in enumerate(rows, 1):
        title, link = place(site, row["at"])
        lines.append(f"| {number}. {row['teaches']} | [{title}]({link})<br>{row.get('wrong', '')} |")
    wrong = sum("wrong" in row for row in rows)
    head = f"{about['about']}. {many(len(rows), 'row')}, {wrong} of them with something to put right."
    table = "\n".join(f"    {line}" for line in lines)
    return f'{head}\n\n??? abstract "{about["title"]}, row by row"\n\n{table}\n'


def place(site: Site, at: str) -> tuple[str, str]:
    """Of `page#cell` or `page.md#section`: its title, after that of the page, and a link to it from a folder of docs/.

    Raises:
        ValueError: there is no such place.
    """
    file, _, name = at.partition("#")
    page = site.pages.get(file.removesuffix(".md"))
    if page is None:
        raise ValueError(f"there is no docs/{file.removesuffix('.md')}.md; {did_you_mean(file, site.pages)}")
    titles, anchor = (_headings(page), name) if file.endswith(".md") else (_cells(site, page), f"cell-{name}")
    if name not in titles:
        raise ValueError(f"{page.file} shows no '{name}'; {did_you_mean(name, titles)}")
    link = f"../{page.name}{page.suffix}#{anchor}"
    title = f"{page.short_title}: {titles[name]}" if titles[name] != page.title else page.title
    return title.replace("|", r"\|"), link


def _cells(site: Site, page: Page) -> dict[str, str]:
    """The titles of the cells that a page shows of its own chapter."""
    cells = (site.snippets[page.name].cell(embed.slug) for embed in page.embeds if embed.chapter == page.name)
    return {cell.slug: re.sub(r"([\\`*_\[\]])", r"\\\1", cell.title) for cell in cells if cell}


@lru_cache(100)
def _headings(page: Page) -> dict[str, str]:
    """The headings of a page by their anchors."""
    found = {}
    for block in blocks(page.text.split("\n")):
        if not block.mark and (heading := HEADING.fullmatch(block.text)):
            found[heading["anchor"] or slugify(shown(heading["title"]), "-")] = heading["title"]
    return found


HEADING = re.compile(r"#{1,6} (?P<title>.*?)(?: \{ ?#(?P<anchor>[\w-]+) ?\})?\s*")
