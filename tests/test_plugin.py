"""The MkDocs plugin: pictures and figures are files beside the pages, and pages are whole without it."""

import base64
import io
import json
import re
import uuid
from xml.etree import ElementTree

import html5lib
import pytest
from conftest import Project, Server, commit_transcripts, parse_html, write_small_site
from PIL import Image
from torchproof.builders.build import Build
from torchproof.builders.cards import card
from torchproof.builders.lighter import lighter
from torchproof.read.pages import scan

SNIPPET = """\
# %% A photo
import numpy as np
from PIL import Image

Image.fromarray(np.random.default_rng(0).integers(0, 255, (20, 20, 3), dtype=np.uint8))

# %% A dot
Image.new("RGB", (1, 1), "red")

# %% A line & its ends
import matplotlib.pyplot as plt

plt.plot([1, 4], marker="o")
"""
TEXT = f'<img src="data:image/png;base64,{"A" * 600}">'
"""Markup that a page speaks about."""
CELLS = "".join(f"```cell\np/q#{slug}\n```\n\n" for slug in ("a-photo", "a-dot", "a-line-its-ends"))
PAGE = f"# Pictures\n\n{CELLS}In words: `{TEXT}`.\n"


@pytest.fixture(scope="module")
def pictures(once):
    def make(folder):
        project = Project(folder)
        write_small_site(project)
        project.write("mkdocs.yml", project.read("mkdocs.yml") + "plugins: [search, torchproof]\n")
        project.write("snippets/p/q.py", SNIPPET)
        project.write("docs/p/q.md", PAGE)
        commit_transcripts(project)

    return Project(once("pictures", make))


def build(project, tmp_path, **changed):
    """The site, built with other settings, from a file of its own: workers share the project."""
    target = Project(tmp_path / "site")
    file = f"{uuid.uuid4().hex}.yml"
    settings = f"INHERIT: {project.root}/mkdocs.yml\ndocs_dir: {project.root}/docs\n"
    project.write(file, settings + "".join(f"{name}: {value}\n" for name, value in changed.items()))
    built = project.run("mkdocs", "build", "--strict", "-f", file, "--site-dir", str(target.root))
    assert built.returncode == 0, built.stdout
    return target


def pictures_of(page):
    return re.findall(r'<div class="tp-rich"><img src="([^"]+)"', page)


PLACES = pytest.mark.parametrize(
    ("directories", "file"), [("true", "p/q/index.html"), ("false", "p/q.html")], ids=["on a server", "from a folder"]
)


@pytest.fixture(scope="module")
def whole(pictures, tmp_path_factory):
    """The page where the plugin takes nothing out of it."""
    return build(pictures, tmp_path_factory.mktemp("whole"), plugins="[search]").read("p/q/index.html")


@PLACES
def test_a_picture_is_a_file_that_the_page_finds(pictures, whole, tmp_path, directories, file):
    site = build(pictures, tmp_path, use_directory_urls=directories)

    photo, dot = pictures_of(site.read(file))
    data = [base64.b64decode(address.partition(",")[2]) for address in pictures_of(whole)]
    assert ((site.root / file).parent / photo).read_bytes() == data[0]
    assert base64.b64decode(dot.partition(",")[2]) == data[1], "a small one stays"
    assert len(site.read(file)) < len(whole) - len(data[0])


@PLACES
def test_a_figure_is_a_file_for_light_ground_and_one_for_dark(pictures, whole, tmp_path, directories, file):
    site = build(pictures, tmp_path, use_directory_urls=directories)

    figure = parse_html(site.read(file)).one("figure.tp-figure")
    drawn = parse_html(whole).one("figure.tp-figure").one("svg")
    light, dark = figure.all("img")
    assert (
        {light.attributes["alt"], dark.attributes["alt"]} == {"A line & its ends"} == {drawn.attributes["aria-label"]}
    )
    files = [((site.root / file).parent / image.attributes["src"]).read_text() for image in (light, dark)]
    shown = [ElementTree.fromstring(text) for text in files]
    assert len({svg.attrib.pop("color") for svg in shown}) == 2
    assert ElementTree.tostring(shown[0]) == ElementTree.tostring(shown[1])
    assert drawn.all("path")[0].attributes["d"] in files[0]
    assert "currentColor" in files[0]
    width, height = (float(light.attributes[side]) for side in ("width", "height"))
    box = [float(number) for number in shown[0].attrib["viewBox"].split()]
    assert width / height == pytest.approx(box[2] / box[3], rel=1e-3), "the page moves when the picture comes"


def test_markup_in_the_text_of_a_page_stays(pictures, tmp_path):
    site = build(pictures, tmp_path)

    assert "A" * 600 in site.read("p/q/index.html")
    assert len(list(site.root.glob("assets/pictures/*"))) == 3


