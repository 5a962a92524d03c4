"""Attestations: a recording is attested only where a signature over it was verified, of the run that it names.

The command line that verifies needs the network, so here stands a program of its name, which says what it is told to.
"""

import hashlib
import json
import re
from dataclasses import replace

import pytest
from conftest import Project
from torchproof import cli
from torchproof.compare import attestations, recordings, transcript
from torchproof.compare.site import Site
from torchproof.files import settings
from torchproof.read.snippets import read_snippet
from torchproof.show import summary

SIGNER = "https://github.com/o/r/.github/workflows/gpu.yml@refs/heads/main"
RUN = "https://github.com/o/r/actions/runs/17"
MACHINE = {"torch": "2.13.0", "gpu": "no hardware", "driver": "none", "float32": "as on the CPU"}
BUNDLE = "snippets/test.attestation.jsonl"
GH = """\
#!/bin/sh
here=${0%/*}
printf '%s\\n' "$*" >> "$here/calls"
read status < "$here/status"
/bin/cat "$here/says"
exit $status
"""
ASKED = re.compile(
    r"attestation verify \S+/recording.txt --bundle \S+/signatures.jsonl --repo o/r "
    rf"--cert-identity {re.escape(SIGNER)} --deny-self-hosted-runners --format json\n"
)


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Two recorded chapters that name a run, with its signature, and a program `gh` that is asked about it."""
    project = Project(tmp_path / "project")
    project.write("pyproject.toml", f'[tool.torchproof]\nattested-by = "{SIGNER}"\n')
    project.write(BUNDLE, "signed\n")
    for name in ("a", "b"):
        project.write(f"snippets/{name}.py", '# %% There tags=["test"]\nprint(1)\n')
        project.write(f"docs/{name}.md", f"# {name}\n\n```cell\n{name}#there\n```\n")
        project.write(f"snippets/{name}.test.txt", recorded(project, name, monkeypatch))
    project.write("../bin/gh", GH)
    (tmp_path / "bin/gh").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    settings.cache_clear()
    attestations._signed.cache_clear()
    told(project)
    return project


def recorded(project, name, monkeypatch, run=RUN, line="| 1"):
    """A recording as a run of the workflow writes it; without a run, as anybody does."""
    server, repository, number = re.fullmatch(r"(https://[^/]+)/(.+)/actions/runs/(\d+)", run or RUN).groups()
    monkeypatch.setenv("GITHUB_ACTIONS", "true" if run else "")
    for key, value in {"SERVER_URL": server, "REPOSITORY": repository, "RUN_ID": number}.items():
        monkeypatch.setenv(f"GITHUB_{key}", value)
    snippet = read_snippet(project.root, name)
    return recordings.merge(None, snippet, "test", {"there": [line]}, MACHINE)


def told(project, *, run=f"{RUN}/attempts/1", signer=SIGNER, names=("a", "b"), says=None, status=0):
    """Let `gh` say that these recordings were signed."""
    digests = [hashlib.sha256(project.read(f"snippets/{name}.test.txt").encode()).hexdigest() for name in names]
    result = {
        "signature": {"certificate": {"runInvocationURI": run, "subjectAlternativeName": signer}},
        "statement": {"subject": [{"name": "x", "digest": {"sha256": digest}} for digest in digests]},
    }
    says = json.dumps([{"verificationResult": result}]) if says is None else says
    project.write("../bin/says", says)
    project.write("../bin/status", f"{status}\n")


def words(project):
    made = Site.read(project.root).recordings
    return {name: made[name]["test"].word for name in made}


def test_what_the_run_signed_is_attested_by_one_call_for_all(project):
    assert words(project) == {"a": "attested", "b": "attested"}
    assert ASKED.fullmatch(project.read("../bin/calls"))


def test_a_checkout_with_other_line_ends_is_as_well_attested(project):
    path = project.root / "snippets/a.test.txt"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))

    assert words(project)["a"] == "attested"


LIES = {
    "gh refuses": {"status": 1},
    "gh finds nothing, and ends well": {"says": ""},
    "gh says nothing of it": {"says": "[]"},
    "gh says something else": {"says": '{"verificationResult": 1}'},
    "another workflow signed": {"signer": SIGNER.replace("main", "mine")},
    "another run signed": {"run": f"{RUN}0/attempts/1"},
    "another file was signed": {"names": ("b",)},
}


@pytest.mark.parametrize("lie", LIES)
def test_what_is_not_verified_is_contributed_whatever_it_says(project, lie):
    told(project, **LIES[lie])

    assert words(project)["a"] == "contributed"


@pytest.mark.parametrize("missing", ["gh", "signature", "setting"])
def test_where_nothing_can_be_verified_it_is_contributed(project, missing):
    paths = {"gh": "../bin/gh", "signature": BUNDLE, "setting": "pyproject.toml"}
    (project.root / paths[missing]).unlink()
    settings.cache_clear()

    assert words(project) == {"a": "contributed", "b": "contributed"}


def test_a_forged_recording_with_right_checksums_is_contributed(project, monkeypatch):
    project.write("snippets/a.test.txt", recorded(project, "a", monkeypatch, line="| 2"))

    assert words(project) == {"a": "contributed", "b": "attested"}
    assert Site.read(project.root).recordings["a"]["test"].cells["there"].state in ("fresh", "older torch")


def test_a_recording_that_names_no_run_is_asked_about_by_nobody(project, monkeypatch):
    for name in ("a", "b"):
        project.write(f"snippets/{name}.test.txt", recorded(project, name, monkeypatch, run=""))
    told(project)

    assert words(project) == {"a": "contributed", "b": "contributed"}
    assert not (project.root / "../bin/calls").exists()


def test_the_first_line_names_the_run_of_a_workflow_and_nothing_elsewhere(project, monkeypatch):
    assert project.read("snippets/a.test.txt").partition("\n")[0].endswith(f" · run {RUN}")
    assert "run" not in recorded(project, "a", monkeypatch, run="").partition("\n")[0]


@pytest.mark.parametrize("run", ["javascript:alert(1)", "https://x.y/<b>/r/actions/runs/1", f"{RUN}x", ""])
def test_a_first_line_that_names_something_else_is_none(project, run):
    snippet = read_snippet(project.root, "a")
    text = project.read("snippets/a.test.txt").replace(RUN, run)

    assert transcript.parse(text).provenance(snippet, "test") is None
    assert recordings.read(text, snippet, "test", "2.13.0").problem


def test_recording_the_same_again_keeps_the_run_that_was_signed(project, monkeypatch):
    text = project.read("snippets/a.test.txt")
    monkeypatch.setenv("GITHUB_RUN_ID", "18")
    again = recordings.merge(text, read_snippet(project.root, "a"), "test", {"there": ["| 1"]}, MACHINE)

    assert again == text


def test_a_reader_is_told_on_whose_word(project):
    made = Site.read(project.root).recordings["a"]["test"]
    check = type("Check", (), {"recordings": {"test": made}})
    other = type("Check", (), {"recordings": {"test": replace(made, is_attested=False)}})

    rows = summary.recordings([check, other]).split("\n")

    assert made.origin.endswith(" · attested")
    assert [row.split(" | ")[-2] for row in rows[2:4]] == [f"[attested]({RUN})", "contributed"]


def test_check_counts_what_is_attested(project, monkeypatch):
    project.write("snippets/b.test.txt", recorded(project, "b", monkeypatch, run=""))

    assert list(cli._waiting(Site.read(project.root), ["a", "b"])) == ["test: 2 recordings: 1 attested, 1 contributed"]
