"""The same book for each tool: how it is written for it, how it is called, and where what it says of a cell lies.

A chapter is Markdown with fences of Python, as `chapters.py` generates it. Each tool gets what its documentation
recommends for pages with code: cells, notebooks, scripts. Two things are rewritten, and only for tools that cannot
take them as they stand: a cell that shall raise is caught and printed, and what only stands there is printed.
"""

import ast
import hashlib
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from textwrap import indent

import nbformat
from chapters import FENCE, Book, write, write_book, write_pages
from torchproof.run.environment import cores

__all__ = ["TOOLS", "Tool", "others_python"]

ROOT = Path(__file__).parents[1]
REQUIREMENTS = Path(__file__).with_name("requirements.txt")


@dataclass(frozen=True)
class Cell:
    """A fence of a chapter."""

    title: str
    source: str
    raises: bool


@dataclass(frozen=True)
class Tool:
    """One of those that are compared."""

    name: str
    packages: tuple[str, ...]
    """Whose versions count; the first is its own."""
    write: Callable[[Path, Book], None]
    """Writes a book into a folder."""
    call: str
    """What is typed in this folder."""
    cells: str
    """The files that hold the cells, where a change is made."""
    pages: str = ""
    """The files that a reader gets; none: it checks, and makes no page."""
    first: str = ""
    """What is typed once, before: it stores the outputs, or brings the cells into a form of its own."""
    rewrite: Callable[[str], str] | None = None
    """What has to change in a chapter before it can run it as a whole."""
    keeps_in: tuple[str, ...] = ("site",)
    """What it leaves behind, and what is removed for a cold run."""
    keeps: bool = False
    """Whether it keeps results for the next run."""
    is_ours: bool = True
    """Whether it runs in the environment of this repository, and not in the one of requirements.txt."""

    def python(self) -> Path:
        """The Python that runs it."""
        return Path(sys.executable) if self.is_ours else others_python()


def others_python() -> Path:
    """The Python of the environment that holds the others; made when it is first asked for, or raises with pip's words.

    It sees the packages of this repository's environment below its own, so torch is not installed twice.
    """
    folder = ROOT / ".cache" / "others"
    python, ready = folder / "bin" / "python", folder / ".ready"
    wanted = hashlib.sha256(REQUIREMENTS.read_bytes() + sys.executable.encode()).hexdigest()
    if ready.is_file() and ready.read_text(encoding="utf-8") == wanted:
        return python
    shutil.rmtree(folder, ignore_errors=True)
    _checked([sys.executable, "-m", "venv", str(folder)])
    below = next(path for path in sys.path if path.endswith("site-packages"))
    own = next((folder / "lib").glob("python*/site-packages"))
    (own / "below.pth").write_text(below + "\n", encoding="utf-8")
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    _checked([*pip, "--requirement", str(REQUIREMENTS)])
    ready.write_text(wanted, encoding="utf-8")
    return python


def _checked(command: list[str]) -> None:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stdout.strip().splitlines()[-1])


# --- the book, as each of them wants it ----------------------------------------------------------------------------


def _parts(text: str) -> Iterator[str | Cell]:
    """Prose and cells of a chapter, in order; proofs become plain code."""
    end = 0
    for fence in FENCE.finditer(text):
        yield _prose(text[end : fence.start()])
        head, _, source = fence[1].partition("\n")
        title = re.match(r"# %% ([^\n=]+?)(?: tags=.*)?$", head)[1]
        yield Cell(title, source, "raises-exception" in head)
        end = fence.end()
    yield _prose(text[end:])


def _prose(text: str) -> str:
    return text.replace("{.proof}", "").strip()


def caught(text: str) -> str:
    """The same chapter; a cell that shall raise catches its error and prints it."""
    return FENCE.sub(lambda fence: _fence(_with_errors_caught(fence[0])), text)


def printed(text: str) -> str:
    """The same, and what only stands there at the end of a cell is printed."""
    return FENCE.sub(lambda fence: _fence(_with_value_printed(_with_errors_caught(fence[0]))), text)


def drawn(text: str) -> str:
    """The same, and a figure is printed as SVG."""
    save = 'from io import StringIO\n\nfigure = StringIO()\nplt.savefig(figure, format="svg")\nprint(figure.getvalue())'
    return printed(text).replace("plt.show()", save)


def _with_errors_caught(fence: str) -> Cell:
    cell = next(part for part in _parts(fence) if isinstance(part, Cell))
    if not cell.raises:
        return cell
    source = f"try:\n{indent(cell.source, '    ')}\nexcept Exception as error:\n    print(error)"
    return Cell(cell.title, source, raises=False)


