"""Nothing typed passes for something that ran, and no markup of a page hides a cell: refused, or labelled by the build.

Every kind is a page of one site, which is read once. What no scanner can see is tried on finished HTML, and in builds.
"""

import re

import pytest
from conftest import ROOT, Project, commit_transcripts, parse_html, write_small_site
from torchproof.builders.finished import Marks
from torchproof.builders.maths import wrong_formulas
from torchproof.compare.site import Site
from torchproof.model.cells import slug_of
from torchproof.read.pages import scan
from torchproof.read.snippets import read_snippet

CELL = "```cell\na/b#sizes-that-never-meet\n```"
INDENTED = CELL.replace("\n", "\n    ")
CARD = '<section class="tp-cell"><div class="tp-output"><pre><samp>tensor([1])</samp></pre></div></section>'

HTML = "is HTML, which could hide a cell or pass for an output"
BRACES = "gives an element attributes"
OPTIONS = "has more than a language"
UNRUN = "looks like what a session shows, and nothing ran"
PRINTS = "is not what this build reports"

TYPED = {
    "a card": (CARD, HTML),
    "an output": ('<div class="tp-output">3</div>', HTML),
    "a pre": ("<pre>tensor([1, 2])</pre>", HTML),
    "a pre of capitals": ("<PRE>tensor([1, 2])</PRE>", HTML),
    "a samp in a sentence": ("It is <samp>3</samp>.", HTML),
    "a code in a sentence": ("It is <code>tensor([1, 2])</code>.", HTML),
    "a key with an output": ("It printed <kbd>tensor([1])</kbd>.", HTML),
    "a proof as HTML": ('It holds: <code class="proof">1 == 2</code>.', HTML),
    "a value as HTML": ('It is <span class="value">7</span>.', HTML),
    "a verified line": ('<p class="tp-verified">99 outputs compared</p>', HTML),
    "a div that Markdown enters": ('<div class="tp-output" markdown>\n\n3\n\n</div>', HTML),
    "HTML in a heading": ("## A <samp>3</samp>", HTML),
    "HTML in a list": ("- a <samp>3</samp>", HTML),
    "HTML in a box's title": ('!!! note "a <samp>3</samp>"\n\n    Words.', HTML),
    "HTML behind a backslash": ("\\<samp>3</samp>", HTML),
    "a session": ("```python\n>>> x\ntensor([1])\n```", f"`>>>` {UNRUN}"),
    "a session with numbers": ("```text\nIn [1]: x\nOut[1]: 3\n```", f"`In [1]:` {UNRUN}"),
    "a tensor": ("```text\ntensor([1, 2])\n```", f"`tensor([` {UNRUN}"),
    "a traceback": ("~~~\nTraceback (most recent call last):\n~~~", UNRUN),
    "a session in a list": ("- x\n\n    ```console\n    >>> x\n    ```", UNRUN),
    "an indented session": ("    >>> x", UNRUN),
    "an output in a sentence": ("It printed `tensor([1, 2])`.", UNRUN),
    "a title": ('```text title="Output"\n3\n```', OPTIONS),
    "classes of a fence": ("```{.python .tp-cell}\n3\n```", OPTIONS),
    "a class of a paragraph": ("Words.\n{: .tp-output }", BRACES),
    "a class of a heading": ("## Output { .tp-label }", BRACES),
    "a class of a link": ("[older torch](x.md){ .tp-badge }", BRACES),
    "a proof by class=": ('`1 == 2`{class="proof"}', BRACES),
    "a box of our class": ('!!! tp-output "Output"\n\n    3', "opens no box"),
    "a cell with options": ('```cell title="x"\na/b#row-plus-column\n```', "is no cell; let `cell` stand alone"),
    "a cell of a capital": ("```Cell\na/b#row-plus-column\n```", "is no cell; let `cell` stand alone"),
    **{
        f"a link to {link}": (link, "leads to what no file holds")
        for link in (
            "[a](javascript:alert(1))",
            "[a]( JavaScript:alert(1))",
            "[a](vbscript:x)",
            "[a](<data:text/html,x>)",
            "![output](data:image/png;base64,iVBORw0KGgo=)",
            "[a][b]\n\n[b]: javascript:alert(1)",
            "![output][b]\n\n[b]: data:image/svg+xml,x",
        )
    },
    **{
        f"a text that shows {shown}": (f"```text\n{shown}\n```", "looks like what a session shows")
        for shown in ("array([9, 9])", "tensor(nan)", "Size([9])", "In[1]:", "\u00a0tensor([9])")
    },
    "a fence that prints what was typed": ('```python exec="true"\nprint(f"{3}")\n```', PRINTS),
    "a fence that prints a fence": (
        '```python exec="true"\nprint("```text\\n3\\n```")\n```',
        "is markup in a text of this fence",
    ),
    "a fence that shows its source": ('```python exec="true" source="above"\nx\n```', OPTIONS),
    **{
        f"a fence that changes the build: {code}": (f'```python exec="true"\n{code}\n```', "does more than report")
        for code in (
            "from torchproof.compare import transcript",
            "import torchproof.reports as reports",
            "from torchproof import reports\nreports.counts = reports.chapters",
            "from torchproof import reports\nsetattr(reports, 'counts', 1)",
            "from torchproof import reports\nreports.summary.__dict__['counts'] = 1",
            "from torchproof import reports\nreports.build_of().runner.close()",
            "from torchproof import reports\ndel reports.counts",
            "from torchproof import reports\n@reports.counts\ndef f(): pass",
            "print(reports.counts().replace('2', '9'))",
            "exec('1')",
            "__import__('os')",
        )
    },
    "a fence that hands markup on": (
        '```python exec="true"\nprint(reports.errors("a/b", {"x": "<samp>3</samp>"}))\n```',
        "`<samp>` is markup in a text of this fence",
    ),
    "words of an error": ("```error\na/b#sizes-that-never-meet\nIt is <samp>3</samp>.\nx | 1\n```", HTML),
}
"""What stands on a page, and what is said of it."""

