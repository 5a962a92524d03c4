"""Whatever a snippet prints is text on the page: no element, no attribute, no entity, nothing invisible."""

import re

import pytest
from conftest import Project, Server, commit_transcripts, foreign_scripts, parse_html, write_small_site
from torchproof.model.cells import slug_of
from torchproof.read.snippets import read_snippet

TEXTS = {
    "script": ("<script>alert(1)</script>", None),
    "end tags": ("</samp></pre></div></section></article><h1 id=x>x</h1>", None),
    "comments": ("<!-- --> <![CDATA[ x ]]> <?php x ?> <!DOCTYPE x>", None),
    "entities": ("&amp; &lt;b&gt; &#60; &#x3c; AT&T &nbsp;", None),
    "quotes": ("\" ' \" onclick=alert(1) x='", None),
    "fences": ("```cell\na/b#row-plus-column\n```\n~~~ html\n<b>\n~~~", None),
    "Markdown": (
        "# One\n\n* *two* **three** [four](x.md) ![five](y.png)\n\n<http://six>\n\n| 7 | 8 |\n|---|---|\n",
        None,
    ),
    "blocks": ("!!! warning\n    careful\n\n??? note\n    more\n\n=== tab\n\n    x\n\n[^1]: note\n\n--8<-- x", None),
    "proofs": ("`1 == 2`{.proof} {#id .name} {: #id }", None),
    "maths": ("$x$ $$y$$ \\(z\\) {{ config }} {% raw %}", None),
    "placeholders": (
        "\x02wzxhzdk:0\x03 \x02klzzwxh:0001\x03 \x02amp\x03 wzxhzdk:0 klzzwxh:0001",
        "␂wzxhzdk:0␃ ␂klzzwxh:0001␃ ␂amp␃ wzxhzdk:0 klzzwxh:0001",
    ),
    "colours": ("\x1b[31mred\x1b[0m \x1b]8;;http://x\x07link", "␛[31mred␛[0m ␛]8;;http://x␇link"),
    "controls": ("\x00\x07\x08\x0b\x0c\x7f\x85\x9b", "␀␇␈␋␌␡⟨U+0085⟩⟨U+009B⟩"),
    "carriage returns": ("50 %\r100 %\r\nend", "50 %␍100 %␍\nend"),
    "right-to-left letters": ("שלום مرحبا", None),
    "direction marks": (
        "\u202eabc\u202c \u2066d\u2069 \u200fe\u200e \u061cf",
        "⟨U+202E⟩abc⟨U+202C⟩ ⟨U+2066⟩d⟨U+2069⟩ ⟨U+200F⟩e⟨U+200E⟩ ⟨U+061C⟩f",
    ),
    "separators": ("a\u2028b\u2029c\u200bd\ufeffe", "a⟨U+2028⟩b⟨U+2029⟩c⟨U+200B⟩d⟨U+FEFF⟩e"),
    "surrogates": ("\ud800 \udc80 \udcff", "⟨U+D800⟩ ⟨U+DC80⟩ ⟨U+DCFF⟩"),
    "blank lines": ("\n\n  two spaces\n\n\ta tab\n\n", None),
}
"""What is printed, and how it reads on the page (None: as it is)."""

WAYS = {
    "stdout": ("print({!r})", "tp-output--stdout", "{}"),
    "stderr": ("import sys\nsys.stderr.write({!r})", "tp-output--stderr", "{}"),
    "warning": ("import warnings\nwarnings.warn({!r})", "tp-output--stderr", "UserWarning: {}"),
    "value": ("class Shown:\n    __repr__ = lambda self: {!r}\n\nShown()", "tp-output--value", "{}"),
    "error": ("raise ValueError({!r})", "tp-output--error", "ValueError: {}"),
}
"""Chapter: a cell that lets the text out, the class of the block where it appears, and the text in it."""

TITLES = {
    "tags": "<script>alert(1)</script> </section>",
    "quotes": "\"double\" 'single' & &amp; onclick=alert(1)",
    "Markdown": "`code` **bold** ![x](y) {.proof} $x$",
    "placeholder": "before \x02wzxhzdk:0\x03 after",
}
"""Titles of cells, of figures too; each is one cell of the chapter `titles` and one of `figures`."""

