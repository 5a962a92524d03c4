"""Import: a notebook, a percent or gallery script, or a page with Python fences becomes a page and a snippet.

What the file stores of its outputs becomes the first transcript, so that the first check says what no longer comes out.
Facts and figures, which no notebook stores, are this run's. A line that only IPython knows becomes a comment, and is
named: what to write instead is the author's to say.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from textwrap import dedent, indent
from typing import Any

import jupytext

from ..compare import transcript
from ..compare.check import check_chapter
from ..compare.site import Site
from ..files import read_text, settings, write_whole
from ..model.cells import parsed, slug_of
from ..model.problems import many
from ..model.runs import CellRun, Output
from ..model.text import clean, plain, shown, visible
from ..run.environment import installed
from ..run.runner import Runner

__all__ = ["Imported", "import_file"]


@dataclass
class Imported:
    """A chapter that was written, and what its author should know."""

    name: str
    files: list[str] = field(default_factory=list)
    """The paths that were written, relative to the project's root."""
    notes: list[str] = field(default_factory=list)
    """What was left out or turned into a comment, by its place."""
    stored: int = 0
    """Cells with stored outputs."""
    changed: list[str] = field(default_factory=list)
    """The slugs of those that print otherwise now."""

    def said(self) -> list[str]:
        """What the command line says of it, as lines."""
        lines = [*self.notes, f"{', '.join(self.files)} written"]
        if self.stored:
            lines.append(f"{len(self.changed)} of {many(self.stored, 'cell')} no longer give what the file stores")
        shows = f"torchproof check -k {self.name} shows what differs; " if self.stored else ""
        return [*lines, f"{shows}torchproof accept -k {self.name} takes what comes out here"]


@dataclass(frozen=True)
class _Code:
    """A code cell of the file."""

    title: str
    source: str
    outputs: tuple[Output, ...] | None
    """What the file stores of it; None where it stores nothing."""


def import_file(root: Path, file: Path, name: str = "") -> Imported:
    """Write `docs/<name>.md`, `snippets/<name>.py` and the first transcript from a file.

    `name` is the file's own, unless it says another; a page of `docs/` is rewritten in place.

    Raises:
        ValueError: the file cannot be read, or one that would be written exists.
    """
    root, file = root.resolve(), file.resolve()
    docs, snippets = settings(root).folders
    inside = file.is_relative_to(root / docs) and file.suffix == ".md"
    own = file.relative_to(root / docs).with_suffix("").as_posix() if inside else slug_of(file.stem).replace("-", "_")
    made = Imported(name or own)
    page, snippet = Path(docs, f"{made.name}.md"), Path(snippets, f"{made.name}.py")
    for path in (page, snippet, snippet.with_suffix(".cpu.txt")):
        if (root / path).exists() and root / path != file:
            raise ValueError(f"{path} exists; remove it, or give another name: torchproof import {file.name} NAME")
    parts = list(_parts(file, made.notes))
    codes = [part for part in parts if isinstance(part, _Code)]
    if not codes:
        raise ValueError(f"{file.name} holds no code to run")
    _write(root, page, "\n\n".join(filter(None, (_prose(part, made.name) for part in parts))) + "\n")
    _write(root, snippet, f'"""Imported from {file.name}."""\n\n' + "\n\n".join(map(_cell, codes)) + "\n")
    made.files = [str(page), str(snippet)]
    stored = {slug_of(code.title): code.outputs for code in codes if code.outputs is not None}
    made.stored = len(stored)
    if stored:
        _write(root, snippet.with_suffix(".cpu.txt"), _transcript(root, made, stored))
        made.files.append(str(snippet.with_suffix(".cpu.txt")))
    return made


def _write(root: Path, path: Path, text: str) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    write_whole(root / path, text)


def _prose(part: "_Code | str", chapter: str) -> str:
    return part if isinstance(part, str) else f"```cell\n{chapter}#{slug_of(part.title)}\n```"


def _cell(code: _Code) -> str:
    is_error = code.outputs and code.outputs[-1].mark == "x"
    return f"# %% {code.title}" + ' tags=["raises-exception"]' * bool(is_error) + f"\n{code.source}"


# --- reading ----------------------------------------------------------------------------------------------------------


def _parts(file: Path, notes: list[str]) -> Iterator[_Code | str]:
    """Prose and code of a file, in order; every code has a title of its own."""
    heading, seen = "Start", set()
    for kind, source, stored in _cells(file):
        if kind != "code":
            if source := _without_html(source.strip("\n")):
                found = HEADING.findall(source)
                heading = "".join(found[-1]) if found else heading
                yield source
            continue
        language = FOREIGN.match(source)
        if language:
            notes.append(f"a cell of {language[1]} stays in the page, and does not run")
            yield f"```{language[1]}\n{source.partition(chr(10))[2].rstrip()}\n```"
        elif source.strip():
            title = _title(source, heading, seen)
            yield _Code(title, _python(source.strip("\n"), title, notes), stored)


