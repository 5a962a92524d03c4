"""The search finds what readers type: errors as they are pasted, calls as they are written, questions as they are asked."""

import json
import os
import re
import tomllib
from collections import defaultdict
from html import unescape
from urllib.parse import unquote

import pytest
from book import SITE
from browsing import MISSING
from conftest import NIGHTLY, ROOT, Project, commit_transcripts, write_small_site
from torchproof.builders.said import OWN, TYPE
from torchproof.model.text import is_title

BROWSER = pytest.mark.skipif(bool(MISSING) and not os.environ.get("CI"), reason=MISSING)


# --- what is in the index ---------------------------------------------------------------------------------------------

RAISING = """

# %% Two errors in one table
seven = torch.arange(7)

# %% Not yet tags=["exercise"]
twenty = 19
assert twenty == 20, "not yet"

# %% Solution: twenty tags=["solution"]
twenty = 20

# %% The zeros tags=["raises-exception"]
model = torch.nn.Linear(1, 1)
model.zero_grad(); torch.empty(2).view(
    3)
"""
PAGE = """
## Tables and zeros

```cell
a/b#two-errors-in-one-table
```

```table
seven.view(2, 3)
seven.view(2, 5)
```

```cell
a/b#not-yet
```

```cell
a/b#solution-twenty
```

??? failure "shape '…' is invalid for input of size …"

    ```cell
    a/b#the-zeros
    ```
"""
WORDINGS = """[{"now": "The size of tensor a (…) must match …", "was": "inconsistent <tensor> size", "seen": "torch 0.1", "source": "https://example.org"}]"""


@pytest.fixture(scope="module")
def entries(once):
    """The index of a small site, by location."""

    def make(folder):
        project = Project(folder)
        write_small_site(project)
        project.write("mkdocs.yml", project.read("mkdocs.yml") + "plugins: [search, torchproof]\n")
        project.write("snippets/a/b.py", project.read("snippets/a/b.py") + RAISING)
        project.write("docs/a/b.md", project.read("docs/a/b.md") + PAGE)
        project.write("docs/assets/wordings.json", WORDINGS)
        commit_transcripts(project)
        built = project.run("mkdocs", "build", "--strict")
        assert built.returncode == 0, built.stdout

    index = json.loads(Project(once("small-search", make)).read("site/search/search_index.json"))
    return {entry["location"]: entry for entry in index["docs"]}


def test_an_error_is_an_entry_with_its_message_its_line_and_what_older_versions_said(entries):
    entry = entries["a/b/#cell-sizes-that-never-meet"]

    assert entry["title"].startswith("RuntimeError: The size of tensor a (2) must match the size of tensor b (3)")
    assert entry["text"] == (
        "<p><code>torch.ones(4, 2) + torch.ones(3)</code></p><p>In torch 0.1: inconsistent &lt;tensor&gt; size</p>"
    )
    assert entry["also"] == "inconsistent &lt;tensor&gt; size"


def test_errors_of_one_place_have_an_entry_each_in_another_spelling_of_its_anchor(entries):
    places = [place for place in entries if unquote(place) == "a/b/#cell-two-errors-in-one-table"]

    assert places == ["a/b/#cell-two-errors-in-one-table", "a/b/#%63ell-two-errors-in-one-table"]
    assert [entries[place]["text"] for place in places] == [
        "<p><code>seven.view(2, 3)</code></p>",
        "<p><code>seven.view(2, 5)</code></p>",
    ]


def test_the_line_of_an_error_is_the_one_that_raised(entries):
    assert entries["a/b/#cell-the-zeros"]["text"].startswith("<p><code>model.zero_grad(); torch.empty(2).view(</code>")


def test_what_stands_in_a_box_counts_more(entries):
    assert entries["a/b/#cell-the-zeros"]["boost"] > entries["a/b/#cell-sizes-that-never-meet"]["boost"]