HIDING = {
    tag: (f"<{tag}>\n\n{CELL}\n\n</{tag}>", HTML)
    for tag in [
        "div",
        "template",
        "script",
        "style",
        "pre",
        "noscript",
        "textarea",
        "title",
        "select",
        "iframe",
        "dialog",
        "object",
        "svg",
        "math",
        "details",
        "x-y",
    ]
} | {
    "a hidden div": (f"<div hidden>\n\n{CELL}\n\n</div>", HTML),
    "a hidden div that Markdown enters": (f"<div markdown hidden>\n\n{CELL}\n\n</div>", HTML),
    "a div of another class": (f'<div class="md-toggle" markdown>\n\n{CELL}\n\n</div>', HTML),
    "a div over lines": (f"<div\nhidden>\n\n{CELL}\n\n</div>", HTML),
    "a div without its end": (f"<div hidden\n\n{CELL}", HTML),
    "a div in a sentence": (f"words <div hidden> words\n\n{CELL}", HTML),
    "an anchor that hides": (f'words <a id="x" hidden> words\n\n{CELL}', HTML),
    "closing tags": (f"</div></article>\n\n{CELL}", HTML),
    "a style": (f"<style>.tp-output{{display:none}}</style>\n\n{CELL}", HTML),
    "a link to a style": (f'<link rel="stylesheet" href="x.css">\n\n{CELL}', HTML),
    "a comment without an end": (f"<!-- words\n\n{CELL}", "begins a comment that does not end here"),
    "a comment around": (f"<!-- words\n\n{CELL}\n\n-->", "nobody would see the fence in this comment"),
    "an empty comment": ("<!--> words -->", "browsers end this comment elsewhere"),
    "a comment with another end": ("<!-- a --!> words -->", "browsers end this comment elsewhere"),
    "a declaration": (f"<!DOCTYPE x [\n\n{CELL}\n\n]>", HTML),
    "an instruction": (f"<?php\n\n{CELL}\n\n?>", HTML),
    "indented code": (f"Words.\n\n    {INDENTED}", "stands in indented code"),
    "indented code in a list": ("- x\n\n        " + CELL.replace("\n", "\n        "), "stands in indented code"),
    "a definition": (f"Term\n\n:   words\n\n    {INDENTED}", "stands in indented code"),
    "a footnote": (f"[^1]: words\n\n    {INDENTED}", "stands in indented code"),
    "a tab": (f'=== "A"\n\n    {INDENTED}', "is a tab, and a tab hides what it holds"),
    "a box of two blanks": (f'!!!  warning "x"\n\n    {INDENTED}', "opens no box"),
    "a box indented by two": ('  !!! warning "x"\n\n      ' + CELL.replace("\n", "\n      "), "opens no box"),
    "a box without a kind": (f'!!! "x"\n\n    {INDENTED}', "opens no box"),
    "a box of other quotes": (f"!!! warning “x”\n\n    {INDENTED}", "opens no box"),
    "a box that hides": (f'!!! md-toggle "x"\n\n    {INDENTED}', "opens no box"),
    "a closing mark elsewhere": (f"{CELL[:-3]}  ```", "is never closed"),
    "a hidden proof": ("`row.sum() == 6`{.proof hidden}", BRACES),
    "a proof with a style": ('`row.sum() == 6`{.proof style="display:none"}', BRACES),
    "a hidden heading": ("## Title { hidden }", BRACES),
    "a hidden cell of a table": ("| a |\n|---|\n| x { hidden } |", BRACES),
    "a script by attribute": ("[x](y.md){ onclick=alert(1) }", BRACES),
    "a script by link": ("[x](javascript:document.body.remove())", "leads to what no file holds"),
}

