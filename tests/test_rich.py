"""Values that show themselves as a table, a formula or a picture: on the page, in the notebook, and compared."""

import base64
import io
import json
import zlib

import pytest
from conftest import Project, parse_html, write_small_site
from PIL import Image
from torchproof.builders.rich import rich_html
from torchproof.model.rich import described
from torchproof.model.runs import Rich
from torchproof.run.rich import rich

CELLS = """
# %% A table
import uuid


class Frame:
    def __init__(self, rows):
        self.rows = rows

    def _repr_html_(self):
        name = uuid.uuid4().hex
        rows = "".join(f"<tr><th>{key}</th><td>{value}</td></tr>" for key, value in self.rows.items())
        return f'<style>#t{name} td {{ color: red }}</style><h2>Frame</h2><table id="t{name}">{rows}</table>'


Frame({"Rome": 21.5, "Oslo": 9.25})

# %% A formula
class Square:
    def __repr__(self):
        return "x**2"

    def _repr_latex_(self):
        return r"$\\displaystyle x^{2}$"


Square()

# %% A drawing
class Drawing:
    def _repr_svg_(self):
        name = uuid.uuid4().hex
        return (
            '<svg xmlns="http://www.w3.org/2000/svg" width="90" height="30"><script>alert(1)</script>'
            f'<defs><path id="{name}" d="M0 0h9v9z"/></defs><use href="#{name}"/><text x="20" y="20">corner</text></svg>'
        )


Drawing()

# %% Some Markdown
class Note:
    def _repr_markdown_(self):
        return "| a | b |\\n| - | - |\\n| 1 | **2** |"


Note()
"""
SLUGS = ["a-table", "a-formula", "a-drawing", "some-markdown"]


def write_site(project: Project) -> None:
    write_small_site(project)
    project.write("mkdocs.yml", project.read("mkdocs.yml") + "plugins: [search, torchproof]\n")
    project.write("snippets/a/b.py", project.read("snippets/a/b.py") + CELLS)
    shown = "".join(f"\n```cell\na/b#{slug}\n```\n" for slug in SLUGS)
    project.write("docs/a/b.md", project.read("docs/a/b.md") + shown)


@pytest.fixture(scope="module")
def site(accepted):
    """A site with a value of each kind, built."""
    return accepted("rich", write_site, is_built=True)


def cell(site: Project, slug: str):
    sections = parse_html(site.read("site/a/b/index.html")).all("section.tp-cell")
    return next(section for section in sections if section.attributes["id"] == f"cell-{slug}")


# --- what is shown ----------------------------------------------------------------------------------------------------


def test_a_table_stands_on_the_page_with_words_and_nothing_else_of_the_cell(site):
    shown = cell(site, "a-table").one("div.tp-rich")

    assert [part.text for part in shown.all("th") + shown.all("td")] == ["Rome", "Oslo", "21.5", "9.25"]
    assert [element.attributes for element in shown.all("")] == [{}] * len(shown.all(""))
    assert not shown.all("style") + shown.all("h2")


def test_a_formula_is_drawn_and_a_drawing_is_an_image_that_runs_nothing(site):
    assert cell(site, "a-formula").one("math").text.strip() == "x2"
    image = cell(site, "a-drawing").one("div.tp-rich").one("img")
    assert image.attributes["src"].startswith("data:image/svg+xml;base64,")
    assert not cell(site, "a-drawing").all("svg") + cell(site, "a-drawing").all("script")


def test_markdown_is_converted(site):
    shown = cell(site, "some-markdown").one("div.tp-rich")

    assert [part.text for part in shown.all("td")] == ["1", "2"]


def test_the_notebook_has_form_and_text(site):
    notebook = json.loads(site.read("site/a/b/b.ipynb"))
    kinds = {c["id"]: [*c["outputs"][0]["data"]] for c in notebook["cells"] if c["id"] in SLUGS}

    assert kinds == {
        "a-table": ["text/html", "text/plain"],
        "a-formula": ["text/latex", "text/plain"],
        "a-drawing": ["image/svg+xml", "text/plain"],
        "some-markdown": ["text/markdown", "text/plain"],
    }


def test_zensical_shows_it_too(project):
    built = project.run("zensical", "build")

    assert built.returncode == 0, built.stdout
    assert [part.text for part in cell(project, "a-table").one("div.tp-rich").all("td")] == ["21.5", "9.25"]