def test_what_an_exercise_says_of_its_own_has_no_entry(entries):
    assert "a/b/#cell-not-yet" not in entries


def test_a_section_has_the_names_of_its_cells_in_every_spelling(entries):
    names = entries["a/b/#tables-and-zeros"]["names"].split()

    assert {".zero_grad", "zero_grad", "zerograd", "zero", "grad", ".view", "view", ".Linear"} <= set(names)
    assert "seven" not in names
    assert "names" in entries["a/b/"]
    assert ".zero_grad" not in entries["a/b/"]["names"].split()


def said_by_cells() -> dict[str, set[str]]:
    """Every line of an error or a warning in the transcripts, and where cells that raise it stand."""
    found = defaultdict(set)
    for snippet in SITE.snippets.values():
        slug, above = "", ""
        for line in (ROOT / snippet.transcript()).read_text(encoding="utf-8").split("\n"):
            slug = line.removeprefix("%% ") if line.startswith("%% ") else slug
            kind, text = re.fullmatch(r"(?:(?:@   (?=x [\w.]+Error: ))?([x!])(?: |$))?(.*)", line).groups()
            cell = snippet.cell(slug)
            if kind == "x" and re.fullmatch(r"statement \d+", text):
                continue
            if kind and cell:
                above = above if above[:1] == kind else kind + text
                own = "exercise" in cell.tags and above[1:].startswith(OWN)
                pages = [name for name, page in SITE.pages.items() if page.place(snippet.name, slug)]
                if pages and not own and re.search(r"[a-zA-Z]{3}", text):
                    found[text] |= {f"{page}/#cell-{slug}" for page in pages}
            else:
                above = ""
    return dict(found)


SAID = said_by_cells()

ASKED = list(SAID) if NIGHTLY else list(SAID)[::3]
"""Those of them that are looked for."""


def test_every_older_wording_has_a_source_and_an_error_of_today():
    told = json.loads((ROOT / "docs/assets/wordings.json").read_text(encoding="utf-8"))
    for wording in told:
        assert wording["source"].startswith("https://"), wording
        assert any(is_title(wording["now"], line) for line in SAID), f"no cell raises {wording['now']}"


# --- what is found ----------------------------------------------------------------------------------------------------

ASK = """async ([queries, without]) => {
    const { search } = JSON.parse(document.getElementById("__config").textContent);
    const { config, docs } = await (await fetch("search/search_index.json")).json();
    const worker = new Worker(search), kept = docs.filter((doc) => !without || !/#(cell-|error-|%63)/.test(doc.location));
    const answer = (type, data) => new Promise((done) => {
        worker.onmessage = (event) => done(event.data.data);
        worker.postMessage({ type, data });
    });
    await answer(0, { config, docs: kept, options: {} });
    const found = {};
    for (const query of queries) {
        const { items } = await answer(2, query);
        found[query] = items.slice(0, 3).map((group) =>
            group.filter((item) => item.score >= group[0].score).map((item) => item.location));
    }
    return found;
}"""
"""The first three results of each query, as the list shows them: of each page the sections that are not folded away."""


@pytest.fixture(scope="module")
def in_browser(chromium, web):
    """`in_browser(work)` is what `work(page)` returns, of a page of the built site; the console stays clean."""

    def visited(work, **options):
        said = []
        with chromium.new_context(**options) as context:
            page = context.new_page()
            page.on("pageerror", lambda error: said.append(str(error)))
            page.on("console", lambda message: said.append(message.text) if message.type != "log" else None)
            page.goto(web.address)
            returned = work(page)
        assert said == [], "the console is not clean"
        return returned

    return visited


QUESTIONS = tomllib.loads((ROOT / "tests/questions.toml").read_text(encoding="utf-8"))["pages"]

