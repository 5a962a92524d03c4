"""Whose a name in a cell is, where the index says it is explained, and the links between the two."""

import re

import pytest
from conftest import ROOT, Project, commit_transcripts, parse_html, write_small_site
from torchproof.builders.names import PARTS, place_of, reference
from torchproof.compare.check import ChapterCheck
from torchproof.compare.site import Site
from torchproof.model.runs import Run
from torchproof.read.snippets import read_snippet
from torchproof.run.runner import Runner
from torchproof.show.names import uses

# --- whose a name is --------------------------------------------------------------------------------------------------

SETUP = """\
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn, stack as pile
from torch.nn import Linear

x = torch.ones(2, 2)
words = {"a": x}


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(2, 2)

    def forward(self, batch):
        return self.hidden(batch).relu()

    def sum(self):
        return 0


class Loud:
    def __getattr__(self, name):
        raise SystemExit(f"asked for {name}")


model, loud = Net(), Loud()
"""

CASES = {
    "a method of a tensor": ("x.sum()", {"Tensor.sum"}),
    "an attribute of a tensor": ("x.T.shape", {"Tensor.T", "Tensor.shape"}),
    "a method of what an operator makes": ("(x + 1).sum()", {"Tensor.sum"}),
    "a method of what a method returns": ("x.relu().abs().sum()", {"Tensor.relu", "Tensor.abs", "Tensor.sum"}),
    "a method of what is in a dict": ("words['a'].sum()", {"Tensor.sum"}),
    "a function by an alias": ("F.relu(x)", {"nn.functional.relu"}),
    "a class imported by name": ("Linear(2, 2).weight.grad", {"nn.Linear", "nn.Linear.weight", "Tensor.grad"}),
    "a function imported by another name": ("pile([x, x])", {"stack"}),
    "a class by a variable": ("[make(2, 2) for make in [nn.Linear]]\nmade = nn.Linear\nmade", {"nn.Linear"}),
    "a type": ("torch.float32", {"float32"}),
    "of NumPy's namesake": ("np.stack([x, x])", set()),
    "of an array": ("np.ones(2).sum()", set()),
    "of a dict": ("words.items()", set()),
    "inherited": ("model.parameters()", {"nn.Module.parameters"}),
    "the class's own": ("model.sum()", set()),
    "of what a model of the cells returns": ("model(x).sum()", {"Tensor.sum"}),
    "of an object that answers to any name": ("type(loud); x.sum()", {"Tensor.sum"}),
    "of what a loop goes through": ("[p.grad for p in model.parameters()]", {"nn.Module.parameters", "Tensor.grad"}),
    "of what zip pairs": ("[(a.sum(), b.upper()) for a, b in zip([x], 'a')]", {"Tensor.sum"}),
    "of what enumerate counts": ("[(n, t.sum()) for n, t in enumerate([x])]", {"Tensor.sum"}),
    "of the object whose class it is": (
        "class Lid(Net):\n    def shut(self):\n        return self.training",
        {"nn.Module.training"},
    ),
    "before it is rebound": ("y = x.exp()\ny = y.tolist()\ny.append(1)", {"Tensor.exp", "Tensor.tolist"}),
    "of what is a list or a tensor": ("z = x\nfor z in ([1], [2]):\n    z.index", set()),
    "in a function that is called": ("def f(t):\n    return t.sum()\n\n\nf(x).exp()", {"Tensor.sum", "Tensor.exp"}),
    "in a function that is called with this and that": ("def g(t):\n    t.index\n\n\ng(x), g([])", set()),
    "in a function that nobody calls": ("def h(t):\n    return t.sum()", set()),
    "of a line that raises": ("x.view(7)", {"Tensor.view"}),
}
"""By what it is a name of: code, and the names of torch in it, without `torch.`."""


