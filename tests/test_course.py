"""The engine as a package: a wheel, and three commands to a styled and verified page; existing sites; settings."""

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from conftest import ROOT, Project, commit_transcripts, nursery, parse_html
from mkdocs.utils import yaml_load
from test_architecture import MODULES, foreign
from torchproof.builders.course import prepare
from torchproof.builders.finished import Marks
from torchproof.compare.site import Site
from torchproof.files import find_root, settings
from torchproof.read.pages import scan


@pytest.fixture(scope="module")
def stranger(once):
    """A folder with an environment that holds the wheel, and its dependencies from the environment of the tests."""

    def make(folder):
        source = folder / "source"
        shutil.copytree(
            ROOT / "scripts", source / "scripts", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info")
        )
        shutil.copy(ROOT / "pyproject.toml", source)
        run = [sys.executable, "-m", "pip"]
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True)
        home = folder / "venv"
        [packages] = home.glob("lib/python*/site-packages")
        (packages / "shared.pth").write_text(f"{metadata.distribution('mkdocs').locate_file('')}\n", encoding="utf-8")
        (home / "share").symlink_to(Path(sys.prefix) / "share")  # nbconvert's templates
        wheel = [*run, "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", folder, source]
        subprocess.run(wheel, check=True)
        [file] = folder.glob("*.whl")
        install = [*run, "--python", home / "bin/python", "install", "-q", "--no-index", "--no-deps", file]
        subprocess.run(install, check=True, env=os.environ | {"PYTHONPATH": ""})

    return once("stranger", make)


def typed(stranger, command, folder):
    """A command as a stranger types it: nothing of this repository is on the path."""
    path = str(Path(nursery.__file__).parent) if nursery.VARIABLE in os.environ else ""
    own = {"PATH": f"{stranger}/venv/bin:{os.environ['PATH']}", "PYTHONPATH": path, "NO_MKDOCS_2_WARNING": "1"}
    inherited = {name: value for name, value in os.environ.items() if name not in ("CI", "GITHUB_ACTIONS")}
    word, *rest = command.split()
    start = [f"{stranger}/venv/bin/{word}"] if word == "torchproof" else [f"{stranger}/venv/bin/python", "-m", word]
    done = subprocess.run([*start, *rest], cwd=folder, env=inherited | own, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def course(stranger, once):
    """A new course, as a stranger makes it."""

    def make(folder):
        status, said = typed(stranger, "torchproof new my-course", folder)
        assert status == 0, said

    return once("course", make) / "my-course"


def test_three_commands_lead_to_a_styled_and_verified_page(stranger, course):
    status, said = typed(stranger, "mkdocs build --strict", course)
    assert status == 0, said

    for page, cells in (("index.html", 2), ("walk/index.html", 2)):
        site = parse_html((course / "site" / page).read_text(encoding="utf-8"))
        assert len(site.all("section.tp-cell")) == cells
        assert site.one("p.tp-verified").text.startswith(("3 outputs compared", "2 outputs compared"))
        links = [link.attributes["href"] for link in site.all("link") if link.attributes.get("rel") == "stylesheet"]
        [style] = [link for link in links if link.endswith("torchproof.css")]
        assert ".tp-cell" in (course / "site" / page).parent.joinpath(style).read_text(encoding="utf-8")


def test_zensical_builds_the_same_course(stranger, course, tmp_path):
    shutil.copytree(course, tmp_path / "course", ignore=shutil.ignore_patterns("site"))

    status, said = typed(stranger, "zensical build", tmp_path / "course")

    assert status == 0, said
    page = parse_html((tmp_path / "course/site/index.html").read_text(encoding="utf-8"))
    assert len(page.all("section.tp-cell")) == 2
    assert [style for style in page.all("style") if ".tp-cell" in style.text]


def test_a_new_course_fails_when_what_it_prints_drifts(stranger, course, tmp_path):
    shutil.copytree(course, tmp_path / "course", ignore=shutil.ignore_patterns("site"))
    page = Project(tmp_path / "course")
    page.replace("snippets/index.cpu.txt", "200", "201")

    for command in ("mkdocs build", "torchproof check"):
        status, said = typed(stranger, command, page.root)
        assert status == 1
        assert "the cell 'a-column-times-a-row' has drifted" in said


def test_the_workflow_of_a_new_course_is_ours_in_its_actions(course):
    uses = re.findall(r"uses: (\S+)", (course / ".github/workflows/site.yml").read_text(encoding="utf-8"))

    assert set(uses) <= set(re.findall(r"uses: (\S+)", (ROOT / ".github/workflows/docs.yml").read_text("utf-8")))


def test_nothing_is_written_over(course):
    before = {path: path.read_bytes() for path in course.rglob("*") if path.is_file()}

    done = Project(course.parent).run("torchproof", "new", "my-course")

    assert done.returncode == 2
    assert "my-course exists; give another name" in done.stdout
    assert {path: path.read_bytes() for path in course.rglob("*") if path.is_file()} == before


OPTIONAL = {"matplotlib", "numpy", "PIL", "pytest", "rich", "torch"}
"""What a cell or a command brings with it, and `torchproof` does without."""


def test_the_wheel_declares_what_it_imports():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = [re.match(r"[\w-]+", each)[0] for extra in project["optional-dependencies"].values() for each in extra]
    used = {name for path in MODULES for name in foreign(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))}
    known = metadata.packages_distributions()

    assert project["dependencies"] == []
    undeclared = {name for name in used - OPTIONAL if not {each.lower() for each in known[name]} & set(declared)}
    assert undeclared == set()