HEADS = {
    "a style in metadata": ("---\ntitle: <style>x</style>\n---\n\n# Page\n", "no HTML, no fence, no template"),
    "a template in metadata": ("---\ntemplate: 404.html\n---\n\n# Page\n", "no HTML, no fence, no template"),
    "a cell in metadata": ("---\nx: |\n  ```cell\n  a/b#row-plus-column\n  ```\n---\n\n# Page\n", "no HTML, no fence"),
    "metadata without dashes": (
        "Note: x\n    ```cell\n    a/b#row\n    ```\n\n# Page\n",
        "takes this line for metadata",
    ),
}

ALLOWED = {
    "an anchor": '<a id="old-name"></a>\n\n## New name { #new-name }',
    "keys": "Press <kbd>Tab</kbd>, H<sub>2</sub>O.<br>",
    "addresses": "See <https://example.org/> and <me@example.org>.",
    "a button": "[Start](x.md){ .md-button .md-button--primary }",
    "code that looks like HTML": "Write `<div hidden>` or ``<!-- `x` -->``.",
    "smaller than": "Here a < b, and a <= b.",
    "sets": "The set {1, 2} and {x} of it, $x_{i}$ and $\\frac{1}{2}$.",
    "a comment": "<!-- to do:\nmore -->",
    "boxes": '??? info inline end "a `b`"\n\n    Words.\n\n!!! note\n\n    Words.',
    "code of another language": '```sh\nmake site\n```\n\n~~~yaml hl_lines="1 2"\nx: 1\n~~~\n\n    indented',
    "a call": "Write `torch.tensor([1, 2])`, `x.size() == torch.Size([2])`.",
    "a sheet": '<div class="tp-sheet" markdown>\n\nWords.\n\n</div>',
    "a report": '```python exec="true"\nfrom torchproof import reports\n\nrows = {"x": "`a < b`"}\nprint(reports.counts(), reports.errors("a/b", rows))\n```',
}

ABOVE = "# Page\n\n```cell\na/b#row-plus-column\n```\n\n"
KINDS = {f"typed: {kind}": said for kind, said in TYPED.items()} | {
    f"hiding: {kind}": said for kind, said in HIDING.items()
}


@pytest.fixture(scope="module")
def problems(tmp_path_factory):
    """What is wrong with the pages of a site, one for each kind: line and message, by page."""
    project = Project(tmp_path_factory.mktemp("markup") / "site")
    write_small_site(project)
    texts = [*(ABOVE + text for text, _ in KINDS.values()), *(ABOVE + text for text in ALLOWED.values())]
    for name, text in zip([*KINDS, *ALLOWED, *HEADS], [*texts, *(text for text, _ in HEADS.values())], strict=True):
        project.write(f"docs/{slug_of(name)}.md", f"{text}\n{CELL}\n" if name in HEADS else f"{text}\n")
    found = {}
    for problem in Site.read(project.root).problems:
        found.setdefault(problem.path, []).append((problem.line, problem.message))
    return lambda name: found.get(f"docs/{slug_of(name)}.md", [])


