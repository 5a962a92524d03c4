"""A chapter's notebook, run in a real Jupyter kernel, does what is committed: or it is no notebook.

A few of them with the other tests, all with TORCHPROOF_KERNELS=all (`make kernels`, nightly in CI).
"""

import os
import re
import subprocess

import nbclient
import nbformat
import pytest
from book import SITE
from conftest import commit_transcripts
from kinds import taken
from torchproof.compare import transcript
from torchproof.compare.site import Site
from torchproof.run.environment import ENVIRONMENT


@pytest.mark.parametrize("name", taken())
def test_a_kernel_does_what_is_committed(files_to_take, tmp_path, name):
    notebook = nbformat.read(files_to_take / f"{name}.ipynb", 4)

    differences = differing_cells(SITE, name, notebook, tmp_path)

    assert differences == {}


def test_a_kernel_that_does_something_else_is_noticed(small_site):
    commit_transcripts(small_site)
    small_site.run("torchproof", "notebooks", "out")
    notebook = nbformat.read(small_site.root / "out/a/b.ipynb", 4)
    notebook.cells[1].source = notebook.cells[1].source.replace("[20]", "[30]")

    differences = differing_cells(Site.read(small_site.root), "a/b", notebook, small_site.root)

    assert list(differences) == ["row-plus-column"]
    assert (
        "-= tensor([[11, 12, 13], [21, 22, 23]])\n+= tensor([[11, 12, 13], [31, 32, 33]])"
        in differences["row-plus-column"]
    )


def differing_cells(site, name, notebook, folder):
    """Run a notebook; the cells that come out otherwise than committed, each with a diff."""
    committed = transcript.parse(site.committed(site.snippets[name])).cells
    cells = {cell.slug: cell for cell in site.snippets[name].cells}
    titles = {cell.title: cell.slug for cell in cells.values()}
    # what exists on a GPU only is checked where it was recorded
    notebook.cells = [c for c in notebook.cells if c.cell_type != "code" or home(cells, titles, c) == "cpu"]
    for cell in notebook.cells:
        cell.outputs = []
    execute(notebook, folder)
    found = {}
    for cell in notebook.cells:
        if cell.cell_type == "code":
            slug = titles[cell.metadata["name"]]
            expected, done = kinds_of(committed[slug].lines), lines_of(cell.outputs)
            if not transcript.same(expected, done, cells[slug]):
                found[slug] = transcript.diff(expected, done, "committed", "kernel")
    return found


def home(cells, titles, cell):
    return cells[titles[cell.metadata["name"]]].home


def execute(notebook, folder):
    """Run a notebook in the environment that sessions have, but for the backend, which a kernel chooses itself."""
    environment = {k: v for k, v in {**os.environ, **ENVIRONMENT}.items() if k != "MPLBACKEND"}
    client = nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3")
    client.resources = {"metadata": {"path": str(folder)}}
    client.execute(env=environment, stderr=subprocess.DEVNULL)


def kinds_of(lines):
    """The lines of a transcript as `lines_of` writes those of a kernel."""
    outputs = [
        (line[0], line[2:]) for line in lines if line[0] in "|!=x" and not re.fullmatch(r"x statement \d+", line)
    ]
    raised = any(mark == "x" for mark, _ in outputs)
    figures = 0 if raised else sum(line.startswith("# figure") for line in lines)
    return _written({mark: [text for m, text in outputs if m == mark] for mark in "|!=x"}, figures)


def lines_of(outputs):
    """What a kernel did, in the marks of a transcript.

    A kernel has two streams, so what was printed and what was warned are each in order, but not among each other.
    It says where a warning arose and shows the line; it breaks long lists; and a cell that raised still shows
    the axes it had drawn so far.
    """
    texts = dict.fromkeys("|!=x", "")
    figures = 0
    for output in outputs:
        if output.output_type == "stream":
            texts["|" if output.name == "stdout" else "!"] += output.text
        elif output.output_type == "error":
            texts["x"] = f"{output.ename}: {output.evalue}" if output.evalue else output.ename
        elif output.output_type == "display_data":
            figures += 1
        else:
            texts["="] = output.data["text/plain"]
    texts["!"] = re.sub(r"\s*\(Triggered internally at [^)]*\)", "", texts["!"])
    texts["!"] = re.sub(r"^\S+:\d+: (\w+: .*)\n(?:  .*\n)?", r"\1\n", texts["!"], flags=re.M)
    lines = {mark: text.removesuffix("\n").split("\n") if text else [] for mark, text in texts.items()}
    return _written(lines, 0 if texts["x"] else figures)


def _written(lines, figures):
    shown = " ".join(" ".join(lines["="]).split())
    last = [re.sub(r"^[\w.]+\.(?=\w+(?:: |$))", "", lines["x"][0]), *lines["x"][1:]] if lines["x"] else []
    marked = [f"{mark} {line}" for mark in "|!" for line in lines[mark]] + [f"x {line}" for line in last]
    return [*marked, *([f"= {shown}"] if shown else []), f"# {figures} figures"]
