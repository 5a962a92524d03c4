"""Old idioms beside today's: what the old side did says how it stands, and today's side must be fit to write."""

import json
import re

import pytest
from book import SITE
from conftest import ROOT, commit_transcripts, parse_html, write_small_site
from torchproof.builders.idioms import idioms, idioms_in_short, pairs
from torchproof.compare.check import ChapterCheck
from torchproof.model.cells import Cell, Snippet
from torchproof.model.runs import CellRun, Output, Run

OLD, TODAY = Cell("1 + 'a'", "old", "'a' + 1", 2), Cell("1 + 'a', today", "today", "'a' + '1'", 5)
ANSWER = (Output("=", "'a1'"),)


def check(old=ANSWER, today=ANSWER):
    """A chapter of one idiom, whose sides did this."""
    runs = {"old": CellRun("old", old), "today": CellRun("today", today)}
    return ChapterCheck(Snippet("a/b", "snippets/a/b.py", "", (OLD, TODAY)), Run(runs), [], "")


@pytest.mark.parametrize(
    ("did", "status"),
    [
        (Output("x", "AttributeError: module 'torch' has no attribute 'gesv'"), "removed"),
        (Output("x", "AttributeError: 'Loader' object has no attribute 'next'"), "removed"),
        (Output("x", "ModuleNotFoundError: No module named 'torch._six'"), "removed"),
        (Output("x", "ImportError: cannot import name 'load_lua' from 'torch'"), "removed"),
        (Output("x", "TypeError: StepLR.__init__() got an unexpected keyword argument 'verbose'"), "removed"),
        (Output("x", "RuntimeError: This function was deprecated since version 1.9 and is now removed."), "removed"),
        (Output("x", "AttributeError: 'NoneType' object has no attribute 'data'"), "raises"),
        (Output("x", "IndexError: invalid index of a 0-dim tensor."), "raises"),
        (Output("!", "UserWarning: volatile was removed and now has no effect.\n"), "warns"),
        (Output("=", "'a1'"), "works"),
    ],
    ids=lambda it: it.text.partition(":")[0] if isinstance(it, Output) else it,
)
def test_what_the_old_side_did_is_its_status(did, status):
    assert pairs(check((did,)))["old"].status == status


def test_two_sides_that_answer_differently_are_told_apart():
    assert not pairs(check())["old"].differs
    assert pairs(check((Output("=", "'1a'"),)))["old"].differs
    assert not pairs(check((Output("!", "UserWarning: slow"), *ANSWER)))["old"].differs


@pytest.mark.parametrize("said", [Output("!", "FutureWarning: write it so"), Output("x", "TypeError: no")])
def test_todays_side_neither_warns_nor_raises(said):
    with pytest.raises(ValueError, match="today's way, '1 \\+ 'a', today', is none: it says"):
        pairs(check(today=(said,)))


def test_an_idiom_that_is_not_there_is_named(tmp_path):
    (tmp_path / "since.json").write_text("{}", encoding="utf-8")

    with pytest.raises(ValueError, match=r"snippets/a/b\.py has no idiom 'odl'; did you mean 'old'"):
        idioms(check(), {"odl": "why"}, tmp_path / "since.json")


def test_a_row_has_both_sides_the_message_and_the_source(tmp_path):
    told = {"old": {"says": "gone since 3.0", "source": "https://example.org/3"}}
    (tmp_path / "since.json").write_text(json.dumps(told), encoding="utf-8")

    row = parse_html(idioms(check((Output("x", "TypeError: <b>"),)), {"old": "Why."}, tmp_path / "since.json"))

    assert row.one(".tp-status").text == "raises"
    assert [code.text.strip() for code in row.all("code")] == ["'a' + 1", "'a' + '1'"]
    assert row.one("samp").text == "TypeError: <b>"
    assert not row.all("details")
    assert row.one("a").attributes["href"] == "https://example.org/3"
    assert "Why." in row.text


def test_a_message_of_several_lines_is_folded(tmp_path):
    (tmp_path / "since.json").write_text("{}", encoding="utf-8")
    said = "RuntimeError: gone.\n\nWrite another."

    row = parse_html(idioms(check((Output("x", said),)), {"old": "Why."}, tmp_path / "since.json"))

    assert row.one("details").one("summary").text == "RuntimeError: gone. Write another."
    assert row.one("samp").text == said


def test_the_counts_are_those_of_the_run():
    assert idioms_in_short(check()).startswith("Of 1 old idiom, 1 still work, 0 warn, 0 raise an error, 0 are gone.")


# --- the page ---------------------------------------------------------------------------------------------------------

PAGE = (ROOT / "docs/lookup/idioms.md").read_text(encoding="utf-8")
TITLES = {cell.title: cell.slug for cell in SITE.snippets["lookup/idioms"].cells}


def test_every_idiom_of_the_snippet_stands_in_one_row_of_the_page():
    both = [slug for title, slug in TITLES.items() if f"{title}, today" in TITLES]

    assert re.findall(r'^    "([^"]+)": ', PAGE, re.M) == both
    assert len(both) >= 45


def test_every_source_is_of_an_idiom():
    told = json.loads((ROOT / "docs/assets/idioms.json").read_text(encoding="utf-8"))

    assert [slug for slug in told if slug not in TITLES.values()] == []
    assert [slug for slug, each in told.items() if not each["source"].startswith("https://")] == []


# --- a build ----------------------------------------------------------------------------------------------------------

SNIPPET = """

# %% Glue
"a" + "1"

# %% Glue, today
"".join(["a", "1"])
"""
LISTED = r"""
```cell
a/b#glue
```

```cell
a/b#glue-today
```

```python exec="true"
from torchproof import reports

print(reports.idioms_in_short("a/b"), reports.idioms("a/b", {"glue": "Of *many* parts."}), sep="\n\n")
```
"""


def status_of(project):
    built = project.run("mkdocs", "build", "-q")
    assert built.returncode == 0, built.stdout
    page = parse_html(project.read("site/a/b/index.html"))
    assert "#idiom-glue" in [link.attributes.get("href") for link in page.all("a")]
    return page.one(".tp-status").text


def test_an_old_side_that_stops_working_is_drift_and_then_another_status(small_site):
    write_small_site(small_site)
    config = small_site.read("mkdocs.yml") + "plugins: [search, markdown-exec: {languages: [python]}, torchproof]\n"
    small_site.write("mkdocs.yml", config)
    small_site.write("snippets/a/b.py", small_site.read("snippets/a/b.py") + SNIPPET)
    small_site.write("docs/a/b.md", small_site.read("docs/a/b.md") + LISTED)
    small_site.write("docs/assets/idioms.json", "{}")
    commit_transcripts(small_site)
    assert status_of(small_site) == "works"

    small_site.replace("snippets/a/b.py", '"a" + "1"', 'import warnings\n\nwarnings.warn("join them")\n"a" + "1"')
    red = small_site.run("mkdocs", "build", "-q")
    commit_transcripts(small_site)

    assert red.returncode == 1
    assert "the cell 'glue' has drifted" in red.stdout
    assert status_of(small_site) == "warns"