# --- an existing site ---------------------------------------------------------------------------------------------------

SITES = {
    "no plugins": ("site_name: x\n", ["search", "torchproof"]),
    "a list": ("plugins:\n  - search:\n      lang: en\n  - tags\nsite_name: x\n", ["torchproof", "search", "tags"]),
    "a list at the margin": ("plugins:\n# ours\n- search\n- tags\nsite_name: x\n", ["torchproof", "search", "tags"]),
    "a line": ("plugins: [search, tags] # two\nsite_name: x\n", ["torchproof", "search", "tags"]),
}


@pytest.mark.parametrize(("text", "plugins"), SITES.values(), ids=SITES)
def test_a_site_gets_the_plugin_once_and_keeps_the_rest(tmp_path, text, plugins):
    site = Project(tmp_path)
    site.write("mkdocs.yml", text)
    site.write(".gitignore", "/site/")
    site.write("docs/index.md", "# Home\n")

    first, once_more = site.run("torchproof", "init"), site.run("torchproof", "init")

    assert "mkdocs.yml: plugin torchproof added\n.gitignore: /.cache/ added\n" in first.stdout
    assert "nothing to change\n" in once_more.stdout
    read = yaml_load(site.read("mkdocs.yml"))
    assert [name if isinstance(name, str) else next(iter(name)) for name in read["plugins"]] == plugins
    assert [
        line for line in text.splitlines() if line not in site.read("mkdocs.yml") and "plugins: [" not in line
    ] == []
    assert site.read(".gitignore") == "/site/\n/.cache/\n"


def test_a_configuration_that_init_cannot_change_is_left_to_its_author(tmp_path):
    site = Project(tmp_path)
    text = "site_name: x\nplugins:\n  search: {}\n"
    site.write("mkdocs.yml", text)

    assert "mkdocs.yml: add `- torchproof` under `plugins`" in site.run("torchproof", "init").stdout
    assert site.read("mkdocs.yml") == text


def test_without_a_site_init_says_so(tmp_path):
    done = Project(tmp_path).run("torchproof", "init")

    assert done.returncode == 2
    assert "neither here nor above is a folder with mkdocs.yml, or docs/ and snippets/" in done.stdout


# --- settings -----------------------------------------------------------------------------------------------------------