@pytest.mark.parametrize("kind", KINDS)
def test_markup_that_hides_or_passes_for_an_output_is_refused_at_its_line(problems, kind):
    text, said = KINDS[kind]
    lines = range(7, 7 + len(text.split("\n")))

    assert [line for line, message in problems(kind) if said in message and line in lines], problems(kind)


@pytest.mark.parametrize("kind", HEADS)
def test_metadata_hides_nothing_and_styles_nothing(problems, kind):
    assert any(HEADS[kind][1] in message for _, message in problems(kind)), problems(kind)


@pytest.mark.parametrize("kind", ALLOWED)
def test_what_hides_nothing_and_shows_no_output_is_allowed(problems, kind):
    assert problems(kind) == []


def test_a_page_without_cells_may_hold_html_but_none_that_looks_like_ours():
    assert scan("x", "# X\n\n<div class='hero' hidden>\n\nWords.\n").problems == ()
    assert [problem.line for problem in scan("x", f"# X\n\n{CARD}\n").problems] == [3]


OTHERS = {
    "typed.ipynb": ('{"cells": [\n"', r"<div class=\"tp-output\">1</div>", '"]}'),
    "typed.html": ("<h1>A</h1>\n", '<section class="big tp-cell">1</section>', ""),
    "a/typed.markdown": ("# A\n\n", "```cell\na/b#row-plus-column\n```", "\n"),
    "typed.mkd": ("# A\nOne is ", "`1 == 1`{.proof}", ".\n"),
}
"""Files that builders show and nothing here reads, with what looks as if it had run."""


@pytest.mark.parametrize("name", OTHERS)
def test_a_file_that_nothing_reads_is_the_sites_own_unless_it_looks_like_ours(small_site, name):
    before, ours, after = OTHERS[name]
    small_site.write(f"docs/{name}", f"{before}words with `{{.python}}` and class='xr-wrap'{after}")
    assert not [problem for problem in Site.read(small_site.root).problems if problem.path == f"docs/{name}"]

    small_site.write(f"docs/{name}", before + ours + after)

    [problem] = [problem for problem in Site.read(small_site.root).problems if problem.path == f"docs/{name}"]
    assert problem.line == before.count("\n") + 1
    assert problem.message.endswith("write a page in .md, or a walk-through in .py")


def test_check_tells_of_wrong_tex_where_the_build_draws_it(small_site):
    small_site.write("docs/index.md", "# Home\n\nRight: $x^2$ and `$\\frac{1}$`.\n\n$$\n\\nosuch\n$$\n")
    assert list(wrong_formulas(Site.read(small_site.root))) == []
    small_site.replace("mkdocs.yml", "  - torchproof\n", "  - torchproof\n  - torchproof.maths\n")

    (problem,) = wrong_formulas(Site.read(small_site.root))

    assert (problem.path, problem.line) == ("docs/index.md", 6)
    assert problem.message.startswith(r"wrong TeX in `\nosuch`")


# --- what the build finds in the finished page ------------------------------------------------------------------------

PAGE = scan("a/b", "# Page\n\nWords.\n\n```cell\na/b#one\n```\n")


def looked_at(before, after, page=PAGE):
    """What is said of a card between two pieces of HTML."""
    marks = Marks()
    html, problems = marks.look(before + marks.piece(CARD, "the cell `a/b#one`", 5) + after, page)
    assert marks.word not in html
    return [(problem.line, problem.message) for problem in problems]


SEEN = {
    "alone": ("<p>Words.</p>\n", ""),
    "in a box": ('<div class="admonition warning"><p class="admonition-title">x</p>', "</div>"),
    "in a list": ("<ul><li>", "</li></ul>"),
    "in a fold": ('<details class="failure"><summary>x</summary>', "</details>"),
    "below a table": ('<table><tr><th style="text-align: right;">1</th></tr></table>', ""),
    "behind a comment": ("<!-- words -->", ""),
}


@pytest.mark.parametrize("around", SEEN.values(), ids=SEEN)
def test_a_card_that_readers_see_is_no_problem(around):
    assert looked_at(*around) == []