def cells() -> str:
    """A chapter with a cell for each case."""
    parts = [f"# %% Setup\n{SETUP}"]
    for title, (code, _) in CASES.items():
        tags = ' tags=["raises-exception"]' if "raises" in title else ""
        parts.append(f"# %% {title}{tags}\n{code}\n")
    return "\n".join(parts)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """What a session says of a chapter with all cases."""
    project = Project(tmp_path_factory.mktemp("names"))
    write_small_site(project)
    project.write("snippets/a/b.py", cells())
    site = Site.read(project.root)
    snippet = site.snippets["a/b"]
    with Runner(project.root) as runner:
        return snippet, runner.run(site.job(snippet, snippet.cells, "cpu"))


@pytest.mark.parametrize("title", CASES)
def test_a_name_is_whose_the_run_says(run, title):
    snippet, done = run
    cell = next(cell for cell in snippet.cells if cell.title == title)

    found = {use.name.removeprefix("torch.") for use in done.names.get(cell.slug, ())}

    assert found == CASES[title][1]


def test_a_use_stands_where_the_name_ends(run):
    snippet, done = run
    cell = next(cell for cell in snippet.cells if cell.title == "in a function that is called")
    lines = cell.source.split("\n")

    ends = {use.name: lines[use.line - 1][: use.column] for use in done.names[cell.slug]}

    assert ends == {"torch.Tensor.sum": "    return t.sum", "torch.Tensor.exp": "f(x).exp"}


def test_what_a_cell_of_another_device_names_its_chapters_imports_say(tmp_path):
    imports = "import torch.nn.functional\nfrom torch import nn as layers\n"
    there = "torch.nn.functional.relu(layers.Linear(2, 2)(x)).sum()"
    Project(tmp_path).write("snippets/a.py", f'# %% Here\n{imports}\n# %% There tags=["cuda"]\n{there}\n')
    snippet = read_snippet(tmp_path, "a")

    found = uses(ChapterCheck(snippet, Run(), [], ""), snippet.cell("there"))

    assert {use.name for use in found} == {"torch.nn.functional.relu", "torch.nn.Linear"}


# --- the index --------------------------------------------------------------------------------------------------------

SNIPPET = """

# %% A look before
column.sum()

# %% Every row at once
torch.stack([row, row]).sum(dim=0)
"""

PAGE = """
## Before

```cell
a/b#a-look-before
```

## sum: one number of many

```cell
a/b#every-row-at-once
```
"""

ERRORS = """\
# Errors

```error
a/b#sizes-that-never-meet
Sizes are compared from the right.
stretch it | torch.ones(4, 3) + torch.ones(3)
```
"""


def write_site(project: Project) -> None:
    write_small_site(project)
    project.write("snippets/a/b.py", project.read("snippets/a/b.py") + SNIPPET)
    project.write("docs/a/b.md", project.read("docs/a/b.md") + PAGE)
    for part in PARTS:
        fence = f'```python exec="true" idprefix=""\nfrom torchproof import reports\n\nprint(reports.names("{part}"))\n```\n'
        used = part in ("tensor", "torch")
        project.write(f"docs/lookup/names/{part}.md", f"# Names: {part}\n\n{fence if used else 'None.'}\n")
    project.write("docs/errors.md", ERRORS)
    names = "".join(f", lookup/names/{part}.md" for part in PARTS)
    plugins = "plugins: [search, markdown-exec: {languages: [python]}, torchproof]\n"
    nav = f"\nnav:\n  - Handbook:\n      - a/b.md\n  - Look up: [index.md{names}]\n"
    project.write("mkdocs.yml", project.read("mkdocs.yml") + plugins + nav)
    commit_transcripts(project)


@pytest.fixture(scope="module")
def built(once):
    def make(folder):
        write_site(Project(folder))
        done = Project(folder).run("mkdocs", "build", "--strict")
        assert done.returncode == 0, done.stdout

    return Project(once("names", make))