CALLS = {
    "model.eval()": "autograd/switches",
    ".data": "autograd/switches",
    "requires_grad_(False)": "training/finetune",
    "requires_grad_": "training/finetune",
    "optimizer.zero_grad()": "training/optimizers",
    "zero grad": "training/optimizers",
    "loss.backward()": "autograd/backward",
    "torch.nn.Linear": "training/modules",
    "cross entropy": "training/losses",
    "crossentropyloss": "training/losses",
    "torch.where": "tensors/arithmetic",
    "x.t()": "tensors/shapes",
    ".view": "tensors/shapes",
    "torch.Tensor(3, 4)": "tensors/creating",
    "keepdim=True": "tensors/reductions",
    "index_select": "tensors/gather",
    "is_contiguous": "tensors/memory",
    "weights_only": "training/saving",
    "pin_memory": "data/loading",
    "clip_grad_norm_": "training/optimizers",
}
WORDS = ["shape", "stride", "squeeze", "softmax", "keepdim", "view shape", "grad share"]
TYPED = [word[:end] for word in WORDS for end in range(1, len(word) + 1)]
ODD = ["x[:, None]", "~", "a^", "+ -", "title:", '"', "*", "<b>", "e^-x", "float32", "2.13", "(2, 3)", "the", "\\"]


COMMONEST = re.findall(r'^ +"([\w/]+)#([\w-]+)",$', (ROOT / "docs/lookup/errors.md").read_text(encoding="utf-8"), re.M)


def raised_by(chapter, slug) -> str:
    """What a cell raised, as its transcript has it."""
    transcript = (ROOT / SITE.snippets[chapter].transcript()).read_text(encoding="utf-8")
    (said,) = re.findall(rf"^%% {re.escape(slug)}\n(.*?)(?=^%% |\Z)", transcript, re.S | re.M)
    return "\n".join(line[2:] for line in said.split("\n") if line[:2] == "x " and not line.startswith("x statement"))


def of_another_program(message) -> str:
    """The message with other numbers, and shapes with more of them."""
    message = re.sub(r"\[(\d+(?:, \d+)*)\]", "[16, 5, 128, 9]", message)
    return re.sub(r"\d+", lambda found: str(3 * int(found[0]) + 41), message)


PASTED = {
    "as it was": lambda message: message,
    "with other numbers": of_another_program,
    "without its type": lambda message: of_another_program(re.sub(r"^[\w.]+: ", "", message)),
    "its first line": lambda message: of_another_program(message).split("\n")[0],
}


def pasted(how):
    """The commonest errors, as they are pasted, each with the cell whose entry explains it."""
    return {PASTED[how](raised_by(*cell)): cell[1] for cell in COMMONEST}


@pytest.fixture(scope="module")
def answers(in_browser):
    """What is found for all queries: the browser reads the index once."""
    queries = [*ASKED, *QUESTIONS, *CALLS, *TYPED, *ODD, *(query for how in PASTED for query in pasted(how))]
    return in_browser(lambda page: page.evaluate(ASK, [queries, False]))


@pytest.fixture(scope="module")
def explained(site_folder):
    """The words of each entry of an error that a page explains, by its place."""
    docs = json.loads((site_folder / "search/search_index.json").read_text(encoding="utf-8"))["docs"]
    return {
        doc["location"]: bare(unescape(doc["title"] + " " + doc.get("also", "")))
        for doc in docs
        if "#error-" in doc["location"]
    }


def found_own(answers, explained, lines) -> list[str]:
    """The lines whose first three results have the entry that explains them, else a cell that raises them."""
    places = defaultdict(set)
    for line in SAID:
        places[bare(line)] |= SAID[line]
    for words, cells in places.items():
        cells |= {place for place, said in explained.items() if words in said}
    shown = {line: {unquote(place) for group in answers[line] for place in group} for line in lines}
    return [line for line in lines if shown[line] & places[bare(line)]]


def bare(line):
    """The words of a message, without its type."""
    return " ".join(re.findall("[a-z]+", TYPE.sub("", line).lower()))