HIDDEN = {
    tag: (f"<{tag}>", f"</{tag}>")
    for tag in ["template", "script", "style", "noscript", "textarea", "select", "iframe", "x-y"]
} | {
    "hidden": ("<div hidden>", "</div>"),
    "style": ('<div style="display: none">', "</div>"),
    "class": ('<div class="md-toggle">', "</div>"),
    "never closed": ("<p>words</p><textarea>", ""),
    "comment never closed": ("<!-- words", ""),
    "comment around": ("<!-- ", " --> "),
    "attribute": ('<a title="', '"></a>'),
    "style beside": ("<style>.tp-output{display:none}</style>", ""),
    "proof beside": ('<code class="proof">1 == 2</code>', ""),
    "card beside": ("", CARD),
}


@pytest.mark.parametrize("around", HIDDEN.values(), ids=HIDDEN)
def test_a_card_that_is_hidden_or_has_a_double_is_found_in_the_finished_page(around):
    assert looked_at(*around)


def test_a_card_that_is_swallowed_is_told_by_its_line():
    assert looked_at("<template>", "</template>")[-1] == (
        5,
        "the cell `a/b#one` stands in <template>, where readers do not see it; take it out",
    )


def test_typed_code_is_labelled_and_generated_code_is_not():
    marks = Marks()
    typed = '<div class="highlight"><pre><code>1 / 0</code></pre></div>'
    made = marks.piece(typed, "the cell", 5) + marks.signed(typed)

    html, _ = marks.look(made + typed, PAGE)

    assert html == f'{typed}{typed}<p class="tp-typed" data-search-exclude>not run here</p>\n{typed}'


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    """A site with HTML that no scanner of lines can tell from code: the ticks of its neighbours make it none."""
    project = Project(tmp_path_factory.mktemp("odd") / "site")
    write_small_site(project)
    project.replace("docs/a/b.md", "```cell\na/b#sizes", "one ` two\nthree ` <div hidden> ` four\n\n```cell\na/b#sizes")
    commit_transcripts(project)
    return project


@pytest.mark.parametrize("build", [["mkdocs", "build", "-q"], ["zensical", "build"]], ids=["mkdocs", "zensical"])
def test_what_no_scanner_sees_fails_every_build(odd, build):
    assert Site.read(odd.root).problems == []

    built = odd.run(*build)

    assert built.returncode == 1
    assert "docs/a/b.md:10: an element with hidden= could hide what stands in it" in built.stdout


def test_a_page_whose_template_drops_it_or_that_is_left_out_fails_the_build(small_site):
    commit_transcripts(small_site)
    plugins = "plugins: [torchproof]\nexclude_docs: a/b.md\n"
    small_site.write("mkdocs.yml", small_site.read("mkdocs.yml") + plugins)

    left_out = small_site.run("mkdocs", "build", "-q")
    small_site.replace("mkdocs.yml", "exclude_docs: a/b.md\n", "")
    small_site.write("docs/a/b/index.md", "# Other\n")
    doubled = small_site.run("mkdocs", "build", "-q")

    assert (left_out.returncode, doubled.returncode) == (1, 1)
    assert "docs/a/b.md:1: MkDocs leaves it out, so nobody sees its cells" in left_out.stdout
    assert re.search(r"docs/a/b(/index)?.md:1: has the address of docs/a/b(/index)?.md", doubled.stdout)


def test_typed_code_says_on_its_page_that_it_was_not_run(site_folder):
    page = parse_html((site_folder / "start/index.html").read_text(encoding="utf-8")).one("article")

    assert [label.text for label in page.all("p.tp-typed")] == ["not run here"] * 5


# --- the README -------------------------------------------------------------------------------------------------------


def test_the_readme_shows_a_cell_and_its_transcript_as_they_are():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    cell, transcript = re.findall(r"^```(?:python|text)\n(.*?)^```$", readme, re.M | re.S)[:2]
    file = re.search(r"\((snippets/(.+?)\.py)\)", readme)
    title, _, code = cell.partition("\n")

    shown = read_snippet(ROOT, file[2]).cell(slug_of(title.removeprefix("# %% ")))

    assert shown is not None, f"README.md:6: {file[1]} has no cell `{title}`"
    assert code.strip() == shown.source.strip(), f"README.md:6: differs from {file[1]}:{shown.line}"
    recorded = (ROOT / f"snippets/{file[2]}.cpu.txt").read_text(encoding="utf-8")
    assert f"\n{transcript.rstrip()}\n\n" in recorded, f"README.md:13: differs from snippets/{file[2]}.cpu.txt"