def entries(project: Project, part: str) -> dict[str, list[str]]:
    """Where the links of each entry of the index lead."""
    page = parse_html(project.read(f"site/lookup/names/{part}/index.html"))
    rows = [row.all("td") for row in page.one("tbody").all("tr")]
    return {name.one("code").attributes["id"]: [a.attributes["href"] for a in where.all("a")] for name, where in rows}


def test_an_entry_leads_to_the_section_that_has_the_name_and_to_the_manual(built):
    assert entries(built, "tensor")["Tensor.sum"] == [
        "../../../a/b/#cell-every-row-at-once",
        "https://docs.pytorch.org/docs/stable/generated/torch.Tensor.sum.html",
    ]


def test_an_entry_leads_to_no_error_looked_up(built):
    links = [link for part in ("tensor", "torch") for found in entries(built, part).values() for link in found]

    assert any(link.endswith("#cell-sizes-that-never-meet") for link in links)
    assert [link for link in links if "errors" in link] == []


def test_the_entry_of_a_name_goes_with_the_last_cell_that_uses_it(built, tmp_path):
    project = Project(tmp_path)
    for path in built.root.rglob("*"):
        if path.is_file() and "site" not in path.relative_to(built.root).parts:
            project.write(path.relative_to(built.root).as_posix(), path.read_text(encoding="utf-8"))
    assert "stack" in entries(built, "torch")

    project.replace("snippets/a/b.py", "torch.stack([row, row]).sum(dim=0)", "row.sum(dim=0)")
    commit_transcripts(project)
    done = project.run("mkdocs", "build", "--strict")

    assert done.returncode == 0, done.stdout
    assert "stack" not in entries(project, "torch")
    assert "tensor" in entries(project, "torch")
    assert "Tensor.sum" in entries(project, "tensor")


def test_a_name_in_a_cell_leads_to_its_entry_and_the_code_reads_as_before(built):
    page = parse_html(built.read("site/a/b/index.html"))
    code = next(cell for cell in page.all("section.tp-cell") if "every-row" in cell.attributes["id"]).one("code")
    links = {link.text: link.attributes for link in code.all("a") if "xr" not in link.classes}

    assert code.text.strip() == "torch.stack([row, row]).sum(dim=0)"
    assert {text: link["href"] for text, link in links.items()} == {
        "stack": "../../lookup/names/torch/#stack",
        "sum": "../../lookup/names/tensor/#Tensor.sum",
    }


def test_without_an_index_no_name_is_a_link(small_site):
    commit_transcripts(small_site)

    assert small_site.run("mkdocs", "build").returncode == 0

    assert "lookup" not in small_site.read("site/a/b/index.html")


# --- PyTorch's manual -------------------------------------------------------------------------------------------------

LINK = re.compile(r"https://docs\.pytorch\.org/docs/stable/generated/(torch\.[\w.]+)\.html")
OTHERWISE = re.compile("torch.(autograd.grad_mode|cuda.memory|nn.parameter|nn.Module)[.]")
"""Pages of the manual whose address is not that of the name as cells write it."""

LINKED = {name for page in (ROOT / "docs").rglob("*.md") for name in LINK.findall(page.read_text(encoding="utf-8"))}


@pytest.mark.parametrize("name", sorted(name for name in LINKED if not OTHERWISE.match(name)))
def test_the_manual_has_a_name_where_pages_link_to_it(name):
    assert reference(name) == f"https://docs.pytorch.org/docs/stable/generated/{name}.html"


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("torch.stack", "torch"),
        ("torch.dtype.itemsize", "torch"),
        ("torch.Generator.manual_seed", "torch"),
        ("torch.Tensor", "tensor"),
        ("torch.Tensor.sum", "tensor"),
        ("torch.nn.functional.relu", "nn"),
        ("torch.optim.SGD", "more"),
        ("torch.cuda.is_available", "more"),
    ],
)
def test_each_name_stands_on_one_page(name, part):
    assert place_of(name) == (part, name.removeprefix("torch."))