@pytest.mark.parametrize(
    "html",
    [
        "<script>alert(1)</script>",
        '<img src="https://example.org/x.png">',
        '<p onclick="alert(1)">a</p>',
        '<p style="position: fixed">a</p>',
        '<section class="tp-output"><pre>1</pre></section>',
        '<a href="javascript:alert(1)">a</a>',
        "</div></section><h1>a</h1>",
        '<svg onload="alert(1)"><style>p { color: red }</style></svg>',
        "<iframe src='https://example.org'></iframe>",
        "<!-- a --><template><p>a</p></template>",
    ],
)
def test_nothing_of_a_cells_html_acts_or_looks_as_if_the_build_had_written_it(html):
    shown = parse_html(rich_html(Rich("text/html", html), ""))

    for element in shown.all(""):
        assert element.tag in ("p", "pre", "a")
        assert set(element.attributes) <= {"href", "rel"}
        assert "javascript" not in (element.attributes.get("href") or "")


# --- what is compared -------------------------------------------------------------------------------------------------


def test_a_transcript_has_the_text_and_the_words(site):
    text = site.read("snippets/a/b.cpu.txt")

    assert "= <__main__.Frame object>\n# | Frame\n# | Rome | 21.5\n# | Oslo | 9.25\n" in text
    assert "= x**2\n# | $\\displaystyle x^{2}$\n" in text
    assert "# | corner\n" in text


def test_a_random_id_is_no_drift_and_is_accepted(project):
    assert project.run("torchproof", "check", "--no-cache").stdout.endswith("1 chapter as committed\n")

    done = project.run("torchproof", "accept")

    assert "nothing left to accept" in done.stdout
    assert project.read("snippets/a/b.cpu.txt") == Project(project.root).read("snippets/a/b.cpu.txt")


@pytest.mark.parametrize(
    ("old", "new", "drift"),
    [
        ('"Oslo": 9.25}', '"Oslo": 9.5}', "+# | Oslo | 9.5"),
        ('"Oslo": 9.25}', '"Bonn": 9.25}', "+# | Bonn | 9.25"),
        ("x^{2}$", "x^{3}$", "+# | $\\displaystyle x^{3}$"),
        ("h9v9z", "h9v8z", "+# drawing #"),
        ("corner", "edge", "+# | edge"),
        ("**2**", "**3**", "+# | | 1 | **3** |"),
    ],
    ids=["a number", "a word", "a formula", "a shape", "a word of a drawing", "Markdown"],
)
def test_a_changed_form_is_drift(changed, old, new, drift):
    (problem,) = changed("snippets/a/b.py", old, new)

    assert problem.acceptable
    assert drift in problem.diff


def png(colour, **options):
    buffer = io.BytesIO()
    Image.new("RGB", (6, 4), colour).save(buffer, "PNG", **options)
    return Rich("image/png", base64.b64encode(buffer.getvalue()).decode())


def test_a_picture_is_its_pixels_however_they_are_packed():
    [line] = described(png("red"))

    assert line.startswith("picture 6 × 4 #")
    assert described(png("red", compress_level=0)) == [line]
    assert described(png("blue")) != [line]


@pytest.mark.parametrize("data", ["", "AAAA", "iVBORw0KGgo=", "no base64"])
def test_what_is_no_picture_is_said_to_be_none_and_compared_all_the_same(data):
    [line] = described(Rich("image/png", data))

    assert line.startswith("image/png that cannot be read #")
    assert described(Rich("image/png", data + "other")) != [line]


def chunk(kind, data):
    return len(data).to_bytes(4) + kind + data + zlib.crc32(kind + data).to_bytes(4)


def with_chunk(kind, data):
    whole = base64.b64decode(png("red").data)
    place = whole.index(b"IEND") - 4
    return Rich("image/png", base64.b64encode(whole[:place] + chunk(kind, data) + whole[place:]).decode())


@pytest.mark.parametrize("kind", [b"fdAT", b"gAMA", b"iCCP"])
def test_a_frame_and_a_profile_of_a_picture_are_compared_and_its_date_is_not(kind):
    assert described(with_chunk(kind, b"a")) != described(with_chunk(kind, b"b"))
    assert described(with_chunk(b"tIME", b"a")) == described(with_chunk(b"tIME", b"b")) == described(png("red"))


