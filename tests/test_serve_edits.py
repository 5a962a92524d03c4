"""Whatever is edited, in whatever order, `mkdocs serve` shows what a clean build of the same files shows.

TORCHPROOF_EDITS=300 TORCHPROOF_SEED=7 pytest tests/test_serve_edits.py -s
"""

import json
import os
import random
import re
import shutil
import time
from pathlib import Path

import pytest
from conftest import Project, Server, commit_transcripts, processes, wait_for
from torchproof.builders import maths, sources
from torchproof.show import names
from torchproof.show.highlight import highlighted
from torchproof.show.slim import slim

EDITS = int(os.environ.get("TORCHPROOF_EDITS", "10"))
SEED = int(os.environ.get("TORCHPROOF_SEED", "0"))
EVERY = 10
"""Edits between two comparisons with a clean build."""

CONFIG = """\
site_name: Edited
theme: { name: material, font: false, custom_dir: overrides }
plugins: [search, markdown-exec: { languages: [python] }, torchproof, mkdocs-jupyter: { include: ["*.ipynb"] }]
markdown_extensions:
  [admonition, attr_list, pymdownx.details, pymdownx.highlight, pymdownx.superfences, tables, torchproof, torchproof.maths]
watch: [snippets, overrides]
validation: { links: { anchors: warn } }
"""

NUMBERS = '''\
"""Numbers."""

# %% Row
import torch

row = torch.tensor([1, 2, 3])  # (3,)
print(row * 4)

# %% Hidden tags=["remove-cell"]
hidden = 7

# %% Total
total = row.sum()
total

# %% Too far tags=["raises-exception"]
row[5]
'''

NUMBERS_PAGE = """\
# Numbers

Prose 1 about a row, which [a picture](picture.md#part-1) shows.

```cell
numbers#row
```

The row has `row.numel()`{.value} numbers: `row.numel() == 3`{.proof}.

```cell
numbers#total
```

```table
twice | total * 2
largest | row.max()
```

```memory
row, row[1:]
```

??? failure "index 5 is out of bounds for dimension 0 with size 3"

    ```cell
    numbers#too-far
    ```
"""

PICTURE = '''\
"""A picture."""

# %% Curve
import matplotlib.pyplot as plt

_ = plt.plot([1, 2, 3], [1, 4, 9])

# %% Words
print("words", 1)
'''

PICTURE_PAGE = "# Picture\n\nProse 1.\n\n## Part 1\n\n```cell\npicture#curve\n```\n\n```cell\npicture#words\n```\n"

RECORDED = '''\
"""Two devices."""

# %% Both
import torch

both = torch.ones(2)
both

# %% There tags=["test"]
there = both * 3
print(there)
'''

RECORDED_PAGE = "# Recorded\n\nProse 1.\n\n```cell\nrecorded#both\n```\n\n```cell\nrecorded#there\n```\n"

WALK = """\
# %% [markdown]
# # A walk
#
# Prose 1 leads to [numbers](../numbers.md#row).

# %% Two steps
import torch

steps = torch.tensor([1, 2])
steps

# %% [markdown]
# They add up to `steps.sum().item()`{.value}: `steps.sum() == 3`{.proof}, and $x_1 < 2$.

# %% No third tags=["raises-exception"]
steps[2]
"""

INDEX = """\
# Home

Prose 1.

```python exec="true"
from torchproof import reports

print(reports.counts())
print(reports.chapters())
```
"""

OTHER = "# Other\n\nProse 1 of another page.\n\n```cell\nnumbers#row\n```\n\n`total == 6`{.proof} is not said here.\n"

ERRORS = """\
# Errors

Prose 1.

```error
numbers#too-far
An index counts from 0, as [the row](numbers.md) does.
the last | row[-1]
```

```python exec="true"
from torchproof import reports

print(reports.errors_unexplained("errors"))
```
"""

WORDING = """\
[{"now": "index … is out of bounds for dimension 0 with size …", "was": "index out of range 1", "seen": "torch 0.3",
  "source": "https://example.org"}]
"""

NAMES = """\
# Names {0}

```python exec="true" idprefix=""
from torchproof import reports

print(reports.names("{0}"))
```
"""

TEMPLATE = '{% extends "base.html" %}\n{% block footer %}<p>Footer 1</p>{% endblock %}\n'

