"""`mkdocs serve` shows what an edit does, drift and failures too, and never stops."""

import signal

import pytest
from conftest import Project, Server, commit_transcripts, processes, wait_for, write_small_site

SNIPPET = """\
# %% Set
import torch

row = torch.tensor([1, 2, 3])
factor = 2

# %% Use
print(row * factor)
"""

PAGE = """\
# Page

```cell
{0}#set
```

```cell
{0}#use
```

All of it is positive: `bool((row > 0).all())`{{.proof}}.
"""

CHAPTERS = ("shown", "drifts", "deletes", "breaks", "dies", "misspelt", "claims", "unproven", "accepted")
"""One for each test, so that none sees what another does to the shared site."""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    project = Project(tmp_path_factory.mktemp("served") / "site")
    write_small_site(project)
    for chapter in CHAPTERS:
        project.write(f"snippets/{chapter}.py", SNIPPET)
        project.write(f"docs/{chapter}.md", PAGE.format(chapter))
    commit_transcripts(project)
    return project


@pytest.fixture(scope="module")
def server(site):
    server = Server(site, site.root.with_name("temporary"))
    yield server
    server.close()


def outputs(tree):
    """What the cells of a page let out, in order."""
    return [block.one("samp").text for block in tree.all(".tp-output")]


def problems(tree):
    return [block.text for block in tree.all(".tp-drift")]


def is_well(tree):
    return outputs(tree) == ["tensor([2, 4, 6])"] and not problems(tree)


def test_a_page_shows_its_output(server):
    page = server.wait("shown/", is_well)

    assert [proof.classes for proof in page.all("code.proof")] == [["proof"]]


def test_an_edited_snippet_shows_its_new_output_beside_the_drift(site, server):
    server.wait("drifts/", is_well)

    site.replace("snippets/drifts.py", "factor = 2", "factor = 5")
    page = server.wait("drifts/", problems)

    assert outputs(page) == ["tensor([ 5, 10, 15])"]
    drift = page.all("section.tp-cell")[1].one("div.tp-drift")
    assert drift.attributes["role"] == "alert"
    assert "the cell 'use' has drifted from snippets/drifts.cpu.txt" in drift.text
    assert "-| tensor([2, 4, 6])\n+| tensor([ 5, 10, 15])" in drift.one("pre").text
    assert "torchproof accept" in drift.text
    assert not page.all("section.tp-cell")[0].all(".tp-drift"), "the first cell has not drifted"


def test_a_variable_that_was_deleted_is_gone(site, server):
    server.wait("deletes/", is_well)

    site.replace("snippets/deletes.py", "factor = 2\n", "")
    page = server.wait("deletes/", problems)

    assert outputs(page) == ["NameError: name 'factor' is not defined"]
    use = page.all("section.tp-cell")[1]
    assert "the cell 'use' raises NameError: name 'factor' is not defined" in use.one(".tp-drift").text


def test_a_snippet_that_cannot_be_parsed_is_told_and_its_repair_shows(site, server):
    server.wait("breaks/", is_well)

    site.replace("snippets/breaks.py", "print(row * factor)", "print(row * factor")
    page = server.wait("breaks/", problems)
    site.replace("snippets/breaks.py", "print(row * factor", "print(row * factor)")
    server.wait("breaks/", is_well)

    assert any("SyntaxError: '(' was never closed" in problem for problem in problems(page))


def test_a_session_that_dies_is_told_and_its_repair_shows(site, server):
    server.wait("dies/", is_well)

    site.replace("snippets/dies.py", "factor = 2", "factor = 2\nimport os\nos._exit(0)")
    page = server.wait("dies/", problems)
    site.replace("snippets/dies.py", "\nimport os\nos._exit(0)", "")
    server.wait("dies/", is_well)

    assert any("the session ended itself in the cell 'set', with exit status 0" in text for text in problems(page))
    assert len(page.all("section.tp-cell")) == 2, "the code is shown all the same"


def test_a_fence_that_names_no_cell_is_told_and_its_repair_shows(site, server):
    server.wait("misspelt/", is_well)

    site.replace("docs/misspelt.md", "misspelt#use", "misspelt#uze")
    page = server.wait("misspelt/", problems)
    site.replace("docs/misspelt.md", "misspelt#uze", "misspelt#use")
    server.wait("misspelt/", is_well)

    assert any("has no cell 'uze'; did you mean 'use'?" in problem for problem in problems(page))


def test_a_new_proof_that_is_false_is_marked(site, server):
    server.wait("claims/", is_well)

    site.replace("docs/claims.md", "All of it", "There are four: `row.numel() == 4`{.proof}. All of it")
    page = server.wait("claims/", lambda tree: tree.all(".proof--false"))

    false = page.one("code.proof--false")
    assert false.text == "row.numel() == 4"
    assert "left is 3, right is 4" in false.attributes["title"]
    assert [proof.text for proof in page.all("code.proof") if proof is not false] == ["bool((row > 0).all())"]


def test_a_proof_below_a_cell_that_did_not_run_is_not_called_true(site, server):
    server.wait("unproven/", is_well)

    site.replace("snippets/unproven.py", "factor = 2", "factor = 2 / 0")
    page = server.wait("unproven/", problems)

    assert page.one("code.proof").classes == ["proof", "proof--false"]
    assert page.one("code.proof").attributes["title"] == "Not true: it was not evaluated"


def test_the_drift_goes_when_it_is_accepted(site, server):
    server.wait("accepted/", is_well)
    site.replace("snippets/accepted.py", "factor = 2", "factor = 5")
    server.wait("accepted/", problems)

    accepting = site.run("torchproof", "accept", "-k", "accepted")
    page = server.wait("accepted/", lambda tree: not problems(tree))

    assert "[1/1] accepted: written" in accepting.stdout
    assert outputs(page) == ["tensor([ 5, 10, 15])"]


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT], ids=["terminated", "interrupted"])
def test_a_stopped_server_leaves_no_process_and_no_file(small_site, tmp_path, how):
    server = Server(small_site, tmp_path / "temporary")
    try:
        server.wait("a/b/", lambda tree: tree.all(".tp-output"))
        running = processes(str(server.temporary))

        server.process.send_signal(how)
        server.process.wait(timeout=30)

        assert {*running} - {server.process.pid}, "there was no zygote to leave behind"
        assert wait_for(lambda: not processes(str(server.temporary)))
        assert wait_for(lambda: not list(server.temporary.glob("torchproof-*")), seconds=10)
    finally:
        server.close()