def _cells(file: Path) -> Iterator[tuple[str, str, tuple[Output, ...] | None]]:
    """Kind, text and stored outputs of each cell."""
    read = read_text(file)
    if read.wrong:
        raise ValueError(f"{file.name}:{read.line}: {read.wrong}")
    text = read.text
    if file.suffix == ".md":
        end = 0
        for fence in FENCE.finditer(text):
            yield "markdown", text[end : fence.start()], None
            yield "code", fence["code"], None
            end = fence.end()
        yield "markdown", text[end:], None
        return
    if file.suffix not in (".ipynb", ".py"):
        raise ValueError(f"{file.name}: neither a notebook (.ipynb) nor a script (.py) nor a page (.md)")
    try:
        found = jupytext.reads(text, {"extension": file.suffix})
    except Exception as error:
        raise ValueError(f"{file.name} cannot be read: {error}") from error
    is_gallery = found.metadata.get("jupytext", {}).get("text_representation", {}).get("format_name") == "sphinx"
    for cell in found.cells:
        source = _markdown(cell.source) if is_gallery and cell.cell_type != "code" else cell.source
        if cell.cell_type == "code" and is_gallery:
            source = source.replace("%matplotlib inline", "")  # jupytext's own
        yield cell.cell_type, source, _stored(cell)


def _stored(cell: Any) -> tuple[Output, ...] | None:
    """The outputs of a cell; None where it was never run."""
    if cell.cell_type != "code" or (not cell.get("outputs") and cell.get("execution_count") is None):
        return None
    found = []
    for output in cell.outputs:
        if output.output_type == "stream":
            text = WHERE.sub(r"\1\n", output.text) if output.name == "stderr" else output.text
            found.append(Output("|" if output.name == "stdout" else "!", _text(text)))
        elif output.output_type == "execute_result" and "text/plain" in output.data:
            found.append(Output("=", _text(output.data["text/plain"])))
        elif output.output_type == "error":
            found.append(Output("x", _text(f"{output.ename}: {output.evalue}".removesuffix(": "))))
    return tuple(found)


def _text(text: str) -> str:
    return visible(clean(plain(text)))


HEADING = re.compile(r"^(?:#{1,6}[ \t]+(.+?)[ \t#]*|(?=\S)(?![-=#>|*`])(.+)\n[=-]{3,}[ \t]*)$", re.M)
PYTHON = r"(?:\{[ .]*(?:code-cell\} *)?)?i?py(?:thon)?3?\b"
"""How a fence says it: `python`, `py`, `{.python .input}`, `{code-cell} ipython3`."""
FENCE = re.compile(rf"^(?P<ticks>```+|~~~+)[ \t]*{PYTHON}[^\n]*\n(?P<code>.*?)^(?P=ticks)[ \t]*$", re.M | re.S)
FOREIGN = re.compile(r"\s*%%(bash|sh|script|html|javascript|js|latex|svg|markdown|writefile|perl|ruby|cmd)\b")
MAGIC = re.compile(r"\s*(%%?\w|!|\?|[\w.]+\?{1,2}\s*$|\w+\s*=\s*[!%])")
WHERE = re.compile(r"^[^\n]*?:\d+: (\w+: [^\n]*)\n(?:  [^\n]*(?:\n|\Z))?", re.M)
"""Where a warning came from, in a file of somebody's machine, and the line of code there."""


def _markdown(text: str) -> str:
    """The commonest of a gallery's reStructuredText as Markdown; the rest stays as it is."""
    text = UNDERLINED.sub(lambda found: f"{LEVEL.get(found[2], '###')} {found[1]}", text)
    text = re.sub(r"^[=\-~^*#]{4,} *$\n?", "", text, flags=re.M)
    text = BOX.sub(lambda found: f"!!! {found[1]}\n\n{indent(dedent(found[2]), '    ')}", text)
    text = re.sub(r"`([^`<]+?)\s*<([^>`]+)>`__?", r"[\1](\2)", text)
    text = re.sub(r":(?:py:)?\w+:`~?([^`<]+?)(?: <[^>]*>)?`", r"`\1`", text)
    return re.sub(r"``([^`]+)``", r"`\1`", text)


UNDERLINED = re.compile(r"^(\S.*)\n([=\-~^\"*#+])\2{2,} *$", re.M)
BOX = re.compile(r"^\.\. (note|warning|tip|important)::\n+((?:[ \t]+\S.*\n?|\n(?=[ \t]))+)", re.M)
LEVEL = {"=": "#", "-": "##", "~": "###", "^": "###"}


