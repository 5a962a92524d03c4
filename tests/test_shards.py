"""Parts of a book run on machines of their own; put together they say and build what one machine does."""

import json
import re
import shutil

import pytest
from conftest import ROOT, Project
from test_cluster import files, write_site
from torchproof.compare.shards import Part, PartError, keep_seconds, seconds_of
from torchproof.files import sealed

OF = 3


@pytest.fixture(scope="module")
def site(once):
    """A site, its transcripts, and the results of its three parts, `1.json` to `3.json`."""

    def make(folder):
        project = Project(folder)
        write_site(project)
        accepted = project.run("torchproof", "accept")
        assert accepted.returncode == 0, accepted.stdout
        for number in range(1, OF + 1):
            done = project.run("torchproof", "check", "--shard", f"{number}/{OF}", "--results", f"{number}.json")
            assert done.returncode == 0, done.stdout
        shutil.rmtree(folder / ".cache")

    return Project(once("sharded-site", make))


def results(project: Project) -> list[str]:
    return sorted(path.name for path in project.root.glob("*.json"))


def merged(project: Project, *names: str):
    return project.run("torchproof", "check", "--results", *(names or results(project)))


# --- how a book is cut ------------------------------------------------------------------------------------------------


def parts_of(root, names, of):
    return [Part(number, of).choose(root, names) for number in range(1, of + 1)]


@pytest.mark.parametrize("of", [1, 2, 8, 60])
def test_each_chapter_is_in_one_part(of):
    names = sorted(seconds_of(ROOT))

    parts = parts_of(ROOT, names, of)

    assert sorted(name for part in parts for name in part) == names


def test_eight_parts_of_this_book_take_about_as_long():
    known = seconds_of(ROOT)

    took = [sum(known[name] for name in part) for part in parts_of(ROOT, list(known), 8)]

    assert max(took) <= max(1.2 * min(took), max(known.values()))


def test_a_part_is_the_same_whatever_order_the_chapters_come_in(tmp_path):
    names = [f"c{number}" for number in range(20)]

    assert set(Part(2, 3).choose(tmp_path, names)) == set(Part(2, 3).choose(tmp_path, names[::-1]))


@pytest.mark.parametrize("text", ["0/8", "9/8", "3", "3/", "/8", "-1/8", "x/8", "3/8/1", ""])
def test_what_is_no_part_is_refused(text):
    with pytest.raises(PartError, match="write 3/8 for the third of eight"):
        Part.parse(text)


# --- how long chapters take -------------------------------------------------------------------------------------------


def test_accept_notes_how_long_a_new_chapter_took(project):
    assert seconds_of(project.root).keys() == {"a/b", "plot", "c0", "c1", "c2", "c3"}


@pytest.mark.parametrize(
    ("took", "told"), [(2.2, 2.0), (2.9, 2.0), (3.14, 3.1), (0.9, 0.9)], ids=["as before", "near", "longer", "shorter"]
)
def test_seconds_change_where_that_is_news(tmp_path, took, told):
    (tmp_path / "snippets").mkdir()
    keep_seconds(tmp_path, "a", 2.0)

    keep_seconds(tmp_path, "a", took)

    assert seconds_of(tmp_path) == {"a": told}


@pytest.mark.parametrize("text", ["null", "[1]", '{"a": "x"}', '{"a": [1]}', '"x"', ""])
def test_seconds_that_nobody_can_read_are_none(tmp_path, text):
    (tmp_path / "snippets").mkdir()
    (tmp_path / "snippets/seconds.json").write_text(text)

    assert seconds_of(tmp_path) == {}


# --- put together -----------------------------------------------------------------------------------------------------


def test_the_parts_together_are_the_check_of_one_machine(project):
    together, alone = merged(project), project.run("torchproof", "check", "--no-cache")

    assert together.returncode == alone.returncode == 0
    assert without_order(together.stdout) == without_order(alone.stdout)
    assert together.stdout.endswith("\n6 chapters as committed\n")


def without_order(text: str) -> list[str]:
    """The lines of a report; chapters come in as they are done."""
    return sorted(re.sub(r"^\[\d+/", "[/", line) for line in text.split("\n"))


def test_drift_is_reported_as_on_one_machine(project):
    project.replace("snippets/a/b.cpu.txt", "[2, 4, 6]", "[2, 4, 7]")
    project.replace("snippets/a/b.py", "[10], [20]", "[10], [30]")
    project.replace("snippets/c1.py", "sum(", "1 + sum(")
    project.replace("docs/a/b.md", "(0, 1)", "(1, 0)")
    statuses = []
    for number in range(1, OF + 1):
        done = project.run("torchproof", "check", "--shard", f"{number}/{OF}", "--results", f"{number}.json")
        statuses.append(done.returncode)

    together, alone = merged(project), project.run("torchproof", "check", "--no-cache")

    assert max(statuses) == together.returncode == alone.returncode == 1
    assert report(together) == report(alone)
    assert "[2, 4, 7]" in report(alone)