def test_pages_lie_where_the_site_has_them_and_snippets_where_a_setting_says(small_site):
    (small_site.root / "docs").rename(small_site.root / "pages")
    (small_site.root / "snippets").rename(small_site.root / "cells")
    small_site.write(
        "mkdocs.yml", small_site.read("mkdocs.yml").replace("watch: [snippets]", "docs_dir: 'pages' # ours")
    )
    small_site.write("pyproject.toml", '[tool.torchproof]\nsnippets = "cells"\n')
    small_site.write("pages/walk.py", "# %% [markdown]\n# # Walk\n\n# %% One\n1 + 1\n")
    commit_transcripts(small_site)

    assert find_root(small_site.root / "pages/a") == small_site.root
    assert settings(small_site.root).folders == ("pages", "cells")
    site = Site.read(small_site.root)
    assert [page.file for page in site.pages.values()] == ["pages/a/b.md", "pages/index.md", "pages/walk.py"]
    assert site.problems == []
    small_site.replace("pages/a/b.md", "== (0, 1)", "== (0, 2)")
    small_site.replace("mkdocs.yml", "theme:", "plugins: [search, torchproof]\ntheme:")
    for command in (["torchproof", "check"], ["mkdocs", "build"]):
        assert (
            "pages/a/b.md:7: the proof `row.expand(2, 3).stride() == (0, 2)` is False"
            in small_site.run(*command).stdout
        )


@pytest.mark.parametrize(
    ("config", "docs"),
    [
        ("site_name: x\n", "docs"),
        ("docs_dir: content\n", "content"),
        ('docs_dir: "./a b/c" # there\n', "a b/c"),
        ("docs_dir: ../elsewhere\n", "docs"),
        ("docs_dir: /tmp\n", "docs"),
        ("extra:\n  docs_dir: content\n", "docs"),
    ],
)
def test_the_folder_of_pages_is_read_as_it_is_written(tmp_path, config, docs):
    (tmp_path / "mkdocs.yml").write_text(config, encoding="utf-8")

    assert settings(tmp_path).docs == docs


def test_a_folder_of_pages_elsewhere_is_told(small_site):
    commit_transcripts(small_site)
    (small_site.root.parent / "elsewhere").mkdir()
    small_site.replace("mkdocs.yml", "theme:", "docs_dir: ../elsewhere\nplugins: [search, torchproof]\ntheme:")

    built = small_site.run("mkdocs", "build")

    assert built.returncode == 1
    assert "torchproof reads docs_dir as 'docs': name a folder below that of mkdocs.yml" in built.stdout


PAGE = "# B\n\n```cell\na/b#one\n```\n"
BUSY = "# torchproof: time-limit = 0.3, memory-limit = 1\n\n# %% One\nwhile True:\n    pass\n"
LARGE = "# torchproof: memory-limit = 1\n\n# %% One\ndata = bytearray(3 << 29)\n"
LIMITS = {
    "time": (
        BUSY,
        "it took more than 0.3 s of CPU time; if it needs more, say so above its first cell",
    ),
    "memory": (LARGE, "a session may allocate 1 GiB; if it needs more, say so above its first cell"),
    "more memory": (LARGE.replace("1\n", "3\n", 1), "no transcript yet"),
}


@pytest.mark.parametrize(("snippet", "said"), LIMITS.values(), ids=LIMITS)
def test_a_chapter_says_what_its_session_may_take(small_site, snippet, said):
    small_site.write("snippets/a/b.py", snippet)
    small_site.write("docs/a/b.md", PAGE)

    checked = small_site.run("torchproof", "check")

    assert said in checked.stdout
    assert checked.stdout.count("snippets/a/b") == (1 if said == "no transcript yet" else 2)


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        ("memory-limit = true", "says True of `memory-limit`; it is a number of GiB above 0; write `# torchproof: "),
        ("snippets = 'x'", "it is a table, and holds time-limit, memory-limit alone; write `# torchproof: "),
        ("memory-limit =", "`# torchproof: memory-limit =` "),
    ],
)
def test_a_limit_that_is_none_is_named(small_site, limit, said):
    small_site.write("snippets/a/b.py", f"# torchproof: {limit}\n\n# %% One\n1 + 1\n")

    assert [str(problem) for problem in Site.read(small_site.root).problems if said in str(problem)]


# --- beside other plugins -----------------------------------------------------------------------------------------------

