"""The built site as files: valid HTML, links that lead somewhere, nothing fetched from elsewhere, small pages."""

import gzip
import re
import struct
from collections import Counter
from functools import cache
from urllib.parse import unquote, urljoin, urlsplit

import pytest
from conftest import ROOT, parse_html
from kinds import tried
from mkdocs.utils import yaml_load

html5lib = pytest.importorskip("html5lib")

HOME = re.search(r"^site_url: (\S+)$", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), re.M)[1]


@pytest.fixture(scope="session")
def pages(site_folder):
    """Every page of the site, by its path."""
    files = sorted(site_folder.rglob("*.html"))
    return {file.relative_to(site_folder).as_posix(): file.read_text(encoding="utf-8") for file in files}


@cache
def tree(text):
    return parse_html(text)


@cache
def ids(text):
    return [element.attributes["id"] for element in tree(text).all("") if "id" in element.attributes]


def test_pages_of_every_kind_are_valid_html(site_folder, pages):
    errors = {}
    for name in ("404.html", *(f"{path}index.html" for path in tried(site_folder))):
        parser = html5lib.HTMLParser()
        parser.parse(pages[name])
        errors |= {name: parser.errors[:3]} if parser.errors else {}

    assert errors == {}


def test_no_id_stands_for_two_elements(pages):
    twice = {name: [i for i, n in Counter(ids(text)).items() if n > 1] for name, text in pages.items()}

    assert {name: found for name, found in twice.items() if found} == {}


def test_every_reference_within_a_page_is_to_something(pages):
    dangling = []
    for name, text in pages.items():
        known = set(ids(text))
        for element in tree(text).all(""):
            for attribute in ("for", "aria-labelledby", "aria-describedby", "aria-controls"):
                names = (element.attributes.get(attribute) or "").split()
                dangling += [(name, element.tag, attribute, one) for one in names if one not in known]
        used = re.findall(r'(?:url\(#|xlink:href="#)([^)"]+)', text)
        dangling += [(name, "svg", "url", one) for one in used if one not in known]

    assert dangling == []


def test_every_link_leads_to_a_page_and_a_place_on_it(site_folder, pages):
    broken, places = [], {name: set(ids(text)) for name, text in pages.items()}
    for name, text in pages.items():
        base = HOME + name.removesuffix("index.html")
        for element in tree(text).all(""):
            for attribute in ("href", "src"):
                address = element.attributes.get(attribute)
                target = urlsplit(urljoin(base, address or ""))
                if not address or f"{target.scheme}://{target.netloc}/" not in HOME or element.attributes.get("rel"):
                    continue
                file = unquote(target.path).removeprefix(urlsplit(HOME).path)
                file = f"{file}index.html" if file == "" or file.endswith("/") else file
                file = f"{file}/index.html" if (site_folder / file).is_dir() else file
                if not (site_folder / file).is_file() or (
                    target.fragment and unquote(target.fragment) not in places[file]
                ):
                    broken.append((name, address))

    assert broken == []


def test_no_page_or_style_names_a_resource_elsewhere(site_folder, pages):
    found = []
    for name, text in pages.items():
        for element in tree(text).all(""):
            address = element.attributes.get("src") or ""
            if element.tag == "link" and element.attributes.get("rel") not in ("canonical", "prev", "next"):
                address = element.attributes["href"]
            if re.match(r"(?:https?:)?//", address):
                found.append((name, address))
    for file in site_folder.rglob("*.css"):
        style = file.read_text(encoding="utf-8")
        found += [
            (file.name, address) for address in re.findall(r"(?:url\(|@import )[\"']?((?:https?:)?//[^)\"']+)", style)
        ]

    assert found == []


def test_a_shared_link_shows_a_title_a_sentence_and_a_picture(site_folder, pages):
    for name, text in pages.items():
        told = {e.attributes.get("property"): e.attributes.get("content") for e in tree(text).all("meta")}

        assert told["og:title"], name
        assert told["og:description"], name
        picture = site_folder / told["og:image"].removeprefix(HOME)
        head = picture.read_bytes()[:24]
        assert struct.unpack(">II", head[16:24]) == (1200, 630)
        assert picture.stat().st_size <= (25_000 if picture.parent.name == "cards" else 60_000)