FIRST = {
    "mkdocs.yml": CONFIG,
    "overrides/main.html": TEMPLATE,
    "docs/assets/wordings.json": WORDING,
    "docs/errors.md": ERRORS,
    "docs/index.md": INDEX,
    "docs/lookup/names/more.md": "# Names of packages\n\nProse 1.\n",
    "docs/lookup/names/nn.md": "# Names of layers\n\nProse 1.\n",
    "docs/lookup/names/tensor.md": NAMES.format("tensor"),
    "docs/lookup/names/torch.md": NAMES.format("torch"),
    "docs/numbers.md": NUMBERS_PAGE,
    "docs/other.md": OTHER.replace("`total == 6`{.proof}", "Nothing"),
    "docs/picture.md": PICTURE_PAGE,
    "docs/recorded.md": RECORDED_PAGE,
    "docs/walkthroughs/walk.py": WALK,
    "snippets/numbers.py": NUMBERS,
    "snippets/picture.py": PICTURE,
    "snippets/recorded.py": RECORDED,
}

NEW = "# %% New\nprint('new', {0})\n"
NEW_PAGE = "# New {0}\n\nProse 1.\n\n```cell\n{0}#new\n```\n"


@pytest.fixture(scope="module")
def first(once):
    """A project of some pages, accepted and recorded."""

    def make(folder):
        project = Project(folder)
        for file, text in FIRST.items():
            project.write(file, text)
        commit_transcripts(project)
        recorded = project.run("torchproof", "record", "--device", "test")
        assert recorded.returncode == 0, recorded.stdout
        checked = project.run("mkdocs", "build", "--quiet", "--site-dir", str(folder.with_name("edited-site")))
        assert checked.returncode == 0, checked.stdout

    return once("edited", make)