FIGURE_TITLES = TITLES | {
    "references": 'id="one" url(#two) xlink:href="#three"',
    "end tags": "</text></svg><script>alert(1)</script>",
    "controls": "\x1b[31mred\u202e\x00",
}


FIGURE = """\
import matplotlib.pyplot as plt

_, axes = plt.subplots(figsize=(2, 1))
_ = axes.set_title({!r}, parse_math=False)
"""

HOSTILE_NAME = "<b onclick=alert(1)>&amp;\x02wzxhzdk:0\x03"

TENSOR = """\
import torch

named = torch.ones(2).as_subclass(type({!r}, (torch.Tensor,), {{}}))
globals()[{!r}] = named
"""


def expected(name: str) -> str:
    text, visible = TEXTS[name]
    return text if visible is None else visible


def spelled(title: str) -> str:
    for hidden, shown in {"\x02": "␂", "\x03": "␃", "\x1b": "␛", "\u202e": "⟨U+202E⟩", "\x00": "␀"}.items():
        title = title.replace(hidden, shown)
    return title


def write_hostile_site(project: Project) -> None:
    write_small_site(project)
    for way, (code, _, _) in WAYS.items():
        tag = ' tags=["raises-exception"]' if way == "error" else ""
        cells = {name: code.format(text) for name, (text, _) in TEXTS.items()}
        write_chapter(project, way, cells, tag)
    write_chapter(project, "titles", dict.fromkeys(TITLES.values(), FIGURE.format("here")))
    write_chapter(project, "figures", {name: FIGURE.format(title) for name, title in FIGURE_TITLES.items()})
    write_chapter(project, "tensors", {"Named": TENSOR.format(HOSTILE_NAME, HOSTILE_NAME)})
    commit_transcripts(project)


def write_chapter(project: Project, name: str, cells: dict[str, str], tags: str = "") -> None:
    project.write(f"snippets/{name}.py", "\n".join(f"# %% {title}{tags}\n{code}\n" for title, code in cells.items()))
    fences = "\n".join(f"```cell\n{name}#{slug_of(title)}\n```\n" for title in cells)
    project.write(f"docs/{name}.md", f"# Page\n\n{fences}\nThe end.\n")


@pytest.fixture(scope="session")
def hostile_site(once):
    """The built site."""

    def make(folder):
        project = Project(folder)
        write_hostile_site(project)
        done = project.run("mkdocs", "build", "--strict")
        assert done.returncode == 0, done.stdout

    return Project(once("hostile", make))


@pytest.fixture(scope="module")
def page(hostile_site):
    """`page(name)` is the tree of a built page."""
    trees = {}

    def read(name):
        if name not in trees:
            trees[name] = parse_html(hostile_site.read(f"site/{name}/index.html"))
        return trees[name]

    return read


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("way", WAYS)
def test_what_a_snippet_lets_out_is_that_text_on_the_page(page, way, name):
    _, block, form = WAYS[way]
    cell = page(way).all("section.tp-cell")[list(TEXTS).index(name)]

    output = cell.one(f"div.{block}").one("samp")

    assert all(isinstance(child, str) for child in output.children), "an element inside an output"
    assert output.text == shown(way, form.format(expected(name)))


def shown(way: str, text: str) -> str:
    """The text as it stands in its block: the last end of line is the block's own."""
    if way == "error":
        return text.rstrip("\n")
    return text if way in ("stdout", "warning") else text.removesuffix("\n")


@pytest.mark.parametrize("chapter", [*WAYS, "titles", "figures", "tensors"])
def test_nothing_that_is_let_out_becomes_part_of_the_page(page, chapter):
    tree = page(chapter)
    article = tree.one("article")

    assert foreign_scripts(article) == []
    assert not article.all("img")
    assert not article.all(".proof")
    assert [heading.attributes["id"] for heading in article.all("h1")] == ["page"]
    assert not [e for e in article.all("") if any(name.startswith("on") for name in e.attributes)]
    assert article.all("p")[-1].text == "The end."
    assert {child.tag for cell in article.all("section.tp-cell") for child in elements(cell)} <= CARD