def test_each_page_has_a_picture_of_its_own_for_links(pages):
    pictures = {
        name: next(
            e.attributes["content"] for e in tree(text).all("meta") if e.attributes.get("property") == "og:image"
        )
        for name, text in pages.items()
        if name != "404.html"
    }

    assert len(set(pictures.values())) == len(pictures)
    assert all("/assets/cards/" in picture for picture in pictures.values())


def test_each_page_is_found_by_its_own_title_and_description(pages):
    told: dict[str, list[str]] = {}
    for name, text in pages.items():
        page = tree(text)
        described = next(e for e in page.all("meta") if e.attributes.get("name") == "description")
        told[name] = [page.one("head").one("title").text, described.attributes["content"]]

    assert [name for name, (title, _) in told.items() if "PyTorch" not in title] == []
    chapters = {name: words for name, words in told.items() if name != "404.html"}
    for column in zip(*chapters.values(), strict=True):
        assert [words for words, count in Counter(column).items() if count > 1] == []


def test_a_list_for_language_models_leads_to_every_page(site_folder, pages):
    listed = re.findall(r"^- \[.+\]\((\S+)\): .{20,}$", (site_folder / "llms.txt").read_text(encoding="utf-8"), re.M)

    assert sorted(listed) == sorted(HOME + name.removesuffix("index.html") for name in pages if name != "404.html")


def test_the_sitemap_lists_every_page(site_folder, pages):
    listed = re.findall(r"<loc>([^<]+)</loc>", (site_folder / "sitemap.xml").read_text(encoding="utf-8"))

    assert sorted(listed) == sorted(HOME + name.removesuffix("index.html") for name in pages if name != "404.html")


LIMIT = 25_500
"""Bytes of a page, as servers compress it: 25,000 by the zlib that Debian has, and a fiftieth for others."""


def test_a_page_is_small(pages):
    """What a phone waits for before it shows a word; a chapter that has grown past this wants to be two."""
    weights = {name: len(gzip.compress(text.encode(), 6)) for name, text in pages.items()}

    assert {name: weight for name, weight in weights.items() if weight > LIMIT} == {}


WAY = {
    "index.html": "chapters",
    "start/index.html": "what-runs-where",
    "begin/index.html": "exercises",
    "walkthroughs/line_to_network/index.html": "cell-a-curve-made-of-straight-pieces",
}
"""The pages from the home page to a trained network, and the place on each where a newcomer goes on."""


def read_until(element, place):
    """What a reader meets from the top of an element to a place in it, folds closed: words outside cells, and cells."""
    words, cells = [], 0
    for child in element.children:
        if isinstance(child, str):
            words += child.split()
            continue
        if child.attributes.get("id") == place:
            return words, cells, True
        if child.tag in ("details", "svg", "nav") or {"tp-cell", "headerlink"} & set(child.classes):
            cells += "tp-cell" in child.classes
            continue
        inner, count, is_there = read_until(child, place)
        words, cells = words + inner, cells + count
        if is_there:
            return words, cells, True
    return words, cells, False


def test_from_the_home_page_to_a_trained_network_is_one_evening(pages):
    read = [read_until(tree(pages[name]).one("article"), place) for name, place in WAY.items()]

    assert [is_there for *_, is_there in read] == [True] * 4
    assert sum(len(words) for words, *_ in read) <= 5_000
    assert sum(cells for _, cells, _ in read) <= 60


def test_an_unknown_page_is_answered_in_our_words(pages):
    assert "This page does not exist" in pages["404.html"]


def test_the_configuration_asks_for_no_font():
    text = re.sub(r"!\S+ ", "", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"))

    assert yaml_load(text)["theme"]["font"] is False