def _without_html(text: str) -> str:
    """Links, pictures and emphasis as Markdown; other HTML stays, and the check says what a page may not hold."""
    for pattern, made in HTML:
        text = pattern.sub(made, text)
    return text


def _picture(found: re.Match[str]) -> str:
    said = dict(re.findall(r"""\b(src|alt)=["']([^"']*)""", found[0]))
    return f"![{said.get('alt', '')}]({said.get('src', '')})"


HTML = (
    (re.compile(r"<img\b[^>]*>"), _picture),
    (re.compile(r"""<a\b[^>]*?\bhref=["']([^"']*)["'][^>]*>(.*?)</a>""", re.S), r"[\2](\1)"),
    (re.compile(r"<(b|strong)>(.*?)</\1>", re.S), r"**\2**"),
    (re.compile(r"<(i|em)>(.*?)</\1>", re.S), r"*\2*"),
    (re.compile(r"<(code|tt)>([^<`]*)</\1>"), r"`\2`"),
)

# --- code -------------------------------------------------------------------------------------------------------------


def _title(source: str, heading: str, seen: set[str]) -> str:
    """A title that no cell before it has: its first comment, or else the heading above it."""
    first = source.strip().partition("\n")[0]
    comment = first.lstrip("# ").rstrip(" .:#=-") if first.startswith("#") else ""
    for words in (comment, heading, "Cell"):
        words = " ".join(LINK.sub(r"\1", shown(words)).replace("tags=", "").split())
        if 3 <= len(words) <= 60 and slug_of(words) and words[0] not in "[%" and not MAGIC.match(words):
            break
    title, number = words, 2
    while slug_of(title) in seen:
        title, number = f"{words}, {number}", number + 1
    seen.add(slug_of(title))
    return title


LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")


def _python(source: str, title: str, notes: list[str]) -> str:
    """The code with IPython's own lines as comments, and no line that begins another cell."""
    lines = re.sub(r"^(\s*#)\s*%%", r"\1 cell: %%", source, flags=re.M).split("\n")
    if parsed(source):
        return "\n".join(lines)
    for number, line in enumerate(lines):
        if MAGIC.match(line):
            room = line[: len(line) - len(line.lstrip())]
            lines[number] = f"{room}# {line.strip()}".replace("# %%", "# cell magic: %%")
            notes.append(f"'{title}': `{line.strip()}` is a comment now: {_instead(line.strip())}")
    source = "\n".join(lines)
    if not parsed(source):
        notes.append(f"'{title}': no Python")
    return source


def _instead(magic: str) -> str:
    """What to write in place of a line that only IPython knows."""
    word = re.match(r"[%!]*\s*(\w*)", magic)[1]
    if word in ("pip", "conda", "uv", "apt"):
        return "what a page needs is installed before it is built"
    if word in ("time", "timeit"):
        return "measure with time.perf_counter(), or not at all: a time is never the same twice"
    if word in ("matplotlib", "config", "load_ext", "autoreload", "reload_ext"):
        return "not needed here"
    if magic.startswith("!") or "=!" in magic.replace(" ", ""):
        return "call subprocess.run([...]), or show it as text"
    if magic.endswith("?") or magic.startswith("?"):
        return "call help(...)"
    return "write Python"


# --- the first transcript ---------------------------------------------------------------------------------------------


def _transcript(root: Path, made: Imported, stored: dict[str, tuple[Output, ...]]) -> str:
    """What the file stored where this run prints otherwise, and this run's lines everywhere else."""
    with Runner(root, cached=False) as runner:
        check = check_chapter(Site.read(root), runner, made.name)
    lines = {}
    for cell in check.snippet.for_device("cpu"):
        run = check.run.cells.get(cell.slug, CellRun(cell.slug))
        kept = stored.get(cell.slug, run.outputs)
        if _joined(kept) != _joined(run.outputs):
            made.changed.append(cell.slug)
            run = replace(run, outputs=kept)
        lines[cell.slug] = transcript.lines_of(run)
    return transcript.merge("", check.snippet, lines, check.run.versions or installed())


def _joined(outputs: tuple[Output, ...]) -> list[tuple[str, str]]:
    """Outputs as they are compared here: a notebook breaks long values elsewhere, and names an error's class only."""
    streams: dict[str, str] = {}
    for output in outputs:
        text = re.sub(r"^([\w.]*\.)(?=\w+(:|\Z))", "", output.text) if output.mark == "x" else output.text
        streams[output.mark] = streams.get(output.mark, "") + text
    return sorted((mark, "".join(text.split())) for mark, text in streams.items() if text.strip())