@BROWSER
def test_a_pasted_error_finds_what_explains_it_or_its_cell(answers, explained):
    lost = sorted(set(ASKED) - set(found_own(answers, explained, ASKED)))

    assert len(SAID) > 300
    assert len(lost) <= 0.05 * len(ASKED), lost


@BROWSER
def test_without_entries_of_their_own_errors_are_not_found(in_browser, explained):
    some = list(SAID)[::10]

    assert found_own(in_browser(lambda page: page.evaluate(ASK, [some, True])), explained, some) == []


@BROWSER
@pytest.mark.parametrize("how", PASTED)
def test_each_of_the_thirty_commonest_errors_leads_first_to_its_entry(answers, how):
    queries = pasted(how)

    assert len(queries) == 30
    first = {query: answers[query][0][0] if answers[query] else "nothing" for query in queries}
    lost = {query: place for query, place in first.items() if not place.endswith(f"#error-{queries[query]}")}
    assert lost == {}


@BROWSER
def test_a_question_leads_to_a_page_that_answers_it(answers):
    lost = [query for query, pages in QUESTIONS.items() if not pages_of(answers[query]) & set(pages)]

    assert len(QUESTIONS) == 60
    assert {page for pages in QUESTIONS.values() for page in pages} <= set(SITE.pages)
    assert len(lost) <= 10, lost


def pages_of(groups):
    return {place.partition("#")[0].rstrip("/") for group in groups for place in group}


@BROWSER
def test_a_call_finds_the_page_about_it_with_dots_and_without(answers):
    lost = [query for query, page in CALLS.items() if page not in pages_of(answers[query])]

    assert len(lost) <= 0.1 * len(CALLS), {query: answers[query] for query in lost}


@BROWSER
def test_nothing_is_lost_while_a_word_is_typed(answers):
    assert [query for query in TYPED if not answers[query]] == []


MESSAGE = "RuntimeError: mat1 and mat2 shapes cannot be multiplied (64x512 and 256x10)"
PASTE = """(input, text) => {
    input.value = text;
    input.dispatchEvent(new InputEvent("input", { inputType: "insertFromPaste", bubbles: true }));
}"""


@BROWSER
@pytest.mark.parametrize("width", [1440, 390])
def test_a_message_pasted_from_a_menu_leads_to_its_entry_and_on_to_the_cell(in_browser, width):
    def work(page):
        button = page.locator("label.md-header__button[for=__search]")
        (button if button.is_visible() else page.locator(".md-search__input")).click()
        page.locator(".md-search__input").evaluate(PASTE, MESSAGE)
        first = page.locator(".md-search-result__item").first
        first.wait_for(timeout=60_000)
        said = first.inner_text()
        first.locator("a:has(h2)").first.click()
        page.wait_for_url(re.compile(r"/lookup/errors/.*#error-"))
        entry = page.locator(".tp-error:target").inner_text()
        page.locator(":target .tp-error__links a").first.click()
        page.wait_for_url("**/*#cell-*")
        return said, entry, page.locator(".tp-cell:target").inner_text()

    said, entry, cell = in_browser(work, viewport={"width": width, "height": 900})

    chapter, message, line, *_ = filter(None, said.split("\n"))
    assert message.startswith("RuntimeError: mat1 and mat2 shapes cannot be multiplied (")
    assert line in entry
    assert line in cell
    assert message.partition(": ")[2] in entry
    assert message in cell
    assert chapter in {page.title for page in SITE.pages.values()}


@BROWSER
def test_the_other_spelling_of_an_anchor_leads_to_the_cell(in_browser, site_folder):
    docs = json.loads((site_folder / "search/search_index.json").read_text(encoding="utf-8"))["docs"]
    place = next(doc["location"] for doc in docs if "#cell-" in doc["location"]).replace("#c", "#%63")

    def work(page):
        page.goto(page.url + place)
        return page.locator(":target").get_attribute("id")

    assert in_browser(work) == unquote(place).partition("#")[2]