class Author:
    """Somebody who edits a project at random, from a seed."""

    def __init__(self, project: Project, seed: int) -> None:
        self.project = project
        self.chance = random.Random(seed)
        self.good = {file: project.read(file) for file in self.files()}
        self.made = 0
        self.kinds = [getattr(self, name) for name in dir(Author) if name.startswith("edit_")]

    def edit(self) -> str:
        """Edit something; returns what."""
        kind = self.chance.choice(self.kinds)
        return f"{kind.__name__.removeprefix('edit_')}: {kind() or 'nothing'}"

    def files(self, pattern: str = "") -> list[str]:
        paths = (path for folder in ("docs", "snippets") for path in (self.project.root / folder).rglob("*.*"))
        found = [path.relative_to(self.project.root).as_posix() for path in paths if path.is_file()]
        return [file for file in sorted([*found, "mkdocs.yml", "overrides/main.html"]) if re.search(pattern, file)]

    def change(self, file: str, pattern: str, new) -> str:
        """Replace one place that a pattern finds; `new` is text, or a function of the match."""
        text = (self.project.root / file).read_text(encoding="utf-8", errors="replace")
        places = list(re.finditer(pattern, text, re.M))
        if not places:
            return ""
        place = self.chance.choice(places)
        said = new(place) if callable(new) else place.expand(new)
        self.project.write(file, text[: place.start()] + said + text[place.end() :])
        return f"{file}: {place[0]!r} to {said!r}"

    def any(self, pattern: str) -> str:
        return self.chance.choice(self.files(pattern) or ["mkdocs.yml"])

    def digit(self, place=None) -> str:
        return str(self.chance.randrange(1, 9))

    def edit_prose(self) -> str:
        return self.change(self.any(r"\.md$|walk\.py$"), r"(?<=Prose )\d", self.digit)

    def edit_heading(self) -> str:
        return self.change(self.any(r"\.md$"), r"^# (\w+)\d?$", rf"# \g<1>{self.digit()}")

    def edit_proof(self) -> str:
        return self.change(self.any(r"\.md$|walk\.py$"), r"== ?\d(?=`\{)|(?<=`)\w+(?=\.sum\(\) ==)", lambda found: self.chance.choice(["== 3", "== 4", "== ["]) if "=" in found[0] else "nobody")  # fmt: skip

    def edit_numbers_of_a_cell(self) -> str:
        return self.change(self.any(r"^snippets/.*\.py$|walk\.py$"), r"(?<=[(\[ ,])\d(?=[,\])])", self.digit)

    def edit_comment_of_a_shape(self) -> str:
        return (
            self.change("snippets/numbers.py", r"# \(\d,\)", f"# ({self.digit()},)") if self.files("numbers.py") else ""
        )

    def edit_title(self) -> str:
        file = self.any(r"^snippets/.*\.py$|walk\.py$")
        return self.change(
            file, r"^# %% ([A-Z]\w*)(?= |$)", self.chance.choice([r"# %% \1s", r"# %% \1 again", "# %% Row"])
        )

    def edit_title_and_its_fences(self) -> str:
        file, name = self.any(r"^snippets/.*\.py$"), f"Cell {self.digit()}"
        said = self.change(file, r"^# %% [A-Z][\w ]*?(?= tags|$)", f"# %% {name}")
        slug = re.search(r"%% ([\w ]+)'? to", said)
        for page in self.files(r"\.md$") if slug else ():
            old = f"#{slug[1].lower().replace(' ', '-')}\n"
            self.project.write(page, self.project.read(page).replace(old, f"#{name.lower().replace(' ', '-')}\n"))
        return said

    def edit_tags(self) -> str:
        tags = ["hide-input", "remove-cell", "volatile", "raises-exception", "test", "cpu", "unheard-of"]
        new = f' tags=["{self.chance.choice(tags)}"]' if self.chance.random() < 0.7 else ""
        return self.change(
            self.any(r"^snippets/.*\.py$|walk\.py$"), r"(?<=^# %% )([A-Z][\w ]*?)(?: tags=.*)?$", rf"\1{new}"
        )

    def edit_transcript(self) -> str:
        return self.change(self.any(r"\.cpu\.txt$"), r"\d", self.digit)

    def edit_transcript_away(self) -> str:
        return self.delete(self.any(r"\.(cpu|test)\.txt$"))

    def edit_recording(self) -> str:
        return self.change(self.any(r"\.test\.txt$"), r"(?<=[\[ ])\d(?=\.)", self.digit)

    def edit_figure(self) -> str:
        return (
            self.change("snippets/picture.py", r"\[1, \d, \d\]", f"[1, {self.digit()}, 9]")
            if self.files("picture.py")
            else ""
        )

    def edit_fence_away(self) -> str:
        return self.change(self.any(r"\.md$"), r"^ *```(cell|table|memory)\n[^`]*```\n", "")

    def edit_fence_in(self) -> str:
        fences = [
            "```cell\nnumbers#total\n```",
            "```cell\nnumbers#totl\n```",
            "```cell\npicture#curve\n```",
            "```table\n1 + 1\n```",
        ]
        return self.change(
            self.any(r"\.md$"), r"^Prose.*$", lambda place: f"{place[0]}\n\n{self.chance.choice(fences)}"
        )

    def edit_row_of_a_table(self) -> str:
        return self.change(self.any(r"\.md$"), r"(?<=total \* )\d|(?<=row\.)m\w\w(?=\()", lambda found: self.chance.choice("123") if found[0].isdigit() else self.chance.choice(["min", "max", "nil"]))  # fmt: skip

    def edit_title_of_an_error(self) -> str:
        return self.change(
            self.any(r"numbers\.md$"), r"index \d|index …", self.chance.choice(["index 5", "index 6", "index …"])
        )

    def edit_anchor(self) -> str:
        """Of a heading that another page leads to."""
        return self.change(self.any(r"picture\.md$"), r"(?<=^## Part )\d", self.digit)

    def edit_error(self) -> str:
        """What a cell raises; another page explains it."""
        return self.change(self.any(r"^snippets/numbers\.py$"), r"(?<=^row\[)\d", self.digit)

    def edit_explanation(self) -> str:
        return self.change(self.any(r"errors\.md$"), r"(?<=counts from )\d|(?<=row\[-)\d", self.digit)

    def edit_template(self) -> str:
        return self.change("overrides/main.html", r"(?<=Footer )\d", self.digit)

    def edit_wording(self) -> str:
        return self.change("docs/assets/wordings.json", r"(?<=range )\d", self.digit)

    def edit_order(self) -> str:
        """Of pages: neighbours are others."""
        text = self.project.read("mkdocs.yml")
        line = "nav: [index.md, picture.md, numbers.md, errors.md]\n"
        self.project.write("mkdocs.yml", text.replace(line, "") if line in text else text + line)
        return line

    def edit_new_chapter(self) -> str:
        self.made += 1
        name = f"new{self.made}"
        self.project.write(f"snippets/{name}.py", NEW.format(self.made))
        self.project.write(f"docs/{name}.md", NEW_PAGE.format(name))
        return name

    def edit_new_page(self) -> str:
        self.made += 1
        self.project.write(f"docs/deep/page{self.made}.md", "# Page\n\nProse 1. [Home](../index.md)\n")
        return f"page{self.made}"

    def edit_name(self) -> str:
        file = self.any(r"(\.md|\.py|\.cpu\.txt)$")
        new = re.sub(r"(\w+?)\d*(\.\w+(?:\.txt)?)$", rf"\g<1>{self.digit()}\2", file)
        (self.project.root / file).rename(self.project.root / new)
        return f"{file} to {new}"

    def edit_away(self) -> str:
        return self.delete(self.any(r"(\.md|\.py)$"))

    def edit_broken(self) -> str:
        file = self.any(r"(\.md|\.py|\.txt)$")
        broken = ["(", "\0", "\n<<<<<<< a\n=======\n>>>>>>> b\n", "\n```cell\n", "\n# %% \n", "<div hidden>", "1 / 0\n"]
        text = (self.project.root / file).read_text(encoding="utf-8", errors="replace")
        self.project.write(file, text + self.chance.choice(broken))
        return file

    def edit_bytes(self) -> str:
        file = self.any(r"(\.md|\.py|\.txt)$")
        (self.project.root / file).write_bytes(b"\xff\xfe" if self.chance.random() < 0.5 else b"")
        return file

    def edit_config(self) -> str:
        return self.change("mkdocs.yml", r"(?<=^site_name: )\w+", f"Edited{self.digit()}")

    def edit_config_of_addresses(self) -> str:
        text = self.project.read("mkdocs.yml")
        line = "use_directory_urls: false\n"
        self.project.write("mkdocs.yml", text.replace(line, "") if line in text else text + line)
        return line

    def edit_settings(self) -> str:
        self.project.write(
            "pyproject.toml", f"[tool.torchproof]\ntime-limit = {self.chance.choice(['30', '40', '-1'])}\n"
        )
        return "pyproject.toml"

    def edit_accepted(self) -> str:
        return "accepted" if self.project.run("torchproof", "accept").returncode == 0 else "accepted as far as possible"

    def edit_repaired(self) -> str:
        """Put one file back as it was at first; the ones that others left stay."""
        file = self.chance.choice(sorted(self.good))
        self.project.write(file, self.good[file])
        return file

    edit_repaired_too = edit_repaired_again = edit_repaired_more = edit_repaired_still = edit_repaired

    def edit_all_repaired(self) -> str:
        for file in self.files():
            if file not in self.good:
                self.delete(file)
        for file, text in self.good.items():
            self.project.write(file, text)
        return "everything"

    edit_all_repaired_too = edit_all_repaired

    def delete(self, file: str) -> str:
        if file in ("mkdocs.yml", "overrides/main.html"):
            return ""
        (self.project.root / file).unlink()
        return file