def report(done) -> str:
    return done.stdout.partition("\n\n")[2]


def test_a_transcript_that_changed_since_is_compared_as_it_is(project):
    project.replace("snippets/a/b.cpu.txt", "[2, 4, 6]", "[2, 4, 7]")

    together = merged(project)

    assert together.returncode == 1
    assert "has drifted from snippets/a/b.cpu.txt" in together.stdout


def test_a_build_from_the_parts_writes_the_bytes_of_one_machine_and_runs_nothing(project):
    names = ":".join(str(project.root / name) for name in results(project))
    for target, more in (("merged", {"TORCHPROOF_RESULTS": names, "CI": "1"}), ("alone", {})):
        built = project.run(
            "mkdocs", "build", "--strict", "-q", "--site-dir", str(project.root.parent / target), **more
        )
        assert built.returncode == 0, built.stdout
        if target == "merged":
            assert not (project.root / ".cache/torchproof").exists(), "what runs is kept there"

    merged, alone = (files(project.root.parent / target) for target in ("merged", "alone"))
    differ = [file for file in merged.keys() | alone if merged.get(file) != alone.get(file)]
    assert [file for file in differ if not file.startswith("sitemap.xml")] == []


# --- what is refused --------------------------------------------------------------------------------------------------


def edit(project, name, **fields):
    """Change what a file of results says of itself, as one who knows how would."""
    told = json.loads(project.read(name).partition("\n")[2])
    body = json.dumps({**told, **fields})
    project.write(name, sealed(body))


def machine(project, **fields):
    return json.loads(project.read("2.json").partition("\n")[2])["machine"] | fields


REFUSED = {
    "missing": (lambda p: (p.root / "2.json").unlink(), "2/3: not there; give the results of all 3 parts"),
    "doubled": (lambda p: p.write("4.json", p.read("2.json")), "4.json: is part 2/3, and so is 2.json; leave one out"),
    "truncated": (lambda p: p.write("2.json", p.read("2.json")[:-40]), "2.json: is not whole; fetch it again"),
    "corrupt": (lambda p: p.replace("2.json", "slug", "slog"), "2.json: is not whole; fetch it again"),
    "empty": (lambda p: p.write("2.json", ""), "2.json: is not whole; fetch it again"),
    "no text": (lambda p: (p.root / "2.json").write_bytes(b"\xff"), "2.json: cannot be read: "),
    "of another split": (lambda p: edit(p, "2.json", part=[2, 4]), "are parts of two splits"),
    "another commit: a cell": (
        lambda p: p.replace("snippets/c1.py", "sum(", "1 + sum("),
        "is of other cells, or pages",
    ),
    "another commit: a proof": (lambda p: p.replace("docs/a/b.md", "(0, 1)", "(0, 2)"), "is of other cells, or pages"),
    "another commit: a file": (lambda p: p.write("snippets/numbers.csv", "5"), "is of other cells, or pages"),
    "another commit: a chapter": (
        lambda p: p.write("snippets/new.py", "# %% New\n1\n"),
        "1.json: is of other cells, or pages; run part 1/3 again, of this commit",
    ),
    "another engine": (
        lambda p: edit(p, "2.json", machine=machine(p, engine="x")),
        "2.json: was run by another torchproof; run part 2/3 again, with what is here",
    ),
    "another torch": (
        lambda p: edit(p, "2.json", machine=machine(p, torch="2.12.0")),
        "2.json: was run by torch 2.12.0, and this is ",
    ),
}


@pytest.mark.parametrize(("change", "reason"), REFUSED.values(), ids=REFUSED)
def test_results_that_are_not_of_this_book_are_refused(project, change, reason):
    change(project)

    together = merged(project)

    assert together.returncode == 2
    assert reason in together.stdout


def test_a_build_refuses_them_too(project):
    built = project.run("mkdocs", "build", TORCHPROOF_RESULTS=str(project.root / "1.json"))

    assert built.returncode == 1
    assert "2/3, 3/3: not there" in built.stdout


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--shard", "1/3", "--results", "a.json", "b.json"], "into one FILE"),
        (["--device", "cuda", "--shard", "1/3"], "leave --device out"),
        (["--shard", "4/3"], "'4/3' is no part"),
    ],
    ids=["two files", "a device", "no part"],
)
def test_a_call_that_makes_no_sense_says_so(project, arguments, reason):
    called = project.run("torchproof", "check", *arguments)

    assert called.returncode == 2
    assert reason in called.stdout
