"""A command that tests get from the nursery does what it does when it is started."""

import os

import pytest
from conftest import BIN, Project, commit_transcripts, environment_of_commands
from nursery import nursery
from test_builders import files
from test_walkthroughs import write_walk

COMMANDS = {
    "a check": ("torchproof check -k a/b", 0),
    "a build that finds drift": ("mkdocs build --strict", 1),
    "a build of another builder": ("zensical build --clean", 1),
    "an option that is none": ("torchproof check --nothing", 2),
}


@pytest.mark.parametrize(("command", "status"), COMMANDS.values(), ids=COMMANDS)
def test_a_command_from_the_nursery_says_and_returns_what_a_started_one_does(small_site, monkeypatch, command, status):
    if nursery.VARIABLE not in os.environ:
        pytest.skip("no nursery on this system")
    commit_transcripts(small_site)
    small_site.write("snippets/drifted.py", "# %% One\nprint(1)\n")
    small_site.write("snippets/drifted.cpu.txt", "torchproof 2\n\n%% one\n| 2\n")
    name, *words = command.split()

    fostered = nursery.run([str(BIN / name), *words], small_site.root / "docs", environment_of_commands(), 900)
    monkeypatch.delenv(nursery.VARIABLE)
    started = small_site.run(name, *words, cwd=small_site.root / "docs")

    assert (fostered.args, fostered.returncode, fostered.stdout) == (started.args, started.returncode, started.stdout)
    assert started.returncode == status


OWN = '{% extends "base.html" %}{% block footer %}<footer>mine</footer>{% endblock %}'


def test_a_build_from_the_nursery_writes_what_a_started_one_does(tmp_path, monkeypatch):
    """With a template and a folder of one's own, for the nursery knows those of the theme."""
    if nursery.VARIABLE not in os.environ:
        pytest.skip("no nursery on this system")
    site = Project(tmp_path / "site")
    write_walk(site)
    site.replace("mkdocs.yml", "name: material,", "name: material, custom_dir: own,")
    site.write("own/main.html", OWN)
    site.write("own/assets/mine.txt", "mine")
    commit_transcripts(site)

    for folder in ("fostered", "started"):
        built = site.run("mkdocs", "build", "--strict", "--site-dir", str(tmp_path / folder))
        assert built.returncode == 0, built.stdout
        monkeypatch.delenv(nursery.VARIABLE, raising=False)

    fostered, started = files(tmp_path / "fostered"), files(tmp_path / "started")
    assert fostered == started
    assert b"<footer>mine</footer>" in fostered["walkthroughs/walk/index.html"]
    assert fostered["assets/mine.txt"] == b"mine"