HOOK = """\
from mkdocs.structure.files import File


def on_files(files, config):
    files.append(File.generated(config, "made.md", content="# Made\\n\\n```cell\\na/b#row-plus-column\\n```\\n"))


def on_page_markdown(markdown, page, **_):
    return markdown.replace("{{ cell }}", "```cell\\na/b#row-plus-column\\n```").replace("{{ said }}", "(0, 1)")
"""
"""What macros, include-markdown and gen-files do to pages, by the same events."""


@pytest.fixture
def changed(small_site):
    """A site whose pages are whole only after another plugin has been at them."""
    small_site.write("hook.py", HOOK)
    small_site.replace("mkdocs.yml", "theme:", "hooks: [hook.py]\nplugins: [search, torchproof]\ntheme:")
    commit_transcripts(small_site)
    small_site.replace("docs/a/b.md", "```cell\na/b#row-plus-column\n```", "{{ cell }}")
    small_site.replace("docs/a/b.md", "== (0, 1)", "== {{ said }}")
    return small_site


def test_pages_are_checked_as_another_plugin_left_them(changed):
    built = changed.run("mkdocs", "build", "--strict")

    assert built.returncode == 0, built.stdout
    assert (
        parse_html(changed.read("site/a/b/index.html")).one("code.proof").text == "row.expand(2, 3).stride() == (0, 1)"
    )
    assert len(parse_html(changed.read("site/made/index.html")).all("section.tp-cell")) == 1


def test_another_plugin_writes_no_html_into_the_metadata_of_a_chapter(changed):
    line = "    return markdown.replace"
    changed.write("hook.py", HOOK.replace(line, f'    page.meta["description"] = "<style>"\n{line}'))

    built = changed.run("mkdocs", "build", "--strict")

    assert built.returncode != 0
    assert "docs/a/b.md:1: HTML in its metadata, which templates write out as it is; take it out" in built.stdout


def test_what_another_plugin_writes_that_is_false_ends_the_build(changed):
    changed.replace("hook.py", '"(0, 1)"', '"(0, 2)"')

    built = changed.run("mkdocs", "build")

    assert built.returncode == 1
    assert "the proof `row.expand(2, 3).stride() == (0, 2)` is False: left is (0, 1), right is (0, 2)" in built.stdout


def test_a_cell_that_another_plugin_leaves_out_ends_the_build(changed):
    changed.replace(
        "hook.py", 'replace("{{ cell }}", "```cell\\na/b#row-plus-column\\n```")', 'replace("{{ cell }}", "")'
    )

    built = changed.run("mkdocs", "build")

    assert built.returncode == 1
    assert "no page shows the cell 'row-plus-column'" in built.stdout


@pytest.mark.parametrize("plugins", ["[search]", "[search, {mkdocs-jupyter: {execute: false}}]"])
def test_a_walk_through_without_the_plugin_is_not_published_as_source(small_site, plugins):
    small_site.write("docs/walk.py", "# %% [markdown]\n# # Walk\n\n# %% One\n1 + 1\n")
    small_site.replace("mkdocs.yml", "theme:", f"plugins: {plugins}\ntheme:")
    commit_transcripts(small_site)

    built = small_site.run("mkdocs", "build")

    assert built.returncode == 1
    assert "docs/walk.py: MkDocs would publish its source; list torchproof in plugins of mkdocs.yml" in built.stdout


def test_labels_of_code_that_another_converter_has_put_stand_once():
    marks = Marks()
    page = scan("a", "# A\n\n```cell\na#one\n```\n")
    typed = '<div class="highlight"><pre><code>f(1)</code></pre></div>\n'
    inner, _ = Marks().look(typed, page)

    html, problems = marks.look(marks.piece("<section></section>", "it", 3) + f"<div>{inner}</div>", page)

    assert problems == []
    assert html.count("not run here") == 1


def test_init_without_a_configuration_says_so_and_changes_nothing(tmp_path):
    for folder in ("docs", "snippets"):
        (tmp_path / folder).mkdir()

    assert prepare(tmp_path) == [f"{tmp_path} has no mkdocs.yml; write one, or let torchproof new write a course"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["docs", "snippets"]