def folder_of(server: Server) -> Path:
    """Where the server keeps what it shows."""
    return next(server.temporary.glob("mkdocs_*"))


def site(server: Server) -> dict[str, str]:
    """What a server shows, by file; nothing of its own address."""
    folder, found = folder_of(server), {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix in (".html", ".js", ".json", ".ipynb", ".py", ".txt", ".xml"):
            text = path.read_text(encoding="utf-8", errors="replace").replace(server.address, "here")
            found[path.relative_to(folder).as_posix()] = re.sub(
                r"livereload\(\d+, \d+\)|(?<=\.js\?)\w{12}|<lastmod>.*?</lastmod>", "", text
            )
    return found


def clean(project: Project, place: Path) -> dict[str, str] | None:
    """What a new server shows of a copy of the project, without its cache; None where it shows nothing."""
    copied = Project(place / "copy")
    shutil.copytree(project.root, copied.root, ignore=shutil.ignore_patterns(".cache"))
    server = Server(copied, place / "temporary")
    try:
        wait_for(lambda: "Serving on" in server.log.read_text() or server.process.poll() is not None, seconds=300)
        return site(server) if server.process.poll() is None else None
    finally:
        server.close()
        assert wait_for(lambda: not processes(str(place)), seconds=30), "a process outlives its server"
        shutil.rmtree(place)


def different(shown: dict[str, str], wanted: dict[str, str]) -> str:
    """The first difference; empty where there is none."""
    for file in sorted({*shown, *wanted}):
        a, b = shown.get(file), wanted.get(file)
        if a != b:
            at = next((i for i, (x, y) in enumerate(zip(a or "", b or "", strict=False)) if x != y), 0)
            return f"{file} is served as\n{(a or 'nothing')[max(0, at - 200) : at + 300]}\nand built as\n{(b or 'nothing')[max(0, at - 200) : at + 300]}"  # fmt: skip
    return ""


def steady(server: Server) -> tuple[int, int, int]:
    """The memory of the server in KiB, its threads, and how many processes it has."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    memory, threads = (int(re.search(rf"^{word}:\s+(\d+)", status, re.M)[1]) for word in ("VmRSS", "Threads"))
    return memory, threads, len(processes(str(server.temporary)))


def rested(server: Server) -> bool:
    """Whether the server has built what changed last, or could not."""
    log = server.log.read_text(encoding="utf-8", errors="replace")
    return max(log.rfind("Reloading browsers"), log.rfind("An error happened"), log.rfind("Serving on")) > log.rfind(
        "Detected file changes"
    )


REMEMBERED = [slim, maths.rendered, sources._headings, highlighted, names._imported]


@pytest.mark.parametrize("function", REMEMBERED, ids=lambda function: function.__name__)
def test_what_a_server_remembers_of_pages_and_pictures_has_an_end(function):
    assert function.cache_info().maxsize


REBUILDS = """\
import gc, logging, sys
from collections import Counter
from pathlib import Path

from mkdocs.commands.build import build
from mkdocs.config import load_config

kinds, sys.argv = sys.argv[1:], ["mkdocs", "serve"]
logging.disable()
load_config().plugins.on_startup(command="serve", dirty=False)
page = Path("docs/numbers.md")
for number in range(1, 5):
    page.write_text(page.read_text().replace(f"Prose {number}", f"Prose {number + 1}"))
    build(load_config())
    gc.collect()
    alive = Counter(type(each).__qualname__ for each in gc.get_objects())
    print(*(alive[kind] for kind in kinds))
"""


def test_what_a_server_built_before_is_gone(first, tmp_path):
    """markdown-exec would keep each page with a fence that prints, and the site with it: 0.15 MB an edit here."""
    project = Project(shutil.copytree(first, tmp_path / "site"))
    kinds = ["Markdown", "Page", "File", "MkDocsConfig", "Checker", "ChapterCheck", "Site", "Snippet"]

    built = project.run("python", "-c", REBUILDS, *kinds)

    alive = [dict(zip(kinds, map(int, line.split()), strict=True)) for line in built.stdout.splitlines()]
    assert alive[1] == alive[3]
    assert alive[3]["Checker"] == alive[3]["Site"] == 1


SAVES = """\
import json, logging, sys
from pathlib import Path

from mkdocs.commands.build import build
from mkdocs.config import load_config

edits, sys.argv, log, site = json.loads(sys.argv[1]), ["mkdocs", "serve"], logging.getLogger("mkdocs"), Path("../saved")
logging.raiseExceptions = False
plugins = load_config().plugins
plugins.on_startup(command="serve", dirty=False)
pages = plugins["torchproof"].kept
heard, read, wrote = [], [], []
hear = logging.Handler(logging.WARNING)
hear.emit = lambda record: heard.append(record.getMessage())
log.addHandler(hear)

def noted(function, names):
    def noting(page, text):
        names.append(page.file.src_uri)
        function(page, text)

    return noting

pages.read, pages.wrote = noted(pages.read, read), noted(pages.wrote, wrote)

def saved():
    for said in (heard, read, wrote):
        said.clear()
    build(load_config(site_dir=str(site)), serve_url="http://localhost/")
    files = {str(path): path.read_bytes() for path in sorted(site.rglob("*")) if path.is_file()}
    files.pop(str(site / "sitemap.xml.gz"))
    return files, sorted(heard)

saved()
for file, old, new in edits:
    text = Path(file).read_text()
    assert old in text, (file, old, text)
    Path(file).write_text(text.replace(old, new))
    now, said = saved(), [sorted(read), sorted(wrote)]
    pages.pages.clear()
    anew = saved()
    wrong = [file for file in {**now[0], **anew[0]} if now[0].get(file) != anew[0].get(file)]
    print(json.dumps([*said, wrong, [now[1], anew[1]]]), flush=True)
"""

ALL = {
    *("errors.md", "index.md", "numbers.md", "other.md", "picture.md", "recorded.md", "walkthroughs/walk.py"),
    *(f"lookup/names/{part}.md" for part in ("more", "nn", "tensor", "torch")),
}

NUMBER = "snippets/numbers.py"

SAVED = {
    "prose": ("docs/picture.md", "Prose 1", "Prose 2", {"picture.md"}),
    "nothing": ("docs/picture.md", "Prose 2", "Prose 2", set()),
    "a walk-through": ("docs/walkthroughs/walk.py", "Prose 1", "Prose 2", {"walkthroughs/walk.py"}),
    "an anchor that a page leads to": ("docs/picture.md", "## Part 1", "## Part 2", {"picture.md"}),
    "a proof of another page's cell": ("docs/other.md", "Nothing", "`total == 6`{.proof}", {"other.md", "numbers.md", "index.md"}),
    "what a cell prints": (NUMBER, "row * 4", "row * 5", {"numbers.md", "other.md", "errors.md", "index.md"}),
    "an error that another page explains": (NUMBER, "row[5]", "row[6]", {"numbers.md", "other.md", "errors.md", "index.md"}),
    "an entry": ("docs/errors.md", "counts from 0", "starts at 0", {"errors.md"}),
    "a file that pages show": ("docs/assets/wordings.json", "range 1", "range 2", ALL),
    "a template": ("overrides/main.html", "Footer 1", "Footer 2", ALL),
    "a template that tells of another page": ("overrides/main.html", "Footer 2", "{% if page %}{{ page.previous_page.content }}{% endif %}", ALL),
    "prose that it tells": ("docs/picture.md", "Prose 2", "Prose 4", {"picture.md"}),
    "the configuration": ("mkdocs.yml", "site_name: Edited", "site_name: Edited again", ALL),
    "an extension that reads files": ("mkdocs.yml", "tables,", "tables, pymdownx.snippets,", ALL),
    "prose, where one reads files": ("docs/picture.md", "Prose 4", "Prose 3", ALL),
}  # fmt: skip
"""By what is edited: the file, old and new text, and the pages that are rendered for it."""


def test_a_save_renders_what_it_changed_and_gives_the_rest_as_it_would_be_rendered(first, tmp_path):
    project = Project(shutil.copytree(first, tmp_path / "site"))

    saved = project.run("python", "-c", SAVES, json.dumps([edit[:3] for edit in SAVED.values()]))

    told = [json.loads(line) for line in saved.stdout.splitlines() if line.startswith("[[")]
    assert len(told) == len(SAVED), saved.stdout
    found = dict(zip(SAVED, told, strict=True))
    assert {edit: wrong for edit, (_, _, wrong, _) in found.items() if wrong} == {}
    assert {edit: said for edit, (_, _, _, said) in found.items() if said[0] != said[1]} == {}
    assert "'#part-1'" in str(found["an anchor that a page leads to"][3])
    assert {edit: set(read) for edit, (read, *_) in found.items()} == {edit: {*told[3]} for edit, told in SAVED.items()}


CHECKS = """\
import json, logging, sys
from pathlib import Path

from mkdocs.commands.build import build
from mkdocs.config import load_config
from torchproof.compare import check

edits, sys.argv, checked, compare = json.loads(sys.argv[1]), ["mkdocs", "serve"], [], check.check_chapter
logging.disable()
load_config().plugins.on_startup(command="serve", dirty=False)

def noted(site, runner, name):
    checked.append(name)
    return compare(site, runner, name)

check.check_chapter = noted
build(load_config(site_dir="../checked"))
for file, old, new in edits:
    text = Path(file).read_text()
    assert old in text, (file, old, text)
    Path(file).write_text(text.replace(old, new, 1))
    checked.clear()
    build(load_config(site_dir="../checked"))
    drifted = [page.parent.name for page in Path("../checked").rglob("*.html") if "tp-drift" in page.read_text()]
    print(json.dumps([sorted(checked), sorted(drifted)]))
"""

CHECKED = {
    "prose of no chapter": ("docs/index.md", "Prose 1", "Prose 2", [], []),
    "prose": ("docs/picture.md", "Prose 1", "Prose 2", ["picture"], []),
    "a proof of another page": ("docs/other.md", "Nothing", "`row.numel() == 4`{.proof}", ["numbers"], ["other"]),
    "prose, where that is false": ("docs/picture.md", "Prose 2", "Prose 3", ["numbers", "picture"], ["other"]),
    "the proof": ("docs/other.md", "== 4", "== 3", ["numbers"], []),
    "a transcript": ("snippets/numbers.cpu.txt", "tensor(6)", "tensor(5)", ["numbers"], ["numbers"]),
    "the transcript": ("snippets/numbers.cpu.txt", "tensor(5)", "tensor(6)", ["numbers"], []),
    "a recording": ("snippets/recorded.test.txt", "tensor([3.", "tensor([4.", ["recorded"], []),
    "a cell": (NUMBER, "row * 4", "row * 5", ["numbers"], ["numbers", "other"]),
    "the cell": (NUMBER, "row * 5", "row * 4", ["numbers"], []),
    "the title of a box": ("docs/numbers.md", "index 5 is", "index 6 is", ["numbers"], ["numbers"]),
}
"""By what is edited: the file, old and new text, the chapters that are compared for it, and the pages that show drift."""


def test_a_save_compares_the_chapters_that_it_touches_and_those_that_drift(first, tmp_path):
    project = Project(shutil.copytree(first, tmp_path / "site"))

    done = project.run("python", "-c", CHECKS, json.dumps([edit[:3] for edit in CHECKED.values()]))

    told = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[[")]
    assert len(told) == len(CHECKED), done.stdout
    assert dict(zip(CHECKED, told, strict=True)) == {edit: list(said[3:]) for edit, said in CHECKED.items()}


def test_after_any_edits_what_is_served_is_what_a_clean_build_makes(first, tmp_path):
    project = Project(shutil.copytree(first, tmp_path / "site"))
    author = Author(project, SEED)
    server = Server(project, tmp_path / "temporary")
    done, states, compared = [], [], 0
    try:
        server.wait("numbers/", lambda tree: tree.all(".tp-output"), seconds=300)
        for number in range(1, EDITS + 1):
            done.append(f"{number}. {author.edit()}")
            time.sleep(pause := author.chance.choice([0, 0.2, 1]))
            said = f"seed {SEED}: it builds for ever after\n" + "\n".join(done)
            assert pause < 1 or wait_for(lambda: rested(server), seconds=300), (
                f"{said}\n{server.log.read_text()[-3000:]}"
            )
            assert server.process.poll() is None, f"seed {SEED}: the server ended after\n" + "\n".join(done[-EVERY:])
            if number % EVERY == 0:
                wanted = clean(project, tmp_path / f"clean{number}")
                if wanted is None:
                    done.append(f"{number}. all repaired: {author.edit_all_repaired()}")
                    wanted = clean(project, tmp_path / f"repaired{number}")
                if wanted is not None:
                    compared += 1
                    same = wait_for(
                        lambda want=wanted: rested(server) and not different(site(server), want), seconds=60
                    )
                    wrong = "" if same else different(site(server), wanted)
                    assert not wrong, f"seed {SEED}, after\n" + "\n".join(done) + f"\n{wrong}"
                states.append(steady(server))
                print(f"{number}: {states[-1]}", flush=True)
    finally:
        server.close()

    assert compared > 0.7 * len(states), f"seed {SEED}: too few states could be compared"
    memory, threads, count = zip(*states, strict=True)
    later = slice(len(states) // 3, None)
    assert max(count) <= min(count) + 4, states
    assert max(threads[later]) <= min(threads[later]) + 8, states
    assert max(memory[later]) < 1.3 * min(memory[later]), states