def elements(parent):
    return [child for child in parent.children if not isinstance(child, str)]


CARD = {"div", "figure", "details"}
"""What stands directly in a cell: code and output, a picture, an X-ray."""


INVISIBLE = "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]"


@pytest.mark.parametrize("chapter", [*WAYS, "titles", "figures", "tensors"])
def test_no_invisible_character_reaches_the_page(hostile_site, chapter):
    text = hostile_site.read(f"site/{chapter}/index.html")

    assert not re.findall(INVISIBLE, text)
    assert "wzxhzdk:" not in re.sub("␂?wzxhzdk:0␃?", "", text)


@pytest.mark.parametrize("name", TITLES)
def test_the_title_of_a_cell_is_the_label_of_its_figure(page, name):
    cell = page("titles").all("section.tp-cell")[list(TITLES).index(name)]

    assert cell.one("svg").attributes["aria-label"] == spelled(TITLES[name])


@pytest.mark.parametrize("name", FIGURE_TITLES)
def test_the_title_of_a_figure_is_text_in_its_picture(page, name):
    cell = page("figures").all("section.tp-cell")[list(FIGURE_TITLES).index(name)]

    texts = [text.text.strip() for text in cell.one("figure").one("svg").all("text")]

    assert spelled(FIGURE_TITLES[name]) in texts


def test_the_class_and_the_names_of_a_tensor_are_text_in_its_xray(page):
    table = page("tensors").one("section.tp-cell").one("tbody")

    assert {element.tag for element in table.all("")} == {"tr", "th", "td"}
    assert f"{spelled(HOSTILE_NAME)} float32" in table.text
    assert spelled(HOSTILE_NAME) in [name.text for name in table.all("th")]


@pytest.mark.parametrize("chapter", [*WAYS, "figures", "tensors"])
def test_the_code_of_a_cell_is_that_text_on_the_page(hostile_site, page, chapter):
    cells = page(chapter).all("section.tp-cell")

    shown = [cell.all("code")[0].text.rstrip("\n") for cell in cells]

    assert shown == [cell.shown_source for cell in read_snippet(hostile_site.root, chapter).cells]


@pytest.fixture(scope="module")
def drifted(tmp_path_factory):
    """The drift block of a page, as `mkdocs serve` shows it, whose committed transcript alone holds hostile text."""
    folder = tmp_path_factory.mktemp("drifted")
    project = Project(folder / "site")
    write_small_site(project)
    committed = "\n".join(f"| {line}" for text in COMMITTED for line in text.split("\n"))
    project.write("snippets/a/b.cpu.txt", f"torchproof 1\n\n%% row-plus-column\n{committed}\n")
    server = Server(project, folder / "temporary")
    try:
        return server.wait("a/b/", lambda tree: tree.all(".tp-drift")), server.page("a/b/")
    finally:
        server.close()


COMMITTED = [
    text for name, (text, _) in TEXTS.items() if name not in ("surrogates", "carriage returns") and "\0" not in text
]
"""Hostile lines that can stand in a text file as they are."""


def test_what_a_committed_transcript_holds_is_text_in_the_report_of_drift(drifted):
    tree, _ = drifted

    report = tree.one("article").all(".tp-drift")[0].one("pre")

    assert [element.tag for element in report.all("")] == ["samp"]
    for name, (text, _) in TEXTS.items():
        if text in COMMITTED:
            assert "\n".join(f"-| {line}" for line in expected(name).split("\n")) in report.text, name


def test_a_report_of_drift_leaves_the_page_as_it_is(drifted):
    tree, text = drifted
    article = tree.one("article")

    assert foreign_scripts(article) == []
    assert not article.all("img")
    assert [proof.text for proof in article.all(".proof")] == ["row.expand(2, 3).stride() == (0, 1)"]
    assert not re.findall(INVISIBLE, text)