def _with_value_printed(cell: Cell) -> Cell:
    last, lines = ast.parse(cell.source).body[-1], cell.source.split("\n")
    if isinstance(last, ast.Expr) and not lines[last.lineno - 1].startswith(("print(", "plt.show(", "warnings.")):
        lines[last.lineno - 1 :] = [f"print({ast.get_source_segment(cell.source, last)})"]
    return Cell(cell.title, "\n".join(lines), raises=False)


def _fence(cell: Cell) -> str:
    return f"```python\n# %% {cell.title}\n{cell.source}\n```"


def _write_pages(root: Path, book: Book, plugins: str, page: Callable[[str, str], str]) -> None:
    write_pages(root, {name: page(name, text) for name, text in book.items()}, plugins)


def _write_plain(root: Path, book: Book) -> None:
    def typed(_: str, text: str) -> str:
        parts = [f"```python\n{part.source}\n```" if isinstance(part, Cell) else part for part in _parts(text)]
        return "\n\n".join(parts)

    _write_pages(root, book, "[search]", typed)


def _write_exec(root: Path, book: Book) -> None:
    def fences(name: str, text: str) -> str:
        options = f'exec="true" source="above" session="{name}"'
        parts = [
            f"```python {options} {HTML if 'savefig' in part.source else TEXT}\n{part.source}\n```"
            if isinstance(part, Cell)
            else part
            for part in _parts(text)
        ]
        return "\n\n".join(parts)

    _write_pages(root, book, "[search, markdown-exec]", fences)


HTML, TEXT = 'html="true"', 'result="text"'


def _notebook(text: str) -> str:
    """A chapter as a notebook without outputs, tagged as Jupyter reads it."""
    cells = []
    for number, part in enumerate(_parts(text)):
        if isinstance(part, Cell):
            tags = {"tags": ["raises-exception"]} if part.raises else {}
            cells.append(nbformat.v4.new_code_cell(part.source, metadata=tags, id=f"c{number}"))
        elif part:
            cells.append(nbformat.v4.new_markdown_cell(part, id=f"c{number}"))
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    return nbformat.writes(nbformat.v4.new_notebook(cells=cells, metadata=kernel))


def _write_notebooks(root: Path, book: Book) -> None:
    for name, text in book.items():
        write(root / f"{name}.ipynb", _notebook(text))


def _write_validated(root: Path, book: Book) -> None:
    write(root / "sanitize.cfg", MASK)
    _write_notebooks(root, book)


MASK = r"""
[kernel]
regex: /\S*/ipykernel_\d+/\d+\.py
replace: CELL
"""
"""A warning names a file of the kernel's process, which is another one in each run."""


def _write_jupyter_site(root: Path, book: Book) -> None:
    plugins = '{search: {}, mkdocs-jupyter: {include: ["*.ipynb"], execute: true, allow_errors: false}}'
    _write_pages(root, {}, plugins, lambda name, text: text)
    _write_notebooks(root / "docs", book)


def _write_myst(root: Path, book: Book) -> None:
    settings = 'nb_execution_mode = "cache"\nnb_execution_raise_on_error = True\n'
    write(
        root / "conf.py", f'project = "Benchmark"\nextensions = ["myst_nb"]\nexclude_patterns = ["_build"]\n{settings}'
    )
    write(root / "index.md", "# Home\n\n```{toctree}\n" + "\n".join(book) + "\n```\n")
    _write_notebooks(root, book)


def _write_gallery(root: Path, book: Book) -> None:
    settings = f'{{"examples_dirs": "examples", "gallery_dirs": "gallery", "parallel": {cores()}}}'
    gallery = f'extensions = ["sphinx_gallery.gen_gallery"]\nsphinx_gallery_conf = {settings}\n'
    write(root / "conf.py", f'project = "Benchmark"\nexclude_patterns = ["_build", "examples"]\n{gallery}')
    write(root / "index.rst", "Home\n====\n\n.. toctree::\n\n   gallery/index\n")
    write(root / "examples/GALLERY_HEADER.rst", "Chapters\n========\n")
    for name, text in book.items():
        parts = list(_parts(text))
        title, _, rest = parts[0].removeprefix("# ").partition("\n")
        blocks = [f'"""\n{title}\n{"=" * len(title)}\n\n{_as_rst(rest)}\n"""']
        for part in parts[1:]:
            comment = indent(_as_rst(part), "# ", lambda line: True) if isinstance(part, str) else ""
            blocks.append(f"# %%\n{comment or part.source}" if part else "")
        write(root / f"examples/plot_{name.replace('/', '_')}.py", "\n\n".join(filter(None, blocks)) + "\n")