SEEN = {
    "what is raised": ("10<sup>2</sup>", "102"),
    "what is struck through": ("<s>5</s> 6", "5 6"),
    "lines": ("1<br>2", "12"),
    "where a list begins": ("<ol start=3><li>a</ol>", "<ol start=4><li>a</ol>"),
    "whether a list has numbers": ("<ol><li>a</ol>", "<ul><li>a</ul>"),
    "where a link leads": ("<a href='https://a.org/1'>a</a>", "<a href='https://a.org/2'>a</a>"),
    "what spans columns": (
        "<table><tr><td colspan=2>a<td>b</table>",
        "<table><tr><td>a<td colspan=2>b</table>",
    ),
    "tags that are words": ("<textarea><style>5</style></textarea>", "<textarea><style>6</style></textarea>"),
}


@pytest.mark.parametrize("name", SEEN)
def test_what_a_reader_sees_of_html_is_compared(name):
    sides = [Rich("text/html", f"<p>{html}</p>") for html in SEEN[name]]

    assert rich_html(sides[0], "") != rich_html(sides[1], "")
    assert described(sides[0]) != described(sides[1])


SVG = '<svg xmlns="http://www.w3.org/2000/svg"><defs><path id="{0}" d="M1"/><path id="{1}" d="M2"/></defs>{2}</svg>'
DRAWN = {
    "which part is used": ("<use href='#a'/>", "<use href='#b'/>"),
    "a picture within": ("<image href='data:image/png;base64,AA'/>", "<image href='data:image/png;base64,BB'/>"),
    "what fills": ("<rect fill='url(#a)'/>", "<rect fill='url(#b)'/>"),
    "a style sheet": ("<style>.a{fill:red}</style>", "<style>.a{fill:blue}</style>"),
    "a class": ("<style>.a{fill:red}</style><rect class='a'/>", "<style>.a{fill:red}</style><rect class='b'/>"),
}


@pytest.mark.parametrize("name", DRAWN)
def test_what_a_reader_sees_of_a_drawing_is_compared(name):
    sides = [described(Rich("image/svg+xml", SVG.format("a", "b", part))) for part in DRAWN[name]]

    assert sides[0] != sides[1]


@pytest.mark.parametrize("seed", range(9))
def test_how_the_parts_of_a_drawing_are_called_is_no_drift(seed):
    one, two = (f"{seed}f{seed}-{side}" for side in "xy")
    part = "<style>.{0}{{fill:url(#{0})}}</style><use href='#{1}' class='{0} other' aria-labelledby='{1}'/>"

    named = SVG.format(one, two, part.format(one, two))
    assert described(Rich("image/svg+xml", named)) == described(
        Rich("image/svg+xml", SVG.format("a", "b", part.format("a", "b")))
    )


# --- what is asked ----------------------------------------------------------------------------------------------------


def shows(**forms):
    return type("Shown", (), {name: lambda self, form=form: form for name, form in forms.items()})()


def test_what_is_drawn_by_a_script_alone_is_an_error_that_says_what_to_do():
    with pytest.raises(ValueError, match=r"Shown is drawn by a script.* show a picture of it"):
        rich(shows(_repr_html_="<div id='a'></div><script>plot('a')</script>"))


@pytest.mark.parametrize(
    ("forms", "kind"),
    [
        ({"_repr_html_": "<p>a</p>", "_repr_latex_": "$a$"}, "text/html"),
        ({"_repr_html_": "<script>1</script>", "_repr_png_": b"\x89PNG"}, "image/png"),
        ({"_repr_html_": "<p>a</p><script>1</script>"}, None),
        ({"_repr_html_": None, "_repr_latex_": "$a$"}, "text/latex"),
        ({"_repr_svg_": ("<svg/>", {"width": 1})}, "image/svg+xml"),
        ({}, None),
    ],
)
def test_the_first_form_that_needs_no_script_is_shown(forms, kind):
    found = rich(shows(**forms))

    assert (found.kind if found else None) == kind


def test_a_bundle_goes_before_single_forms_and_a_class_has_none():
    class Bundled:
        def _repr_mimebundle_(self, include=None, exclude=None):
            return {"image/png": "AAAA", "text/plain": "a"}

        def _repr_latex_(self):
            raise NotImplementedError

    assert rich(Bundled()) == Rich("image/png", "AAAA")
    assert rich(Bundled) is None