PLAIN = """\
<section class="tp-cell" data-search-exclude>
<table class="xr-rows"><thead><tr><th>name</th><th>shape</th></tr></thead><tbody><tr id="x0"><th>a</th><td></td></tr><tr id="x1"><th>b</th><td>(2,)</td></tr></tbody></table>
</section><pre>&#10;one&#10;two</pre><p title="a&#10;b">of &lt;p data-search-exclude></p><table><tr><td>1</td></tr></table>
"""


def test_a_lighter_page_reads_the_same():
    light = lighter(PLAIN, "a/", lambda path, data: path)

    assert len(light) < len(PLAIN) - 60
    assert as_browsers_read(light) == as_browsers_read(PLAIN)


def as_browsers_read(html):
    tree = html5lib.parseFragment(html, namespaceHTMLElements=False)
    for element in tree.iter():
        element.attrib.pop("data-search-exclude", None)
    return ElementTree.tostring(tree)


def test_the_search_finds_the_text_it_finds_without_the_plugin(pictures, tmp_path):
    without = build(pictures, tmp_path / "without", plugins="[search]")

    site = build(pictures, tmp_path)

    assert texts(site) == texts(without)
    assert "In words" in site.read("search/search_index.json")
    assert site.read("p/q/index.html").count('<section class="tp-cell"') == 3


def texts(site):
    """What the search knows of pages and their sections, but for what the plugin adds of cells."""
    docs = json.loads(site.read("search/search_index.json"))["docs"]
    return [(doc["title"], doc["text"]) for doc in docs if "#cell-" not in doc["location"]]


def test_serving_shows_the_picture(pictures, tmp_path):
    server = Server(pictures, tmp_path / "tmp")
    try:
        server.wait("p/q/", lambda page: page.all("section.tp-cell"))
        photo, _ = pictures_of(server.page("p/q/"))
        answer = server.file(f"p/q/{photo}")
    finally:
        server.close()

    assert answer[:4] in (b"RIFF", b"\x89PNG")


# --- cards ----------------------------------------------------------------------------------------------------------------


TITLES = ["Memory", "Inside strides: addresses, merging axes, as_strided, cache lines", "word " * 40, "x" * 60]


@pytest.mark.parametrize("title", TITLES, ids=["short", "long", "very long", "one word"])
def test_a_card_is_small_and_the_same_each_time(title):
    drawn = card(title, "A course")

    assert Image.open(io.BytesIO(drawn)).size == (1200, 630)
    assert len(drawn) < 25_000
    assert card(title, "A course") == drawn


def test_a_card_says_the_title():
    assert card("Memory", "A course") != card("Shapes", "A course")


@pytest.mark.parametrize("title", TITLES[:2], ids=["short", "long"])
def test_a_title_keeps_clear_of_the_margins_of_its_card(title):
    grey = Image.open(io.BytesIO(card(title, "A course"))).convert("L").point(lambda value: 255 * (value < 200))
    left, top, right, _ = grey.crop((30, 0, 1200, 480)).getbbox()

    assert left + 30 >= 80
    assert right + 30 <= 1120
    assert top >= 80


@pytest.mark.parametrize(("address", "count"), [("https://a.b/", 3), ("''", 0)], ids=["shared", "private"])
def test_pages_of_a_site_with_an_address_get_cards(pictures, tmp_path, address, count):
    site = build(pictures, tmp_path, site_url=address, plugins="[search, {torchproof: {cards: A course}}]")

    assert len(list(site.root.glob("assets/cards/*.png"))) == count


def test_what_a_plugin_made_of_a_page_is_forgotten_when_a_server_builds_again(tmp_path, monkeypatch):
    project = Project(tmp_path)
    write_small_site(project)
    monkeypatch.setattr("torchproof.builders.build.is_serving", lambda: True)
    build = Build(project.root)
    on_disk = build.current().site.pages["a/b"].title

    build.came(scan("a/b", "# Another\n", file="docs/a/b.md"))
    made = build.current().site.pages["a/b"].title
    build.begin()
    again = build.current().site.pages["a/b"].title
    build.close()

    assert (made, again) == ("Another", on_disk)


def test_a_dirty_build_knows_that_a_page_is_another_where_its_cell_is(tmp_path):
    project = Project(tmp_path)
    write_small_site(project)
    project.write("mkdocs.yml", project.read("mkdocs.yml") + "plugins: [search, torchproof]\n")
    project.write("snippets/p/q.py", "# %% A sum\n1 + 1\n")
    project.write("docs/p/q.md", "# A page\n\n```cell\np/q#a-sum\n```\n")
    commit_transcripts(project)
    assert project.run("mkdocs", "build", "--strict").returncode == 0

    project.write("snippets/p/q.py", "# %% A sum\n1 + 2\n")
    drifted = project.run("mkdocs", "build", "--dirty")
    commit_transcripts(project)
    accepted = project.run("mkdocs", "build", "--dirty")  # of which MkDocs warns

    assert drifted.returncode == 1
    assert "the cell 'a-sum' has drifted" in drifted.stdout
    assert accepted.returncode == 0
    assert parse_html(project.read("site/p/q/index.html")).one("samp").text == "3"