def _as_rst(text: str) -> str:
    """Prose without the Markdown that reStructuredText reads otherwise; headings become bold."""
    text = re.sub(r"^#+ (.+)$", r"**\1**", text.strip(), flags=re.M)
    text = re.sub(r'^!!! warning "(.+)"$', r"**\1**", text, flags=re.M)
    return re.sub(r"^ {4}", "", text, flags=re.M).replace("`", "``")


def _write_examples(root: Path, book: Book) -> None:
    for name, text in book.items():
        parts = [f"```py\n{part.source}\n```" if isinstance(part, Cell) else part for part in _parts(text)]
        write(root / f"docs/{name}.md", "\n\n".join(parts) + "\n")
    write(root / "test_docs.py", EXAMPLES)


EXAMPLES = '''\
"""Examples of one file share their names, as cells do."""

import pytest
from pytest_examples import CodeExample, EvalExample, find_examples

names = {}


@pytest.mark.parametrize("example", find_examples("docs"), ids=str)
def test_docs(example: CodeExample, eval_example: EvalExample):
    before = names.get(example.path)
    if eval_example.update_examples:
        names[example.path] = eval_example.run_print_update(example, module_globals=before)
    else:
        names[example.path] = eval_example.run_print_check(example, module_globals=before)
'''

BUILD = "python -m mkdocs build --strict"
# MyST-NB without -j: two processes that open the cache of jupyter-cache at once end both
SPHINX = "python -m sphinx -q -W -b html . _build/html"
EXECUTE = "jupyter execute --inplace $(find . -name '*.ipynb')"
PYTEST = "python -m pytest -q -p no:cacheprovider -p no:torchproof"
CONVERT = "for file in *.ipynb; do python -m marimo -q -y convert $file -o ${file%.ipynb}.py; done"
EXPORT = "for file in *.py; do python -m marimo -q -y export html $file -o ${file%.py}.html -f; done"

TOOLS = [
    Tool(
        "torchproof",
        ("torchproof", "mkdocs", "mkdocs-material"),
        write_book,
        BUILD,
        cells="snippets/*.py",
        pages="site/**/*.html",
        first="python -m torchproof accept",
        keeps_in=("site", ".cache"),
        keeps=True,
    ),
    Tool("MkDocs", ("mkdocs", "mkdocs-material"), _write_plain, BUILD, cells="docs/*.md", pages="site/**/*.html"),
    Tool(
        "markdown-exec",
        ("markdown-exec", "mkdocs", "mkdocs-material"),
        _write_exec,
        BUILD,
        cells="docs/*.md",
        pages="site/**/*.html",
        rewrite=drawn,
    ),
    Tool(
        "mkdocs-jupyter",
        ("mkdocs-jupyter", "mkdocs", "mkdocs-material", "nbconvert", "ipykernel"),
        _write_jupyter_site,
        BUILD,
        cells="docs/*.ipynb",
        pages="site/**/*.html",
        keeps_in=("site", ".cache"),
        keeps=True,
    ),
    Tool(
        "nbclient", ("nbclient", "ipykernel"), _write_notebooks, EXECUTE, cells="*.ipynb", pages="*.ipynb", keeps_in=()
    ),
    Tool(
        "nbval",
        ("nbval", "pytest", "pytest-xdist", "ipykernel"),
        _write_validated,
        f"{PYTEST} --nbval --nbval-sanitize-with sanitize.cfg -n auto --dist loadscope",
        cells="*.ipynb",
        first=EXECUTE,
        keeps_in=(),
        is_ours=False,
    ),
    Tool(
        "MyST-NB",
        ("myst-nb", "jupyter-cache", "sphinx", "ipykernel"),
        _write_myst,
        SPHINX,
        cells="*.ipynb",
        pages="_build/html/*.html",
        keeps_in=("_build",),
        keeps=True,
        is_ours=False,
    ),
    Tool(
        "sphinx-gallery",
        ("sphinx-gallery", "sphinx"),
        _write_gallery,
        SPHINX.replace("-W", "-W -j auto"),
        cells="examples/*.py",
        pages="_build/html/**/*.html",
        rewrite=caught,
        keeps_in=("_build", "gallery", "sg_execution_times.rst"),
        keeps=True,
        is_ours=False,
    ),
    Tool(
        "marimo",
        ("marimo",),
        _write_notebooks,
        EXPORT,
        cells="*.py",
        pages="*.html",
        first=CONVERT,
        rewrite=caught,
        keeps_in=(),
        is_ours=False,
    ),
    Tool(
        "pytest-examples",
        ("pytest-examples", "pytest"),
        _write_examples,
        PYTEST,
        cells="docs/*.md",
        first=f"{PYTEST} --update-examples || true",
        rewrite=printed,
        keeps_in=(),
        is_ours=False,
    ),
]
